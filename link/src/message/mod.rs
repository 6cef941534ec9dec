//! What the numbered frames carry: events, answers, tunnels.
//!
//! ```text
//! wire            every kind of message, encoded and decoded
//! circumstances   what travels beside an event
//! outcome         how a request ends, and how a direction of a tunnel does
//! ```

mod circumstances;
mod outcome;
mod wire;

pub(crate) use circumstances::Header;
pub use circumstances::{Circumstances, Reports};
pub(crate) use outcome::cut;
pub use outcome::{AnswerError, Ending};
pub(crate) use wire::{Message, Outcome, Party, Route};
