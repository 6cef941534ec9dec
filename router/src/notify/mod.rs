//! Sending notifications.
//!
//! ```text
//! one           one event, to all who subscribe: the hot path
//! batch         many events at once
//! outstanding   what waits in line or runs here until it is settled
//! outcome       what became of it
//! announce      what is no loss where nobody wants it
//! ```

mod announce;
mod batch;
mod one;
mod outcome;
mod outstanding;

pub(crate) use batch::{Passing, notify_all};
pub use one::Notify;
pub use outcome::{Delivered, NotifyError, Refusal};
pub(crate) use outstanding::Outstanding;
