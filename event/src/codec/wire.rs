use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Apart, Codec, CodecError, Place};
use crate::schema::{self, Fingerprint};

/// How values of one type travel: a codec fixed to a type, as plain function pointers, so that it can be asked
/// for without knowing that the type is serializable.
pub struct Wire<T> {
    codec: &'static str,
    fingerprint: fn() -> Fingerprint,
    encode: fn(&T, &mut Vec<u8>) -> Result<(), CodecError>,
    decode: fn(&[u8]) -> Result<T, CodecError>,
    encode_apart: EncodeApart<T>,
    decode_apart: DecodeApart<T>,
}

type EncodeApart<T> = fn(&T, &mut Vec<u8>, &mut Apart<'_>) -> Result<(), CodecError>;
type DecodeApart<T> = fn(&[u8], &[(Place, Bytes)]) -> Result<T, CodecError>;

impl<T: Serialize + DeserializeOwned + 'static> Wire<T> {
    /// Values of `T` in the codec `C`.
    pub const fn of<C: Codec>() -> Self {
        Self {
            codec: C::NAME,
            fingerprint: schema::fingerprint::<T>,
            encode: C::encode::<T>,
            decode: C::decode::<T>,
            encode_apart: C::encode_apart::<T>,
            decode_apart: C::decode_apart::<T>,
        }
    }
}

/// [`Wire::of`] as a function with its bounds on itself: the compiler names a type that misses one in plainer words
/// than it has for the bounds of an implementation.
pub const fn wire<T: Serialize + DeserializeOwned + 'static, C: Codec>() -> Wire<T> {
    Wire::of::<C>()
}

impl<T> Wire<T> {
    /// The codec's name.
    pub fn codec(&self) -> &'static str {
        self.codec
    }

    /// The fingerprint of the type's shape; worked out at the first call, then remembered.
    pub fn fingerprint(&self) -> Fingerprint {
        (self.fingerprint)()
    }

    /// Appends the bytes of `value` to `out`.
    pub fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        (self.encode)(value, out)
    }

    /// Reads a value that takes up all of `bytes`.
    pub fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        (self.decode)(bytes)
    }

    /// Appends the bytes of `value` to `out`, but for what is taken: see [`Codec::encode_apart`].
    pub fn encode_apart(
        &self,
        value: &T,
        out: &mut Vec<u8>,
        apart: &mut Apart<'_>,
    ) -> Result<(), CodecError> {
        (self.encode_apart)(value, out, apart)
    }

    /// Reads a value of which stretches are elsewhere: see [`Codec::decode_apart`].
    pub fn decode_apart(&self, bytes: &[u8], elsewhere: &[(Place, Bytes)]) -> Result<T, CodecError> {
        (self.decode_apart)(bytes, elsewhere)
    }
}

impl<T> Clone for Wire<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Wire<T> {}

impl<T> fmt::Debug for Wire<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Wire({} in {})", std::any::type_name::<T>(), self.codec)
    }
}
