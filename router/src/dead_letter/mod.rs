//! What was sent and nobody handled.
//!
//! ```text
//! reason        why
//! letter        what is told of it
//! undelivered   the same with the event itself
//! office        where an inbox hands in what is lost there
//! lose          from a loss to all who want to know of it
//! letters       the counts, and the newest letters
//! on_router     what a router tells of them
//! ```

mod letter;
mod letters;
mod lose;
mod office;
mod on_router;
mod reason;
mod undelivered;

pub use letter::DeadLetter;
pub use letters::DeadLetterCounts;
pub(crate) use letters::Letters;
pub(crate) use lose::{lose, lose_unseen};
pub use office::DeadLetterOffice;
pub use reason::{Loss, Reason};
pub use undelivered::Undelivered;
