use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::route::{Deliver, Running, Ticket};

/// What came in and has to wait for room, or is being handled here and now. Ready when nothing is left of that.
///
/// Dropped before, what stands in line stays there: its sender is far away and cannot take it back.
pub(super) struct Waiting<P> {
    /// Of each taker the last that joined its line: all are of one lane, and taken in in the order in which they joined.
    lines: Vec<(Arc<dyn Deliver<P>>, Ticket)>,
    running: Vec<Running<()>>,
}

impl<P> Waiting<P> {
    pub(super) fn new() -> Self {
        Self { lines: Vec::new(), running: Vec::new() }
    }

    pub(super) fn is_over(&self) -> bool {
        self.lines.is_empty() && self.running.is_empty()
    }

    pub(super) fn stand(&mut self, taker: &Arc<dyn Deliver<P>>, ticket: Ticket) {
        match self.lines.iter_mut().find(|(known, _)| Arc::ptr_eq(known, taker)) {
            Some((_, last)) => *last = ticket,
            None => self.lines.push((Arc::clone(taker), ticket)),
        }
    }

    /// The same where several stand behind the taker, each with a line of his own.
    pub(super) fn stand_apart(&mut self, taker: &Arc<dyn Deliver<P>>, ticket: Ticket) {
        self.lines.push((Arc::clone(taker), ticket));
    }

    pub(super) fn run(&mut self, running: Running<()>) {
        self.running.push(running);
    }
}

impl<P> Future for Waiting<P> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.lines.retain(|(taker, last)| !taker.taken_in(*last, cx.waker()));
        this.running.retain_mut(|running| running.as_mut().poll(cx).is_pending());
        if this.is_over() { Poll::Ready(()) } else { Poll::Pending }
    }
}
