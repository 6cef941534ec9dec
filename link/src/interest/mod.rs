//! Who wants what: each router announces the events that it consumes, and only those travel.
//!
//! ```text
//! offered    what this end consumes, and what of it has been said over the connection
//! wanted     what another router consumes
//! ```

mod offered;
mod wanted;

pub(crate) use crate::wire::{Consumer, Interest, Mismatch, Role, Schema};
pub(crate) use offered::{Offered, RETIRED};
pub(crate) use wanted::{Heard, Wanted};
