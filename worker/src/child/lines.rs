/// Bytes in, lines out. What it holds is bounded: the longest line there may be, and what was read at once.
#[derive(Debug)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// Where the next line begins.
    begin: usize,
    /// Up to here there is no further line feed.
    searched: usize,
    longest: usize,
    overlong: Overlong,
    /// So many bytes of a line that is too long have been thrown away.
    skipped: usize,
}

/// What becomes of a line that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlong {
    /// It is thrown away, and told.
    Skip,
    /// It becomes several.
    Cut,
}

/// A line, without its line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Whole(&'a [u8]),
    /// Thrown away: it had so many bytes.
    TooLong(usize),
}

impl Lines {
    /// Lines of up to `longest` bytes, and of one at least.
    pub(crate) fn new(longest: usize, overlong: Overlong) -> Self {
        let longest = longest.max(1);
        Self { buffer: Vec::new(), begin: 0, searched: 0, longest, overlong, skipped: 0 }
    }

    /// Where further bytes are to be put, behind what is there. All lines have to be [taken](Self::next) before.
    pub(crate) fn space(&mut self) -> &mut Vec<u8> {
        if self.begin > 0 {
            self.buffer.drain(..self.begin);
            self.searched -= self.begin;
            self.begin = 0;
        }
        &mut self.buffer
    }

    /// The next line, if there is a whole one.
    pub(crate) fn next(&mut self) -> Option<Line<'_>> {
        let end = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
        let end = end.map_or(self.buffer.len(), |end| self.searched + end);
        let is_whole = end < self.buffer.len();
        let length = end - self.begin;
        if length > self.longest {
            if self.overlong == Overlong::Cut {
                let piece = self.begin..self.begin + self.longest;
                self.begin = piece.end;
                self.searched = piece.end;
                return Some(Line::Whole(&self.buffer[piece]));
            }
            self.skipped += length;
            self.begin = end;
        }
        if !is_whole {
            if self.skipped > 0 {
                self.skipped += end - self.begin;
                self.begin = end;
            }
            self.searched = end;
            return None;
        }
        let line = self.begin..end;
        self.begin = end + 1;
        self.searched = self.begin;
        match std::mem::take(&mut self.skipped) {
            0 => Some(Line::Whole(&self.buffer[line])),
            skipped => Some(Line::TooLong(skipped + line.len())),
        }
    }

    /// What stands behind the last line feed when there is no more to come.
    pub(crate) fn rest(&mut self) -> Option<&[u8]> {
        let rest = &self.buffer[self.begin..];
        self.begin = self.buffer.len();
        self.searched = self.begin;
        (!rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a line is, without where it stands.
    #[derive(Clone, Debug, PartialEq)]
    enum Own {
        Whole(Vec<u8>),
        TooLong(usize),
    }

    fn read(lines: &mut Lines, chunks: &[&[u8]]) -> Vec<Own> {
        let mut all = Vec::new();
        for chunk in chunks {
            lines.space().extend_from_slice(chunk);
            while let Some(line) = lines.next() {
                all.push(match line {
                    Line::Whole(line) => Own::Whole(line.to_vec()),
                    Line::TooLong(bytes) => Own::TooLong(bytes),
                });
            }
        }
        all
    }

    fn whole(line: &str) -> Own {
        Own::Whole(line.into())
    }

    #[test]
    fn a_line_may_come_in_pieces_and_several_at_once() {
        let mut lines = Lines::new(10, Overlong::Skip);
        let read = read(&mut lines, &[b"on", b"e\ntwo\n\nth", b"", b"ree"]);
        assert_eq!(read, [whole("one"), whole("two"), whole("")]);
        assert_eq!(lines.rest(), Some(&b"three"[..]));
        assert_eq!(lines.rest(), None);
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn a_line_that_is_too_long_is_thrown_away_and_told() {
        let mut lines = Lines::new(3, Overlong::Skip);
        let read = read(&mut lines, &[b"abc\nabcd\nab", b"cdefgh", b"ij", b"\nxyz\n"]);
        assert_eq!(read, [whole("abc"), Own::TooLong(4), Own::TooLong(10), whole("xyz")]);
    }

    #[test]
    fn a_line_that_is_too_long_may_become_several() {
        let mut lines = Lines::new(3, Overlong::Cut);
        let read = read(&mut lines, &[b"abcdefgh\nabc\n", b"abcd", b"\n"]);
        let expected = ["abc", "def", "gh", "abc", "abc", "d"];
        assert_eq!(read, expected.map(whole));
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_come_and_what_is_held_is_bounded(
            bytes in prop::collection::vec(prop::sample::select(b"ab\n".to_vec()), 0..200),
            cuts in prop::collection::vec(0..200_usize, 0..20),
            longest in 1..20_usize,
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut lines = Lines::new(longest, Overlong::Skip);
            let mut all = Vec::new();
            for piece in cuts.windows(2) {
                let chunk = &bytes[piece[0]..piece[1]];
                all.extend(read(&mut lines, &[chunk]));
                prop_assert!(lines.space().len() <= longest, "{} bytes are held", lines.buffer.len());
            }
            let mut expected: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let rest = expected.pop().unwrap_or_default();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|line| if line.len() > longest { Own::TooLong(line.len()) } else { Own::Whole(line) })
                .collect();
            prop_assert_eq!(all, expected);
            let rest = (!rest.is_empty() && rest.len() <= longest).then_some(rest);
            prop_assert_eq!(lines.rest().map(<[u8]>::to_vec), rest);
        }
    }
}
