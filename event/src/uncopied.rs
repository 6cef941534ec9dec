//! For fields of the type [`Bytes`] that are read without being copied: `#[serde(with = "edri::event::uncopied")]`.
//!
//! Between processes of one machine, bytes of 64 KiB and more travel in shared memory. A field that is marked so *is* that
//! memory when it has arrived, whatever its length; it is given back when the last clone of it is dropped. Without the mark
//! bytes travel in the same way, and are copied once where they are read. Over any other way there is no difference.
//!
//! ```
//! use bytes::Bytes;
//! use edri_event::Request;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Request, Serialize, Deserialize)]
//! #[request(response = u64, shareable)]
//! struct Checksum {
//!     #[serde(with = "edri_event::uncopied")]
//!     image: Bytes,
//! }
//! ```

use std::fmt;

use bytes::Bytes;
use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

use crate::codec::part_of_reading;

/// Writes bytes, as `Bytes` itself does.
///
/// # Errors
/// What the serializer says.
pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Reads bytes, without copying them where they are in shared memory.
///
/// # Errors
/// What the deserializer says.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    deserializer.deserialize_byte_buf(Whole)
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = Bytes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(part_of_reading(bytes))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }
}
