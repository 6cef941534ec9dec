//! A router's identity as the text it is shown by: not every reader of numbers has 128 bits for one.

use edri_event::RouterId;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(crate) fn serialize<S: Serializer>(id: &RouterId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RouterId, D::Error> {
    let text = String::deserialize(deserializer)?;
    u128::from_str_radix(&text, 16).map(RouterId::from_bits).map_err(|error| {
        D::Error::custom(format!(
            "expected 32 hexadecimal digits of a router's identity, not {text:?}: {error}"
        ))
    })
}
