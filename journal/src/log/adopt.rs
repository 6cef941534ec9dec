use std::path::Path;

use super::Log;
use crate::error::{Doing as _, JournalError};
use crate::format::Name;
use crate::position::Position;

impl Log {
    /// Takes a snapshot that is written and synced as `unfinished`: from the moment its name lasts, it is what the log
    /// begins with, and what it sums up may be removed. After an error there is nothing of it.
    pub(crate) fn adopt(&mut self, position: Position, unfinished: &Path) -> Result<(), JournalError> {
        let adopted = self.try_to_adopt(position, unfinished);
        if adopted.is_err() {
            self.discard(unfinished);
        }
        adopted
    }

    fn try_to_adopt(&mut self, position: Position, unfinished: &Path) -> Result<(), JournalError> {
        self.check_poisoned()?;
        // What is summed up has to last as long as the sum.
        self.sync()?;
        self.check_snapshot(position)?;
        self.files.rename(unfinished, &self.path(Name::Snapshot(position))).doing("rename", unfinished)?;
        self.files.sync_directory(&self.directory).doing("sync", &self.directory)?;

        let outdated = self.snapshot.replace(position).filter(|&outdated| outdated != position);
        if let Some(outdated) = outdated {
            let path = self.path(Name::Snapshot(outdated));
            if let Err(error) = self.files.remove(&path) {
                tracing::warn!(snapshot = %path.display(), %error, "an outdated snapshot stays until the next start");
            }
        }
        Ok(())
    }

    /// Whether a snapshot of this position makes sense: what it sums up is synced, and what comes after it is there.
    pub(crate) fn check_snapshot(&self, position: Position) -> Result<(), JournalError> {
        let next = self.active.next_synced;
        if position >= next {
            return Err(JournalError::Beyond { position, next });
        }
        let first = self.list.first();
        if position.next() < first {
            return Err(JournalError::Gone { position: position.next(), first });
        }
        match self.snapshot {
            Some(newest) if newest > position => Err(JournalError::SnapshotOutdated { position, newest }),
            _ => Ok(()),
        }
    }

    /// Removes what there is of a snapshot that was given up.
    pub(crate) fn discard(&self, unfinished: &Path) {
        if let Err(error) = self.files.remove(unfinished) {
            tracing::debug!(snapshot = %unfinished.display(), %error, "a snapshot that was given up stays until the next start");
        }
    }
}
