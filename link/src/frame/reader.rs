use super::kinds::{Frame, FrameError};

/// Finds frames in a stream of bytes, however it was cut.
///
/// Between two calls of [`push`](Self::push) it holds less than one frame, as long as all frames are taken.
#[derive(Debug)]
pub(crate) struct FrameReader {
    buffer: Vec<u8>,
    /// What of the buffer has been read.
    start: usize,
    limit: u32,
}

const LENGTH: usize = 4;

impl FrameReader {
    pub(crate) fn new(limit: u32) -> Self {
        Self { buffer: Vec::new(), start: 0, limit }
    }

    /// From here on frames of this length are accepted.
    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let waiting = &self.buffer[self.start..];
        let Some((length, rest)) = waiting.split_first_chunk::<LENGTH>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length);
        if length > self.limit {
            return Err(FrameError::TooLong { length, limit: self.limit });
        }
        let Some(body) = rest.get(..length as usize) else { return Ok(None) };
        self.start += LENGTH + length as usize;
        Frame::decode(body).map(Some)
    }

    /// How many bytes of an unfinished frame are held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.buffer.len() - self.start
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::kinds::{Acknowledge, write, write_whole};
    use super::*;

    fn stream() -> (Vec<u8>, usize) {
        let mut bytes = Vec::new();
        write(&mut bytes, &Frame::Heartbeat);
        write_whole(&mut bytes, 7, &[1; 300]);
        write(&mut bytes, &Frame::Acknowledge(Acknowledge { received: 9, granted: [1, 2, 3] }));
        write_whole(&mut bytes, 8, &[]);
        (bytes, 4)
    }

    proptest! {
        #[test]
        fn frames_are_found_however_the_stream_is_cut(cuts in prop::collection::vec(1..50_usize, 1..400)) {
            let (bytes, frames) = stream();
            let mut reader = FrameReader::new(1024);
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
            let mut reader = FrameReader::new(200);
            reader.push(&bytes);
            while let Ok(Some(_)) = reader.next_frame() {}
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_read() {
        let mut reader = FrameReader::new(1024);
        reader.push(b"GET / HTTP/1.1");
        let error = reader.next_frame().unwrap_err();
        assert!(matches!(error, FrameError::TooLong { limit: 1024, .. }), "{error}");
    }
}
