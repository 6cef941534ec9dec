use std::fmt;

use edri_event::{EventId, RouterId};
use serde::{Deserialize, Serialize};

use super::limits::Limits;

/// Who a router is, to other routers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Identity {
    /// The router.
    pub router: RouterId,
    /// New each time the router's process starts: a restarted router is never taken for its former self.
    pub incarnation: u64,
    /// Routers of different networks do not talk. Empty by default, which is a network like any other.
    pub network: String,
    /// For people.
    pub name: String,
}

impl Identity {
    /// A router that has just started.
    pub fn new(router: RouterId, name: impl Into<String>) -> Self {
        // As unique as a router's identity is, and in the same way.
        let incarnation = RouterId::fresh().to_bits() as u64 ^ EventId::fresh().get();
        Self { router, incarnation, network: String::new(), name: name.into() }
    }
}

/// A secret that both ends know. It travels as it is: give one only to a link that nobody can listen to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// A secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// Compares in a time that does not tell how much of it was right.
    pub fn matches(&self, other: &Self) -> bool {
        let (mine, other) = (self.0.as_bytes(), other.0.as_bytes());
        let differences = mine.iter().zip(other).fold(0, |all, (mine, other)| all | (mine ^ other));
        mine.len() == other.len() && differences == 0
    }
}

/// A secret of one incarnation of a router, which it gives at each of its connections: whoever gives the same is the same.
///
/// It travels as it is, and is told to nobody else.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proof(u128);

impl Proof {
    /// A fresh one.
    pub fn fresh() -> Self {
        Self(RouterId::fresh().to_bits())
    }

    /// Whether it proves that both come from the same incarnation. That of an incarnation without a secret proves nothing.
    pub fn proves(self, other: Self) -> bool {
        // One comparison of the whole: how much of it was right cannot be told from its time.
        self.0 != 0 && self.0 ^ other.0 == 0
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Proof(…)")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// The router at the other end, as the handshake found it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// Who it is.
    pub identity: Identity,
    /// The version of the protocol that both speak.
    pub version: u16,
    /// What it is willing to hold.
    pub limits: Limits,
    /// What both ends can do beside, in bits.
    pub features: u64,
}

impl Peer {
    /// Whether both ends keep [durable](crate::durable) flows.
    pub fn is_durable(&self) -> bool {
        self.features & super::DURABLE != 0
    }
}
