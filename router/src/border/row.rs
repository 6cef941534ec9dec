use std::fmt;

use edri_event::{EventId, Meta};

use super::departure::{Back, Departure};
use super::description::ShareableId;
use super::shareable::{Shareable, ShareableEvent as _};

/// What a border wants before each plain notification: it means something to the border alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    bytes: [u8; Head::MOST],
    length: u8,
}

impl Head {
    /// So many bytes at most.
    pub const MOST: usize = 7;

    /// Those bytes; `None` if they are more than [`MOST`](Self::MOST).
    #[inline]
    pub fn new(head: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::MOST];
        bytes.get_mut(..head.len())?.copy_from_slice(head);
        Some(Self { bytes, length: head.len() as u8 })
    }

    /// How many bytes it has.
    #[inline]
    fn len(self) -> usize {
        usize::from(self.length)
    }
}

/// Plain notifications that departed one after the other for the same place: nothing travels beside them but an identity,
/// so that nothing is kept of each but its bytes. They are looked at, and moved, as one.
///
/// Its bytes are, for each of them: the [head](Head) that the border wants; its identity, and the length of its payload, as
/// numbers of seven bits in each byte, the lowest first; and its payload.
pub struct Row {
    event: Shareable,
    /// That of the event: asked for once.
    id: ShareableId,
    to: u64,
    head: Head,
    count: u32,
    bytes: u32,
    payloads: u32,
}

impl fmt::Debug for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Row");
        debug.field("event", &self.event.name()).field("to", &self.to).field("count", &self.count);
        debug.field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// What comes before a payload: a head, and two numbers.
const BEFORE: usize = Head::MOST + NUMBER + LENGTH;

/// How long a number can be.
const NUMBER: usize = 10;

/// How long the length of a payload can be that is not longer than [`Row::LONGEST`].
const LENGTH: usize = 2;

impl Row {
    /// Longer payloads are in no row.
    pub const LONGEST: usize = 1024;

    /// So many bytes are in a row at most.
    pub const MOST_BYTES: usize = 4 * 1024;

    /// So many notifications are in a row at most.
    pub const MOST: usize = 64;

    /// Where they go, as the [place](super::Place) says that they were sent to.
    #[inline]
    pub fn to(&self) -> u64 {
        self.to
    }

    /// How many they are, at least one.
    #[inline]
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// How many bytes their payloads have together.
    #[inline]
    pub fn payloads(&self) -> usize {
        self.payloads as usize
    }

    /// How many bytes it has.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// One with nothing in it.
    pub(super) fn new(event: Shareable, to: u64, head: Head) -> Self {
        let id = event.id();
        Self { event, id, to, head, count: 0, bytes: 0, payloads: 0 }
    }

    /// Whether one with so many bytes may follow.
    #[inline]
    pub(super) fn takes(&self, event: &Shareable, to: u64, head: Head, bytes: usize) -> bool {
        self.to == to
            && self.count() < Self::MOST
            && self.bytes() + bytes <= Self::MOST_BYTES
            && self.head == head
            && self.id == event.id()
    }

    /// One with so many bytes follows.
    #[inline]
    pub(super) fn add(&mut self, bytes: usize, payload: usize) {
        self.count += 1;
        self.bytes += bytes as u32;
        self.payloads += payload as u32;
    }

    /// The first of those whose bytes these are, as one of its own, with its payload, and how many bytes it had.
    pub(super) fn first<'b>(&self, bytes: &'b [u8]) -> (Departure, &'b [u8], usize) {
        let mut rest = &bytes[self.head.len()..];
        let (identity, length) = (number(&mut rest), number(&mut rest) as usize);
        let mut meta = Meta::new();
        if let Some(identity) = EventId::from_number(identity) {
            meta.set_id(identity);
        }
        let before = bytes.len() - rest.len();
        let departure = Departure::new(self.event.clone(), self.to, meta, Back::Nothing);
        (departure, &rest[..length], before + length)
    }

    /// The first has been taken.
    pub(super) fn taken(&mut self, bytes: usize, payload: usize) {
        self.count -= 1;
        self.bytes -= bytes as u32;
        self.payloads -= payload as u32;
    }
}

/// Appends what comes before a payload of so many bytes.
#[inline]
pub(super) fn put_before(out: &mut Vec<u8>, head: Head, identity: EventId, payload: usize) {
    let mut before = [0; BEFORE];
    before[..Head::MOST].copy_from_slice(&head.bytes);
    let mut at = put_number(&mut before, head.len(), identity.get());
    at = put_number(&mut before, at, payload as u64);
    out.extend_from_slice(&before[..at]);
}

#[inline]
fn put_number(out: &mut [u8; BEFORE], mut at: usize, mut number: u64) -> usize {
    while number >= 0x80 {
        out[at] = number as u8 | 0x80;
        number >>= 7;
        at += 1;
    }
    out[at] = number as u8;
    at + 1
}

/// Reads what [`put_number`] wrote.
fn number(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if *byte < 0x80 {
            break;
        }
    }
    number
}
