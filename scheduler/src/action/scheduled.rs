use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Act, Declared, Encoded};
use crate::refusal::{Refusal, Refused};

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
    /// It could not leave its process: its name, and why.
    Unfit(Arc<(String, String)>),
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
            What::Unfit(unfit) => &unfit.0,
        }
    }

    /// Itself, or what is declared for its bytes if it came from another process.
    pub(crate) fn into_action(self, declared: &Declared) -> Result<Act, Refused> {
        match self.0 {
            What::Here(action) => Ok(action),
            What::Encoded(encoded) => declared.action(encoded),
            What::Unfit(unfit) => Err(Refusal::Event.because(&*unfit.1)),
        }
    }
}

impl fmt::Debug for Scheduled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scheduled({})", self.event())
    }
}

/// What travels. That something could not is told to the scheduler, whose answer says why: a codec would not.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Scheduled")]
enum Wire<T> {
    Encoded(T),
    Unfit { name: String, reason: String },
}

impl Serialize for Scheduled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            What::Here(action) => match action.encode() {
                Ok(encoded) => Wire::Encoded(encoded).serialize(serializer),
                Err(failure) => {
                    let (name, reason) = (action.event().to_owned(), failure.message().to_owned());
                    Wire::<Encoded>::Unfit { name, reason }.serialize(serializer)
                }
            },
            What::Encoded(encoded) => Wire::Encoded(&**encoded).serialize(serializer),
            What::Unfit(unfit) => {
                let (name, reason) = (**unfit).clone();
                Wire::<Encoded>::Unfit { name, reason }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Scheduled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Wire::deserialize(deserializer)? {
            Wire::Encoded(encoded) => What::Encoded(Arc::new(encoded)),
            Wire::Unfit { name, reason } => What::Unfit(Arc::new((name, reason))),
        }))
    }
}
