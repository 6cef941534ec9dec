use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::task::coop;
use tokio::time::{Instant, Sleep};

use super::machine::Machine;
use super::streams::{Once, Streams};
use super::{Happened, Program};
use crate::closed::Closed;
use crate::transport::Transport;

/// Runs one end of a link, over one stream after the other, until it ends; then all are dropped.
pub(crate) struct Driver<S: Streams<M>, M, P> {
    streams: S,
    carrier: Option<Carrier<S::Stream>>,
    machine: M,
    program: P,
    inbound: Box<[u8]>,
    outbound: Vec<u8>,
    timer: Pin<Box<Sleep>>,
    /// Whom it wakes.
    timer_wakes: Option<Waker>,
    ended: Option<Closed>,
    /// When the last words need not be written any more.
    last_words_until: Option<Instant>,
}

/// The stream that there is.
struct Carrier<T> {
    stream: T,
    /// How much of what is to be written has been.
    written: usize,
    writes: Writes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    /// All that was written is on its way.
    Flushed,
    /// Something may still wait in the stream itself.
    Unflushed,
    /// Nothing can be written any more.
    Failed,
}

/// Read, and written, at a time: two of the longest frames that are usual, so that not each of them is cut.
const BATCH: usize = 128 * 1024;

/// After so many turns others have theirs, those above all who take what came: their inboxes would be full before they are
/// asked.
const TURNS: u32 = 4;

/// A timer that is late because nothing can be written is looked at again after so long.
const LATE: std::time::Duration = std::time::Duration::from_millis(10);

/// The last words may take so long.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(100);

impl<T: Transport, M: Machine, P: Program<M>> Driver<Once<T>, M, P> {
    /// Over a stream that the machine has begun with, and no other.
    pub(crate) fn new(stream: T, machine: M, program: P) -> Self {
        Self::over(Once(Some(stream)), machine, program)
    }
}

impl<S: Streams<M>, M: Machine, P: Program<M>> Driver<S, M, P> {
    /// Over one stream after the other.
    pub(crate) fn over(streams: S, machine: M, program: P) -> Self {
        Self {
            streams,
            carrier: None,
            machine,
            program,
            inbound: vec![0; BATCH].into_boxed_slice(),
            outbound: Vec::new(),
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
            timer_wakes: None,
            ended: None,
            last_words_until: None,
        }
    }

    /// Another stream, if there is one.
    fn connect(&mut self, cx: &mut Context<'_>, now: std::time::Instant) -> Happened {
        if self.carrier.is_some() && self.machine.wants_connection() {
            // The machine has given it up: there are no more words than these for whoever has no link yet.
            self.carrier = None;
            self.program.troubled("whoever answered would not have this router for now".to_owned());
        }
        if self.machine.is_closed() {
            return Happened::Nothing;
        }
        match self.streams.poll_next(&mut self.machine, cx, now) {
            Poll::Pending => {
                if let Some(trouble) = self.streams.take_trouble() {
                    self.program.troubled(trouble);
                }
                Happened::Nothing
            }
            Poll::Ready(stream) => {
                self.outbound.clear();
                self.carrier = Some(Carrier { stream, written: 0, writes: Writes::Flushed });
                Happened::Something
            }
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, now: std::time::Instant) -> Happened {
        let Some(carrier) = self.carrier.as_mut().filter(|_| !self.machine.is_closed()) else {
            return Happened::Nothing;
        };
        let mut buffer = ReadBuf::new(&mut self.inbound);
        match Pin::new(&mut carrier.stream).poll_read(cx, &mut buffer) {
            Poll::Pending => return Happened::Nothing,
            Poll::Ready(Err(error)) => self.lost(&error.to_string(), now),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                self.lost("the other end closed the connection", now);
            }
            Poll::Ready(Ok(())) => self.machine.receive(buffer.filled(), now),
        }
        Happened::Something
    }

    fn lost(&mut self, reason: &str, now: std::time::Instant) {
        self.carrier = None;
        self.outbound.clear();
        if S::COME_BACK {
            self.machine.transport_lost(reason, now);
            if self.machine.wants_connection() {
                self.program.troubled(reason.to_owned());
            }
        } else {
            self.machine.lost(reason, now);
        }
    }

    fn learn(&mut self, now: std::time::Instant) -> Happened {
        let mut happened = Happened::Nothing;
        while let Some(event) = self.machine.poll_event() {
            happened = Happened::Something;
            if let Some(closed) = M::end(&event) {
                self.ended = Some(closed.clone());
            }
            self.program.learn(&mut self.machine, event, now);
        }
        happened
    }

