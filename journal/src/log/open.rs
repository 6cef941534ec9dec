use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::scan;
use super::segments::{begin_first, set_aside};
use super::tail::{Cut, Tail};
use super::{Active, List, Log, Segment};
use crate::error::{Damage, Doing as _, JournalError};
use crate::format::{Header, Holds, LOCK, Name};
use crate::position::Position;
use crate::settings::Settings;
use crate::storage::FileSystem;

/// How much is written again at a time, in bytes.
const AGAIN: usize = 256 << 10;

/// What a journal was found to be when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// The position of the first record that is kept, or will be.
    pub first: Position,
    /// The position that the next record gets.
    pub next: Position,
    /// Up to where it was confirmed.
    pub confirmed: Option<Position>,
    /// Up to where the snapshot goes, if there is one.
    pub snapshot: Option<Position>,
    /// What was cut off its end.
    pub cut: Option<Cut>,
}

impl Recovered {
    /// How many records are kept.
    pub fn records(&self) -> u64 {
        self.next.since(self.first)
    }
}

impl Log {
    /// Opens the log in a directory, which is made if it is not there, and finds out what is in it.
    ///
    /// Of the segments before the last only the headers are read here: that another follows proves that they were synced,
    /// and what is wrong in them is told where it is read. Nothing is changed before all that is looked at is in order.
    pub(crate) fn open(
        files: Arc<dyn FileSystem>,
        directory: &Path,
        settings: Settings,
    ) -> Result<(Self, Recovered), JournalError> {
        let settings = settings.checked()?;
        files.create_directory(directory).doing("create", directory)?;
        let lock = directory.join(LOCK);
        let Some(lock) = files.lock(&lock).doing("lock", &lock)? else {
            return Err(JournalError::Locked { directory: directory.into() });
        };
        let mut found = Found::look(&*files, directory)?;
        if found.segments.is_empty() {
            if let Some(snapshot) = found.snapshots.last() {
                let what = format!("there is a snapshot of {snapshot}, and no segment");
                return Err(Damage::new(directory, 0, what).into());
            }
            begin_first(&*files, &settings, directory)?;
            found = Found::look(&*files, directory)?;
        }
        let snapshot = found.check_snapshot(&*files, directory)?;
        let last = found.read_last(&*files, directory, snapshot)?;
        let kept = found.kept(last.tail.marks.start, directory)?;
        let list = List::new(directory, measure(&*files, directory, kept)?);

        let active = last.cut(&*files, &settings)?;
        list.set_last_bytes(active.written.max(settings.segment_size));
        found.remove_leftovers(&*files, directory, list.first(), snapshot)?;

        let Last { tail, .. } = last;
        if let Some(Cut { path, offset, bytes, what }) = &tail.cut {
            tracing::warn!(segment = %path.display(), offset, bytes, what, "the torn end of a journal was cut off");
        }
        let recovered = Recovered {
            first: list.first(),
            next: tail.next,
            confirmed: tail.marks.confirmed,
            snapshot,
            cut: tail.cut,
        };
        let log = Self {
            files,
            directory: directory.into(),
            settings,
            list: Arc::new(list),
            active,
            next: tail.next,
            marks: tail.marks,
            marks_written: tail.marks,
            snapshot,
            poisoned: None,
            _lock: lock,
        };
        Ok((log, recovered))
    }
}

/// What there is in a directory, by its names.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In order.
    pub(crate) segments: Vec<Position>,
    /// In order.
    pub(crate) snapshots: Vec<Position>,
    pub(crate) unfinished: Vec<String>,
}

impl Found {
    pub(crate) fn look(files: &dyn FileSystem, directory: &Path) -> Result<Self, JournalError> {
        let mut found = Self::default();
        for file in files.list(directory).doing("list", directory)? {
            match Name::of(&file) {
                Some(Name::Segment(base)) => found.segments.push(base),
                Some(Name::Snapshot(position)) => found.snapshots.push(position),
                None if Name::is_unfinished(&file) => found.unfinished.push(file),
                None => {}
            }
        }
        found.segments.sort_unstable();
        found.snapshots.sort_unstable();
        Ok(found)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.snapshots.is_empty() && self.unfinished.is_empty()
    }

