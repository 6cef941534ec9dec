use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::format::Name;
use crate::position::Position;

/// Which segments a log has: written by the one who writes, read by those who read.
#[derive(Debug)]
pub(crate) struct List {
    directory: PathBuf,
    segments: Mutex<VecDeque<Segment>>,
}

/// A segment, as those who read it know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The position of its first record.
    pub(crate) base: Position,
    /// Its length in bytes; of the last, which is being written, what is set aside for it.
    pub(crate) bytes: u64,
}

/// Up to where a log is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The position of the next record.
    pub(crate) next: Position,
    /// The segment that is written.
    pub(crate) base: Position,
    /// How many bytes of it are synced.
    pub(crate) bytes: u64,
}

impl List {
    pub(crate) fn new(directory: &Path, segments: impl IntoIterator<Item = Segment>) -> Self {
        Self { directory: directory.into(), segments: Mutex::new(segments.into_iter().collect()) }
    }

    /// The position of the first record that is kept, or will be.
    pub(crate) fn first(&self) -> Position {
        self.segments.lock().front().map_or(Position::FIRST, |segment| segment.base)
    }

    /// The segment that has `position` or will have it, and the base of the one after; none if it is no longer kept.
    pub(crate) fn find(&self, position: Position) -> Option<(Segment, Option<Position>)> {
        let segments = self.segments.lock();
        let after = segments.partition_point(|segment| segment.base <= position);
        let index = after.checked_sub(1)?;
        Some((segments[index], segments.get(after).map(|segment| segment.base)))
    }

    /// Each with the one behind it, from the oldest on: the base of the second is where the first ends.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (Segment, Segment)> + use<> {
        let segments: Vec<_> = self.segments.lock().iter().copied().collect();
        (1..segments.len()).map(move |index| (segments[index - 1], segments[index]))
    }

    /// How many bytes all of them have.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.lock().iter().map(|segment| segment.bytes).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.segments.lock().len()
    }

    pub(super) fn last_bytes(&self) -> u64 {
        self.segments.lock().back().map_or(0, |segment| segment.bytes)
    }

    pub(super) fn set_last_bytes(&self, bytes: u64) {
        if let Some(last) = self.segments.lock().back_mut() {
            last.bytes = bytes;
        }
    }

    pub(super) fn push(&self, segment: Segment) {
        self.segments.lock().push_back(segment);
    }

    /// Takes those off that end before `start`, where another begins.
    pub(super) fn remove_before(&self, start: Position) -> Vec<Segment> {
        let mut segments = self.segments.lock();
        let until = segments.partition_point(|segment| segment.base < start);
        segments.drain(..until).collect()
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn path(&self, base: Position) -> PathBuf {
        self.directory.join(Name::Segment(base).file())
    }

    pub(crate) fn snapshot_path(&self, position: Position) -> PathBuf {
        self.directory.join(Name::Snapshot(position).file())
    }

    pub(crate) fn unfinished_snapshot_path(&self, position: Position) -> PathBuf {
        self.directory.join(Name::Snapshot(position).unfinished())
    }
}