    /// All there is, as much as fits at a time: one write for many frames.
    fn write(&mut self, cx: &mut Context<'_>, now: std::time::Instant) -> Happened {
        let Some(carrier) = self.carrier.as_mut().filter(|carrier| carrier.writes != Writes::Failed) else {
            return Happened::Nothing;
        };
        if carrier.written == self.outbound.len() {
            self.outbound.clear();
            carrier.written = 0;
            self.machine.transmit(&mut self.outbound, BATCH, now);
            if self.outbound.is_empty() {
                return carrier.flush(cx);
            }
        }
        let mut happened = Happened::Nothing;
        while carrier.written < self.outbound.len() {
            match Pin::new(&mut carrier.stream).poll_write(cx, &self.outbound[carrier.written..]) {
                Poll::Pending => return happened,
                Poll::Ready(Ok(length)) if length > 0 => {
                    carrier.written += length;
                    carrier.writes = Writes::Unflushed;
                }
                // What the other end wrote before it went may say why: it is lost when that has been read.
                Poll::Ready(_) => {
                    carrier.writes = Writes::Failed;
                    return Happened::Something;
                }
            }
            happened = Happened::Something;
        }
        // What was read meanwhile has its turn before there is more to write.
        happened
    }

    /// Whether it has fired.
    fn poll_timer(&mut self, cx: &mut Context<'_>, now: std::time::Instant) -> Happened {
        let Some(next) = self.machine.next_timeout() else { return Happened::Nothing };
        if next <= now {
            self.machine.handle_timeout(now);
            let stuck = self.carrier.as_ref().is_some_and(|carrier| {
                carrier.writes == Writes::Failed || carrier.written < self.outbound.len()
            });
            if !stuck {
                return Happened::Something;
            }
        }
        let next = if next <= now { now + LATE } else { next };
        self.wait_until(Instant::from_std(next), cx)
    }

    /// Has the task woken then, or earlier: as a rule what is due is put off again and again, and the timer is left alone.
    fn wait_until(&mut self, next: Instant, cx: &mut Context<'_>) -> Happened {
        let is_set = self.timer_wakes.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_set && self.timer.deadline() <= next && !self.timer.is_elapsed() {
            return Happened::Nothing;
        }
        if self.timer.deadline() > next || self.timer.is_elapsed() {
            self.timer.as_mut().reset(next);
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => {
                self.timer_wakes = None;
                Happened::Something
            }
            Poll::Pending => {
                self.timer_wakes = Some(cx.waker().clone());
                Happened::Nothing
            }
        }
    }

    /// Writes the last words, unless nobody takes them.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        let Some(closed) = self.ended.clone() else { return Poll::Pending };
        let Some(carrier) = &mut self.carrier else { return Poll::Ready(closed) };
        let said = carrier.writes == Writes::Failed || carrier.written == self.outbound.len();
        if said && Pin::new(&mut carrier.stream).poll_shutdown(cx).is_ready() {
            return Poll::Ready(closed);
        }
        let until = *self.last_words_until.get_or_insert_with(|| Instant::now() + LAST_WORDS);
        if self.timer.deadline() != until {
            self.timer.as_mut().reset(until);
        }
        self.timer.as_mut().poll(cx).map(|()| closed)
    }
}

impl<T: Transport> Carrier<T> {
    fn flush(&mut self, cx: &mut Context<'_>) -> Happened {
        if self.writes == Writes::Unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.writes = Writes::Flushed,
                Poll::Ready(Err(_)) => self.writes = Writes::Failed,
            }
        }
        Happened::Nothing
    }
}

impl<S: Streams<M>, M: Machine, P: Program<M>> Future for Driver<S, M, P> {
    type Output = Closed;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Closed> {
        let this = self.get_mut();
        let now = Instant::now().into_std();
        for _ in 0..TURNS {
            let budget = ready!(coop::poll_proceed(cx));
            let mut happened = this.connect(cx, now);
            happened = happened.or(this.read(cx, now));
            for more in [this.learn(now), this.program.poll(&mut this.machine, cx, now), this.learn(now)] {
                happened = happened.or(more);
            }
            happened = happened.or(this.write(cx, now));
            happened = happened.or(this.learn(now));
            if this.ended.is_some() && happened == Happened::Nothing {
                return this.poll_end(cx);
            }
            happened = happened.or(this.poll_timer(cx, now));
            happened = happened.or(this.learn(now));
            budget.made_progress();
            if happened == Happened::Nothing {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
