//! What was sent and nobody handled.
//!
//! ```text
//! reason   why
//! office   where an inbox hands in what is lost there
//! ```

mod office;
mod reason;

pub use office::DeadLetterOffice;
pub use reason::{Loss, Reason};
