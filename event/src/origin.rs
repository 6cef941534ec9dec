use serde::{Deserialize, Serialize};

use crate::id::RouterId;

/// The router that sent an event, of one that came over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Which. Together with the event's [identity](crate::EventId) it says which event this is, everywhere.
    pub router: RouterId,
    /// Over how many links it has come: 1 from a router that is linked with this one.
    pub hops: u8,
}

impl Origin {
    /// The same, seen from beyond one more link.
    #[must_use]
    pub const fn further(self) -> Self {
        Self { router: self.router, hops: self.hops.saturating_add(1) }
    }
}
