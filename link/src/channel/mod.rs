//! The numbered flow from one router to the other: exactly once, in order, and never more than the other end can hold.
//!
//! ```text
//! cost      what a message counts for in a window
//! window    how much may be sent before the other end has handled something
//! outbox    the numbers of what was sent and is not acknowledged
//! arrivals  the numbers of what has arrived, and when to acknowledge
//! parts     long messages, put together again
//! ```
//!
//! Numbers are given when a frame is written, so that the order of numbers is the order on the wire, whatever lane a
//! message came from. A link that lives has no gaps and no repetitions; a number that has been seen is dropped and one
//! that leaves a gap closes the link.

mod arrivals;
mod cost;
mod outbox;
mod parts;
mod window;

pub(crate) use arrivals::{Arrival, Arrivals};
pub use cost::Cost;
pub(crate) use outbox::Outbox;
pub(crate) use parts::Parts;
pub(crate) use window::{Allowance, Grants};
