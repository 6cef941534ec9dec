use std::fmt;
use std::time::Duration;

use edri_event::{Event, Failure, Fingerprint};
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// An event as bytes, with all that it takes to know whether they are understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Encoded {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) codec: String,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) bytes: Vec<u8>,
    /// The name of the notification that the answer to a request becomes.
    pub(crate) answer_to: Option<String>,
    /// How long an answer is waited for.
    pub(crate) timeout: Option<Duration>,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A notification.
    Notification,
    /// A request.
    Request,
}

impl Encoded {
    /// An event that has been made.
    pub(super) fn of<E: Event>(kind: Kind, event: Option<&E>) -> Result<Self, Failure> {
        let name = E::name();
        let refuse = |reason: &str| Refusal::Event.because(format!("{name} {reason}")).into();
        let Some(wire) = E::wire() else {
            return Err(refuse("is not shareable, and cannot leave its process"));
        };
        let Some(event) = event else {
            return Err(refuse("is made by a closure for each run, and cannot leave its process"));
        };
        let mut bytes = Vec::new();
        wire.encode(event, &mut bytes)?;
        Ok(Self {
            kind,
            name: name.to_owned(),
            version: E::VERSION,
            codec: wire.codec().to_owned(),
            fingerprint: wire.fingerprint(),
            bytes,
            answer_to: None,
            timeout: None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Notification => "notification",
            Self::Request => "request",
        })
    }
}
