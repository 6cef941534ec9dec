use std::fmt;
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use crate::error::{Damage, Doing as _, JournalError};
use crate::format::{HEADER, Holds, Kind, LOCK, Marks};
use crate::log::{Cut, Found, List, Scan, Step, Tail, open_frames};
use crate::position::Position;
use crate::storage::{Disk, FileSystem};

/// What is in a journal's directory, every checksum looked at. It can be shown as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// Where it is.
    pub directory: PathBuf,
    /// Whether somebody has it open. The last segment grows then, and how it ends is not judged.
    pub is_open: bool,
    /// Up to where it is confirmed, as far as that can be read.
    pub confirmed: Option<Position>,
    /// Its segments, the oldest first.
    pub segments: Vec<InspectedFile>,
    /// Its snapshots, the oldest first: the newest holds.
    pub snapshots: Vec<InspectedFile>,
    /// What a start would cut off, for it was never acknowledged.
    pub cut: Option<Cut>,
    /// Files that mean nothing any more, and are removed at the next start.
    pub leftovers: Vec<PathBuf>,
}

/// A file of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InspectedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Of a segment: the position of its first record. Of a snapshot: the position up to which it goes.
    pub position: Position,
    /// How many records, or parts, there are, up to where it is damaged if it is.
    pub records: u64,
    /// How many bytes they take, with their frames and the header.
    pub bytes: u64,
    /// How many bytes the file has, with what is set aside.
    pub length: u64,
    /// Where it is damaged.
    pub damage: Option<Damage>,
}

/// Reads all of a journal and says what is there, without changing anything.
///
/// # Errors
/// What the operating system refuses, and [`Version`](JournalError::Version). Damage is no error here: it is part of what
/// is said.
///
/// # Panics
/// Outside of a tokio runtime.
///
/// # Cancel safety
/// If it is dropped, the reading goes on to its end, for nobody.
pub async fn inspect(directory: impl Into<PathBuf>) -> Result<Inspection, JournalError> {
    let directory = directory.into();
    spawn_blocking(move || Inspection::of(&Disk, &directory)).await.unwrap_or(Err(JournalError::Closed))
}

impl Inspection {
    pub(crate) fn of(files: &dyn FileSystem, directory: &Path) -> Result<Self, JournalError> {
        let found = Found::look(files, directory)?;
        // Where no lock can be taken, because all is read-only say, nobody writes either.
        let lock = if found.is_empty() { None } else { files.lock(&directory.join(LOCK)).ok() };
        let mut inspection = Self {
            directory: directory.into(),
            is_open: matches!(lock, Some(None)),
            confirmed: None,
            segments: Vec::new(),
            snapshots: Vec::new(),
            cut: None,
            leftovers: found.unfinished.iter().map(|file| directory.join(file)).collect(),
        };
        let list = List::new(directory, []);
        for &position in &found.snapshots {
            let looked =
                look(files, &list.snapshot_path(position), Holds::Snapshot, position, Until::Complete)?;
            inspection.snapshots.push(looked.file);
        }
        let snapshot = found.snapshots.last().copied();
        let mut start = Position::FIRST;
        for (index, &base) in found.segments.iter().enumerate() {
            let until = match found.segments.get(index + 1) {
                Some(&next) => Until::Position(next),
                None if inspection.is_open => Until::Nothing,
                None => Until::Tail(snapshot),
            };
            let looked = look(files, &list.path(base), Holds::Segment, base, until)?;
            (inspection.confirmed, start) = (looked.marks.confirmed, looked.marks.start);
            inspection.cut = looked.cut;
            inspection.segments.push(looked.file);
        }
        inspection.set_leftovers_apart(start, snapshot);
        Ok(inspection)
    }

    /// What comes before the start is not part of the journal; that the start is not there is damage.
    fn set_leftovers_apart(&mut self, start: Position, snapshot: Option<Position>) {
        let leftovers = |files: &mut Vec<InspectedFile>, from: Position| -> Vec<PathBuf> {
            let until = files.partition_point(|file| file.position < from);
            files.drain(..until).map(|file| file.path).collect()
        };
        self.leftovers.extend(leftovers(&mut self.segments, start));
        if let Some(snapshot) = snapshot {
            self.leftovers.extend(leftovers(&mut self.snapshots, snapshot));
        }
        if let Some(first) = self.segments.first_mut().filter(|first| first.position > start) {
            let what = format!("the journal begins with the segment of record {start}, and it is not there");
            first.damage.get_or_insert(Damage::new(&first.path, 0, what).at(start));
        }
    }

