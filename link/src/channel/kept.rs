use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use crate::violation::Violation;

/// The frames that were made and are not acknowledged, as they were written: what has to be sent again when a transport
/// is lost. Nothing more is made while it is full.
#[derive(Debug)]
pub(crate) struct Kept {
    frames: VecDeque<Frame>,
    /// Where short frames are, one after the other; no frame is cut.
    chunks: VecDeque<Vec<u8>>,
    /// The number of the first chunk.
    first_chunk: u64,
    /// One that is empty, to be used again.
    spare: Option<Vec<u8>>,
    acknowledged: u64,
    bytes: u64,
    /// Of what was written to the transport that there is: the number after it.
    next_to_write: u64,
    /// How many bytes of that are not acknowledged.
    in_flight: u64,
}

#[derive(Debug)]
struct Frame {
    length: u32,
    made: Instant,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Chunk {
        chunk: u64,
        start: u32,
    },
    /// The beginning, and what of a long message follows it.
    Apart(Box<(Vec<u8>, Bytes)>),
}

/// When so much is in a chunk the next is begun.
const CHUNK: usize = 64 * 1024;

impl Kept {
    /// More than the other end leaves unacknowledged, or sender and receiver would wait for each other.
    pub(crate) const MOST_FRAMES: usize = 4096;
    pub(crate) const MOST_BYTES: u64 = 8 * 1024 * 1024;

