//! What the numbered frames carry: events, answers, tunnels.
//!
//! ```text
//! wire            every kind of message, encoded and decoded
//! beside          what travels beside an event, encoded and decoded
//! bytes           numbers and payloads in them
//! circumstances   what travels beside an event
//! outcome         how a request ends, and how a direction of a tunnel does
//! death           how the worker ended that had a request
//! ```

mod beside;
mod bytes;
mod circumstances;
mod death;
#[cfg(test)]
mod golden;
mod outcome;
mod wire;

pub(crate) use beside::{LeftAt, put_origin, put_trace, read_origin, read_trace};
pub(crate) use bytes::{Cursor, Malformed, put_number};
pub use circumstances::{Circumstances, Reports};
pub use death::Death;
pub(crate) use outcome::cut;
pub use outcome::{AnswerError, Ending};
pub(crate) use wire::{
    BESIDE, Message, Notice, Opening, Party, Plain, Route, head_of_plain, put_answer, put_durable, put_event,
    put_event_before, put_item,
};
