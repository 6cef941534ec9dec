use std::collections::VecDeque;

use bytes::Bytes;

use crate::message::{Cursor, Malformed, put_number};

/// What the two ends of a durable flow say to each other.
///
/// Each names the log that it is about: one that is begun anew, because the one before is gone, has another name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Word {
    /// Of the source: what it keeps begins there.
    Offer {
        /// The name of its log.
        log: u64,
        /// The number of the first record it keeps, or will have.
        oldest: u64,
    },
    /// Of the destination: what it wants next.
    Next {
        /// The log that it was offered.
        log: u64,
        /// The number of the record it wants next.
        next: u64,
        /// All up to there are handled.
        handled: u64,
        /// Those after `handled`, up to there, were handed over and interrupted; 0 if none were.
        interrupted: u64,
        /// How many bytes of records it holds that have not been taken.
        held: u64,
    },
    /// Of the source: a record.
    Record {
        /// The log it is in.
        log: u64,
        /// Its number.
        number: u64,
        /// See [`Record`](super::Record).
        content: Bytes,
    },
    /// Of the destination: how far it has come.
    Done {
        /// The log that it was offered.
        log: u64,
        /// All up to there take no room any more.
        taken: u64,
        /// All up to there are handled.
        handled: u64,
    },
}

/// What another end said makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub(super) String);

const OFFER: u8 = 0;
const NEXT: u8 = 1;
const RECORD: u8 = 2;
const DONE: u8 = 3;

impl Word {
    /// As it travels.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, numbers, content): (u8, &[u64], &[u8]) = match self {
            Self::Offer { log, oldest } => (OFFER, &[*log, *oldest], &[]),
            Self::Next { log, next, handled, interrupted, held } => {
                (NEXT, &[*log, *next, *handled, *interrupted, *held], &[])
            }
            Self::Record { log, number, content } => (RECORD, &[*log, *number], content),
            Self::Done { log, taken, handled } => (DONE, &[*log, *taken, *handled], &[]),
        };
        let mut out = Vec::with_capacity(1 + 10 * numbers.len() + content.len());
        out.push(kind);
        numbers.iter().for_each(|number| put_number(&mut out, *number));
        out.extend_from_slice(content);
        out
    }

    /// What was said.
    ///
    /// # Errors
    /// It is no word of this protocol.
    pub fn decode(word: &Bytes) -> Result<Self, Wrong> {
        let mut cursor = Cursor::new(word);
        let decoded = decode(&mut cursor, word);
        decoded.map_err(|error| Wrong(format!("a word of a durable flow of {} bytes: {error}", word.len())))
    }

    /// Whether these bytes, which are a word, are a record.
    pub(crate) fn is_record(word: &[u8]) -> bool {
        word.first() == Some(&RECORD)
    }

    /// Puts it behind what is to be said and has not been, without what needs not be said any more: where there is nobody who
    /// listens, words do not pile up.
    pub(crate) fn line_up(&self, words: &mut VecDeque<Vec<u8>>) {
        match self {
            // Each begins anew, from what is so now.
            Self::Offer { .. } | Self::Next { .. } => words.clear(),
            Self::Done { .. } if words.back().is_some_and(|last| last.first() == Some(&DONE)) => {
                words.pop_back();
            }
            Self::Done { .. } | Self::Record { .. } => {}
        }
        words.push_back(self.encode());
    }

    /// Whether the source says it.
    pub fn is_sources(&self) -> bool {
        matches!(self, Self::Offer { .. } | Self::Record { .. })
    }
}

fn decode(cursor: &mut Cursor<'_>, word: &Bytes) -> Result<Word, Malformed> {
    let kind = cursor.byte()?;
    let log = cursor.number()?;
    let word = match kind {
        OFFER => Word::Offer { log, oldest: cursor.number()? },
        NEXT => Word::Next {
            log,
            next: cursor.number()?,
            handled: cursor.number()?,
            interrupted: cursor.number()?,
            held: cursor.number()?,
        },
        RECORD => {
            let number = cursor.number()?;
            return Ok(Word::Record { log, number, content: word.slice_ref(cursor.rest()) });
        }
        DONE => Word::Done { log, taken: cursor.number()?, handled: cursor.number()? },
        unknown => return Err(Malformed::UnknownKind(unknown)),
    };
    if cursor.is_at_end() { Ok(word) } else { Err(Malformed::LeftOver) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of every word: a change of them is a change of the protocol.
    #[test]
    fn words_are_written_as_they_always_were() {
        let words: [(Word, &[u8]); 4] = [
            (Word::Offer { log: 300, oldest: 1 }, &[0, 0xac, 2, 1]),
            (
                Word::Next { log: 7, next: 9, handled: 4, interrupted: 8, held: 200 },
                &[1, 7, 9, 4, 8, 0xc8, 1],
            ),
            (Word::Record { log: 7, number: 9, content: Bytes::from_static(b"ab") }, &[2, 7, 9, b'a', b'b']),
            (Word::Done { log: 7, taken: 9, handled: 8 }, &[3, 7, 9, 8]),
        ];
        for (word, bytes) in words {
            assert_eq!(word.encode(), bytes);
            assert_eq!(Word::decode(&Bytes::from_static(bytes)), Ok(word));
        }
    }

    #[test]
    fn words_that_nobody_takes_do_not_pile_up() {
        let next = Word::Next { log: 7, next: 9, handled: 4, interrupted: 8, held: 200 };
        let done = |taken| Word::Done { log: 7, taken, handled: 8 };
        let mut words = VecDeque::new();
        for round in 0..100 {
            next.line_up(&mut words);
            (0..round).for_each(|taken| done(taken).line_up(&mut words));
        }
        assert_eq!(words, [next.encode(), done(98).encode()]);
        let record = Word::Record { log: 7, number: 9, content: Bytes::from_static(b"ab") };
        let offer = Word::Offer { log: 7, oldest: 9 };
        let mut words = VecDeque::new();
        for _ in 0..3 {
            offer.line_up(&mut words);
            (0..3).for_each(|_| record.line_up(&mut words));
        }
        assert_eq!(words.len(), 4, "an offer, and the records that were sent after it");
        words.retain(|word| !Word::is_record(word));
        assert_eq!(words, [offer.encode()]);
    }

    #[test]
    fn what_is_no_word_is_refused_with_a_reason() {
        for wrong in [&[][..], &[0, 1], &[9, 1, 1], &[3, 1, 1, 1, 1], &[1, 1, 1, 1, 1]] {
            let error = Word::decode(&Bytes::copy_from_slice(wrong)).unwrap_err();
            assert!(error.to_string().contains(&format!("of {} bytes", wrong.len())), "{error}");
        }
    }
}
