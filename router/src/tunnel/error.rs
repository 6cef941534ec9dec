use std::time::Duration;

use edri_event::Failure;

use crate::request::LinkLost;

/// Why a tunnel ended before both sides had finished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// The other end gave up, and said why.
    #[error("the other end aborted the tunnel: {0}")]
    Aborted(Failure),
    /// The other end went away without a word.
    #[error("the other end of the tunnel is gone: {reason}")]
    Lost {
        /// What is known of it.
        reason: &'static str,
    },
    /// The link to the router on which the other end is was lost.
    #[error("{0}")]
    LinkLost(Box<LinkLost>),
    /// This end has already finished sending.
    #[error("this end has finished: nothing can be sent after `finish`")]
    Finished,
}

/// Why a tunnel could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Nobody accepts tunnels of this type on this router.
    #[error("no acceptor for {event}: nothing on this router accepts it")]
    NoAcceptor {
        /// The event's name.
        event: &'static str,
    },
    /// Every acceptor's inbox is full, and its policy is not to wait.
    #[error("the acceptor of {event} is overloaded: its inbox is full and takes no more")]
    Overloaded {
        /// The event's name.
        event: &'static str,
    },
    /// No acceptor had room for it in the time the opener gave, or that it inherited.
    #[error("no acceptor took {event} in within {after:?}")]
    TimedOut {
        /// The event's name.
        event: &'static str,
        /// How long the opener waited.
        after: Duration,
    },
    /// Its deadline had passed before it was to be opened.
    #[error("the deadline had passed before {event} was to be opened")]
    Expired {
        /// The event's name.
        event: &'static str,
    },
    /// The requester on whose behalf it was to be opened has gone away.
    #[error("{event} was given up: whoever it was opened for has gone away")]
    Cancelled {
        /// The event's name.
        event: &'static str,
    },
}
