use super::marks::Marks;
use super::{u32_at, u64_at};
use crate::position::Position;

/// The version of the format.
pub(crate) const VERSION: u32 = 1;

/// The size of a header, in bytes.
pub(crate) const HEADER: usize = 64;

/// What a file holds, by its first eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Segment,
    Snapshot,
}

impl Holds {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Segment => b"EDRIsegm",
            Self::Snapshot => b"EDRIsnap",
        }
    }
}

/// The first 64 bytes of a file. Magic, version and checksum stay where they are in every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Of a segment: the position of its first record. Of a snapshot: the position up to which it goes.
    pub(crate) position: Position,
    /// Drawn for each file, and part of each checksum in it: bytes of another file are no frames of this one.
    pub(crate) salt: u64,
    /// What held when the file was begun.
    pub(crate) marks: Marks,
}

/// What is wrong with the first bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Version(u32),
    Damaged(&'static str),
}

impl Header {
    pub(crate) fn encode(&self, holds: Holds) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0..8].copy_from_slice(holds.magic());
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.position.get().to_le_bytes());
        bytes[24..32].copy_from_slice(&self.salt.to_le_bytes());
        bytes[32..48].copy_from_slice(&self.marks.encode());
        let checksum = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; HEADER], holds: Holds) -> Result<Self, Wrong> {
        if &bytes[0..8] != holds.magic() {
            return Err(Wrong::Damaged("the first eight bytes are not those of such a file"));
        }
        if u32_at(bytes, 60) != crc32c::crc32c(&bytes[..60]) {
            return Err(Wrong::Damaged("the header's checksum is wrong"));
        }
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(Wrong::Version(version));
        }
        let position =
            Position::new(u64_at(bytes, 16)).ok_or(Wrong::Damaged("the header has no position"))?;
        let marks = Marks::decode(&bytes[32..48])
            .ok_or(Wrong::Damaged("the header says of no position where it begins"))?;
        Ok(Self { position, salt: u64_at(bytes, 24), marks })
    }
}
