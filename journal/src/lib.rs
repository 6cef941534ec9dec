//! The journal of EDRI: an append-only log on disk, for what must last.
//!
//! ```text
//! journal    the face: append, confirm, read, snapshot
//! settings   how large, how long, what when it is full
//! position   where a record stands, for ever
//! write      records gather, one thread writes them, one sync is for all
//! read       records and snapshots as streams, block by block
//! snapshot   what takes the place of many records
//! shared     what handles, readers and the writer have in common
//! log        the log itself: segments, recovery, removal; no threads, no waiting
//! format     the files, byte by byte
//! storage    what is needed of a disk
//! inspect    what is in a journal's directory, for people
//! error      what can go wrong
//! testing    a disk in memory that crashes, behind the feature of that name
//! ```
//!
//! ```
//! use edri_journal::{Journal, Settings};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let (journal, recovered) = Journal::open(directory.path(), Settings::default()).await?;
//! assert_eq!(recovered.records(), 0);
//!
//! let first = journal.append("on the disk when this returns").await?;
//! let both = journal.append_all(["either both of these", "or none"]).await?;
//! assert_eq!(both.start, first.next());
//!
//! let mut reader = journal.read_from(first);
//! while let Some(record) = reader.next().await {
//!     let record = record?;
//!     println!("{}: {:?}", record.position, record.content);
//! }
//! journal.confirm(first).await?;
//! journal.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! This crate knows nothing of events, routers or managers. It needs a Unix: its locks, and reads and writes at a place.

mod error;
mod format;
mod inspect;
mod journal;
mod log;
#[cfg(test)]
mod model;
mod position;
mod read;
mod settings;
mod shared;
mod snapshot;
mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod write;

pub use error::{Damage, JournalError};
pub use inspect::{InspectedFile, Inspection, inspect};
pub use journal::Journal;
pub use log::{Cut, Recovered};
pub use position::Position;
pub use read::{Reader, Record, SnapshotReader};
pub use settings::{Durability, Settings, WhenFull};
pub use snapshot::SnapshotWriter;
pub use write::Pending;

/// The programs of the guide.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../../docs/src/journal.md")]
    mod journal {}
}
