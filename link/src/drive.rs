use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::task::coop;
use tokio::time::{Instant, Sleep};

use crate::endpoint::{Closed, Endpoint, Event};
use crate::transport::Transport;

/// What is done with a link's events, and what it sends.
pub(crate) trait Program: Send + Unpin {
    /// Something was learned. It must not wait: what takes time is for [`poll`](Self::poll).
    fn learn(&mut self, endpoint: &mut Endpoint, event: Event);

    /// Goes on with what is under way and sends what there is to send; wakes the task when there is more of either.
    /// Whether anything happened.
    fn poll(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>, now: std::time::Instant) -> Happened;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Something,
    Nothing,
}

/// Runs one end of a link over a transport until it ends; then both are dropped.
pub(crate) struct Driver<T, P> {
    transport: T,
    endpoint: Endpoint,
    program: P,
    inbound: Box<[u8]>,
    outbound: Vec<u8>,
    /// How much of that has been written.
    written: usize,
    timer: Pin<Box<Sleep>>,
    writes: Writes,
    ended: Option<Closed>,
    /// When the last words need not be written any more.
    last_words_until: Option<Instant>,
}

/// Whether anything can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    Yes,
    No,
}

/// Read, and written, at a time.
const BATCH: usize = 64 * 1024;

/// A timer that is late because nothing can be written is looked at again after so long.
const LATE: std::time::Duration = std::time::Duration::from_millis(10);

/// The last words may take so long.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(100);

impl<T: Transport, P: Program> Driver<T, P> {
    pub(crate) fn new(transport: T, endpoint: Endpoint, program: P) -> Self {
        Self {
            transport,
            endpoint,
            program,
            inbound: vec![0; BATCH].into_boxed_slice(),
            outbound: Vec::with_capacity(BATCH),
            written: 0,
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
            writes: Writes::Yes,
            ended: None,
            last_words_until: None,
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, now: std::time::Instant) -> Happened {
        if self.endpoint.is_closed() {
            return Happened::Nothing;
        }
        let mut buffer = ReadBuf::new(&mut self.inbound);
        match Pin::new(&mut self.transport).poll_read(cx, &mut buffer) {
            Poll::Pending => return Happened::Nothing,
            Poll::Ready(Err(error)) => self.endpoint.lost(&error.to_string()),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                self.endpoint.lost("the other end closed the connection");
            }
            Poll::Ready(Ok(())) => self.endpoint.receive(buffer.filled(), now),
        }
        Happened::Something
    }

    fn learn(&mut self) -> Happened {
        let mut happened = Happened::Nothing;
        while let Some(event) = self.endpoint.poll_event() {
            happened = Happened::Something;
            if let Event::Closed(closed) = &event {
                self.ended = Some(closed.clone());
            }
            self.program.learn(&mut self.endpoint, event);
        }
        happened
    }

    /// All there is, as much as fits at a time: one write for many frames.
    fn write(&mut self, cx: &mut Context<'_>, now: std::time::Instant) -> Happened {
        let mut happened = Happened::Nothing;
        while self.writes == Writes::Yes {
            if self.written == self.outbound.len() {
                self.outbound.clear();
                self.written = 0;
                self.endpoint.transmit(&mut self.outbound, BATCH, now);
                if self.outbound.is_empty() {
                    return happened;
                }
            }
            match Pin::new(&mut self.transport).poll_write(cx, &self.outbound[self.written..]) {
                Poll::Pending => return happened,
                Poll::Ready(Ok(0)) => self.cannot_write(),
                Poll::Ready(Ok(length)) => self.written += length,
                Poll::Ready(Err(_)) => self.cannot_write(),
            }
            happened = Happened::Something;
            if self.written < self.outbound.len() {
                continue;
            }
            // Let what was read meanwhile have its turn.
            return happened;
        }
        happened
    }

    /// What the other end wrote before it went may say why: the link is lost when that has been read.
    fn cannot_write(&mut self) {
        self.outbound.clear();
        self.written = 0;
        self.writes = Writes::No;
    }

    /// Whether it has fired.
    fn poll_timer(&mut self, cx: &mut Context<'_>, now: std::time::Instant) -> Happened {
        let Some(next) = self.endpoint.next_timeout() else { return Happened::Nothing };
        if next <= now {
            self.endpoint.handle_timeout(now);
            if self.written == self.outbound.len() && self.writes == Writes::Yes {
                return Happened::Something;
            }
        }
        let next = if next <= now { now + LATE } else { next };
        let next = Instant::from_std(next);
        if self.timer.deadline() != next {
            self.timer.as_mut().reset(next);
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => Happened::Something,
            Poll::Pending => Happened::Nothing,
        }
    }

    /// Writes the last words, unless nobody takes them.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        let Some(closed) = self.ended.clone() else { return Poll::Pending };
        let said = self.written == self.outbound.len();
        if said && Pin::new(&mut self.transport).poll_shutdown(cx).is_ready() {
            return Poll::Ready(closed);
        }
        let until = *self.last_words_until.get_or_insert_with(|| Instant::now() + LAST_WORDS);
        if self.timer.deadline() != until {
            self.timer.as_mut().reset(until);
        }
        self.timer.as_mut().poll(cx).map(|()| closed)
    }
}

impl<T: Transport, P: Program> Future for Driver<T, P> {
    type Output = Closed;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Closed> {
        let this = self.get_mut();
        loop {
            let budget = std::task::ready!(coop::poll_proceed(cx));
            let now = Instant::now().into_std();
            let mut happened = this.read(cx, now);
            for more in [this.learn(), this.program.poll(&mut this.endpoint, cx, now), this.learn()] {
                happened = happened.or(more);
            }
            happened = happened.or(this.write(cx, now));
            happened = happened.or(this.learn());
            if this.ended.is_some() && happened == Happened::Nothing {
                return this.poll_end(cx);
            }
            happened = happened.or(this.poll_timer(cx, now));
            happened = happened.or(this.learn());
            budget.made_progress();
            if happened == Happened::Nothing {
                return Poll::Pending;
            }
        }
    }
}

impl Happened {
    pub(crate) fn or(self, other: Self) -> Self {
        if self == Self::Something { self } else { other }
    }
}
