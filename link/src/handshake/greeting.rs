use serde::{Deserialize, Serialize};

use crate::wire::{Identity, Limits, Token};

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
