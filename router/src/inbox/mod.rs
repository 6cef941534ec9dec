//! Where events wait: bounded, in lanes, with a named policy for overflow.
//!
//! ```text
//! settings   Capacity, Overflow
//! lanes      control > high > normal, and who is next
//! queue      the lock around the lanes, the line of waiting senders, the sleeping receivers
//! sender     the sending end, counted
//! receiver   the receiving end of one manager or subscription: takes in batches
//! shared     the receiving end of many workers: takes one by one
//! ```

mod lanes;
mod queue;
mod receiver;
mod sender;
mod settings;
mod shared;

pub use queue::Tally;
pub(crate) use queue::{Place, Popped, Pushed, Queue, Standing};
pub use receiver::Receiver;
pub use sender::{Inbox, InboxMonitor};
pub use settings::{Capacity, InboxSettings, Overflow};
pub use shared::SharedReceiver;

/// Why an event that had been accepted is discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Discarded {
    /// The inbox was full, and its policy is to drop.
    Overflow,
    /// Whoever was to handle it has stopped.
    Stopped,
}

/// What may wait in an inbox.
pub trait Message: Send + 'static {
    /// The key that keeps it in order with others, if it has one.
    fn key(&self) -> Option<edri_event::Key> {
        None
    }

    /// Nobody will handle it: answers whoever waits for an answer.
    fn discard(self, why: Discarded);
}
