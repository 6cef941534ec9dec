//! Two-way typed streams.
//!
//! ```text
//! open     a tunnel on its way, as its opener awaits it and its acceptor gets it
//! ends     the two ends, and their halves
//! flow     one direction: a bounded queue that knows how it ended
//! error    what can go wrong
//! ```

mod ends;
mod error;
mod flow;
mod open;

pub use ends::{Accepted, Opened, TunnelEnd, TunnelReceiver, TunnelSender};
pub use error::{OpenError, TunnelError};
pub use open::{Open, Opening};
