use std::fmt;

use edri_event::Failure;
use serde::{Deserialize, Serialize};

/// Why an event that was sent has not been handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reason {
    /// Nobody subscribed to it.
    NoSubscriber,
    /// The inbox was full, and its policy is to drop.
    Overflow,
    /// Its handler failed.
    Failed(Failure),
    /// Its handler panicked.
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// Its handler took longer than it may, and was given up.
    Abandoned,
    /// Its deadline had passed before a handler began.
    Expired,
    /// Whoever was to handle it has stopped.
    Stopped,
    /// Its sender went away while a handler was at it on the sender's own task: inline.
    Cancelled,
    /// The link to the router on which its consumer is was lost. Whether it was handled there is not known.
    LinkLost {
        /// What the router at the other end is called.
        peer: String,
        /// Why the link ended.
        reason: String,
    },
    /// The router on which its consumer is was killed when it had the event. Whether it was handled there is not known, and
    /// so it is not handed over again. Of links that last.
    Interrupted {
        /// What that router is called.
        peer: String,
    },
}

impl Reason {
    /// What the other end of a tunnel is told that was lost on its way.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Overflow => Failure::new("overloaded", "the acceptor's inbox is full"),
            Self::Failed(failure) => failure,
            Self::Panicked { message } => Failure::new("panicked", message),
            Self::NoSubscriber => Failure::new("no acceptor", "nobody accepts it"),
            Self::Abandoned => Failure::new("abandoned", "the acceptor took too long and was given up"),
            Self::Expired => Failure::new("expired", "the deadline had passed before it was accepted"),
            Self::Stopped => Failure::new("stopped", "the acceptor has stopped"),
            Self::Cancelled => Failure::new("cancelled", "the opener has gone away"),
            lost @ (Self::LinkLost { .. } | Self::Interrupted { .. }) => {
                Failure::new("link lost", lost.to_string())
            }
        }
    }
}

/// That an event was lost, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// Why.
    pub reason: Reason,
    /// How often a handler had begun with it.
    pub attempts: u32,
}

impl Loss {
    /// Lost before any handler began with it.
    pub const fn unhandled(reason: Reason) -> Self {
        Self { reason, attempts: 0 }
    }

    /// Lost after so many attempts to handle it.
    pub const fn after(attempts: u32, reason: Reason) -> Self {
        Self { reason, attempts }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSubscriber => formatter.write_str("nobody subscribes to it"),
            Self::Overflow => formatter.write_str("the inbox was full"),
            Self::Failed(failure) => write!(formatter, "the handler failed: {failure}"),
            Self::Panicked { message } => write!(formatter, "the handler panicked: {message}"),
            Self::Abandoned => formatter.write_str("the handler took too long and was given up"),
            Self::Expired => formatter.write_str("its deadline had passed"),
            Self::Stopped => formatter.write_str("its consumer has stopped"),
            Self::Cancelled => formatter.write_str("its sender went away while it was being handled"),
            Self::LinkLost { peer, reason } => write!(formatter, "the link to {peer} was lost: {reason}"),
            Self::Interrupted { peer } => write!(formatter, "{peer} was killed when it had it"),
        }
    }
}
