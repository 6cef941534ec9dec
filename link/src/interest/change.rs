use serde::{Deserialize, Serialize};

use crate::wire::{Consumer, Interest, Schema};

/// A change in what an end consumes, or what the other end thinks of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Change {
    /// The sender consumes this from here on, shared with others of that group.
    Announce { interest: Interest, schema: Schema, group: Option<String>, consumer: Consumer },
    /// The sender consumes it no longer.
    Withdraw { interest: Interest },
    /// The load has changed.
    Load { interest: Interest, load: u32 },
    /// The receiver of this announced an event that its sender knows as another.
    Mismatch { interest: Interest, schema: Schema },
    /// What the sender consumed when the link began has been said.
    Complete,
}