    /// The newest snapshot is the one that holds, and has to be what its name says.
    fn check_snapshot(
        &self,
        files: &dyn FileSystem,
        directory: &Path,
    ) -> Result<Option<Position>, JournalError> {
        let newest = self.snapshots.last().copied();
        if let Some(position) = newest {
            scan::open(files, &directory.join(Name::Snapshot(position).file()), Holds::Snapshot, position)?;
        }
        Ok(newest)
    }

    fn read_last(
        &self,
        files: &dyn FileSystem,
        directory: &Path,
        snapshot: Option<Position>,
    ) -> Result<Last, JournalError> {
        let base = self.segments.last().copied().unwrap_or(Position::FIRST);
        let path = directory.join(Name::Segment(base).file());
        let (file, header) = scan::open(files, &path, Holds::Segment, base)?;
        let tail = Tail::read(file, &path, &header, snapshot)?;
        Ok(Last { path, header, tail })
    }

    /// The segments from `start` on: those before it are leftovers of removals that a crash undid.
    fn kept(&self, start: Position, directory: &Path) -> Result<&[Position], JournalError> {
        let kept = &self.segments[self.segments.partition_point(|&base| base < start)..];
        if kept.first() == Some(&start) {
            return Ok(kept);
        }
        let path = directory.join(Name::Segment(start).file());
        Err(Damage::new(&path, 0, "the journal begins with this segment, and it is not there")
            .at(start)
            .into())
    }

    fn remove_leftovers(
        &self,
        files: &dyn FileSystem,
        directory: &Path,
        start: Position,
        snapshot: Option<Position>,
    ) -> Result<(), JournalError> {
        let segments =
            self.segments.iter().filter(|&&base| base < start).map(|&base| Name::Segment(base).file());
        let snapshots = self.snapshots.iter().filter(|&&position| Some(position) < snapshot);
        let snapshots = snapshots.map(|&position| Name::Snapshot(position).file());
        for file in segments.chain(snapshots).chain(self.unfinished.iter().cloned()) {
            let path = directory.join(file);
            files.remove(&path).doing("remove", &path)?;
        }
        files.sync_directory(directory).doing("sync", directory)
    }
}

/// The segments of these bases, with their sizes and with headers that are in order.
fn measure(
    files: &dyn FileSystem,
    directory: &Path,
    bases: &[Position],
) -> Result<Vec<Segment>, JournalError> {
    let measure = |&base| {
        let path = directory.join(Name::Segment(base).file());
        let (file, _) = scan::open(files, &path, Holds::Segment, base)?;
        Ok(Segment { base, bytes: file.length().doing("read", &path)? })
    };
    bases.iter().map(measure).collect()
}

/// The segment that goes on to be written.
struct Last {
    path: PathBuf,
    header: Header,
    tail: Tail,
}

impl Last {
    /// Cuts off what is no record, and makes what is left last, for it is about to be acted upon. A sync alone would not
    /// do: after one that failed, what is read may be nowhere but in memory, and taken for synced. It is written again.
    fn cut(&self, files: &dyn FileSystem, settings: &Settings) -> Result<Active, JournalError> {
        let Self { path, header, tail } = self;
        let file = files.open(path).doing("open", path)?;
        file.set_length(tail.end).doing("cut", path)?;
        let mut block = vec![0; AGAIN];
        let mut at = tail.doubtful;
        while at < tail.end {
            let bytes = (tail.end - at).min(AGAIN as u64) as usize;
            let read = file.read(at, &mut block[..bytes]).doing("read", path)?;
            if read < bytes {
                return Err(Damage::new(path, at + read as u64, "the file has become shorter").into());
            }
            file.write(at, &block[..bytes]).doing("write", path)?;
            at += bytes as u64;
        }
        set_aside(&*file, path, settings.segment_size);
        file.sync().doing("sync", path)?;
        let (next_synced, proven) = (tail.next, tail.proven);
        Ok(Active { next_synced, proven, ..Active::new(file, path.clone(), header, tail.end) })
    }
}
