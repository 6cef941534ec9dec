use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::blocks::Blocks;
use super::reader::Record;
use crate::error::{Damage, Doing as _, JournalError};
use crate::format::Holds;
use crate::log::{Scan, Segment, Step, open_frames};
use crate::position::Position;
use crate::shared::Shared;

/// The records of a journal from some position on, in order, from segment to segment.
#[derive(Debug)]
pub(super) struct Segments {
    shared: Arc<Shared>,
    next: Position,
    /// Where to stop; without it, at the end as it is whenever a block is read.
    until: Option<Position>,
    open: Option<Open>,
}

/// The segment that is being read.
#[derive(Debug)]
struct Open {
    base: Position,
    path: PathBuf,
    scan: Scan,
}

impl Segments {
    pub(super) fn new(shared: Arc<Shared>, next: Position, until: Option<Position>) -> Self {
        Self { shared, next, until, open: None }
    }

    /// Where to read on: what is open, or the segment that has the next record.
    fn find(&mut self) -> Result<(Open, Option<Position>), JournalError> {
        let Some((Segment { base, .. }, end)) = self.shared.list.find(self.next) else {
            return Err(self.gone());
        };
        if let Some(open) = self.open.take().filter(|open| open.base == base) {
            return Ok((open, end));
        }
        let path = self.shared.list.path(base);
        match open_frames(&*self.shared.files, &path, Holds::Segment, base) {
            Ok((file, header)) => {
                let (position, at) = self.shared.list.near(base, self.next);
                let scan = Scan::new(file, header.salt, at, position);
                Ok((Open { base, path, scan }, end))
            }
            // It may have been removed since it was looked for.
            Err(_) if self.next < self.shared.list.first() => Err(self.gone()),
            Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(Damage::new(&path, 0, "the segment is not there").at(self.next).into())
            }
            Err(error) => Err(error),
        }
    }

    fn gone(&self) -> JournalError {
        JournalError::Gone { position: self.next, first: self.shared.list.first() }
    }
}

impl Blocks for Segments {
    type Item = Record;

    fn read(&mut self) -> Result<Vec<Record>, JournalError> {
        // Taken first: what is synced by then is in the segments that are found by then.
        let end = self.shared.view().end;
        let until = self.until.map_or(end.next, |until| until.min(end.next));
        let mut records = Vec::new();
        while self.next < until && records.is_empty() {
            let (mut open, behind) = self.find()?;
            let bytes = if open.base == end.base {
                end.bytes
            } else {
                open.scan.file().length().doing("read", &open.path)?
            };
            while Some(self.next) != behind
                && self.next < until
                && (records.is_empty() || open.scan.is_at_hand())
            {
                let at = open.scan.at();
                match open.scan.step(bytes).doing("read", &open.path)? {
                    Step::Frame(frame, content) if frame.kind.is_record() && frame.position == self.next => {
                        records.push(Record { position: self.next, content });
                        self.next = self.next.next();
                    }
                    Step::Frame(..) => {}
                    // What was read before is given first; the next block begins with this again.
                    Step::Nothing(_) if !records.is_empty() => break,
                    Step::Nothing(_) if self.next < self.shared.list.first() => return Err(self.gone()),
                    Step::Nothing(why) => {
                        return Err(Damage::new(&open.path, at, why).at(open.scan.next_position()).into());
                    }
                }
            }
            self.open = Some(open);
        }
        Ok(records)
    }
}
