//! What is sent: the same, whoever sends it.

use serde::{Deserialize, Serialize};

use super::LARGE;

#[derive(edri::event::Notification, Serialize, Deserialize)]
#[notification(shareable)]
pub(super) struct Large {
    pub(super) number: u64,
    pub(super) bytes: Bytes,
}

/// Bytes that are copied as a whole, and not one by one.
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Large {
    pub(super) fn numbered(number: u64) -> Self {
        Self { number, bytes: Bytes(vec![1; LARGE]) }
    }
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}
