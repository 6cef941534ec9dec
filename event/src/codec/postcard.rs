use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::apart::{Apart, Joining, Place, Reading, Splitting};
use super::{Codec, CodecError};

/// The default: compact, with a written wire format, and blind to names. Both ends must have the same shape,
/// which the [fingerprint](crate::Fingerprint) checks.
#[derive(Debug)]
pub enum Postcard {}

impl Codec for Postcard {
    const NAME: &'static str = "postcard";

    fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        ::postcard::to_io(value, out).map(drop).map_err(CodecError::encode::<Self, T>)
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        let (value, left) = ::postcard::take_from_bytes(bytes)
            .map_err(|error| CodecError::decode::<Self, T>(bytes, error))?;
        CodecError::check_consumed::<Self, T>(bytes, left.len())?;
        Ok(value)
    }

    fn encode_apart<T: Serialize>(
        value: &T,
        out: &mut Vec<u8>,
        apart: &mut Apart<'_>,
    ) -> Result<(), CodecError> {
        let begin = out.len();
        ::postcard::serialize_with_flavor(value, Splitting { out, begin, apart })
            .map_err(CodecError::encode::<Self, T>)
    }

    fn decode_apart<T: DeserializeOwned>(
        bytes: &[u8],
        elsewhere: &[(Place, Bytes)],
    ) -> Result<T, CodecError> {
        let _reading = Reading::begin(elsewhere);
        let wrong = |error| CodecError::decode::<Self, T>(bytes, error);
        let mut deserializer = ::postcard::Deserializer::from_flavor(Joining::new(bytes, elsewhere));
        let value = T::deserialize(&mut deserializer).map_err(wrong)?;
        let left = deserializer.finalize().map_err(wrong)?;
        CodecError::check_consumed::<Self, T>(bytes, left)?;
        Ok(value)
    }
}
