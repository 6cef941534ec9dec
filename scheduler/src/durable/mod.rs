//! Schedules that outlive the program.
//!
//! ```text
//! record   what is written: a schedule as it was set, where it is, which runs have ended
//! book     what all records come to
//! ledger   records in line, in the order of what they tell; who waits until they are on the disk
//! merge    fewer records that come to the same, for when the disk takes none
//! writer   the task that writes them, and sums them up in a snapshot now and then
//! ```
//!
//! What is written is decided under the lock of the state machine, and only put in line there. So the records are in the
//! order of what happened, a run does not wait for the disk, and records that come while others are on their way share
//! one sync with each other.

mod book;
mod ledger;
mod merge;
#[cfg(test)]
mod model;
mod record;
mod writer;

pub(crate) use self::book::{Book, Entry};
pub(crate) use self::ledger::{Ledger, Ticket};
pub(crate) use self::record::{Definition, Record};
pub(crate) use self::writer::{Writer, open};
