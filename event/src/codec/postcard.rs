use serde::Serialize;
use serde::de::DeserializeOwned;

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
}
