//! Where messages wait to be sent: lanes, so that what is large or many does not hold up what is urgent.
//!
//! ```text
//! queue   one queue: what waits, as it will be sent, and the long message that is being sent in parts
//! pick    whose turn it is
//! ```
//!
//! Control goes before high, high before normal, normal before bulk; a lower lane keeps a share. Each lane has two
//! queues: what may have to wait for the other end (events, which it may handle slowly), and what never does (answers,
//! cancellations, credit). An answer behind an event that waits could make two routers wait for each other for ever.

mod pick;
mod queue;

pub(crate) use pick::{Lane, Lanes, Place};
pub(crate) use queue::{Kind, Late, Long, Partial, Particulars, Queue, Taken, What};
