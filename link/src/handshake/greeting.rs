use serde::{Deserialize, Serialize};

use super::identity::{Identity, Token};
use crate::limits::Limits;
use crate::message::cut;

/// The first frame of the end that connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) magic: [u8; 4],
    /// The lowest and the highest version it speaks.
    pub(crate) versions: (u16, u16),
    pub(crate) identity: Identity,
    pub(crate) token: Option<Token>,
    pub(crate) features: u64,
    pub(crate) limits: Limits,
    /// How often it wants to hear something, in milliseconds.
    pub(crate) heartbeat: u32,
}

/// The answer to a [`Hello`] that fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) version: u16,
    pub(crate) identity: Identity,
    /// Those of both.
    pub(crate) features: u64,
    pub(crate) limits: Limits,
    pub(crate) heartbeat: u32,
}

/// The answer to a greeting that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{reason}")]
pub struct Refused {
    /// For programs.
    pub code: Refusal,
    /// For people: what was wrong, and what was expected.
    pub reason: String,
}

/// What did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal {
    /// It did not begin as a router does.
    NoRouter,
    /// There is no version of the protocol that both speak.
    Version,
    /// It belongs to another network.
    Network,
    /// It did not give the right token.
    Token,
    /// It is this very router.
    Itself,
    /// Its limits would stall the link.
    Limits,
    /// Too many links are open or being opened.
    Busy,
}

impl Refused {
    pub(crate) fn new(code: Refusal, reason: impl Into<String>) -> Self {
        Self { code, reason: cut(reason.into()) }
    }
}
