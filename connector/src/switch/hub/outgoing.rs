use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use bytes::Bytes;
use edri_link::wire::{readdress_relay, write_relay};

/// What waits for one member: relays, in a queue for each of those they come from.
///
/// Those who send take turns, so that one who floods delays the others by one chunk at most. How much may wait for one
/// of them depends on how much room is left: a lone sender gets two thirds of it, and a third is left for others even then.
/// That is the dynamic threshold of shared-memory packet switches (Choudhury and Hahne, 1998), with α = 2.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    sources: HashMap<u32, Backlog, BuildHasherDefault<NumberHasher>>,
    /// Whose turn it is.
    turns: VecDeque<u32>,
    /// What waits and what is being written, in bytes.
    bytes: u64,
    /// What is being written.
    in_flight: u64,
    pub(super) order: Option<Order>,
    pub(crate) counts: Counts,
}

/// What a connection is told by others. A later one takes the place of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Somebody else claims to be this router: show that it is still there.
    Prove,
    /// It cannot keep up with what is told of members and interests.
    TooFarBehind,
    /// What it may do has changed.
    Changed,
    /// The switch stops.
    Drain,
    /// The router has another connection.
    Replaced,
}

/// What went to one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) relays: u64,
    pub(crate) bytes: u64,
    pub(crate) dropped: u64,
    pub(crate) dropped_bytes: u64,
}

#[derive(Debug, Default)]
struct Backlog {
    chunks: VecDeque<Vec<u8>>,
    bytes: u64,
}

/// What was done with a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Nothing waited before: the member has to be woken.
    First,
    Behind,
    Dropped,
}

/// Relays are gathered until there are so many bytes of them.
const CHUNK: usize = 64 * 1024;

const ALPHA: u64 = 2;

/// Length, kind and member.
const HEAD: usize = 9;

impl Outgoing {
    /// Adds a relay, unless that would be more than `limit` bytes allow.
    pub(crate) fn push(&mut self, source: u32, blob: &[u8], limit: u64) -> Pushed {
        self.add((HEAD + blob.len()) as u64, source, limit, |chunks| match chunks.back_mut() {
            Some(chunk) if chunk.len() + HEAD + blob.len() <= CHUNK => write_relay(chunk, source, blob),
            _ => {
                let mut chunk = Vec::new();
                write_relay(&mut chunk, source, blob);
                chunks.push_back(chunk);
            }
        })
    }

    /// Adds a relay that is a chunk as it came: a whole frame, and nothing else.
    pub(crate) fn push_whole(&mut self, source: u32, mut frame: Vec<u8>, limit: u64) -> Pushed {
        self.add(frame.len() as u64, source, limit, |chunks| {
            readdress_relay(&mut frame, source);
            chunks.push_back(frame);
        })
    }

    fn add(
        &mut self,
        length: u64,
        source: u32,
        limit: u64,
        add: impl FnOnce(&mut VecDeque<Vec<u8>>),
    ) -> Pushed {
        let backlog = self.sources.entry(source).or_default();
        let room = limit.saturating_sub(self.bytes);
        // Where nothing of a source waits, one of its relays may: else a queue that others fill would starve it.
        if length > room || (backlog.bytes > 0 && backlog.bytes + length > room.saturating_mul(ALPHA)) {
            if backlog.bytes == 0 {
                self.sources.remove(&source);
            }
            self.counts.dropped += 1;
            self.counts.dropped_bytes += length;
            return Pushed::Dropped;
        }
        if backlog.bytes == 0 {
            self.turns.push_back(source);
        }
        add(&mut backlog.chunks);
        backlog.bytes += length;
        self.bytes += length;
        self.counts.relays += 1;
        self.counts.bytes += length;
        if self.bytes == length { Pushed::First } else { Pushed::Behind }
    }

    /// What was taken before has been written: how many bytes it was.
    pub(crate) fn written(&mut self) -> u64 {
        let written = std::mem::take(&mut self.in_flight);
        self.bytes -= written;
        written
    }

    /// Takes about `most` bytes of what waits, in turns.
    pub(crate) fn take(&mut self, most: u64, out: &mut VecDeque<Bytes>) {
        let mut taken = 0;
        while taken < most
            && let Some(source) = self.turns.pop_front()
        {
            let Some(backlog) = self.sources.get_mut(&source) else { continue };
            if let Some(chunk) = backlog.chunks.pop_front() {
                taken += chunk.len() as u64;
                backlog.bytes -= chunk.len() as u64;
                out.push_back(chunk.into());
            }
            if backlog.bytes == 0 {
                self.sources.remove(&source);
            } else {
                self.turns.push_back(source);
            }
        }
        self.in_flight += taken;
    }

    /// A member that is idle keeps no room for what may come.
    pub(crate) fn compact(&mut self) {
        self.sources.shrink_to_fit();
        self.turns.shrink_to_fit();
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.order = self.order.max(Some(order));
    }

    /// What waits and what is being written, in bytes.
    pub(crate) fn depth(&self) -> u64 {
        self.bytes
    }

    /// Whether there is anything that can be taken.
    pub(crate) fn has_waiting(&self) -> bool {
        self.bytes > self.in_flight
    }
}