    pub(crate) fn new() -> Self {
        Self {
            frames: VecDeque::new(),
            chunks: VecDeque::new(),
            first_chunk: 0,
            spare: None,
            acknowledged: 0,
            bytes: 0,
            next_to_write: 1,
            in_flight: 0,
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.frames.len() < Self::MOST_FRAMES && (self.bytes < Self::MOST_BYTES || self.frames.is_empty())
    }

    /// The number of the next frame; the first is 1.
    pub(crate) fn next(&self) -> u64 {
        self.last() + 1
    }

    /// The number of the last frame that was made.
    pub(crate) fn last(&self) -> u64 {
        self.acknowledged + self.frames.len() as u64
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// The number of the last frame that was written to the transport that there is.
    pub(crate) fn last_written(&self) -> u64 {
        self.next_to_write - 1
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Whether all that was made has been written.
    pub(crate) fn is_written(&self) -> bool {
        self.next_to_write > self.last()
    }

    /// Whether all that was made has been acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Where the next frame is to be made, at the end: to be given back [with it](Self::made), or as it was.
    pub(crate) fn make(&mut self) -> Vec<u8> {
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK => std::mem::take(chunk),
            _ => {
                self.chunks.push_back(Vec::new());
                self.spare.take().unwrap_or_default()
            }
        }
    }

    /// A frame was made that begins at `start` of what [`make`](Self::make) gave.
    pub(crate) fn made(&mut self, chunk: Vec<u8>, start: usize, now: Instant) {
        let length = chunk.len() - start;
        self.not_made(chunk);
        let chunk = self.first_chunk + self.chunks.len() as u64 - 1;
        self.enter(length, Place::Chunk { chunk, start: start as u32 }, now);
    }

    /// None was made.
    pub(crate) fn not_made(&mut self, chunk: Vec<u8>) {
        if let Some(place) = self.chunks.back_mut() {
            *place = chunk;
        }
    }

    /// Keeps a frame whose end is a part of a long message.
    pub(crate) fn made_apart(&mut self, head: Vec<u8>, body: Bytes, now: Instant) {
        self.enter(head.len() + body.len(), Place::Apart(Box::new((head, body))), now);
    }

    fn enter(&mut self, length: usize, place: Place, made: Instant) {
        self.bytes += length as u64;
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.frames.push_back(Frame { length, made, place });
    }

    /// Writes the next frame that the transport has not got; its length.
    pub(crate) fn write_next(&mut self, out: &mut Vec<u8>) -> Option<usize> {
        let frame = self.frames.get((self.next_to_write - self.acknowledged - 1) as usize)?;
        let length = frame.length as usize;
        match &frame.place {
            Place::Chunk { chunk, start } => {
                let start = *start as usize;
                let chunk = &self.chunks[(chunk - self.first_chunk) as usize];
                out.extend_from_slice(&chunk[start..start + length]);
            }
            Place::Apart(apart) => {
                out.extend_from_slice(&apart.0);
                out.extend_from_slice(&apart.1);
            }
        }
        self.next_to_write += 1;
        self.in_flight += length as u64;
        Some(length)
    }

    /// All frames up to this one have arrived. How many bytes that are.
    pub(crate) fn acknowledge(&mut self, received: u64) -> Result<u64, Violation> {
        if received > self.last() {
            return Err(Violation::AcknowledgedUnsent { got: received, sent: self.last() });
        }
        let mut bytes = 0;
        while self.acknowledged < received
            && let Some(frame) = self.frames.pop_front()
        {
            self.acknowledged += 1;
            bytes += u64::from(frame.length);
            if self.next_to_write > self.acknowledged {
                self.in_flight -= u64::from(frame.length);
            }
            self.let_go(&frame.place);
        }
        self.bytes -= bytes;
        // What was sent again need not have been.
        self.next_to_write = self.next_to_write.max(self.acknowledged + 1);
        Ok(bytes)
    }

    /// Lets go of the chunks before the first frame that is in one.
    fn let_go(&mut self, place: &Place) {
        let Place::Chunk { chunk, .. } = place else { return };
        let first = self.frames.iter().find_map(|frame| match &frame.place {
            Place::Chunk { chunk, .. } => Some(*chunk),
            Place::Apart(_) => None,
        });
        let last = self.first_chunk + self.chunks.len() as u64;
        if first.is_some_and(|first| first == *chunk) {
            return;
        }
        for _ in self.first_chunk..first.unwrap_or(last) {
            if let Some(mut free) = self.chunks.pop_front() {
                free.clear();
                self.spare = Some(free);
            }
            self.first_chunk += 1;
        }
    }

    /// Another transport, or the same one with something missing: all that is not acknowledged is written again.
    pub(crate) fn write_again(&mut self) {
        self.next_to_write = self.acknowledged + 1;
        self.in_flight = 0;
    }

    /// All that is not acknowledged: number, when it was made, and the frame in two pieces.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Instant, &[u8], &[u8])> {
        let numbers = self.acknowledged + 1..;
        numbers.zip(&self.frames).map(|(number, frame)| match &frame.place {
            Place::Chunk { chunk, start } => {
                let chunk = &self.chunks[(chunk - self.first_chunk) as usize];
                let start = *start as usize;
                (number, frame.made, &chunk[start..start + frame.length as usize], &[][..])
            }
            Place::Apart(apart) => (number, frame.made, &apart.0[..], &apart.1[..]),
        })
    }

    /// Gives back what room it has for nothing.
    pub(crate) fn shrink(&mut self) {
        self.spare = None;
        if self.frames.is_empty() {
            self.chunks.clear();
            self.frames = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keep(kept: &mut Kept, frame: &[u8]) {
        let mut chunk = kept.make();
        let start = chunk.len();
        chunk.extend_from_slice(frame);
        kept.made(chunk, start, Instant::now());
    }

    #[test]
    fn acknowledgements_are_cumulative_and_may_be_repeated() {
        let mut kept = Kept::new();
        (0..5).for_each(|_| keep(&mut kept, &[7; 10]));
        assert_eq!(kept.acknowledge(3), Ok(30));
        assert_eq!(kept.acknowledge(2), Ok(0));
        assert_eq!((kept.frames.len(), kept.bytes, kept.next()), (2, 20, 6));
        assert_eq!(kept.acknowledge(5), Ok(20));
        assert_eq!((kept.is_empty(), kept.bytes, kept.next()), (true, 0, 6));
    }

    #[test]
    fn what_was_not_sent_cannot_be_acknowledged() {
        let mut kept = Kept::new();
        keep(&mut kept, &[7; 10]);
        assert_eq!(kept.acknowledge(2), Err(Violation::AcknowledgedUnsent { got: 2, sent: 1 }));
    }

    #[test]
    fn it_is_bounded_by_count_and_by_bytes() {
        let mut kept = Kept::new();
        (0..Kept::MOST_FRAMES).for_each(|_| keep(&mut kept, &[7]));
        assert!(!kept.has_room());
        let mut kept = Kept::new();
        (0..2).for_each(|_| keep(&mut kept, &vec![7; Kept::MOST_BYTES as usize / 2]));
        assert!(!kept.has_room());
    }

    proptest! {
        /// Whatever is made, written, acknowledged and written again: what is written is what was made, in order, and what is
        /// held is what is not acknowledged.
        #[test]
        fn what_is_written_again_is_what_was_made(
            steps in prop::collection::vec((0..5_u8, 1..6_000_usize), 1..150),
        ) {
            let mut kept = Kept::new();
            let mut made: VecDeque<Vec<u8>> = VecDeque::new();
            let (mut acknowledged, mut written) = (0_u64, 0_u64);
            for (index, (step, size)) in steps.into_iter().enumerate() {
                let frame: Vec<u8> = (0..size).map(|byte| (byte + index) as u8).collect();
                match step {
                    0 if kept.has_room() => {
                        keep(&mut kept, &frame);
                        made.push_back(frame);
                    }
                    1 if kept.has_room() => {
                        let (head, body) = frame.split_at(frame.len().min(9));
                        kept.made_apart(head.to_vec(), Bytes::copy_from_slice(body), Instant::now());
                        made.push_back(frame);
                    }
                    2 => {
                        let last = acknowledged + made.len() as u64;
                        let up_to = acknowledged + (size as u64 % (last - acknowledged + 1));
                        kept.acknowledge(up_to).unwrap();
                        made.drain(..(up_to - acknowledged) as usize);
                        acknowledged = up_to;
                        written = written.max(up_to);
                    }
                    3 => {
                        kept.write_again();
                        written = acknowledged;
                    }
                    _ => {
                        let mut out = Vec::new();
                        let expected = made.get((written - acknowledged) as usize);
                        prop_assert_eq!(kept.write_next(&mut out), expected.map(Vec::len));
                        prop_assert_eq!(&out[..], expected.map_or(&[][..], Vec::as_slice));
                        written += u64::from(expected.is_some());
                    }
                }
                prop_assert_eq!(kept.last(), acknowledged + made.len() as u64);
                prop_assert_eq!(kept.last_written(), written);
                prop_assert_eq!(kept.bytes, made.iter().map(|frame| frame.len() as u64).sum::<u64>());
                let in_flight = made.iter().take((written - acknowledged) as usize).map(|frame| frame.len() as u64);
                prop_assert_eq!(kept.in_flight(), in_flight.sum::<u64>());
                let all: Vec<Vec<u8>> = kept.iter().map(|(_, _, head, body)| [head, body].concat()).collect();
                prop_assert!(made.iter().eq(&all));
                let chunks: usize = kept.chunks.iter().map(Vec::capacity).sum();
                let least: usize = kept.frames.iter().map(|frame| frame.length as usize).sum();
                prop_assert!(chunks <= 4 * least + 4 * CHUNK, "{} of chunks for {}", chunks, least);
            }
        }
    }
}
