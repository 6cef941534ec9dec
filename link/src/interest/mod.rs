//! Who wants what: each router announces the events that it consumes, and only those travel.
//!
//! ```text
//! offered    what this end consumes, and what of it has been said over the connection
//! declared   what this end may send
//! wanted     what another router consumes, matched with what this end may send
//! ```

mod declared;
mod offered;
mod wanted;

pub(crate) use crate::wire::{Interest, Mismatch, Role, Schema};
pub(crate) use declared::Declared;
pub(crate) use offered::Offered;
pub(crate) use wanted::{Heard, Wanted};
