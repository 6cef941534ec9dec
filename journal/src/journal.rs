use std::future::poll_fn;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Doing as _, JournalError};
use crate::format::FRAME;
use crate::log::{Batch, Recovered};
use crate::position::Position;
use crate::read::{Reader, SnapshotReader};
use crate::settings::{Durability, Settings};
use crate::shared::Shared;
use crate::snapshot::SnapshotWriter;
use crate::storage::{Disk, FileSystem};
use crate::write::{self, Pending};

/// An append-only log in a directory. A handle: its clones are the same journal.
///
/// A thread of its own writes what the handles append, in the order in which they do. Records gather while the group
/// before them is on its way to the disk, and share one sync. When the last handle is dropped, what was appended is
/// still written, in the background; [`close`](Self::close) waits for that.
#[derive(Clone, Debug)]
pub struct Journal {
    handle: Arc<Handle>,
}

/// Dropped with the last clone of a journal.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.queue.close(JournalError::Closed);
    }
}

impl Journal {
    /// Opens the journal in a directory, which is made if it is not there; whoever has it open is the only writer, on
    /// this machine.
    ///
    /// What a crash left half-written at the end was never acknowledged: it is cut off, and [`Recovered::cut`] says so.
    ///
    /// # Errors
    /// [`Locked`](JournalError::Locked) while another has it open, [`Damaged`](JournalError::Damaged) if something that was
    /// synced is not as it was, [`Version`](JournalError::Version), [`Setting`](JournalError::Setting), and what the
    /// operating system refuses.
    ///
    /// # Cancel safety
    /// If it is dropped, the journal is closed as soon as it is open.
    pub async fn open(
        directory: impl Into<PathBuf>,
        settings: Settings,
    ) -> Result<(Self, Recovered), JournalError> {
        Self::open_with(Arc::new(Disk), directory, settings).await
    }

    pub(crate) async fn open_with(
        files: Arc<dyn FileSystem>,
        directory: impl Into<PathBuf>,
        settings: Settings,
    ) -> Result<(Self, Recovered), JournalError> {
        let directory = directory.into();
        let started =
            write::start(files, directory.clone(), settings).doing("start a thread for", &directory)?;
        let started = started.await.unwrap_or(Err(JournalError::Closed));
        started.map(|(shared, recovered)| (Self { handle: Arc::new(Handle { shared }) }, recovered))
    }

    /// Appends a record and waits until it is on the disk.
    ///
    /// Records of one caller that awaits each before the next are in that order. So are those of several callers, as they
    /// got into line.
    ///
    /// # Errors
    /// Of these, the record is certainly not there after [`TooLarge`](JournalError::TooLarge),
    /// [`NoSpace`](JournalError::NoSpace), [`NotStored`](JournalError::NotStored), [`Full`](JournalError::Full) and
    /// [`Closed`](JournalError::Closed). After [`Poisoned`](JournalError::Poisoned) it may be there when the journal is
    /// opened again.
    ///
    /// # Cancel safety
    /// If it is dropped while it waits for room, nothing was appended. Later, the record is on its way, and what became of
    /// it remains unknown.
    pub async fn append(&self, record: impl AsRef<[u8]>) -> Result<Position, JournalError> {
        self.append_one(record.as_ref(), Durability::Synced).await
    }

    /// Appends a record and waits until the operating system has it: it survives the end of this process, and an end of
    /// the machine only if that comes later than a sync, for which [`Settings::unsynced_for`] sets a time. Those who
    /// [read](Self::read_from) get it when it is synced.
    ///
    /// # Errors and cancel safety
    /// As [`append`](Self::append). If the sync fails that comes later, nobody is there to be told: the journal is
    /// [poisoned](JournalError::Poisoned), and says so to all who come.
    pub async fn append_unsynced(&self, record: impl AsRef<[u8]>) -> Result<Position, JournalError> {
        self.append_one(record.as_ref(), Durability::Unsynced).await
    }

    /// Appends records next to each other and waits until they are on the disk: all of them or none, whatever happens
    /// meanwhile. Gives their positions.
    ///
    /// # Errors and cancel safety
    /// As [`append`](Self::append), for all of them together.
    pub async fn append_all<R: AsRef<[u8]>>(
        &self,
        records: impl IntoIterator<Item = R>,
    ) -> Result<Range<Position>, JournalError> {
        self.enqueue(records, Durability::Synced).await?.await
    }

    /// Puts records in line next to each other, as soon as there is room, and does not wait for more: several calls, one
    /// after the other, are written in that order and share a sync. All of them are there in the end, or none.
    ///
    /// # Errors
    /// [`TooLarge`](JournalError::TooLarge), [`Closed`](JournalError::Closed); what becomes of the records is told to
    /// whoever awaits the [`Pending`].
    ///
    /// # Cancel safety
    /// If it is dropped, nothing was appended.
    pub async fn enqueue<R: AsRef<[u8]>>(
        &self,
        records: impl IntoIterator<Item = R>,
        durability: Durability,
    ) -> Result<Pending, JournalError> {
        let batch = self.batch(records)?;
        let queue = &self.handle.shared.queue;
        let room = queue.wait_for_room(batch.bytes.len()).await?;
        queue.push(room, durability, |gathered| gathered.append(&batch))
    }

    /// As [`enqueue`](Self::enqueue), without waiting: to be called where the order of records is decided, under a lock
    /// even.
    ///
    /// # Errors
    /// [`Busy`](JournalError::Busy) if there is no room now.
    pub fn try_enqueue<R: AsRef<[u8]>>(
        &self,
        records: impl IntoIterator<Item = R>,
        durability: Durability,
    ) -> Result<Pending, JournalError> {
        let batch = self.batch(records)?;
        let queue = &self.handle.shared.queue;
        queue.push(queue.room_now(batch.bytes.len())?, durability, |gathered| gathered.append(&batch))
    }

