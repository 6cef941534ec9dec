use super::u64_at;
use crate::position::Position;

/// The size of marks, in bytes.
pub(crate) const MARKS: usize = 16;

/// What of a journal is no longer needed: in the header of each segment, and in frames of their own between records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Everything up to here was confirmed.
    pub(crate) confirmed: Option<Position>,
    /// Nothing before this is kept: segments that end before it are left-overs.
    pub(crate) start: Position,
}

impl Marks {
    pub(crate) const NONE: Self = Self { confirmed: None, start: Position::FIRST };

    pub(crate) fn encode(&self) -> [u8; MARKS] {
        let mut bytes = [0; MARKS];
        bytes[0..8].copy_from_slice(&self.confirmed.map_or(0, Position::get).to_le_bytes());
        bytes[8..16].copy_from_slice(&self.start.get().to_le_bytes());
        bytes
    }

    /// None if they are not ones that a journal writes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != MARKS {
            return None;
        }
        Some(Self { confirmed: Position::new(u64_at(bytes, 0)), start: Position::new(u64_at(bytes, 8))? })
    }
}
