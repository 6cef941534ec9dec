use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::limits::Limits;
use super::pattern::Permit;

/// A router is in the network: a switch says so to the others, of all that are there when a router joins, and of each
/// that joins later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its number, from 1, for this connection of it with the switch. It is not given again while the switch runs, also
    /// not to the same router when it comes back.
    pub member: u32,
    /// The version of the protocol that the switch agreed upon with it.
    pub version: u16,
    /// Who it is. The switch has checked the name, where it asks for proof of it.
    pub identity: Identity,
    /// Its features, as it said.
    pub features: u64,
    /// What it is willing to hold, as it said.
    pub limits: Limits,
    /// What it may send. The switch does not look into relays: whoever gets something else from it takes no notice.
    pub permit: Permit,
}

/// A router is not in the network any more: the last that is said of its number. What was announced under it is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Its number.
    pub member: u32,
    /// How it went.
    pub departure: Departure,
}

/// How a router left a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
#[non_exhaustive]
pub enum Departure {
    /// It closed its connection in order: this incarnation does not come back.
    Closed,
    /// Its connection was lost: it may come back.
    Lost,
    /// It has another connection: the [`Member`] for that follows.
    Replaced,
    /// The switch does not have it any more: it broke the protocol, or was put out.
    Expelled,
}

impl From<u8> for Departure {
    fn from(code: u8) -> Self {
        match code {
            0 => Self::Closed,
            2 => Self::Replaced,
            3 => Self::Expelled,
            // Whatever a later version means by another: it may come back.
            _ => Self::Lost,
        }
    }
}

impl From<Departure> for u8 {
    fn from(departure: Departure) -> Self {
        match departure {
            Departure::Closed => 0,
            Departure::Lost => 1,
            Departure::Replaced => 2,
            Departure::Expelled => 3,
        }
    }
}
