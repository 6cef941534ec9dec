use ::postcard::ser_flavors::Flavor;
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
        let mut few = [0; FEW];
        ::postcard::serialize_with_flavor(value, Appending { out, few: &mut few, filled: 0 })
            .map_err(CodecError::encode::<Self, T>)
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

/// So many bytes are put together before they are appended: most values are written byte by byte.
const FEW: usize = 128;

/// Appends what is written, a few bytes at a time.
struct Appending<'o, 'f> {
    out: &'o mut Vec<u8>,
    few: &'f mut [u8; FEW],
    filled: usize,
}

impl Appending<'_, '_> {
    fn append(&mut self) {
        self.out.extend_from_slice(&self.few[..self.filled]);
        self.filled = 0;
    }
}

impl Flavor for Appending<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn try_push(&mut self, byte: u8) -> ::postcard::Result<()> {
        if self.filled >= FEW {
            self.append();
        }
        self.few[self.filled] = byte;
        self.filled += 1;
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> ::postcard::Result<()> {
        match self.few.get_mut(self.filled..self.filled + bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.filled += bytes.len();
            }
            None => {
                self.append();
                self.out.extend_from_slice(bytes);
            }
        }
        Ok(())
    }

    #[inline]
    fn finalize(mut self) -> ::postcard::Result<()> {
        self.append();
        Ok(())
    }
}
