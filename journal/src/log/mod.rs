//! The log itself, without threads and without waiting: one call after the other, by one who owns it.
//!
//! ```text
//! open       what is found at start: leftovers removed, a torn tail cut, damage named
//! write      a group is written, synced, or cut back
//! segments   one is begun, those that nobody needs are removed
//! adopt      a snapshot takes the place of what it sums up
//! tail       how the last segment ends: where it is torn, and whether it is damaged
//! scan       the frames of a file, one after the other
//! list       which segments there are, for those who read
//! ```

mod adopt;
mod list;
mod open;
mod scan;
mod segments;
mod tail;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::JournalError;
use crate::format::{Marks, Name};
use crate::position::Position;
use crate::settings::Settings;
use crate::storage::{File, FileSystem, Lock};

pub(crate) use list::{End, List, Segment};
pub(crate) use open::Found;
pub use open::Recovered;
pub(crate) use scan::{Scan, Step, open as open_frames};
pub use tail::Cut;
pub(crate) use tail::Tail;
pub(crate) use write::Batch;

/// A log that is open to be written, and the lock that makes its owner the only one.
#[derive(Debug)]
pub(crate) struct Log {
    files: Arc<dyn FileSystem>,
    directory: PathBuf,
    settings: Settings,
    list: Arc<List>,
    active: Active,
    /// The position of the next record to be written.
    next: Position,
    /// What is marked, synced.
    marks: Marks,
    /// What was written since, not synced yet.
    marks_written: Marks,
    /// The newest snapshot there is.
    snapshot: Option<Position>,
    /// Why nothing more is written, if so.
    poisoned: Option<JournalError>,
    /// Held to the end.
    _lock: Box<dyn Lock>,
}

/// The segment that is written.
#[derive(Debug)]
struct Active {
    file: Box<dyn File>,
    path: PathBuf,
    base: Position,
    salt: u64,
    /// Its length up to the last byte written.
    written: u64,
    /// Its length up to the last byte synced.
    synced: u64,
    /// The position of the next record after those synced.
    next_synced: Position,
    /// Whether what is not synced yet has been acknowledged, by a promise of less.
    promised: bool,
    /// Whether the last frame proves that all before it was synced.
    proven: bool,
}

impl Log {
    /// Which segments there are, and up to where they are synced.
    pub(crate) fn list(&self) -> Arc<List> {
        self.list.clone()
    }

    pub(crate) fn files(&self) -> Arc<dyn FileSystem> {
        self.files.clone()
    }

    /// Up to where records are synced, and where in its segment that is.
    pub(crate) fn end(&self) -> End {
        End { next: self.active.next_synced, base: self.active.base, bytes: self.active.synced }
    }

    pub(crate) fn confirmed(&self) -> Option<Position> {
        self.marks.confirmed
    }

    pub(crate) fn snapshot(&self) -> Option<Position> {
        self.snapshot
    }

    /// Whether anything is written and not synced.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.active.written > self.active.synced
    }

    /// Whether damage in what was written last could be taken for a torn end.
    pub(crate) fn is_unproven(&self) -> bool {
        !self.active.proven && self.poisoned.is_none()
    }

    fn path(&self, name: Name) -> PathBuf {
        self.directory.join(name.file())
    }

    /// From here on, nothing more is written.
    fn poison(&mut self, reason: &JournalError) -> JournalError {
        let error =
            JournalError::Poisoned { directory: self.directory.clone(), reason: reason.to_string().into() };
        tracing::error!(journal = %self.directory.display(), %reason, "the journal has to be opened again");
        self.poisoned = Some(error.clone());
        error
    }

    fn check_poisoned(&self) -> Result<(), JournalError> {
        self.poisoned.clone().map_or(Ok(()), Err)
    }

    #[cfg(test)]
    pub(crate) fn why_poisoned(&self) -> Option<JournalError> {
        self.poisoned.clone()
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}
