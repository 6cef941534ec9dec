use bytes::{Buf as _, Bytes, BytesMut};

use super::LOWEST_CHANNEL_KIND;
use super::frame::{Frame, FrameError};

/// Finds frames in a stream of bytes, however it was cut.
///
/// The frames that it gives out are parts of its buffer, without a copy; the buffer is used again once they have been
/// dropped. Between two calls of [`push`](Self::push) it holds less than one frame, as long as all frames are taken.
#[derive(Debug)]
pub struct Reader {
    buffer: BytesMut,
    limit: u32,
}

/// How long the length of a frame is, in bytes.
pub const LENGTH: usize = 4;

/// A frame, without its length, and what is after it.
pub type Split<'b> = (&'b [u8], &'b [u8]);

/// The first frame of a stream of bytes, without its length, and what is after it; `None` if it is not whole.
///
/// # Errors
/// It is longer than `limit`.
pub fn split(bytes: &[u8], limit: u32) -> Result<Option<Split<'_>>, FrameError> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length);
    if length > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    Ok(rest.split_at_checked(length as usize))
}

impl Reader {
    /// Accepts frames of up to `limit` bytes, without their length.
    pub fn new(limit: u32) -> Self {
        Self { buffer: BytesMut::new(), limit }
    }

    /// From here on frames of this length are accepted.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one.
    ///
    /// # Errors
    /// What was read is no stream of frames. Nothing that follows can be trusted.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some((frame, _)) = split(&self.buffer, self.limit)? else { return Ok(None) };
        let length = frame.len();
        self.buffer.advance(LENGTH);
        Frame::decode(self.buffer.split_to(length).freeze()).map(Some)
    }

    /// Takes the next frame out of a relay's blob: its kind and its body. `None` at the end.
    ///
    /// # Errors
    /// The blob is none of whole frames, or holds one that does not belong in there.
    pub fn next_in(blob: &mut Bytes) -> Result<Option<(u8, Bytes)>, FrameError> {
        if blob.is_empty() {
            return Ok(None);
        }
        let left = blob.len();
        let length =
            blob.split_first_chunk::<LENGTH>().map(|(length, _)| u32::from_le_bytes(*length) as usize);
        let cut = || FrameError::Malformed {
            kind: "relay",
            length: left,
            reason: "it ends within a frame".to_owned(),
        };
        let length = length.filter(|length| *length <= left - LENGTH).ok_or_else(cut)?;
        blob.advance(LENGTH);
        let mut frame = blob.split_to(length);
        let kind = *frame.first().ok_or(FrameError::Empty)?;
        if kind < LOWEST_CHANNEL_KIND {
            return Err(FrameError::UnknownKind(kind));
        }
        frame.advance(1);
        Ok(Some((kind, frame)))
    }

    /// How many bytes of an unfinished frame are held.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame::{as_relay, write, write_relay};
    use super::*;

    #[test]
    fn a_relay_is_read_in_place() {
        let mut bytes = Vec::new();
        write_relay(&mut bytes, 7, b"blob");
        write(&mut bytes, &Frame::Heartbeat);
        let (frame, rest) = split(&bytes, 1024).unwrap().unwrap();
        assert_eq!(as_relay(frame), Ok(Some((7, &b"blob"[..]))));
        assert!(as_relay(&frame[..4]).is_err());
        let (frame, rest) = split(rest, 1024).unwrap().unwrap();
        assert_eq!((as_relay(frame), rest), (Ok(None), &[][..]));
        assert_eq!(split(&bytes[..12], 1024), Ok(None));
        assert_eq!(split(&bytes, 4), Err(FrameError::TooLong { length: 9, limit: 4 }));
    }

    fn stream() -> (Vec<u8>, usize) {
        let mut bytes = Vec::new();
        write(&mut bytes, &Frame::Heartbeat);
        write_relay(&mut bytes, 7, &[1; 300]);
        write(&mut bytes, &Frame::Channel { kind: 99, body: Bytes::from_static(&[1, 2, 3]) });
        write_relay(&mut bytes, 8, &[]);
        (bytes, 4)
    }

    proptest! {
        #[test]
        fn frames_are_found_however_the_stream_is_cut(cuts in prop::collection::vec(1..50_usize, 1..400)) {
            let (bytes, frames) = stream();
            let mut reader = Reader::new(1024);
            let (mut at, mut found) = (0, 0);
            for cut in cuts.into_iter().cycle() {
                let end = (at + cut).min(bytes.len());
                reader.push(&bytes[at..end]);
                while reader.next_frame().unwrap().is_some() {
                    found += 1;
                }
                prop_assert!(reader.held() < 1024 + LENGTH);
                at = end;
                if at == bytes.len() {
                    break;
                }
            }
            prop_assert_eq!(found, frames);
            prop_assert_eq!(reader.held(), 0);
        }

        #[test]
        fn any_bytes_are_frames_or_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut reader = Reader::new(200);
            reader.push(&bytes);
            while let Ok(Some(_)) = reader.next_frame() {}
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_read() {
        let mut reader = Reader::new(1024);
        reader.push(b"GET / HTTP/1.1");
        let error = reader.next_frame().unwrap_err();
        assert!(matches!(error, FrameError::TooLong { limit: 1024, .. }), "{error}");
    }

    #[test]
    fn a_length_that_was_only_announced_takes_no_memory() {
        let mut reader = Reader::new(u32::MAX);
        reader.push(&[0xff, 0xff, 0xff, 0x7f, 9, 1]);
        assert_eq!(reader.next_frame(), Ok(None));
        assert!(reader.buffer.capacity() < 1024);
    }
}
