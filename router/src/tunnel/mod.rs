//! Two-way typed streams.
//!
//! ```text
//! open     a tunnel on its way, as its opener awaits it and its acceptor gets it
//! ends     the two ends, and their halves
//! flow     one direction: a bounded queue that knows how it ended
//! verdict  what it means that an end was dropped
//! error    what can go wrong
//! ```

mod ends;
mod error;
mod flow;
mod open;
mod verdict;

pub(crate) use ends::tunnel;
pub use ends::{Accepted, Opened, TunnelEnd, TunnelReceiver, TunnelSender};
pub use error::{OpenError, TunnelError};
pub use open::{Open, Opening};
pub use verdict::Verdict;