    /// Where it is damaged: the first place of each file.
    pub fn damage(&self) -> impl Iterator<Item = &Damage> {
        self.snapshots.iter().chain(&self.segments).filter_map(|file| file.damage.as_ref())
    }

    /// How many records there are in its segments.
    pub fn records(&self) -> u64 {
        self.segments.iter().map(|segment| segment.records).sum()
    }
}

/// How far there has to be something in a file.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// A segment with another behind it has all the records before that.
    Position(Position),
    /// A snapshot has an end.
    Complete,
    /// As far as there is something: who knows what is being written.
    Nothing,
    /// The last segment ends where a start would end it, given what is known to have been synced.
    Tail(Option<Position>),
}

/// A file that was looked at.
struct Looked {
    file: InspectedFile,
    marks: Marks,
    cut: Option<Cut>,
}

fn look(
    files: &dyn FileSystem,
    path: &Path,
    holds: Holds,
    position: Position,
    until: Until,
) -> Result<Looked, JournalError> {
    let length = files.open_to_read(path).and_then(|file| file.length()).doing("read", path)?;
    let file = InspectedFile { path: path.into(), position, records: 0, bytes: 0, length, damage: None };
    let mut looked = Looked { file, marks: Marks::NONE, cut: None };
    match looked.go(files, holds, until) {
        Err(JournalError::Damaged(damage)) => looked.file.damage = Some(damage),
        other => other?,
    }
    Ok(looked)
}

impl Looked {
    fn go(&mut self, files: &dyn FileSystem, holds: Holds, until: Until) -> Result<(), JournalError> {
        let file = &mut self.file;
        let (opened, header) = open_frames(files, &file.path, holds, file.position)?;
        self.marks = header.marks;
        file.bytes = HEADER as u64;
        if let Until::Tail(known) = until {
            let tail = Tail::read(opened, &file.path, &header, known)?;
            (file.records, file.bytes) = (tail.next.since(header.position), tail.end);
            (self.marks, self.cut) = (tail.marks, tail.cut);
            return Ok(());
        }
        let first = if holds == Holds::Segment { header.position } else { Position::FIRST };
        let mut scan = Scan::new(opened, header.salt, HEADER as u64, first);
        loop {
            if matches!(until, Until::Position(end) if scan.next_position() == end) {
                return Ok(());
            }
            match scan.step(file.length).doing("read", &file.path)? {
                Step::Nothing(_) if matches!(until, Until::Nothing) => return Ok(()),
                Step::Nothing(why) => {
                    let damage = Damage::new(&file.path, scan.at(), why);
                    let is_segment = holds == Holds::Segment;
                    return Err(if is_segment { damage.at(scan.next_position()) } else { damage }.into());
                }
                Step::Frame(frame, content) => {
                    file.records += u64::from(frame.kind.is_record());
                    file.bytes = scan.at();
                    match frame.kind {
                        Kind::End => return Ok(()),
                        Kind::Marks => self.marks = Marks::decode(&content).unwrap_or(self.marks),
                        Kind::Record | Kind::RecordOfMore => {}
                    }
                }
            }
        }
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = if self.is_open { ", open" } else { "" };
        writeln!(formatter, "{}: {} records{open}", self.directory.display(), self.records())?;
        if let Some(confirmed) = self.confirmed {
            writeln!(formatter, "confirmed up to {confirmed}")?;
        }
        writeln!(
            formatter,
            "{:<10} {:>20} {:>12} {:>14} {:>14}  state",
            "", "position", "records", "bytes", "length"
        )?;
        for (what, files) in [("snapshot", &self.snapshots), ("segment", &self.segments)] {
            for file in files {
                let InspectedFile { position, records, bytes, length, damage, .. } = file;
                write!(formatter, "{what:<10} {position:>20} {records:>12} {bytes:>14} {length:>14}  ")?;
                match damage {
                    Some(damage) => {
                        writeln!(formatter, "damaged at byte {}: {}", damage.offset, damage.what)?
                    }
                    None => writeln!(formatter, "well")?,
                }
            }
        }
        if let Some(cut) = &self.cut {
            let Cut { offset, bytes, what, .. } = cut;
            writeln!(formatter, "a torn end of {bytes} bytes from byte {offset} on, to be cut off: {what}")?;
        }
        for leftover in &self.leftovers {
            writeln!(formatter, "to be removed: {}", leftover.display())?;
        }
        Ok(())
    }
}
