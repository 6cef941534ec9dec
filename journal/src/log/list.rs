use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::format::{HEADER, Name};
use crate::position::Position;

/// Which segments a log has: written by the one who writes, read by those who read.
#[derive(Debug)]
pub(crate) struct List {
    directory: PathBuf,
    segments: Mutex<VecDeque<Segment>>,
    /// Where some of the records begin, by the base of their segment and by their position: so that not all before them
    /// has to be read.
    landmarks: Mutex<BTreeMap<(Position, Position), u64>>,
}

/// How many bytes there are between landmarks at least: what is read in vain at most, in segments that were begun since
/// the start.
const BETWEEN: u64 = 256 << 10;

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
        Self {
            directory: directory.into(),
            segments: Mutex::new(segments.into_iter().collect()),
            landmarks: Mutex::default(),
        }
    }

    /// The record at `position` begins at byte `at` of the segment that began at `base`, and may be read.
    pub(super) fn landmark(&self, base: Position, position: Position, at: u64) {
        let mut landmarks = self.landmarks.lock();
        let before = landmarks.range((base, base)..).next_back().map_or(HEADER as u64, |(_, &before)| before);
        if at - before >= BETWEEN {
            landmarks.insert((base, position), at);
        }
    }

    /// The last record that begins at a known place, of those up to `position` in the segment that began at `base`.
    pub(crate) fn near(&self, base: Position, position: Position) -> (Position, u64) {
        let landmarks = self.landmarks.lock();
        let near = landmarks.range((base, base)..=(base, position)).next_back();
        near.map_or((base, HEADER as u64), |(&(_, position), &at)| (position, at))
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

    /// The two oldest: the base of the second is where the first ends.
    pub(super) fn oldest(&self) -> Option<(Segment, Segment)> {
        let segments = self.segments.lock();
        Some((*segments.front()?, *segments.get(1)?))
    }

    /// Where it may begin, if what is no longer needed is kept only while all segments have no more than `retain` bytes;
    /// none if that is where it begins already. `is_spare` tells whether nothing before a position is needed.
    pub(super) fn may_begin_at(&self, is_spare: impl Fn(Position) -> bool, retain: u64) -> Option<Position> {
        let segments = self.segments.lock();
        let mut start = None;
        let mut bytes = None;
        for (segment, second) in segments.iter().zip(segments.iter().skip(1)) {
            if !is_spare(second.base) {
                break;
            }
            let all = bytes.get_or_insert_with(|| segments.iter().map(|segment| segment.bytes).sum::<u64>());
            if *all <= retain {
                break;
            }
            *all -= segment.bytes;
            start = Some(second.base);
        }
        start
    }

    /// How many bytes all of them have.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.lock().iter().map(|segment| segment.bytes).sum()
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
        let mut landmarks = self.landmarks.lock();
        *landmarks = landmarks.split_off(&(start, start));
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

    pub(crate) fn unfinished_snapshot_path(&self, position: Position, attempt: u64) -> PathBuf {
        self.directory.join(Name::Snapshot(position).unfinished(attempt))
    }
}
