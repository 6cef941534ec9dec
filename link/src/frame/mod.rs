//! What goes over the wire: `length: u32 | kind: u8 | body`, the length little-endian and without itself.
//!
//! ```text
//! kinds     every kind of frame, encoded and decoded
//! reader    frames out of a stream of bytes, however it is cut
//! ```

#[cfg(test)]
mod golden;
mod kinds;
mod reader;

pub(crate) use kinds::{
    Acknowledge, Close, CloseCode, Frame, FrameError, Part, put, write, write_part, write_whole,
};
pub(crate) use reader::FrameReader;
