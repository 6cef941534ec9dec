use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::position::Position;

/// What can go wrong with a journal. It can be cloned, for all who wait for the same group get the same.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A setting makes no sense.
    #[error("a journal cannot be opened with {setting} {value}: {expected}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What it was set to.
        value: u64,
        /// What it has to be.
        expected: &'static str,
    },
    /// Another process, or another `Journal` in this one, writes there.
    #[error("the journal {} has a writer already: its lock is held", directory.display())]
    Locked {
        /// The journal.
        directory: PathBuf,
    },
    /// A file was written in another version of the format.
    #[error("{} has format version {found}; this program reads version {expected}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version that can be read.
        expected: u32,
    },
    /// What had been synced is not there any more, or not as it was written.
    #[error(transparent)]
    Damaged(Damage),
    /// The operating system refused something, and nothing was changed by it.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was to be done.
        doing: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The disk is full. Nothing of the group is stored; when there is room again, appends are taken again.
    #[error("no space left for {}: nothing of it is stored", path.display())]
    NoSpace {
        /// The segment that was to be written.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// A write or a sync failed. Nothing of the group is stored: the segment was cut back to what had been synced.
    #[error("cannot {doing} {}: {source}; nothing of it is stored", path.display())]
    NotStored {
        /// What failed.
        doing: &'static str,
        /// The segment.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// After a failure it is not known what is in the file, or records appended without a sync are lost. Nothing more is
    /// written until the journal is opened again; what was being appended may or may not be there then.
    #[error("the journal {} has to be opened again: {reason}", directory.display())]
    Poisoned {
        /// The journal.
        directory: PathBuf,
        /// What happened.
        reason: Arc<str>,
    },
    /// The journal has reached the size it may have, and nothing in it may be removed yet.
    #[error(
        "the journal {} may have {capacity} bytes and is full: {needed} more are needed, and nothing may be removed",
        directory.display()
    )]
    Full {
        /// The journal.
        directory: PathBuf,
        /// What it may have, in bytes.
        capacity: u64,
        /// What the group needs, in bytes.
        needed: u64,
    },
    /// A record, or a batch as a whole, is larger than it may be.
    #[error("a record of {bytes} bytes: at most {limit} are allowed, for a batch as a whole")]
    TooLarge {
        /// Its size with what the format adds, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// There is no room at the moment, and the caller would not wait.
    #[error("{waiting} bytes wait to be written: there is no room for more now")]
    Busy {
        /// How many bytes may wait.
        waiting: usize,
    },
    /// The records from there on are no longer kept, up to the first that is.
    #[error("the record at {position} is no longer kept: the first that is has the position {first}")]
    Gone {
        /// What was asked for.
        position: Position,
        /// The first there is, or will be.
        first: Position,
    },
    /// A position was given that no synced record has.
    #[error("there is no synced record at {position} yet: the next will be at {next}")]
    Beyond {
        /// What was given.
        position: Position,
        /// The position of the next synced record.
        next: Position,
    },
    /// One snapshot is written at a time.
    #[error("a snapshot is being written already: one at a time")]
    SnapshotUnderWay,
    /// A snapshot of a position after this one is there already.
    #[error("a snapshot of {position} is of no use: there is one of {newest}")]
    SnapshotOutdated {
        /// What it is of.
        position: Position,
        /// What the one that is there is of.
        newest: Position,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

/// Where a journal is damaged, and how it shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is damaged at byte {offset}{}: {what}", path.display(), Record(position))]
#[non_exhaustive]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where in it, in bytes.
    pub offset: u64,
    /// The record that was expected there, where that is known.
    pub position: Option<Position>,
    /// What was expected, and what is there.
    pub what: String,
}

struct Record<'a>(&'a Option<Position>);

impl fmt::Display for Record<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(position) => write!(formatter, ", record {position}"),
            None => Ok(()),
        }
    }
}

impl Damage {
    pub(crate) fn new(path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self { path: path.into(), offset, position: None, what: what.into() }
    }

    pub(crate) fn at(self, position: Position) -> Self {
        Self { position: Some(position), ..self }
    }
}

impl From<Damage> for JournalError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// Says what was being done with which file when the operating system refused.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, JournalError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, JournalError> {
        self.map_err(|source| JournalError::Io { doing, path: path.into(), source: Arc::new(source) })
    }
}
