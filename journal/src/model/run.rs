use std::path::Path;
use std::sync::Arc;

use super::book::{Book, Summary};
use super::program::{Program, Step, Then};
use crate::error::JournalError;
use crate::format::{Frame, Header, Holds, Kind, Marks};
use crate::log::{Batch, Log};
use crate::position::Position;
use crate::settings::Settings;
use crate::storage::FileSystem;
use crate::testing::Disk;

pub(super) const DIRECTORY: &str = "journal";

/// Segments for a few groups each.
pub(super) fn settings() -> Settings {
    Settings::default().segment_size((4 << 10) + 600)
}

/// A log on a disk, and what it has promised.
pub(super) struct Run {
    pub(super) disk: Disk,
    pub(super) files: Arc<dyn FileSystem>,
    pub(super) book: Book,
    pub(super) log: Option<Log>,
}

impl Run {
    pub(super) fn new(disk: Disk) -> Self {
        Self { files: Arc::new(disk.clone()), disk, book: Book::default(), log: None }
    }

    /// What is left on another disk is what there is now.
    pub(super) fn goes_on(disk: Disk, book: Book) -> Self {
        Self { book, ..Self::new(disk) }
    }

    /// Opens the log, and checks all that was promised.
    pub(super) fn open(&mut self) -> Result<(), JournalError> {
        self.log = None;
        let (log, recovered) = Log::open(self.files.clone(), Path::new(DIRECTORY), settings())?;
        self.book.check(&self.files, &log, &recovered);
        self.log = Some(log);
        Ok(())
    }

    /// Does all of it, as far as it goes: how many steps were done, and what was in the way of the next.
    pub(super) fn all(&mut self, program: &Program) -> (usize, Option<JournalError>) {
        if self.log.is_none()
            && let Err(error) = self.open()
        {
            return (0, Some(error));
        }
        for (done, step) in program.iter().enumerate() {
            if let Err(error) = self.step(step) {
                return (done, Some(error));
            }
        }
        (program.len(), None)
    }

    pub(super) fn step(&mut self, step: &Step) -> Result<(), JournalError> {
        let Some(log) = &mut self.log else { return Err(JournalError::Closed) };
        let book = &mut self.book;
        match step {
            Step::Append { batches, then } => {
                let before = book.written();
                let batches: Vec<Vec<Vec<u8>>> = batches
                    .iter()
                    .map(|batch| batch.iter().map(|&bytes| book.record(bytes)).collect())
                    .collect();
                let mut group = Batch::default();
                for batch in &batches {
                    for (index, record) in batch.iter().enumerate() {
                        group.push(record, index + 1 < batch.len());
                    }
                }
                book.writing(&batches);
                let written = log.write(&mut group, *then == Then::Unsynced);
                if let Ok(first) = &written {
                    assert_eq!(first.get() as usize, before + 1);
                }
                after(&written, book, before)?;
                if *then == Then::Synced {
                    sync(log, book, before)?
                }
            }
            Step::Sync => {
                let before = book.written();
                sync(log, book, before)?;
            }
            Step::Confirm(percent) => {
                let records = book.synced_records() * *percent as usize / 100;
                if let Some(position) = Position::new(records as u64)
                    && Some(position) > log.confirmed()
                {
                    book.confirming(records);
                    let synced = book.synced_records();
                    let confirmed = log.confirm(position);
                    if is_refused(&confirmed) {
                        book.not_confirmed();
                    }
                    confirmed?;
                    let before = book.written();
                    let result = sync(log, book, before);
                    if is_refused(&result) {
                        book.not_confirmed();
                    }
                    result?;
                    assert!(book.synced_records() >= synced);
                    book.confirmed();
                    retire(log, book)?;
                }
            }
            Step::Snapshot { percent, parts } => {
                let records = book.synced_records() * *percent as usize / 100;
                let Some(position) = Position::new(records as u64) else { return Ok(()) };
                if log.check_snapshot(position).is_err() {
                    return Ok(());
                }
                let parts: Vec<_> = (0..*parts).map(|_| book.record(150)).collect();
                let path = log.list().unfinished_snapshot_path(position, 0);
                let written = write_snapshot(&*self.files, &path, position, &parts);
                if written.is_err() {
                    log.discard(&path);
                }
                written?;
                book.summing_up(Summary { records, parts });
                log.adopt(position, &path)?;
                book.synced();
                book.summed_up();
                retire(log, book)?;
            }
            Step::Idle => {
                let before = book.written();
                sync(log, book, before)?;
                log.prove();
                if let Some(poisoned) = log.why_poisoned() {
                    return Err(poisoned);
                }
            }
            Step::Reopen => {
                let log = self.log.take().ok_or(JournalError::Closed)?;
                let closed = log.close();
                if closed.is_ok() {
                    book.synced();
                }
                closed?;
                self.open()?;
            }
        }
        Ok(())
    }
}

/// What had been acknowledged before the last step, after so many records, is there even if the sync is refused: if it
/// were lost, all would be.
fn sync(log: &mut Log, book: &mut Book, before: usize) -> Result<(), JournalError> {
    let result = log.sync();
    after(&result, book, before)?;
    book.synced();
    Ok(())
}

fn retire(log: &mut Log, book: &mut Book) -> Result<(), JournalError> {
    log.retire()?;
    book.synced();
    Ok(())
}

/// After a refusal, nothing is there beyond the first so many records; after anything else, nobody knows.
fn after<T>(result: &Result<T, JournalError>, book: &mut Book, records: usize) -> Result<(), JournalError>
where
{
    if is_refused(result) {
        book.refused_from(records);
    }
    match result {
        Ok(_) => Ok(()),
        Err(error) => Err(error.clone()),
    }
}

pub(super) fn is_refused<T>(result: &Result<T, JournalError>) -> bool {
    matches!(
        result,
        Err(JournalError::NoSpace { .. } | JournalError::NotStored { .. } | JournalError::Full { .. })
    )
}

/// What a `SnapshotWriter` writes.
fn write_snapshot(
    files: &dyn FileSystem,
    path: &Path,
    position: Position,
    parts: &[Vec<u8>],
) -> Result<(), JournalError> {
    use crate::error::Doing as _;

    let file = files.create(path).doing("create", path)?;
    let salt = files.draw();
    let mut bytes = Header { position, salt, marks: Marks::NONE }.encode(Holds::Snapshot).to_vec();
    let end: &[u8] = &[];
    let contents = parts.iter().map(|part| (Kind::Record, &part[..])).chain([(Kind::End, end)]);
    for (index, (kind, content)) in contents.enumerate() {
        let mut frame = Frame::unplaced(kind, content);
        Frame::place(&mut frame, salt, Position::FIRST.plus(index as u64), 0);
        bytes.extend_from_slice(&frame);
        bytes.extend_from_slice(content);
    }
    file.write(0, &bytes).doing("write", path)?;
    file.sync().doing("sync", path)
}
