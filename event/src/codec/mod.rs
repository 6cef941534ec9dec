//! How a shareable event becomes bytes.

mod apart;
mod messagepack;
mod postcard;
mod wire;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::apart::part_of_reading;
pub use self::apart::{Apart, Place};
pub use self::messagepack::MessagePack;
pub use self::postcard::Postcard;
pub use self::wire::{Wire, wire};

/// A way to write values as bytes and read them back.
///
/// Implemented by types that are never made: a codec is a choice, not a value. A user may bring another by
/// `codec = MyCodec` on the derive.
pub trait Codec: 'static {
    /// Its name on the wire. Two ends that name different codecs for one event do not exchange it.
    const NAME: &'static str;

    /// Appends the bytes of `value` to `out`. On an error `out` may hold a part of it.
    fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads one value that takes up all of `bytes`; bytes left over are an error.
    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError>;

    /// Appends the bytes of `value` to `out`, but for long stretches that are [taken](Apart). A codec that does not know of
    /// such a thing writes all of it.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    fn encode_apart<T: Serialize>(
        value: &T,
        out: &mut Vec<u8>,
        apart: &mut Apart<'_>,
    ) -> Result<(), CodecError> {
        let _ = apart;
        Self::encode(value, out)
    }

    /// Reads one value that takes up all of `bytes`, and all that is `elsewhere`: what was taken when it was written, with
    /// where it belongs.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); also when something is elsewhere, for a codec that does not know of such a thing.
    fn decode_apart<T: DeserializeOwned>(
        bytes: &[u8],
        elsewhere: &[(Place, Bytes)],
    ) -> Result<T, CodecError> {
        if !elsewhere.is_empty() {
            return Err(CodecError::decode::<Self, T>(bytes, "expected all of it among its bytes"));
        }
        Self::decode(bytes)
    }
}

/// Why a value could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The value cannot be written in this codec.
    #[error("{codec} cannot encode a value of type {type_name}: {reason}")]
    Encode {
        /// The codec's name.
        codec: &'static str,
        /// The Rust type of the value.
        type_name: &'static str,
        /// What the codec says.
        reason: String,
    },
    /// The bytes are not a value of that type.
    #[error("{length} bytes are not a {type_name} in {codec}: {reason}")]
    Decode {
        /// The codec's name.
        codec: &'static str,
        /// The Rust type that was expected.
        type_name: &'static str,
        /// How many bytes there were.
        length: usize,
        /// What the codec says.
        reason: String,
    },
    /// A value was read, and bytes were left.
    #[error("a {type_name} in {codec} ended {left} bytes before the end of its {length} bytes")]
    Trailing {
        /// The codec's name.
        codec: &'static str,
        /// The Rust type that was expected.
        type_name: &'static str,
        /// How many bytes there were.
        length: usize,
        /// How many of them were not used.
        left: usize,
    },
}

impl CodecError {
    fn encode<C: Codec, T>(error: impl std::fmt::Display) -> Self {
        Self::Encode { codec: C::NAME, type_name: std::any::type_name::<T>(), reason: error.to_string() }
    }

    fn decode<C: Codec + ?Sized, T>(bytes: &[u8], error: impl std::fmt::Display) -> Self {
        Self::Decode {
            codec: C::NAME,
            type_name: std::any::type_name::<T>(),
            length: bytes.len(),
            reason: error.to_string(),
        }
    }

    fn check_consumed<C: Codec, T>(bytes: &[u8], left: usize) -> Result<(), Self> {
        match left {
            0 => Ok(()),
            left => Err(Self::Trailing {
                codec: C::NAME,
                type_name: std::any::type_name::<T>(),
                length: bytes.len(),
                left,
            }),
        }
    }
}

#[cfg(test)]
mod conformance;
