//! What stands in the files, byte by byte. Numbers are little-endian; checksums are CRC32C.
//!
//! ```text
//! names    files in a journal's directory
//! header   the first 64 bytes of each file
//! frame    what stands around each record
//! marks    what is confirmed, and where the journal begins
//! ```

mod frame;
#[cfg(test)]
mod golden;
mod header;
mod marks;
mod names;

pub(crate) use frame::{FRAME, Frame, Kind};
pub(crate) use header::{HEADER, Header, Holds, VERSION, Wrong};
pub(crate) use marks::Marks;
pub(crate) use names::{LOCK, Name};

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
