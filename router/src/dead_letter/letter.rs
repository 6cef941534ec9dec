use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use edri_event::{Event, EventId, Notification, Postcard, Wire};
use serde::{Deserialize, Serialize};

use super::reason::Reason;

/// An event that was sent, that nobody handled, and of which nobody was told: a notification that tells of it.
///
/// Subscribe to it like to any other: `router.subscribe::<DeadLetter>()`, or a manager's `#[notification]`
/// handler. Whoever wants the event as well asks for it by type, with
/// [`Router::dead_letters`](crate::Router::dead_letters).
///
/// A dead letter never waits, and never makes anybody wait: a subscriber without room misses it, whatever its
/// policy. What becomes of a dead letter itself is counted
/// ([`DeadLetterCounts::untold`](crate::DeadLetterCounts::untold)) and makes no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The event's name.
    pub event: Cow<'static, str>,
    /// The event's identity, if it had one.
    pub id: Option<EventId>,
    /// Why it was lost.
    pub reason: Reason,
    /// How often a handler had begun with it.
    pub attempts: u32,
    /// Whose it was, if it was anybody's: the name of a manager or subscription.
    pub consumer: Option<Arc<str>>,
    /// When it was lost, by the clock on the wall.
    pub time: SystemTime,
}

/// By hand, since a derive has no word for the last of its constants.
impl Event for DeadLetter {
    const SHAREABLE: bool = true;
    const TELLS_OF_LOSS: bool = true;

    fn name() -> &'static str {
        "edri::DeadLetter"
    }

    fn wire() -> Option<Wire<Self>> {
        Some(Wire::of::<Postcard>())
    }
}

// Not what is meant where another type is missing the trait.
#[diagnostic::do_not_recommend]
impl Notification for DeadLetter {}

impl fmt::Display for DeadLetter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.event)?;
        if let Some(id) = self.id {
            write!(formatter, " ({id})")?;
        }
        if let Some(consumer) = &self.consumer {
            write!(formatter, " was lost at {consumer}: {}", self.reason)
        } else {
            write!(formatter, " was lost: {}", self.reason)
        }
    }
}
