use std::fmt;
use std::sync::Arc;

use edri_event::{Notification, RouterId};
use edri_link::Peer;

/// A router, or a switch, that a connector is linked with has come or gone. It stays on the router where it is sent.
///
/// Of one neighbour they come in this order: `Joined`, then `Lost` and `Back` by turns, then `Left`.
#[derive(Notification, Clone, Debug, PartialEq, Eq)]
#[notification(name = "edri_connector::NeighbourChanged")]
#[non_exhaustive]
pub struct NeighbourChanged {
    /// The name of the connector.
    pub connector: Arc<str>,
    /// Who.
    pub neighbour: Neighbour,
    /// What has become of it.
    pub change: NeighbourChange,
}

/// Somebody at the other end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Neighbour {
    /// Its identity.
    pub router: RouterId,
    /// New each time its program starts.
    pub incarnation: u64,
    /// What it calls itself.
    pub name: Arc<str>,
    /// What it is.
    pub kind: NeighbourKind,
}

/// What is at the other end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NeighbourKind {
    /// A router: events go there and come from there.
    Router,
    /// A switch, which forwards them.
    Switch,
}

/// What becomes of a neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NeighbourChange {
    /// It is there for the first time, and what it consumes is known: the first event after this reaches it.
    Joined,
    /// It cannot be reached, and may come back: what is sent to it waits.
    Lost {
        /// What is known of it.
        reason: String,
    },
    /// It can be reached again; nothing was lost.
    Back,
    /// It is gone for good: what was under way with it has ended. Started anew it is another neighbour.
    Left {
        /// Why.
        reason: String,
    },
}

impl Neighbour {
    pub(super) fn new(peer: &Peer, kind: NeighbourKind) -> Self {
        let identity = &peer.identity;
        Self {
            router: identity.router,
            incarnation: identity.incarnation,
            name: identity.name.as_str().into(),
            kind,
        }
    }
}

impl fmt::Display for Neighbour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            NeighbourKind::Router => "router",
            NeighbourKind::Switch => "switch",
        };
        write!(formatter, "the {kind} {}", self.name)
    }
}

impl fmt::Display for NeighbourChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined => formatter.write_str("joined"),
            Self::Lost { reason } => write!(formatter, "was lost: {reason}"),
            Self::Back => formatter.write_str("is back"),
            Self::Left { reason } => write!(formatter, "left: {reason}"),
        }
    }
}

impl fmt::Display for NeighbourChanged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.neighbour, self.change)
    }
}
