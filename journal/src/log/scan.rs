use std::io;
use std::path::Path;

use bytes::Bytes;

use crate::error::{Damage, Doing as _, JournalError};
use crate::format::{FRAME, Frame, HEADER, Header, Holds, VERSION, Wrong};
use crate::position::Position;
use crate::storage::{File, FileSystem};

/// How much is read at a time, in bytes: what a reader holds of a segment, unless a record is larger.
const BLOCK: usize = 256 << 10;

/// What is set aside and not written yet.
static ZEROS: [u8; 16 << 10] = [0; 16 << 10];

/// Opens a file that holds frames, and checks that it is what its name says.
pub(crate) fn open(
    files: &dyn FileSystem,
    path: &Path,
    holds: Holds,
    position: Position,
) -> Result<(Box<dyn File>, Header), JournalError> {
    let file = files.open_to_read(path).doing("open", path)?;
    let header = header(&*file, path, holds, position)?;
    Ok((file, header))
}

/// Reads the header of a file, and checks that it is of the file of this name.
pub(crate) fn header(
    file: &dyn File,
    path: &Path,
    holds: Holds,
    position: Position,
) -> Result<Header, JournalError> {
    let mut bytes = [0; HEADER];
    if file.read(0, &mut bytes).doing("read", path)? < HEADER {
        return Err(Damage::new(path, 0, "the file ends before its header does").into());
    }
    let header = Header::decode(&bytes, holds).map_err(|wrong| match wrong {
        Wrong::Version(found) => JournalError::Version { path: path.into(), found, expected: VERSION },
        Wrong::Damaged(what) => Damage::new(path, 0, what).into(),
    })?;
    if header.position != position {
        let what = format!("the name says {position}, the header {}", header.position);
        return Err(Damage::new(path, 0, what).into());
    }
    Ok(header)
}

/// Goes through the frames of a file, one after the other, and holds a block of it at a time.
#[derive(Debug)]
pub(crate) struct Scan {
    file: Box<dyn File>,
    salt: u64,
    block: Bytes,
    /// Where in the file the block begins.
    block_at: u64,
    /// Where in the file the next frame begins.
    at: u64,
    /// The next record's position.
    next: Position,
}

/// What is next in a file.
#[derive(Debug)]
pub(crate) enum Step {
    /// A frame that belongs there, and what it is about.
    Frame(Frame, Bytes),
    /// No frame that belongs there, and why not.
    Nothing(&'static str),
}

impl Scan {
    /// Begins at byte `at`, where the record at `next` is or will be.
    pub(crate) fn new(file: Box<dyn File>, salt: u64, at: u64, next: Position) -> Self {
        Self { file, salt, block: Bytes::new(), block_at: at, at, next }
    }

    /// Where in the file the next frame begins.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The next record's position.
    pub(crate) fn next_position(&self) -> Position {
        self.next
    }

    pub(crate) fn file(&self) -> &dyn File {
        &*self.file
    }

    /// Whether the next frame, if it is an ordinary one, can be had without reading from the file.
    pub(crate) fn is_at_hand(&self) -> bool {
        let at = (self.at - self.block_at) as usize;
        let Some(head) = self.block.get(at..at + FRAME).and_then(|head| head.first_chunk()) else {
            return false;
        };
        Frame::decode(head, self.salt)
            .is_some_and(|frame| self.block.len() - at - FRAME >= frame.length as usize)
    }

    /// The next frame. The file is `end` bytes long; or it is longer, and what is there is not to be looked at.
    pub(crate) fn step(&mut self, end: u64) -> io::Result<Step> {
        let room = end.saturating_sub(self.at);
        if room < FRAME as u64 {
            return Ok(Step::Nothing("there are not enough bytes for a frame"));
        }
        self.fill(FRAME, end)?;
        let at = (self.at - self.block_at) as usize;
        let Some(head) = self.block.get(at..at + FRAME).and_then(|head| head.first_chunk()) else {
            return Ok(Step::Nothing("the file has become shorter"));
        };
        let Some(frame) = Frame::decode(head, self.salt) else {
            return Ok(Step::Nothing("the frame's checksum is wrong"));
        };
        if frame.position != self.next {
            return Ok(Step::Nothing("the frame has the position of another record"));
        }
        let length = frame.length as usize;
        if room - (FRAME as u64) < length as u64 {
            return Ok(Step::Nothing("the record goes beyond the end of what is there"));
        }
        self.fill(FRAME + length, end)?;
        let at = (self.at - self.block_at) as usize + FRAME;
        if self.block.len() < at + length {
            return Ok(Step::Nothing("the file has become shorter"));
        }
        let content = self.block.slice(at..at + length);
        if crc32c::crc32c(&content) != frame.checksum {
            return Ok(Step::Nothing("the record's checksum is wrong"));
        }
        self.at += (FRAME + length) as u64;
        if frame.kind.is_record() {
            self.next = self.next.next();
        }
        Ok(Step::Frame(frame, content))
    }

