use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::{Doing as _, JournalError};
use crate::format::{FRAME, Frame, Header, Holds, Kind, Marks};
use crate::position::Position;
use crate::shared::Shared;
use crate::storage::File;
use crate::write::Command;

/// How many bytes of parts gather before they are written.
const BLOCK: usize = 256 << 10;

/// A snapshot that is being written, part by part, beside the journal: records are appended meanwhile as ever.
///
/// It takes the place of what it sums up when it is [finished](Self::finish), at once: a crash leaves what was before or
/// what is then. If it is dropped before, nothing has changed.
#[derive(Debug)]
#[must_use = "a snapshot takes effect when it is finished"]
pub struct SnapshotWriter {
    under_way: UnderWay,
    position: Position,
    salt: u64,
    file: Arc<dyn File>,
    /// What is to be written next, and where.
    block: Vec<u8>,
    at: u64,
    /// How many parts there are.
    parts: u64,
    /// A block on its way. Kept here, so that a call that is dropped loses nothing.
    writing: Option<JoinHandle<Result<(), JournalError>>>,
}

/// The only snapshot that is being written: what there is of it is removed if it is given up.
#[derive(Debug)]
struct UnderWay {
    shared: Arc<Shared>,
    path: PathBuf,
    /// Whether there is a file that the writer does not know of.
    is_loose: bool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.is_loose {
            // A journal that is closed removes it when it is opened again.
            let _ = self.shared.queue.command(Command::Discard(self.path.clone()));
        }
        self.shared.snapshot_under_way.store(false, Ordering::Release);
    }
}

impl SnapshotWriter {
    pub(crate) async fn begin(shared: Arc<Shared>, position: Position) -> Result<Self, JournalError> {
        let view = shared.view();
        if position >= view.end.next {
            return Err(JournalError::Beyond { position, next: view.end.next });
        }
        let first = shared.list.first();
        if position.next() < first {
            return Err(JournalError::Gone { position: position.next(), first });
        }
        if let Some(newest) = view.snapshot.filter(|&newest| newest > position) {
            return Err(JournalError::SnapshotOutdated { position, newest });
        }
        if shared.snapshot_under_way.swap(true, Ordering::Acquire) {
            return Err(JournalError::SnapshotUnderWay);
        }
        let attempt = shared.snapshots_begun.fetch_add(1, Ordering::Relaxed);
        let path = shared.list.unfinished_snapshot_path(position, attempt);
        let under_way = UnderWay { shared, path: path.clone(), is_loose: true };
        let files = under_way.shared.files.clone();
        let created = spawn_blocking(move || files.create(&path).doing("create", &path));
        let file = Arc::from(background(created).await?);
        let salt = under_way.shared.files.draw();
        let block = Header { position, salt, marks: Marks::NONE }.encode(Holds::Snapshot).to_vec();
        Ok(Self { under_way, position, salt, file, block, at: 0, parts: 0, writing: None })
    }

    /// The last record that is to be summed up in it.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Adds a part: as much as is handy, up to the limit of a record.
    ///
    /// # Errors
    /// [`TooLarge`](JournalError::TooLarge), and what the operating system refuses; a full disk is told here or by
    /// [`finish`](Self::finish). The journal itself is none the worse.
    ///
    /// # Cancel safety
    /// If it is dropped, the part was added or not, as a whole.
    pub async fn write(&mut self, part: impl AsRef<[u8]>) -> Result<(), JournalError> {
        let part = part.as_ref();
        let (bytes, limit) = ((FRAME + part.len()) as u64, self.under_way.shared.limit);
        if bytes > limit {
            return Err(JournalError::TooLarge { bytes, limit });
        }
        if self.block.len() >= BLOCK {
            self.write_block().await?;
        }
        self.push(Kind::Record, part);
        self.parts += 1;
        Ok(())
    }

    /// Ends it, and has it take the place of what it sums up: older snapshots are removed, and the segments in which
    /// nothing else is. It is on the disk when this returns.
    ///
    /// # Errors
    /// As [`write`](Self::write). After an error, the journal is as it was; after
    /// [`Poisoned`](JournalError::Poisoned) too.
    ///
    /// # Cancel safety
    /// If it is dropped, the snapshot takes effect or not.
    pub async fn finish(mut self) -> Result<(), JournalError> {
        self.push(Kind::End, &[]);
        self.write_block().await?;
        self.settle().await?;
        let (file, path) = (self.file.clone(), self.under_way.path.clone());
        background(spawn_blocking(move || file.sync().doing("sync", &path))).await?;
        let (reply, adopted) = oneshot::channel();
        let adopt = Command::Adopt(self.position, self.under_way.path.clone(), reply);
        self.under_way.shared.queue.command(adopt)?;
        self.under_way.is_loose = false;
        adopted.await.unwrap_or(Err(JournalError::Closed))
    }

    fn push(&mut self, kind: Kind, part: &[u8]) {
        let mut frame = Frame::unplaced(kind, part);
        Frame::place(&mut frame, self.salt, Position::FIRST.plus(self.parts), 0);
        self.block.extend_from_slice(&frame);
        self.block.extend_from_slice(part);
    }

    /// Sends what has gathered on its way, when the block before has arrived.
    async fn write_block(&mut self) -> Result<(), JournalError> {
        self.settle().await?;
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        let (file, path, at) = (self.file.clone(), self.under_way.path.clone(), self.at);
        self.at += block.len() as u64;
        self.writing = Some(spawn_blocking(move || file.write(at, &block).doing("write", &path)));
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), JournalError> {
        match &mut self.writing {
            None => Ok(()),
            Some(writing) => {
                let written = background(writing).await;
                self.writing = None;
                written
            }
        }
    }
}

/// What came of something that blocks. A panic of it is passed on; a runtime that shuts down ends it.
async fn background<T>(
    handle: impl Future<Output = Result<Result<T, JournalError>, tokio::task::JoinError>>,
) -> Result<T, JournalError> {
    match handle.await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(JournalError::Closed),
        },
    }
}
