//! Who wants what: each end announces the events that it consumes, and only those travel.
//!
//! ```text
//! schema     what an event is called and how its bytes look
//! change     what is announced and withdrawn, as it travels
//! offered    what this end consumes, and what of it the other end has been told
//! wanted     what the other end consumes
//! ```

mod change;
mod offered;
mod wanted;

pub(crate) use crate::wire::{Consumer, Interest, Mismatch, Role, Schema};
pub(crate) use change::Change;
pub(crate) use offered::Offered;
pub(crate) use wanted::Wanted;
