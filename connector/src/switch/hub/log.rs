use std::collections::VecDeque;

use bytes::Bytes;

/// What is told to all members that see the same: each frame is encoded once, and each member knows how far it has read.
///
/// Positions are bytes since the log began. What all have read is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    /// What comes in one after the other, until somebody reads it.
    open: Vec<u8>,
    open_pieces: Vec<Piece>,
    /// Where the entries, and what is open, begin.
    start: u64,
    open_start: u64,
}

#[derive(Debug)]
struct Entry {
    start: u64,
    bytes: Bytes,
    pieces: Box<[Piece]>,
}

/// Up to where the bytes of an entry are about one member: that member does not have to be told.
#[derive(Clone, Copy, Debug)]
struct Piece {
    about: u32,
    end: u32,
}

/// An entry is closed when it is as long as this.
const ENTRY: usize = 64 * 1024;

impl Log {
    /// The position after all there is.
    pub(crate) fn end(&self) -> u64 {
        self.open_start + self.open.len() as u64
    }

    /// The position after all there is, from which somebody may begin to read.
    pub(crate) fn here(&mut self) -> u64 {
        self.close();
        self.open_start
    }

    /// Appends what `write` writes, about a member; 0 where it is for all.
    pub(crate) fn append(&mut self, about: u32, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.open);
        let end = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        match self.open_pieces.last_mut() {
            Some(last) if last.about == about => last.end = end,
            _ => self.open_pieces.push(Piece { about, end }),
        }
        if self.open.len() >= ENTRY {
            self.close();
        }
    }

    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let bytes = Bytes::from(std::mem::take(&mut self.open));
        let start = self.open_start;
        self.open_start += bytes.len() as u64;
        let pieces = std::mem::take(&mut self.open_pieces).into_boxed_slice();
        self.entries.push_back(Entry { start, bytes, pieces });
    }

    /// Reads all there is from `position` on, without what is about `reader` itself. The bytes are shared by all who read.
    pub(crate) fn read(&mut self, position: u64, reader: u32, out: &mut VecDeque<Bytes>) -> u64 {
        if position < self.end() {
            self.close();
            let first = self.entries.partition_point(|entry| entry.start < position);
            self.entries.range(first..).for_each(|entry| entry.read(reader, out));
        }
        self.open_start
    }

    /// Forgets what is before `position`, which everybody has read.
    pub(crate) fn forget(&mut self, position: u64) {
        while let Some(entry) = self.entries.front()
            && entry.start + entry.bytes.len() as u64 <= position
        {
            self.start = entry.start + entry.bytes.len() as u64;
            self.entries.pop_front();
        }
    }

    /// How many bytes are kept.
    pub(crate) fn held(&self) -> u64 {
        self.end() - self.start
    }
}

impl Entry {
    fn read(&self, reader: u32, out: &mut VecDeque<Bytes>) {
        if self.pieces.iter().all(|piece| piece.about != reader) {
            out.push_back(self.bytes.clone());
            return;
        }
        let mut start = 0;
        for piece in &self.pieces {
            if piece.about != reader {
                out.push_back(self.bytes.slice(start..piece.end as usize));
            }
            start = piece.end as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(log: &mut Log, position: &mut u64, reader: u32) -> Vec<u8> {
        let mut out = VecDeque::new();
        *position = log.read(*position, reader, &mut out);
        out.into_iter().flatten().collect()
    }

    #[test]
    fn each_reads_on_from_where_it_was_and_not_about_itself() {
        let mut log = Log::default();
        let (mut a, mut b) = (0, 0);
        log.append(1, |out| out.extend(b"one "));
        log.append(2, |out| out.extend(b"two "));
        assert_eq!(read(&mut log, &mut a, 1), b"two ");
        log.append(0, |out| out.extend(b"all "));
        log.append(2, |out| out.extend(b"more "));
        assert_eq!(read(&mut log, &mut a, 1), b"all more ");
        assert_eq!(read(&mut log, &mut b, 2), b"one all ");
        assert_eq!((a, b), (log.end(), log.end()));
        assert_eq!(read(&mut log, &mut a, 1), b"");
        log.forget(a);
        assert_eq!(log.held(), 0);
    }

    proptest! {
        #[test]
        fn whoever_reads_gets_what_was_appended_from_where_it_began(
            appended in prop::collection::vec((0..4_u32, 1..6_000_usize), 1..40),
            began in 0..40_usize,
            every in 1..5_usize,
        ) {
            let (mut log, mut expected, mut got) = (Log::default(), Vec::new(), Vec::new());
            let (mut position, mut other) = (None, 0);
            for (index, (about, length)) in appended.into_iter().enumerate() {
                if index == began {
                    position = Some(log.here());
                }
                let bytes = vec![index as u8; length];
                log.append(about, |out| out.extend_from_slice(&bytes));
                if let Some(position) = &mut position {
                    if about != 3 {
                        expected.extend(bytes);
                    }
                    if index % every == 0 {
                        got.extend(read(&mut log, position, 3));
                    }
                }
                // Somebody else reads in between, and what both have read is forgotten.
                if index % 3 == 0 {
                    read(&mut log, &mut other, 2);
                }
                let both = other.min(position.unwrap_or(other));
                log.forget(both);
                prop_assert!(log.held() >= log.end() - both);
            }
            if let Some(mut position) = position {
                got.extend(read(&mut log, &mut position, 3));
            }
            prop_assert_eq!(got, expected);
        }
    }
}
