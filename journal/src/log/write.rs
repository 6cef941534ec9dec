use std::io;
use std::sync::Arc;

use super::segments::is_out_of_space;
use super::{Active, Log};
use crate::error::{Doing as _, JournalError};
use crate::format::{FRAME, Frame, Kind, Marks};
use crate::position::Position;

/// What is kept free at the end of a segment for marks: even with a full disk, records can be confirmed, which makes
/// room.
const RESERVE: u64 = 4 << 10;

/// With how many unsynced bytes a sync is due, whoever waits for it: a frame can tell of no more than 4 GiB.
const UNSYNCED_MAX: u64 = 1 << 30;

/// Records to be written together, framed, without their places.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: u64,
}

impl Batch {
    /// Adds a record; with `more`, the next one belongs to it.
    pub(crate) fn push(&mut self, record: &[u8], more: bool) {
        let kind = if more { Kind::RecordOfMore } else { Kind::Record };
        self.push_framed(&Frame::unplaced(kind, record), record);
    }

    /// The frame of a record on its own.
    pub(crate) fn frame(record: &[u8]) -> [u8; FRAME] {
        Frame::unplaced(Kind::Record, record)
    }

    /// Adds a record whose frame is made already.
    pub(crate) fn push_framed(&mut self, frame: &[u8; FRAME], record: &[u8]) {
        self.bytes.extend_from_slice(frame);
        self.bytes.extend_from_slice(record);
        self.records += 1;
    }

    /// Adds all the records of another.
    pub(crate) fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
        self.records += other.records;
    }

    /// An empty one, with the memory of this one up to so many bytes.
    pub(crate) fn emptied(mut self, bytes: usize) -> Self {
        self.bytes.clear();
        self.bytes.shrink_to(bytes);
        Self { bytes: self.bytes, records: 0 }
    }

    /// Gives each frame its place in a segment, from byte `at` on, of which `synced` bytes are synced.
    fn place(&mut self, salt: u64, mut position: Position, mut at: u64, synced: u64) {
        let mut rest = self.bytes.as_mut_slice();
        while let Some((kind, length)) = rest.get(..FRAME).and_then(Frame::of_unplaced) {
            let (frame, behind) = rest.split_at_mut(FRAME + length as usize);
            Frame::place(frame, salt, position, (at - synced) as u32);
            at += frame.len() as u64;
            if kind.is_record() {
                position = position.next();
            }
            rest = behind;
        }
    }
}

impl Log {
    /// Writes the records of a batch and gives the position of the first. They last when [`sync`](Self::sync) has
    /// returned; with `promised`, they are acknowledged before.
    ///
    /// After an error nothing of the batch is there.
    pub(crate) fn write(&mut self, batch: &mut Batch, promised: bool) -> Result<Position, JournalError> {
        self.check_poisoned()?;
        let first = self.next;
        if batch.bytes.is_empty() {
            return Ok(first);
        }
        let bytes = batch.bytes.len() as u64;
        if self.active.written - self.active.synced + bytes > UNSYNCED_MAX {
            self.sync()?;
        }
        let full = self.active.written + bytes > self.settings.segment_size.saturating_sub(RESERVE);
        if full && self.next > self.active.base {
            self.begin_segment(bytes)?;
        }
        batch.place(self.active.salt, first, self.active.written, self.active.synced);
        self.put(&batch.bytes)?;
        self.next = first.plus(batch.records);
        self.active.promised |= promised;
        Ok(first)
    }

    /// Marks everything up to `position` as confirmed, unless it is.
    pub(crate) fn confirm(&mut self, position: Position) -> Result<(), JournalError> {
        if self.marks_written.confirmed >= Some(position) {
            return Ok(());
        }
        self.mark(Marks { confirmed: Some(position), ..self.marks_written })
    }