    /// Sees to it that the block has `bytes` from where the next frame begins, if the file has.
    fn fill(&mut self, bytes: usize, end: u64) -> io::Result<()> {
        let have = (self.block_at + self.block.len() as u64).saturating_sub(self.at);
        if have >= bytes as u64 {
            return Ok(());
        }
        let wanted = (end - self.at).min(bytes.max(BLOCK) as u64) as usize;
        let mut block = vec![0; wanted];
        let read = self.file.read(self.at, &mut block)?;
        block.truncate(read);
        self.block = block.into();
        self.block_at = self.at;
        Ok(())
    }
}

/// Where what is in a file from `from` on ends, and only zeros follow.
pub(crate) fn content_end(file: &dyn File, from: u64) -> io::Result<u64> {
    let mut block = vec![0; ZEROS.len()];
    let (mut at, mut end) = (from, from);
    loop {
        let read = file.read(at, &mut block)?;
        if read == 0 {
            return Ok(end);
        }
        // Most of what is set aside is zeros, and this is the quickest way to see that.
        if block[..read] != ZEROS[..read]
            && let Some(last) = block[..read].iter().rposition(|&byte| byte != 0)
        {
            end = at + last as u64 + 1;
        }
        at += read as u64;
    }
}

/// Looks for proof that what is at `torn`, where the record at `position` should be, had been synced: a frame between it
/// and `end` that was written when more than that had been. Gives where that is.
///
/// The end of a log that a crash left is not a clean edge. Of what had not been synced, any part may be there: a frame
/// may be lost while one of the same group behind it is whole. Only what is written after a sync tells of it.
pub(crate) fn proof_of_sync(
    file: &dyn File,
    salt: u64,
    torn: u64,
    end: u64,
    position: Position,
) -> io::Result<Option<u64>> {
    // What ends in zeros ends later than it seems.
    let end = end + FRAME as u64;
    let mut block = Vec::new();
    let mut at = torn;
    loop {
        block.resize((end - at).min(BLOCK as u64) as usize, 0);
        let read = file.read(at, &mut block)?;
        if read < FRAME {
            return Ok(None);
        }
        for (offset, bytes) in (at..).zip(block[..read].windows(FRAME)) {
            let ahead = Frame::position_at(bytes).wrapping_sub(position.get());
            if ahead > (offset - torn) / FRAME as u64 {
                continue;
            }
            if let Some(frame) = bytes.first_chunk().and_then(|bytes| Frame::decode(bytes, salt))
                && offset - u64::from(frame.unsynced) > torn
            {
                return Ok(Some(offset));
            }
        }
        at += (read - FRAME + 1) as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Scan, Step, content_end, proof_of_sync};
    use crate::format::{FRAME, Frame, Kind};
    use crate::position::Position;
    use crate::storage::{File, FileSystem as _};
    use crate::testing::Disk;

    const SALT: u64 = 5;

    fn at(number: u64) -> Position {
        Position::new(number).unwrap()
    }

    fn framed(position: u64, content: &[u8], unsynced: u32) -> Vec<u8> {
        let mut frame = Frame::unplaced(Kind::Record, content);
        Frame::place(&mut frame, SALT, at(position), unsynced);
        [&frame, content].concat()
    }

    fn file(parts: &[&[u8]]) -> Box<dyn File> {
        let file = Disk::new(0).create(Path::new("file")).unwrap();
        file.write(0, &parts.concat()).unwrap();
        file
    }

    fn why_not(scan: &mut Scan, end: u64) -> &'static str {
        match scan.step(end).unwrap() {
            Step::Nothing(why) => why,
            Step::Frame(frame, _) => panic!("{frame:?}"),
        }
    }

    #[test]
    fn a_frame_of_another_place_is_not_the_next() {
        let file = file(&[&framed(1, b"a", 0), &framed(3, b"b", 0)]);
        let end = file.length().unwrap();
        let mut scan = Scan::new(file, SALT, 0, at(1));
        assert!(
            matches!(scan.step(end).unwrap(), Step::Frame(frame, content) if frame.position == at(1) && content == "a")
        );
        assert!(scan.is_at_hand());
        assert!(why_not(&mut scan, end).contains("position"));
        assert_eq!((scan.at(), scan.next_position()), (25, at(2)));
    }

    #[test]
    fn what_is_behind_the_end_is_not_looked_at() {
        let (first, second) = (framed(1, b"first", 0), framed(2, b"second", 0));
        let file = file(&[&first, &second]);
        let mut scan = Scan::new(file, SALT, 0, at(1));
        let end = first.len() as u64;
        assert!(matches!(scan.step(end).unwrap(), Step::Frame(..)));
        assert!(!scan.is_at_hand());
        assert!(why_not(&mut scan, end).contains("not enough"));
        assert!(why_not(&mut scan, end + FRAME as u64).contains("beyond"));
        assert!(matches!(scan.step(end + second.len() as u64).unwrap(), Step::Frame(..)));
    }

    #[test]
    fn only_what_was_written_after_a_sync_proves_it() {
        let torn = vec![0xAA; 30];
        // Of the same group, nothing of which was synced.
        let same = framed(2, b"same", 30);
        let behind = 30 + same.len() as u32;
        let proof = |last: &[u8]| {
            let file = file(&[&torn, &same, last, &[0; 100]]);
            let end = content_end(&*file, 0).unwrap();
            proof_of_sync(&*file, SALT, 0, end, at(1)).unwrap()
        };
        assert_eq!(proof(&[]), None);
        assert_eq!(proof(&framed(3, b"same", behind)), None);
        assert_eq!(proof(&framed(3, b"later", 0)), Some(behind.into()));
        // It ends in eight zeros, as if nothing were there.
        assert_eq!(proof(&framed(3, b"", 0)), Some(behind.into()));
        // Not one that could have come behind.
        assert_eq!(proof(&framed(1_000, b"later", 0)), None);
    }
}