/// Numbers of members are given by the switch, one after the other: a multiplication spreads them.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32((*byte).into());
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: u64 = 1 << 20;

    fn fill(outgoing: &mut Outgoing, source: u32, relays: usize) -> u64 {
        let pushed = (0..relays).map(|_| outgoing.push(source, &[0; 991], LIMIT));
        1_000 * pushed.filter(|pushed| *pushed != Pushed::Dropped).count() as u64
    }

    #[test]
    fn a_lone_sender_gets_two_thirds_and_leaves_room_for_others() {
        let mut outgoing = Outgoing::default();
        let first = fill(&mut outgoing, 1, 10_000);
        assert!((LIMIT * 6 / 10..=LIMIT * 7 / 10).contains(&first), "{first}");
        let second = fill(&mut outgoing, 2, 10_000);
        assert!(second >= LIMIT / 5, "{second}");
        assert_eq!(outgoing.depth(), first + second);
        assert_eq!(outgoing.counts.dropped_bytes, 20_000_000 - first - second);
    }

    #[test]
    fn who_floods_does_not_keep_others_waiting() {
        let mut outgoing = Outgoing::default();
        fill(&mut outgoing, 1, 10_000);
        assert_eq!(outgoing.push(2, b"quiet", LIMIT), Pushed::Behind);
        let mut out = VecDeque::new();
        outgoing.take(2 * CHUNK as u64, &mut out);
        let mut quiet = Vec::new();
        write_relay(&mut quiet, 2, b"quiet");
        assert!(out.iter().any(|chunk| *chunk == quiet));
    }

    #[test]
    fn the_member_is_woken_only_where_nothing_waited() {
        let mut outgoing = Outgoing::default();
        assert_eq!(outgoing.push(1, b"a", LIMIT), Pushed::First);
        assert_eq!(outgoing.push(1, b"b", LIMIT), Pushed::Behind);
        let mut out = VecDeque::new();
        outgoing.take(LIMIT, &mut out);
        assert_eq!(out.len(), 1);
        // What is being written wakes it when it is written: it looks again then.
        assert_eq!(outgoing.push(1, b"c", LIMIT), Pushed::Behind);
        assert!(outgoing.has_waiting());
        outgoing.written();
        assert_eq!(outgoing.depth(), 10);
    }

    #[test]
    fn a_relay_that_is_added_as_it_came_is_as_one_that_is_copied() {
        let (mut copied, mut whole) = (Outgoing::default(), Outgoing::default());
        for (number, length) in [(1, 10), (2, CHUNK), (3, 20), (4, 0)] {
            let blob = vec![number; length];
            let mut frame = Vec::new();
            write_relay(&mut frame, 77, &blob);
            assert_eq!(copied.push(5, &blob, LIMIT), whole.push_whole(5, frame, LIMIT));
        }
        let all = |outgoing: &mut Outgoing| {
            let mut out = VecDeque::new();
            outgoing.take(LIMIT, &mut out);
            out.iter().flat_map(|chunk| chunk.to_vec()).collect::<Vec<u8>>()
        };
        assert_eq!((copied.depth(), copied.counts), (whole.depth(), whole.counts));
        assert_eq!(all(&mut copied), all(&mut whole));
    }

    #[test]
    fn a_relay_that_is_larger_than_a_chunk_goes_whole() {
        let mut outgoing = Outgoing::default();
        outgoing.push(1, &vec![7; 3 * CHUNK], LIMIT);
        let mut out = VecDeque::new();
        outgoing.take(1, &mut out);
        assert_eq!(out[0].len(), 3 * CHUNK + HEAD);
    }

    proptest! {
        /// Whatever is pushed and taken: within the limit, in the order of each source, and nothing but what was
        /// counted as dropped is missing.
        #[test]
        fn the_order_of_each_source_and_the_bound_hold(
            steps in prop::collection::vec((0..4_u32, 0..3_000_usize, any::<bool>()), 1..300),
        ) {
            let limit = 20_000;
            let (mut outgoing, mut out) = (Outgoing::default(), VecDeque::new());
            let (mut pushed, mut taken) = (vec![Vec::new(); 4], vec![Vec::new(); 4]);
            let mut dropped = 0;
            for (number, (source, length, take)) in (0_u32..).zip(steps) {
                let mut blob = number.to_le_bytes().to_vec();
                blob.resize(4 + length, 0);
                match outgoing.push(source, &blob, limit) {
                    Pushed::Dropped => dropped += 1,
                    Pushed::First | Pushed::Behind => pushed[source as usize].push(number),
                }
                prop_assert!(outgoing.depth() <= limit);
                if take {
                    outgoing.written();
                    outgoing.take(3_000, &mut out);
                }
            }
            outgoing.written();
            outgoing.take(u64::MAX, &mut out);
            outgoing.written();
            prop_assert_eq!(outgoing.depth(), 0);
            prop_assert_eq!(outgoing.counts.dropped, dropped);
            for chunk in &out {
                let mut rest = &chunk[..];
                while let Some((frame, after)) = edri_link::wire::split(rest, u32::MAX).unwrap() {
                    let (source, blob) = edri_link::wire::as_relay(frame).unwrap().unwrap();
                    taken[source as usize].push(u32::from_le_bytes(*blob.first_chunk().unwrap()));
                    rest = after;
                }
            }
            prop_assert_eq!(pushed, taken);
        }
    }
}