    /// Writes a frame behind all that is synced, which says that it is: if any of it is damaged later, that is not taken for
    /// an end that a crash has torn. Goes without, where there is no room.
    pub(crate) fn prove(&mut self) {
        if !self.is_unproven() {
            return;
        }
        // The same marks once more: if this frame is damaged, nothing is lost.
        match self.mark(self.marks_written).and_then(|()| self.sync()) {
            Ok(()) => self.active.proven = true,
            Err(error) => {
                tracing::debug!(journal = %self.directory.display(), %error, "it remains unproven that all was synced");
            }
        }
    }

    /// Ends it in order.
    pub(crate) fn close(mut self) -> Result<(), JournalError> {
        self.sync()?;
        self.prove();
        let Active { file, path, written, .. } = &self.active;
        file.set_length(*written).doing("cut", path)
    }

    /// Marks what is no longer needed. It lasts when [`sync`](Self::sync) has returned.
    ///
    /// No segment is begun for it, which would need room: it goes where room is kept, and beyond that if need be.
    pub(super) fn mark(&mut self, marks: Marks) -> Result<(), JournalError> {
        self.check_poisoned()?;
        let content = marks.encode();
        let mut frame = Frame::unplaced(Kind::Marks, &content);
        let unsynced = self.active.written - self.active.synced;
        Frame::place(&mut frame, self.active.salt, self.next, unsynced as u32);
        self.put(&[&frame[..], &content].concat())?;
        self.marks_written = marks;
        Ok(())
    }

    /// Makes all that was written last. After an error that is not [`Poisoned`](JournalError::Poisoned), what was not
    /// synced is not there any more, and the log goes on from what was.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        self.check_poisoned()?;
        if self.is_unsynced() {
            if let Err(source) = self.active.file.sync() {
                return Err(self.not_synced(source));
            }
            self.synced();
        }
        Ok(())
    }

    fn synced(&mut self) {
        self.active.synced = self.active.written;
        self.active.next_synced = self.next;
        self.active.promised = false;
        self.list.landmark(self.active.base, self.next, self.active.synced);
        self.marks = self.marks_written;
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        self.active.proven = false;
        match self.active.file.write(self.active.written, bytes) {
            Ok(()) => {
                self.active.written += bytes.len() as u64;
                Ok(())
            }
            Err(source) => Err(self.not_written(source)),
        }
    }

    /// Part of something may have been written: what was written before it is kept, and synced on the way.
    fn not_written(&mut self, source: io::Error) -> JournalError {
        let error = self.refused("write", source);
        match self.cut_back(self.active.written) {
            Ok(()) => {
                self.synced();
                error
            }
            Err(reason) => self.poison(&reason),
        }
    }

    /// What was written since the last sync is there or not, and no later sync can tell. Where it had been acknowledged,
    /// those who have to learn of it are not those who wait now: everybody does.
    fn not_synced(&mut self, source: io::Error) -> JournalError {
        let error = self.refused("sync", source);
        match self.cut_back(self.active.synced) {
            Ok(()) if self.active.promised => self.poison(&error),
            Ok(()) => {
                self.active.written = self.active.synced;
                self.next = self.active.next_synced;
                self.marks_written = self.marks;
                error
            }
            Err(reason) => self.poison(&reason),
        }
    }

    /// Cuts the segment, and makes sure that nothing behind the cut can come back.
    fn cut_back(&self, length: u64) -> Result<(), JournalError> {
        let Active { file, path, .. } = &self.active;
        file.set_length(length).doing("cut back", path)?;
        file.sync().doing("cut back", path)?;
        self.set_aside(&**file, path);
        Ok(())
    }

    fn refused(&self, doing: &'static str, source: io::Error) -> JournalError {
        let path = self.active.path.clone();
        if is_out_of_space(&source) {
            JournalError::NoSpace { path, source: Arc::new(source) }
        } else {
            JournalError::NotStored { doing, path, source: Arc::new(source) }
        }
    }
}
