use std::io;
use std::path::{Path, PathBuf};

use super::{Active, Log, Segment};
use crate::error::{Doing as _, JournalError};
use crate::format::{HEADER, Header, Holds, Marks, Name};
use crate::position::Position;
use crate::settings::{Settings, WhenFull};
use crate::storage::{File, FileSystem};

impl Log {
    /// Ends the segment that is written and begins the next, with room for so many bytes.
    ///
    /// That there is a segment behind it proves that all of a segment is synced, hence the sync before and the directory's
    /// behind.
    pub(super) fn begin_segment(&mut self, bytes: u64) -> Result<(), JournalError> {
        self.sync()?;
        let size = self.settings.segment_size.max(HEADER as u64 + bytes);
        self.make_room(size)?;
        let header = Header { position: self.next, salt: self.files.draw(), marks: self.marks };
        let unfinished = self.directory.join(Name::Segment(self.next).unfinished(0));
        let path = self.path(Name::Segment(self.next));
        let file = match self.prepare(&unfinished, &header) {
            Ok(file) => file,
            Err(error) => {
                let _ = self.files.remove(&unfinished);
                return Err(error);
            }
        };
        // If this fails, nobody knows which of them is there: not to go on is the only way not to write a segment
        // beside one that claims the same positions.
        let named = self.files.rename(&unfinished, &path).doing("rename", &unfinished);
        let named =
            named.and_then(|()| self.files.sync_directory(&self.directory).doing("sync", &self.directory));
        if let Err(reason) = named {
            return Err(self.poison(&reason));
        }

        let full = std::mem::replace(&mut self.active, Active::new(file, path, &header, HEADER as u64));
        self.list.set_last_bytes(full.written);
        self.list.push(Segment { base: self.next, bytes: size });
        // What was set aside and not used; it is ignored where it stays.
        if let Err(error) = full.file.set_length(full.written) {
            tracing::debug!(segment = %full.path.display(), %error, "the unused end of a segment stays");
        }
        Ok(())
    }

    fn prepare(&self, path: &Path, header: &Header) -> Result<Box<dyn File>, JournalError> {
        let refused = |error| match error {
            JournalError::Io { path, source, .. } if is_out_of_space(&source) => {
                JournalError::NoSpace { path, source }
            }
            JournalError::Io { doing, path, source } => JournalError::NotStored { doing, path, source },
            other => other,
        };
        prepare(&*self.files, &self.settings, path, header).map_err(refused)
    }

    /// Sees to it that a segment of `size` bytes is within the capacity.
    fn make_room(&mut self, size: u64) -> Result<(), JournalError> {
        let used = |log: &Self| log.list.bytes() - log.list.last_bytes() + log.active.written;
        loop {
            let needed = used(self).saturating_add(size);
            if needed <= self.settings.capacity {
                return Ok(());
            }
            let Some((_, second)) = self.list.oldest() else {
                // Only what is being written is left: a group larger than the capacity.
                return Err(self.full(size));
            };
            if self.settings.when_full == WhenFull::Refuse && !self.is_spare(second.base) {
                return Err(self.full(size));
            }
            self.remove_until(second.base)?;
        }
    }

    fn full(&self, needed: u64) -> JournalError {
        let directory = self.directory.clone();
        JournalError::Full { directory, capacity: self.settings.capacity, needed }
    }

    /// Whether nothing before `position` is needed.
    fn is_spare(&self, position: Position) -> bool {
        self.marks.confirmed.max(self.snapshot).is_some_and(|done| done.next() >= position)
    }

    /// Removes the segments that nobody needs, beyond what is to be retained. To be called when all is synced.
    pub(crate) fn retire(&mut self) -> Result<(), JournalError> {
        match self.list.may_begin_at(|position| self.is_spare(position), self.settings.retain) {
            Some(start) => self.remove_until(start),
            None => Ok(()),
        }
    }

    /// Removes the segments before the one that begins at `start`. That they are to go is synced first: whichever of the
    /// removals a crash undoes, it is known that they mean nothing.
    fn remove_until(&mut self, start: Position) -> Result<(), JournalError> {
        self.mark(Marks { start, ..self.marks_written })?;
        self.sync()?;
        for oldest in self.list.remove_before(start) {
            let path = self.list.path(oldest.base);
            if let Err(error) = self.files.remove(&path) {
                tracing::warn!(segment = %path.display(), %error, "a segment that is not needed stays until the next start");
            }
        }
        if let Err(error) = self.files.sync_directory(&self.directory) {
            tracing::warn!(journal = %self.directory.display(), %error, "removed segments may be there at the next start");
        }
        Ok(())
    }

    /// Sets aside room for a whole segment.
    pub(super) fn set_aside(&self, file: &dyn File, path: &Path) {
        set_aside(file, path, self.settings.segment_size);
    }
}

impl Active {
    pub(super) fn new(file: Box<dyn File>, path: PathBuf, header: &Header, written: u64) -> Self {
        let (base, salt) = (header.position, header.salt);
        Self {
            file,
            path,
            base,
            salt,
            written,
            synced: written,
            next_synced: base,
            promised: false,
            proven: true,
        }
    }
}

/// Makes the first segment of a new log.
pub(super) fn begin_first(
    files: &dyn FileSystem,
    settings: &Settings,
    directory: &Path,
) -> Result<(), JournalError> {
    let header = Header { position: Position::FIRST, salt: files.draw(), marks: Marks::NONE };
    let unfinished = directory.join(Name::Segment(header.position).unfinished(0));
    let path = directory.join(Name::Segment(header.position).file());
    prepare(files, settings, &unfinished, &header)?;
    files.rename(&unfinished, &path).doing("rename", &unfinished)?;
    files.sync_directory(directory).doing("sync", directory)
}

/// A file with a header, synced, under a name that means nothing yet: under its own name, a segment always has its header.
fn prepare(
    files: &dyn FileSystem,
    settings: &Settings,
    path: &Path,
    header: &Header,
) -> Result<Box<dyn File>, JournalError> {
    let file = files.create(path).doing("create", path)?;
    set_aside(&*file, path, settings.segment_size);
    file.write(0, &header.encode(Holds::Segment)).doing("write", path)?;
    file.sync().doing("sync", path)?;
    Ok(file)
}

/// With room set aside, a sync writes what is new and nothing about the file. Without it (not every file system can, and
/// a disk may be too full) all goes as well, only slower.
pub(super) fn set_aside(file: &dyn File, path: &Path, bytes: u64) {
    if let Err(error) = file.allocate(bytes) {
        tracing::debug!(segment = %path.display(), %error, bytes, "no room was set aside for a segment");
    }
}

/// Whether the disk, or the share of it that the user may have, is full.
pub(super) fn is_out_of_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
