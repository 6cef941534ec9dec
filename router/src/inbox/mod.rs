//! Where events wait: bounded, in lanes, with a named policy for overflow.
//!
//! ```text
//! settings   Capacity, Overflow
//! lanes      control > high > normal, and who is next
//! line       the senders that wait for room, in lanes too
//! state      what is behind the lock: the lanes, the line of waiting senders, the sleeping receivers
//! hints      what both sides may know without the lock
//! queue      the lock, and what may be done with it; outcome: what becomes of it
//! waits      how long events wait, sampled
//! part       a manager as its router sees it, by its inbox
//! sender     the sending end, counted
//! receiver   the receiving end of one manager or subscription: takes in batches
//! shared     the receiving end of many workers: takes one by one
//! ```

mod hints;
mod lanes;
mod line;
mod outcome;
mod part;
mod queue;
mod receiver;
mod sender;
mod settings;
mod shared;
mod state;
mod waits;

pub use outcome::Tally;
pub(crate) use outcome::{Place, Popped, Pushed, Standing};
pub(crate) use queue::Queue;
pub use receiver::Receiver;
pub use sender::{Inbox, InboxMonitor};
pub use settings::{Capacity, InboxSettings, Overflow};
pub use shared::SharedReceiver;

use crate::dead_letter::{DeadLetterOffice, Loss};
use crate::trace::EventInfo;

/// What may wait in an inbox.
pub trait Message: Send + 'static {
    /// The key that keeps it in order with others, if it has one.
    fn key(&self) -> Option<edri_event::Key> {
        None
    }

    /// What it is, for those who watch it being handled: a message that does not say is handled without a span.
    fn info(&self) -> Option<EventInfo<'_>> {
        None
    }

    /// Which of the kinds that may wait it is: what is being handled is told by it.
    fn tag(&self) -> u16 {
        0
    }

    /// The name of the event of that kind.
    fn name_of(tag: u16) -> &'static str
    where
        Self: Sized,
    {
        let _ = tag;
        "an event"
    }

    /// Nobody will handle it: answers whoever waits for an answer, and hands in at `office` what nobody waits for.
    fn discard(self, loss: Loss, office: &DeadLetterOffice);
}
