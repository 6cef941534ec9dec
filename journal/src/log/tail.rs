use std::path::{Path, PathBuf};

use super::scan::{Scan, Step, content_end, proof_of_sync};
use crate::error::{Damage, Doing as _, JournalError};
use crate::format::{HEADER, Header, Kind, Marks};
use crate::position::Position;
use crate::storage::File;

/// How the last segment ends: the one that may have been being written when the process or the machine went down.
#[derive(Debug)]
pub(crate) struct Tail {
    /// The position of the next record.
    pub(crate) next: Position,
    /// The last marks.
    pub(crate) marks: Marks,
    /// Where the last whole record, or batch, ends in the segment.
    pub(crate) end: u64,
    /// From where on it is not known that it was synced.
    pub(crate) doubtful: u64,
    /// Whether the last frame proves that all before it was synced, and says nothing else.
    pub(crate) proven: bool,
    /// What is behind the end, if anything is.
    pub(crate) cut: Option<Cut>,
}

/// What a crash left half-written at the end, and was cut off: none of it was ever acknowledged as synced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cut {
    /// The segment.
    pub path: PathBuf,
    /// From where on, in bytes.
    pub offset: u64,
    /// How much there was.
    pub bytes: u64,
    /// Why it was not kept.
    pub what: String,
}

impl Tail {
    /// Reads the last segment to its end. `known` is a record that is known to have been synced.
    ///
    /// The log ends before the first frame that is not whole, or at the beginning of the batch that would go on there.
    /// It is damaged, and not just torn, if what is missing had been synced: a frame behind it may prove that, or marks,
    /// or a snapshot.
    pub(crate) fn read(
        file: Box<dyn File>,
        path: &Path,
        header: &Header,
        known: Option<Position>,
    ) -> Result<Self, JournalError> {
        let length = file.length().doing("read", path)?;
        let mut scan = Scan::new(file, header.salt, HEADER as u64, header.position);
        let mut marks = header.marks;
        let mut end = scan.at();
        let mut next = scan.next_position();
        let mut doubtful = scan.at();
        // Of what is before the segment, that it is there proves as much.
        let mut proven = true;
        let why = loop {
            let at = scan.at();
            match scan.step(length).doing("read", path)? {
                Step::Frame(frame, content) => {
                    proven = false;
                    if frame.kind == Kind::Marks {
                        let newer = Marks::decode(&content).ok_or_else(|| {
                            Damage::new(path, scan.at(), "the marks that end here are not ones")
                        })?;
                        proven = frame.unsynced == 0 && newer == marks;
                        marks = newer;
                    }
                    doubtful = doubtful.max(at.saturating_sub(frame.unsynced.into()));
                    if frame.kind != Kind::RecordOfMore {
                        (end, next) = (scan.at(), scan.next_position());
                    }
                }
                Step::Nothing(why) => break why,
            }
        };

        let (torn, missing) = (scan.at(), scan.next_position());
        let damage = |proof: String| Damage::new(path, torn, format!("{why}, and {proof}")).at(missing);
        let content_end = content_end(scan.file(), torn).doing("read", path)?;
        let proof =
            proof_of_sync(scan.file(), header.salt, torn, content_end, missing).doing("read", path)?;
        if let Some(proof) = proof {
            return Err(damage(format!("what is at byte {proof} was written when it had been synced")).into());
        }
        if let Some(known) = marks.confirmed.max(known)
            && known >= next
        {
            return Err(damage(format!("the record {known} is known to have been synced")).into());
        }
        let cut = (content_end > end).then(|| {
            let what = if torn > end { "the batch is not complete" } else { why };
            Cut { path: path.into(), offset: end, bytes: content_end - end, what: what.to_owned() }
        });
        Ok(Self { next, marks, end, doubtful: doubtful.min(end), proven, cut })
    }
}
