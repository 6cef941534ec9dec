use std::time::Duration;

use edri_event::Failure;

use super::death::WorkerDeath;
use crate::dead_letter::Reason;

/// Why a request was not answered with a response. It comes at once, whatever happened: nobody waits for a
/// time-out to learn of a failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Nobody answers this event on this router.
    #[error("no responder for {event}: nothing on this router answers it")]
    NoResponder {
        /// The event's name.
        event: &'static str,
    },
    /// No answer came in the time the requester gave, or inherited from the event it handles.
    #[error("no answer to {event} within {after:?}")]
    TimedOut {
        /// The event's name.
        event: &'static str,
        /// How long the requester waited.
        after: Duration,
    },
    /// Every responder's inbox is full, and its policy is not to wait.
    #[error("the responder is overloaded: its inbox is full and takes no more")]
    Overloaded,
    /// The responder answered that it could not.
    #[error("the responder failed: {0}")]
    Failed(Failure),
    /// The responder's handler panicked.
    #[error("the responder panicked: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// The process died that worked on it, or was to.
    #[error("the worker died: {0}")]
    WorkerDied(Box<WorkerDeath>),
    /// The responder stopped before it began with the request.
    #[error("the responder stopped before it handled the request")]
    Stopped,
    /// The responder's handler took longer than it may, and was given up.
    #[error("the responder's handler took too long and was given up")]
    Abandoned,
    /// The request's deadline had passed before the responder began with it, or before it was made.
    #[error("the deadline had passed before the responder began with the request")]
    Expired,
    /// The link to the router on which the responder is was lost before the answer came. Whether the request was handled is
    /// not known.
    #[error("{0}, before the answer came")]
    LinkLost(Box<LinkLost>),
    /// The responder gave the request up without an answer; or the request was made by a handler, and whoever it was
    /// made for has gone away.
    #[error("the request was given up: by its responder, without an answer, or with whom it was made for")]
    Cancelled,
}

/// The link to another router was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the link to {peer} was lost ({reason})")]
#[non_exhaustive]
pub struct LinkLost {
    /// What the router at the other end is called.
    pub peer: String,
    /// Why the link ended.
    pub reason: String,
}

impl LinkLost {
    /// To a router of that name.
    pub fn new(peer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { peer: peer.into(), reason: reason.into() }
    }
}

impl RequestError {
    /// What the requester is told of a request that was lost on its way.
    pub(crate) fn of_loss(reason: Reason, event: &'static str) -> Self {
        match reason {
            Reason::Overflow => Self::Overloaded,
            Reason::Failed(failure) => Self::Failed(failure),
            Reason::Panicked { message } => Self::Panicked { message },
            Reason::NoSubscriber => Self::NoResponder { event },
            Reason::Abandoned => Self::Abandoned,
            Reason::Expired => Self::Expired,
            Reason::Stopped => Self::Stopped,
            Reason::Cancelled => Self::Cancelled,
            Reason::LinkLost { peer, reason } => Self::LinkLost(Box::new(LinkLost { peer, reason })),
            Reason::Interrupted { peer } => {
                let reason = "it was killed when it had it".to_owned();
                Self::LinkLost(Box::new(LinkLost { peer, reason }))
            }
        }
    }

    /// What the responder said, if it is the responder that failed.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// The panic a handler ended with, as an error.
    #[doc(hidden)]
    pub fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        Self::Panicked { message: panic_message(payload) }
    }
}

/// What a panic said, where it said something.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every answer carries room for one.
    #[test]
    fn an_answer_that_could_be_an_error_is_small() {
        assert!(size_of::<Result<u64, RequestError>>() <= 40, "{}", size_of::<Result<u64, RequestError>>());
    }
}
