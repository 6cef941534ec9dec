//! What flows.

use edri::prelude::*;
use serde::{Deserialize, Serialize};

/// One of a long row: the next has the next number.
#[derive(Notification, Clone, Serialize, Deserialize)]
#[notification(name = "storm::Tick", shareable)]
pub(crate) struct Tick {
    pub(crate) number: u64,
    /// So that it is about as long as others are.
    padding: [u64; 6],
}

impl Tick {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, padding: [number; 6] }
    }
}

/// The same for guests: one who leaves while nobody can hear it may stop those who send what it wants, and these are others.
#[derive(Notification, Clone, Serialize, Deserialize)]
#[notification(name = "storm::Drop", shareable)]
pub(crate) struct Drop {
    pub(crate) number: u64,
}

/// Asks for twice the number.
#[derive(Request, Clone, Serialize, Deserialize)]
#[request(name = "storm::Double", response = u64, policy = "round_robin", shareable)]
pub(crate) struct Double(pub(crate) u64);
