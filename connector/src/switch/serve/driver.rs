use std::cell::Cell;
use std::future::Future;
use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::BufMut as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::super::hub::Session;
use super::accept::Ticket;

/// Runs one connection over its stream, until both are done.
///
/// It reads into a buffer of its thread, so that a connection without traffic has none; and it writes from there what comes
/// in small pieces.
pub(crate) struct Driver<S> {
    session: Session,
    stream: S,
    timer: Pin<Box<Sleep>>,
    ticket: Ticket,
    reads: Reads,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Yes,
    /// The last word has been said: what comes is thrown away, up to so many bytes, so that the system does not throw
    /// away the last word.
    Away(usize),
    No,
}

/// How much is read at a time.
const BUFFER: usize = 64 * 1024;

/// How many reads and writes a connection may do until others have their turn.
const ROUNDS: usize = 8;

/// What is longer is written from where it is.
const SMALL: usize = 16 * 1024;

/// As many pieces are written at a time.
const PIECES: usize = 8;

/// How much of a peer that does not listen is thrown away.
const AWAY: usize = 1024 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends the buffer of this thread.
fn with_scratch<R>(use_it: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut scratch = SCRATCH.take();
    scratch.resize(BUFFER, 0);
    let used = use_it(&mut scratch);
    SCRATCH.set(scratch);
    used
}

/// Nothing more can be read: the stream has ended, or failed.
fn end(session: &mut Session, reads: &mut Reads, error: Option<std::io::Error>) {
    *reads = Reads::No;
    match error {
        None => session.end_of_stream(now()),
        Some(error) => session.lost(error.to_string(), now()),
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(session: Session, stream: S, ticket: Ticket) -> Self {
        let timer = Box::pin(tokio::time::sleep_until(tokio::time::Instant::now()));
        Self { session, stream, timer, ticket, reads: Reads::Yes }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { session, stream, reads, .. } = self;
        if *reads == Reads::No || (*reads == Reads::Yes && session.is_deaf()) {
            return Poll::Pending;
        }
        if let (Reads::Yes, Some((place, most))) = (*reads, session.place()) {
            let mut place = place.limit(most);
            let read = pin!(stream.read_buf(&mut place)).poll(cx);
            match read {
                Poll::Pending => {
                    session.nothing_came();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) => end(session, reads, None),
                Poll::Ready(Ok(_)) => session.came(now()),
                Poll::Ready(Err(error)) => end(session, reads, Some(error)),
            }
            return Poll::Ready(());
        }
        with_scratch(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let read = ready!(Pin::new(stream).poll_read(cx, &mut buffer));
            match (read, buffer.filled(), *reads) {
                (Ok(()), bytes @ [_, ..], Reads::Yes) => session.receive(bytes, now()),
                (Ok(()), bytes @ [_, ..], Reads::Away(left)) if left > bytes.len() => {
                    *reads = Reads::Away(left - bytes.len());
                }
                (Ok(()), [], Reads::Yes) => end(session, reads, None),
                (Err(error), _, Reads::Yes) => end(session, reads, Some(error)),
                _ => *reads = Reads::No,
            }
            Poll::Ready(())
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { session, stream, .. } = self;
        let now = now();
        let out = session.outgoing(now);
        let Some(front) = out.front() else {
            // A stream that gathers what is written has to let go of it.
            return match ready!(Pin::new(stream).poll_flush(cx)) {
                Ok(()) => Poll::Pending,
                Err(error) => {
                    session.lost(error.to_string(), now);
                    Poll::Ready(())
                }
            };
        };
        let written = if out.len() == 1 {
            Pin::new(stream).poll_write(cx, front)
        } else if front.len() >= SMALL {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let mut together = 0;
            for (place, piece) in pieces.iter_mut().zip(out) {
                *place = IoSlice::new(piece);
                together += 1;
            }
            Pin::new(stream).poll_write_vectored(cx, &pieces[..together])
        } else {
            with_scratch(|scratch| {
                let mut length = 0;
                for piece in out {
                    let Some(room) = scratch.get_mut(length..length + piece.len()) else { break };
                    room.copy_from_slice(piece);
                    length += piece.len();
                }
                Pin::new(stream).poll_write(cx, &scratch[..length])
            })
        };
        match ready!(written) {
            Ok(0) => session.lost("nothing more can be written".to_owned(), now),
            Ok(length) => session.written(length, now),
            Err(error) => session.lost(error.to_string(), now),
        }
        Poll::Ready(())
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = self.session.next_timeout() else { return Poll::Pending };
        let next = tokio::time::Instant::from_std(next);
        // What it waits for mostly moves on: it looks again when it wakes, and not each time something has been heard.
        if self.timer.is_elapsed() || next < self.timer.deadline() {
            self.timer.as_mut().reset(next);
        }
        ready!(self.timer.as_mut().poll(cx));
        self.session.handle_timeout(now());
        Poll::Ready(())
    }

    /// The last words have been written, or cannot be.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.reads == Reads::Yes {
            self.reads = Reads::Away(AWAY);
            let until = tokio::time::Instant::now() + Session::LAST_WORDS;
            self.timer.as_mut().reset(until);
        }
        if self.reads == Reads::No || self.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if let Poll::Ready(Err(_)) = Pin::new(&mut self.stream).poll_shutdown(cx) {
            return Poll::Ready(());
        }
        while self.poll_read(cx).is_ready() {
            if self.reads == Reads::No {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        for _ in 0..ROUNDS {
            this.session.register(cx.waker());
            if this.session.is_closed() {
                return this.poll_end(cx);
            }
            let read = this.poll_read(cx);
            this.ticket.greeted(this.session.standing());
            let wrote = this.poll_write(cx);
            let fired = this.poll_timer(cx);
            if read.is_pending() && wrote.is_pending() && fired.is_pending() && !this.session.is_closed() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
