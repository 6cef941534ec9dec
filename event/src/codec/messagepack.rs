use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, CodecError};

/// For events that evolve: field names travel along, so an added optional field is understood, or ignored, by
/// an end that has another version of the type.
#[derive(Debug)]
pub enum MessagePack {}

impl Codec for MessagePack {
    const NAME: &'static str = "messagepack";

    fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        rmp_serde::encode::write_named(out, value).map_err(CodecError::encode::<Self, T>)
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        let mut reader = bytes;
        let value = rmp_serde::decode::from_read(&mut reader)
            .map_err(|error| CodecError::decode::<Self, T>(bytes, error))?;
        CodecError::check_consumed::<Self, T>(bytes, reader.len())?;
        Ok(value)
    }
}
