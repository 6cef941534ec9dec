//! Flows of notifications that outlast the routers at both ends: what is sent is on the source's disk before it goes out,
//! and the destination's disk knows how far it has come.
//!
//! ```text
//! outbox   the source's end: what is kept for one destination, and what becomes of it
//! inbox    the destination's end: what has come from one source, been handed over, been handled
//! word     what they say to each other
//! record   notifications that are kept, and travel, together
//! ```
//!
//! All of it is without any I/O: what is to be stored, read or said comes out as steps, and what was done goes in.
//!
//! # How it goes
//! The source appends *records*, of one or many notifications, to a log on its disk; a record's place there is its number,
//! for ever. It goes out when it is synced, and is kept until it is acknowledged. Before the destination hands a record
//! over to those who consume it, its disk has the mark that it was *handed over* up to there; when all are done with it, it
//! is *handled*. Only what is handled is acknowledged.
//!
//! Over every new connection the source says where its log begins, and the destination which record it wants next. So
//! either may be killed at any time: what was not handed over comes again, and what was is not taken twice. Of what was
//! handed over and is not known to be handled when the destination is killed, nobody can say what became of it: it was
//! *interrupted*. The source makes dead letters of that, or the destination, if it is set to, has it sent again, marked as
//! redelivered.

mod inbox;
mod outbox;
mod record;
mod word;

pub use inbox::{Inbox, InboxStep, Interrupted, Mark};
pub use outbox::{Outbox, OutboxStep};
pub use record::{Notice, Record, RecordBuilder, Unreadable};
pub use word::{Word, Wrong};
