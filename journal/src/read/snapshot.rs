use std::fmt;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use tokio::task::spawn_blocking;

use super::blocks::{Background, Blocks};
use crate::error::{Damage, Doing as _, JournalError};
use crate::format::{HEADER, Holds, Kind};
use crate::log::{Scan, Step, open_frames};
use crate::position::Position;
use crate::shared::Shared;

/// The parts of a snapshot, in the order in which they were written: a [`Stream`], and [`next`](Self::next) to go
/// without. It reads and checks as a [`Reader`](crate::Reader) does.
///
/// # Panics
/// Where it is polled outside of a tokio runtime.
pub struct SnapshotReader {
    position: Position,
    parts: Background<Parts>,
}

impl SnapshotReader {
    pub(crate) async fn open(shared: Arc<Shared>, position: Position) -> Result<Self, JournalError> {
        let opened = spawn_blocking(move || Parts::open(&shared, position));
        let parts = opened.await.unwrap_or(Err(JournalError::Closed))?;
        Ok(Self { position, parts: Background::new(parts) })
    }

    /// The last record that is summed up in it.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next part; none after the last.
    ///
    /// # Errors
    /// [`Damaged`](JournalError::Damaged), and what the operating system refuses.
    ///
    /// # Cancel safety
    /// If it is dropped, nothing was taken.
    pub async fn next(&mut self) -> Option<Result<Bytes, JournalError>> {
        poll_fn(|cx| self.parts.poll_next(cx)).await
    }
}

impl Stream for SnapshotReader {
    type Item = Result<Bytes, JournalError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().parts.poll_next(cx)
    }
}

impl fmt::Debug for SnapshotReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SnapshotReader").field("position", &self.position).finish_non_exhaustive()
    }
}

/// A snapshot's file.
#[derive(Debug)]
pub(crate) struct Parts {
    path: PathBuf,
    scan: Scan,
    length: u64,
    is_over: bool,
}

impl Parts {
    fn open(shared: &Shared, position: Position) -> Result<Self, JournalError> {
        let path = shared.list.snapshot_path(position);
        let (file, header) = open_frames(&*shared.files, &path, Holds::Snapshot, position)?;
        let length = file.length().doing("read", &path)?;
        let scan = Scan::new(file, header.salt, HEADER as u64, Position::FIRST);
        Ok(Self { path, scan, length, is_over: false })
    }
}

impl Blocks for Parts {
    type Item = Bytes;

    fn read(&mut self) -> Result<Vec<Bytes>, JournalError> {
        let mut parts = Vec::new();
        while !self.is_over && (parts.is_empty() || self.scan.is_at_hand()) {
            let at = self.scan.at();
            match self.scan.step(self.length).doing("read", &self.path)? {
                Step::Frame(frame, _) if frame.kind == Kind::End => self.is_over = true,
                Step::Frame(_, content) => parts.push(content),
                Step::Nothing(_) if !parts.is_empty() => break,
                // Under this name, a snapshot has its end.
                Step::Nothing(why) => return Err(Damage::new(&self.path, at, why).into()),
            }
        }
        Ok(parts)
    }
}
