//! How records get to the log: gathered by many, written by one thread.
//!
//! ```text
//! queue     where records gather while the group before is on its way to the disk
//! group     those that are written together, and all who wait for them
//! pending   one who waits
//! writer    the thread: takes what has gathered, writes it, syncs once, wakes all
//! ```

mod group;
mod pending;
mod queue;
mod writer;

pub(crate) use group::Stage;
pub use pending::Pending;
pub(crate) use queue::{Command, Queue};
pub(crate) use writer::start;
