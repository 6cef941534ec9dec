use std::sync::atomic::Ordering;
use std::time::Duration;

use edri_link::wire::{Close, CloseCode, Departure, Frame, Refused};

use super::greeting::Origin;
use super::hub::{Hub, Tally};
use super::member::Newcomer;
use super::session::close;
use super::violation::Violation;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ended {
    #[error("it was closed in order")]
    Closed,
    #[error("the router gave it up: {reason}")]
    GivenUp { reason: String },
    #[error("the router says that the switch broke the protocol: {reason}")]
    Accused { reason: String },
    #[error("{0}")]
    Refused(Refused),
    #[error("it broke the protocol: {0}")]
    Violation(Violation),
    #[error("it did not finish the handshake within {within:?}")]
    HandshakeTimedOut { within: Duration },
    #[error("nothing was heard from it for {silence:?}")]
    Silent { silence: Duration },
    #[error("it took nothing for {stalled:?}")]
    Stalled { stalled: Duration },
    #[error("it did not keep up with what it was told of members and interests")]
    TooFarBehind,
    #[error("the connection was lost: {reason}")]
    Lost { reason: String },
    #[error("the router has another connection")]
    Replaced,
    #[error("what it may do has changed")]
    Changed,
    #[error("the switch is about to stop")]
    Drained,
}

impl Ended {
    /// The peer said so.
    pub(super) fn of(close: &Close) -> Self {
        let reason: String = close.reason.chars().filter(|letter| !letter.is_control()).take(512).collect();
        match close.code {
            CloseCode::Orderly => Self::Closed,
            CloseCode::Violation => Self::Accused { reason },
            _ => Self::GivenUp { reason },
        }
    }

    /// What its network is told.
    pub(super) fn departure(&self) -> Departure {
        match self {
            Self::Closed => Departure::Closed,
            Self::Violation(_) => Departure::Expelled,
            Self::Replaced => Departure::Replaced,
            _ => Departure::Lost,
        }
    }

    /// What the peer is told; nothing where it does not listen.
    pub(super) fn last_word(&self) -> Option<Frame> {
        Some(match self {
            Self::Refused(refused) => Frame::Refused(refused.clone()),
            Self::Closed => close(CloseCode::Orderly, ""),
            Self::Violation(violation) => close(CloseCode::Violation, violation.to_string()),
            Self::Replaced => close(CloseCode::Replaced, self.to_string()),
            Self::Changed | Self::Drained => close(CloseCode::GivenUp, self.to_string()),
            Self::HandshakeTimedOut { .. } | Self::Silent { .. } => {
                close(CloseCode::GivenUp, self.to_string())
            }
            Self::GivenUp { .. }
            | Self::Accused { .. }
            | Self::Stalled { .. }
            | Self::TooFarBehind
            | Self::Lost { .. } => return None,
        })
    }

    pub(super) fn count(&self, tally: &Tally) {
        let count = match self {
            Self::Closed | Self::GivenUp { .. } | Self::Changed | Self::Drained => &tally.closed,
            Self::Accused { .. } | Self::Violation(_) => &tally.violations,
            Self::Refused(_) => &tally.refused,
            Self::HandshakeTimedOut { .. } => &tally.unfinished_handshakes,
            Self::Silent { .. } => &tally.silent,
            Self::Stalled { .. } => &tally.stalled,
            Self::TooFarBehind => &tally.too_far_behind,
            Self::Lost { .. } => &tally.lost,
            Self::Replaced => &tally.replaced,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells the log.
    pub(super) fn tell(&self, who: Option<&Newcomer>, origin: &Origin, hub: &Hub) {
        let address = origin.address;
        let Some(newcomer) = who else {
            hub.say_little(|| tracing::info!(%address, "a connection ended before it was one: {self}"));
            return;
        };
        let (network, router, id) =
            (newcomer.identity.network.as_str(), newcomer.identity.name.as_str(), newcomer.identity.router);
        match self {
            Self::Closed | Self::Drained | Self::Changed => {
                tracing::info!(network, router, %id, %address, "a router left: {self}");
            }
            _ => tracing::warn!(network, router, %id, %address, "a router was lost: {self}"),
        }
    }
}

impl Ended {
    /// What it is to a program that reads the status.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::GivenUp { .. } => "given-up",
            Self::Accused { .. } => "accused",
            Self::Refused(_) => "refused",
            Self::Violation(_) => "violation",
            Self::HandshakeTimedOut { .. } => "handshake",
            Self::Silent { .. } => "silent",
            Self::Stalled { .. } => "stalled",
            Self::TooFarBehind => "too-far-behind",
            Self::Lost { .. } => "lost",
            Self::Replaced => "replaced",
            Self::Changed => "changed",
            Self::Drained => "drained",
        }
    }
}
