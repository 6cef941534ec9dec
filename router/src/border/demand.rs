use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Somebody on a route, the same for all routers that hear of him.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConsumerId(pub(crate) u64);

impl ConsumerId {
    /// From the bits that another router gave.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits behind it.
    pub const fn to_bits(self) -> u64 {
        self.0
    }
}

/// Somebody who consumes an event, here or behind another border: what a border tells the other side of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Demand {
    /// As what.
    pub role: Role,
    /// Who; of subscribers and observers none, since they are told of together.
    pub consumer: Option<ConsumerId>,
    /// How many borders are between this router and him: 0 for one of this router.
    pub hops: u8,
    /// How much waits for him.
    pub load: usize,
}

/// As what somebody consumes an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// He gets all notifications.
    Subscriber,
    /// He shares notifications with the others of that group.
    Member(Arc<str>),
    /// He answers requests.
    Responder,
    /// He sees the answers to requests.
    Observer,
    /// He accepts tunnels.
    Acceptor,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscriber => formatter.write_str("subscriber"),
            Self::Member(group) => write!(formatter, "member of the group {group:?}"),
            Self::Responder => formatter.write_str("responder"),
            Self::Observer => formatter.write_str("observer"),
            Self::Acceptor => formatter.write_str("acceptor"),
        }
    }
}
