use super::{u32_at, u64_at};
use crate::position::Position;

/// The size of what stands before each record, in bytes.
pub(crate) const FRAME: usize = 24;

/// A position takes seven bytes of a frame, what follows takes the eighth.
const POSITION: u64 = (1 << 56) - 1;

/// What follows a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A record: the last of its batch, or one on its own.
    Record,
    /// A record with more of its batch behind it: without its last, nothing of a batch counts.
    RecordOfMore,
    /// [`Marks`](super::Marks).
    Marks,
    /// Nothing: a snapshot is complete.
    End,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Record => 1,
            Self::RecordOfMore => 2,
            Self::Marks => 3,
            Self::End => 4,
        }
    }

    fn of(code: u8) -> Option<Self> {
        [Self::Record, Self::RecordOfMore, Self::Marks, Self::End]
            .into_iter()
            .find(|kind| kind.code() == code)
    }

    pub(crate) fn is_record(self) -> bool {
        matches!(self, Self::Record | Self::RecordOfMore)
    }
}

/// What stands before a record, or before something of the journal's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    /// The record's; for anything else, that of the next record.
    pub(crate) position: Position,
    /// How many bytes follow.
    pub(crate) length: u32,
    /// Their checksum.
    pub(crate) checksum: u32,
    /// How many of the bytes before it in its file were not known to be synced when it was written.
    pub(crate) unsynced: u32,
}

impl Frame {
    /// A frame whose place is not known yet: what [`place`](Self::place) fills in later is left out.
    pub(crate) fn unplaced(kind: Kind, content: &[u8]) -> [u8; FRAME] {
        let mut bytes = [0; FRAME];
        bytes[4..8].copy_from_slice(&(content.len() as u32).to_le_bytes());
        bytes[16..20].copy_from_slice(&crc32c::crc32c(content).to_le_bytes());
        bytes[15] = kind.code();
        bytes
    }

    /// The kind and the length of a frame that has no place yet.
    pub(crate) fn of_unplaced(bytes: &[u8]) -> Option<(Kind, u32)> {
        Some((Kind::of(bytes[15])?, u32_at(bytes, 4)))
    }

    /// Gives a frame its place, in a file with this salt.
    pub(crate) fn place(bytes: &mut [u8], salt: u64, position: Position, unsynced: u32) {
        bytes[8..15].copy_from_slice(&position.get().to_le_bytes()[..7]);
        bytes[20..24].copy_from_slice(&unsynced.to_le_bytes());
        let checksum = Self::header_checksum(bytes, salt);
        bytes[0..4].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Reads a frame; none if it is not one of a file with this salt.
    pub(crate) fn decode(bytes: &[u8; FRAME], salt: u64) -> Option<Self> {
        if u32_at(bytes, 0) != Self::header_checksum(bytes, salt) {
            return None;
        }
        Some(Self {
            kind: Kind::of(bytes[15])?,
            position: Position::new(Self::position_at(bytes))?,
            length: u32_at(bytes, 4),
            checksum: u32_at(bytes, 16),
            unsynced: u32_at(bytes, 20),
        })
    }

    /// The position written there, whether or not the rest makes sense: to sort out by it before anything costs more.
    pub(crate) fn position_at(bytes: &[u8]) -> u64 {
        u64_at(bytes, 8) & POSITION
    }

    fn header_checksum(bytes: &[u8], salt: u64) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &bytes[4..FRAME])
    }
}