    /// Waits until all that was appended before is on the disk.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    ///
    /// # Cancel safety
    /// If it is dropped, the sync happens all the same.
    pub async fn sync(&self) -> Result<(), JournalError> {
        self.handle.shared.queue.flush(None)?.await
    }

    /// Says that no record up to `position`, that one included, is needed any more, and waits until that is on the disk.
    /// Segments in which nothing else is are removed. To confirm what is confirmed already changes nothing.
    ///
    /// # Errors
    /// [`Beyond`](JournalError::Beyond) if no such record is synced; otherwise as [`append`](Self::append).
    ///
    /// # Cancel safety
    /// If it is dropped, the confirmation may happen or not.
    pub async fn confirm(&self, position: Position) -> Result<(), JournalError> {
        let view = self.handle.shared.view();
        if position >= view.end.next {
            return Err(JournalError::Beyond { position, next: view.end.next });
        }
        if view.confirmed >= Some(position) {
            return Ok(());
        }
        self.handle.shared.queue.flush(Some(position))?.await
    }

    /// The records from `position` on, in order, up to the last that is synced now.
    pub fn read_from(&self, position: Position) -> Reader {
        Reader::new(self.handle.shared.clone(), position, Some(self.next()))
    }

    /// The records from `position` on, in order, and then each new one as soon as it is synced, until the journal is
    /// closed.
    pub fn follow(&self, position: Position) -> Reader {
        Reader::new(self.handle.shared.clone(), position, None)
    }

    /// Begins a snapshot of what all records up to `position`, that one included, amount to. When it is
    /// [finished](SnapshotWriter::finish) it takes their place.
    ///
    /// # Errors
    /// [`Beyond`](JournalError::Beyond) if no such record is synced, [`Gone`](JournalError::Gone) if the one after it is no
    /// longer kept, [`SnapshotOutdated`](JournalError::SnapshotOutdated) if there is a snapshot of a later position,
    /// [`SnapshotUnderWay`](JournalError::SnapshotUnderWay), and what the operating system refuses.
    ///
    /// # Cancel safety
    /// If it is dropped, nothing was begun.
    pub async fn snapshot(&self, position: Position) -> Result<SnapshotWriter, JournalError> {
        SnapshotWriter::begin(self.handle.shared.clone(), position).await
    }

    /// The newest snapshot, if there is one: what comes after it are the records from the position behind its own on.
    ///
    /// # Errors
    /// [`Damaged`](JournalError::Damaged), [`Version`](JournalError::Version), and what the operating system refuses.
    pub async fn read_snapshot(&self) -> Result<Option<SnapshotReader>, JournalError> {
        match self.snapshot_position() {
            Some(position) => SnapshotReader::open(self.handle.shared.clone(), position).await.map(Some),
            None => Ok(None),
        }
    }

    /// The position of the first record that is kept, or will be.
    pub fn first(&self) -> Position {
        self.handle.shared.list.first()
    }

    /// The position behind the last synced record.
    pub fn next(&self) -> Position {
        self.handle.shared.view().end.next
    }

    /// Up to where it is confirmed.
    pub fn confirmed(&self) -> Option<Position> {
        self.handle.shared.view().confirmed
    }

    /// Up to where the newest snapshot goes.
    pub fn snapshot_position(&self) -> Option<Position> {
        self.handle.shared.view().snapshot
    }

    /// How many bytes its segments have, with what is set aside for the last of them.
    pub fn bytes(&self) -> u64 {
        self.handle.shared.list.bytes()
    }

    /// How many bytes a record, or a batch as a whole, may have at the most; see [`Settings::limit`].
    pub fn limit(&self) -> u64 {
        self.handle.shared.limit
    }

    /// Takes nothing more in, writes and syncs what was appended, and gives the lock back.
    ///
    /// # Errors
    /// What the operating system refuses in the end.
    ///
    /// # Cancel safety
    /// If it is dropped, the journal is closed all the same.
    pub async fn close(&self) -> Result<(), JournalError> {
        let shared = &self.handle.shared;
        shared.queue.close(JournalError::Closed);
        let mut place = None;
        poll_fn(|cx| shared.ended.poll(&mut place, cx).map(Clone::clone)).await
    }

    async fn append_one(&self, record: &[u8], durability: Durability) -> Result<Position, JournalError> {
        let bytes = FRAME + record.len();
        self.check_size(bytes)?;
        let queue = &self.handle.shared.queue;
        let room = queue.wait_for_room(bytes).await?;
        let frame = Batch::frame(record);
        let pending = queue.push(room, durability, |gathered| gathered.push_framed(&frame, record))?;
        pending.await.map(|positions| positions.start)
    }

    fn batch<R: AsRef<[u8]>>(&self, records: impl IntoIterator<Item = R>) -> Result<Batch, JournalError> {
        let mut batch = Batch::default();
        let mut records = records.into_iter().peekable();
        while let Some(record) = records.next() {
            self.check_size(batch.bytes.len() + FRAME + record.as_ref().len())?;
            batch.push(record.as_ref(), records.peek().is_some());
        }
        Ok(batch)
    }

    fn check_size(&self, bytes: usize) -> Result<(), JournalError> {
        let (bytes, limit) = (bytes as u64, self.handle.shared.limit);
        if bytes > limit { Err(JournalError::TooLarge { bytes, limit }) } else { Ok(()) }
    }
}
