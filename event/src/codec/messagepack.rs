use rmp_serde::decode::{Deserializer, Error};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize as _, Serialize};

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
        // Names are read where they stand, and nothing is allocated for them.
        let mut deserializer = Deserializer::from_read_ref(bytes);
        match T::deserialize(&mut deserializer) {
            Ok(value) if is_at_end(IgnoredAny::deserialize(&mut deserializer)) => Ok(value),
            Ok(_) | Err(_) => decode_and_tell(bytes),
        }
    }
}

/// Whether there was nothing more to be read.
fn is_at_end(more: Result<IgnoredAny, Error>) -> bool {
    matches!(more, Err(Error::InvalidMarkerRead(_)))
}

/// The same in a way that knows where it stands: to say what is wrong.
#[cold]
fn decode_and_tell<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let mut reader = bytes;
    let value = rmp_serde::decode::from_read(&mut reader)
        .map_err(|error| CodecError::decode::<MessagePack, T>(bytes, error))?;
    CodecError::check_consumed::<MessagePack, T>(bytes, reader.len())?;
    Ok(value)
}
