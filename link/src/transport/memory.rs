//! Two ends in one process.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How a connection in memory behaves. The same conditions behave the same each time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Conditions {
    /// How long bytes are on their way. Nothing by default.
    pub latency: Duration,
    /// How many bytes may be on their way in each direction; a writer waits while there are as many. 256 KiB by
    /// default.
    pub capacity: usize,
    /// The sizes of the pieces in which bytes are read, again and again; none is 0. Empty, which is the default: all
    /// there is.
    pub pieces: Vec<usize>,
    /// The connection breaks, for both ends, when so many bytes have been written in one direction. Never by default.
    pub breaks_after: Option<u64>,
    /// Each so-manieth write is lost without a word, as no proper transport would. Never by default.
    pub loses: Option<u64>,
    /// Each so-manieth write overtakes what was written before it, if that is still on its way. Never by default.
    pub swaps: Option<u64>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            capacity: 256 * 1024,
            pieces: Vec::new(),
            breaks_after: None,
            loses: None,
            swaps: None,
        }
    }
}

/// One end of a connection in memory. Dropped, it ends for the other end, which still reads what was written.
#[derive(Debug)]
pub struct MemoryStream {
    inward: Arc<Pipe>,
    outward: Arc<Pipe>,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Two ends that are each other's other end.
pub fn pair(conditions: Conditions) -> (MemoryStream, MemoryStream) {
    let (there, back) = (Arc::new(Pipe::new(conditions.clone())), Arc::new(Pipe::new(conditions)));
    let left = MemoryStream { inward: Arc::clone(&back), outward: Arc::clone(&there), sleep: None };
    (left, MemoryStream { inward: there, outward: back, sleep: None })
}

#[derive(Debug)]
struct Pipe {
    conditions: Conditions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What is on its way, each with when it arrives and how much of it has been read.
    chunks: VecDeque<Chunk>,
    bytes: usize,
    written: u64,
    writes: u64,
    pieces_read: usize,
    end: End,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug)]
struct Chunk {
    arrives: Instant,
    bytes: Vec<u8>,
    read: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// The writer has written all.
    Finished,
    /// Nothing is read or written any more.
    Broken,
}

impl Pipe {
    fn new(conditions: Conditions) -> Self {
        Self { conditions, state: Mutex::default() }
    }

    /// No code of others runs under the lock, so that it cannot be poisoned.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, end: End) {
        let mut state = self.lock();
        if state.end != End::Broken {
            state.end = end;
        }
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection in memory was broken")
}

impl MemoryStream {
    /// Breaks the connection for both ends; what is on its way is lost.
    pub fn sever(&self) {
        self.inward.end(End::Broken);
        self.outward.end(End::Broken);
    }
}

impl AsyncRead for MemoryStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
            }
            let pipe = Arc::clone(&self.inward);
            let mut state = pipe.lock();
            if state.end == End::Broken {
                return Poll::Ready(Err(broken()));
            }
            let (pieces, turn) = (&pipe.conditions.pieces, state.pieces_read);
            let most = if pieces.is_empty() { usize::MAX } else { pieces[turn % pieces.len()].max(1) };
            let Some(chunk) = state.chunks.front_mut() else {
                if state.end == End::Finished {
                    return Poll::Ready(Ok(()));
                }
                state.reader = Some(cx.waker().clone());
                return Poll::Pending;
            };
            if chunk.arrives > Instant::now() {
                let arrives = chunk.arrives;
                drop(state);
                self.sleep = Some(Box::pin(tokio::time::sleep_until(arrives)));
                continue;
            }
            let length = (chunk.bytes.len() - chunk.read).min(most).min(buffer.remaining());
            buffer.put_slice(&chunk.bytes[chunk.read..chunk.read + length]);
            chunk.read += length;
            if chunk.read == chunk.bytes.len() {
                state.chunks.pop_front();
            }
            state.bytes -= length;
            state.pieces_read += 1;
            let writer = state.writer.take();
            drop(state);
            if let Some(writer) = writer {
                writer.wake();
            }
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for MemoryStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let pipe = &self.outward;
        let mut state = pipe.lock();
        if state.end != End::Open {
            return Poll::Ready(Err(broken()));
        }
        let room = pipe.conditions.capacity.max(1) - state.bytes.min(pipe.conditions.capacity.max(1));
        if room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let length = bytes.len().min(room);
        state.written += length as u64;
        if pipe.conditions.breaks_after.is_some_and(|limit| state.written > limit) {
            drop(state);
            self.sever();
            return Poll::Ready(Err(broken()));
        }
        state.writes += 1;
        let turn =
            |every: Option<u64>| every.is_some_and(|every| every > 0 && state.writes.is_multiple_of(every));
        let (lost, overtakes) = (turn(pipe.conditions.loses), turn(pipe.conditions.swaps));
        if lost {
            return Poll::Ready(Ok(length));
        }
        let arrives = Instant::now() + pipe.conditions.latency;
        let chunk = Chunk { arrives, bytes: bytes[..length].to_vec(), read: 0 };
        match state.chunks.pop_back() {
            Some(before) if overtakes && before.read == 0 => state.chunks.extend([chunk, before]),
            before => state.chunks.extend(before.into_iter().chain([chunk])),
        }
        state.bytes += length;
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outward.end(End::Finished);
        Poll::Ready(Ok(()))
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        self.outward.end(End::Finished);
        // Nobody reads any more what would still be written.
        self.inward.end(End::Broken);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_arrive_after_the_latency_and_in_pieces() {
        let conditions =
            Conditions { latency: Duration::from_secs(3), pieces: vec![2, 1], ..Conditions::default() };
        let (mut left, mut right) = pair(conditions);
        let before = Instant::now();
        left.write_all(b"abcd").await.unwrap();
        drop(left);
        let mut buffer = [0; 8];
        let mut lengths = Vec::new();
        loop {
            match right.read(&mut buffer).await.unwrap() {
                0 => break,
                length => lengths.push(length),
            }
        }
        assert_eq!((lengths, before.elapsed()), (vec![2, 1, 1], Duration::from_secs(3)));
    }

    #[tokio::test]
    async fn a_writer_waits_while_too_much_is_on_its_way() {
        let (mut left, mut right) = pair(Conditions { capacity: 4, ..Conditions::default() });
        assert_eq!(left.write(b"abcdef").await.unwrap(), 4);
        let mut waiting = try_to_write(&mut left);
        assert!(waiting.is_pending());
        let mut buffer = [0; 2];
        right.read_exact(&mut buffer).await.unwrap();
        waiting = try_to_write(&mut left);
        assert!(matches!(waiting, Poll::Ready(Ok(2))), "{waiting:?}");
    }

    fn try_to_write(stream: &mut MemoryStream) -> Poll<io::Result<usize>> {
        Pin::new(stream).poll_write(&mut Context::from_waker(Waker::noop()), b"gh")
    }

    #[tokio::test]
    async fn writes_are_lost_and_swapped_where_it_is_told() {
        let conditions = Conditions { loses: Some(2), swaps: Some(3), ..Conditions::default() };
        let (mut left, mut right) = pair(conditions);
        for write in [b"a", b"b", b"c", b"d"] {
            left.write_all(write).await.unwrap();
        }
        drop(left);
        let mut got = String::new();
        right.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "ca");
    }

    #[tokio::test]
    async fn a_connection_breaks_where_it_is_told() {
        let (mut left, mut right) = pair(Conditions { breaks_after: Some(3), ..Conditions::default() });
        left.write_all(b"abc").await.unwrap();
        assert!(left.write_all(b"d").await.is_err());
        assert!(right.read_u8().await.is_err());
    }
}
