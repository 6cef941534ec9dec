use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Act, Encoded};

/// What a schedule sends. Made from whatever is [`IntoScheduled`](super::IntoScheduled).
///
/// In its own process it is the event itself. Where it leaves it, it is the encoded event, with its name, version and
/// fingerprint; a scheduler decodes only what was [declared](crate::Scheduler::sends) to it.
#[derive(Clone)]
pub struct Scheduled(What);

#[derive(Clone)]
enum What {
    Here(Act),
    Encoded(Arc<Encoded>),
}

impl Scheduled {
    pub(super) fn here(action: Act) -> Self {
        Self(What::Here(action))
    }

    /// The event's name.
    pub fn event(&self) -> &str {
        match &self.0 {
            What::Here(action) => action.event(),
            What::Encoded(encoded) => &encoded.name,
        }
    }

    /// What it is, if it came from another process; itself otherwise.
    pub(crate) fn into_action(self) -> Result<Act, Arc<Encoded>> {
        match self.0 {
            What::Here(action) => Ok(action),
            What::Encoded(encoded) => Err(encoded),
        }
    }
}

impl fmt::Debug for Scheduled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scheduled({})", self.event())
    }
}

/// Fails for what cannot leave its process, with the reason.
impl Serialize for Scheduled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            What::Here(action) => action.encode().map_err(serde::ser::Error::custom)?.serialize(serializer),
            What::Encoded(encoded) => encoded.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Scheduled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Encoded::deserialize(deserializer).map(|encoded| Self(What::Encoded(Arc::new(encoded))))
    }
}
