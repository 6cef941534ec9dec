use std::io;

use tokio::io::Interest;
use tokio::net::unix::pipe;

/// What is to be written to a child.
pub(super) struct Outgoing {
    pipe: Option<pipe::Sender>,
    buffer: Vec<u8>,
    /// So much of it has been written.
    written: usize,
}

/// Nothing is added to more than this: jobs wait in the pool while a child does not read.
const ENOUGH: usize = 256 * 1024;

impl Outgoing {
    pub(super) fn new(pipe: pipe::Sender) -> Self {
        Self { pipe: Some(pipe), buffer: Vec::new(), written: 0 }
    }

    /// What is put at its end is to be written.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    pub(super) fn has_room(&self) -> bool {
        self.buffer.len() - self.written < ENOUGH
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Writes what can be written at once: most lines can.
    pub(super) fn flush_now(&mut self) {
        // What is wrong with the pipe is found by whoever waits for it.
        if let Some(pipe) = &self.pipe
            && let Ok(written) = pipe.try_write(&self.buffer[self.written..])
        {
            self.written += written;
            self.forget_written();
        }
    }

    fn forget_written(&mut self) {
        if self.written == self.buffer.len() {
            self.buffer.clear();
            self.written = 0;
        }
    }

    /// Writes until nothing is left.
    ///
    /// Cancel safe: what was written is not written again.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let Some(pipe) = &self.pipe else { return Err(io::ErrorKind::BrokenPipe.into()) };
        while self.written < self.buffer.len() {
            pipe.ready(Interest::WRITABLE).await?;
            match pipe.try_write(&self.buffer[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        self.forget_written();
        Ok(())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.pipe.is_none()
    }

    /// The child reads the end of its input, once what was written has been read.
    pub(super) fn close(&mut self) {
        self.pipe = None;
    }
}
