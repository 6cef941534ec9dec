use std::time::Duration;

use crate::wire::Refused;

/// How a link ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Closed {
    /// Both ends had sent all they had.
    #[error("the link was closed in order")]
    Orderly,
    /// This end would not have the other.
    #[error("this end refused the link: {0}")]
    RefusedHere(Refused),
    /// The other end would not have this one.
    #[error("the other end refused the link: {0}")]
    RefusedThere(Refused),
    /// The other end did not finish its greeting.
    #[error("the other end did not finish the handshake within {within:?}")]
    HandshakeTimedOut {
        /// How long this end waited.
        within: Duration,
    },
    /// The other end is dead, or cut off.
    #[error("nothing was heard from the other end for {silence:?}")]
    Silent {
        /// How long.
        silence: Duration,
    },
    /// The other end broke the protocol.
    #[error("the other end broke the link's protocol: {reason}")]
    Violation {
        /// How.
        reason: String,
    },
    /// The other end says that this end broke the protocol.
    #[error("the other end closed the link, because this end broke the protocol: {reason}")]
    Accused {
        /// How, as it says.
        reason: String,
    },
    /// The other end gave the link up.
    #[error("the other end gave the link up: {reason}")]
    GivenUpThere {
        /// Why.
        reason: String,
    },
    /// This end gave the link up.
    #[error("this end gave the link up: {reason}")]
    GivenUpHere {
        /// Why.
        reason: String,
    },
    /// Another connection of this very router has taken the place of this one: as a rule another program that uses its
    /// identity.
    #[error("another connection of this router took its place")]
    Replaced,
    /// The pipe or the connection is gone.
    #[error("the connection was lost: {reason}")]
    Lost {
        /// What is known of it.
        reason: String,
    },
}
