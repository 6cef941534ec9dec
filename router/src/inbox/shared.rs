use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::coop;

use super::outcome::Popped;
use super::queue::Queue;
use super::{Message, Tally};
use crate::dead_letter::{DeadLetterOffice, Loss, Reason};

/// The receiving end of an inbox that several workers share: events are taken one by one, in order, by whoever
/// is free. When the last clone is dropped, what waits is [discarded](Message::discard).
pub struct SharedReceiver<M: Message> {
    end: Arc<End<M>>,
}

struct End<M: Message> {
    queue: Arc<Queue<M>>,
}

impl<M: Message> SharedReceiver<M> {
    pub(super) fn new(queue: Arc<Queue<M>>) -> Self {
        Self { end: Arc::new(End { queue }) }
    }

    /// The next event; `None` once the inbox is closed and empty.
    ///
    /// Cancel safe: an event is handed out at the moment the future is ready or not at all.
    pub fn recv(&self) -> impl Future<Output = Option<M>> + Send + use<'_, M> {
        SharedRecv { queue: &self.end.queue, waiter: None }
    }

    /// The next event, if one waits.
    pub fn try_recv(&self) -> Option<M> {
        match self.end.queue.pop() {
            Popped::Item(message) => Some(message),
            Popped::Empty | Popped::Closed => None,
        }
    }

    /// Where what is lost here goes.
    pub fn office(&self) -> &DeadLetterOffice {
        &self.end.queue.office
    }

    /// Takes nothing more in; what waits can still be received.
    pub fn close(&self) {
        self.end.queue.close();
    }

    /// How many events wait, those of waiting senders included.
    pub fn len(&self) -> usize {
        self.end.queue.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has become of the events sent here so far.
    pub fn tally(&self) -> Tally {
        self.end.queue.tally()
    }
}

struct SharedRecv<'a, M: Message> {
    queue: &'a Queue<M>,
    /// The number under which this future sleeps, once it does.
    waiter: Option<u64>,
}

impl<M: Message> Future for SharedRecv<'_, M> {
    type Output = Option<M>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<M>> {
        let budget = ready!(coop::poll_proceed(cx));
        let queue = self.queue;
        let popped = queue.pop_or_wait(&mut self.waiter, cx.waker());
        if self.waiter.is_none() {
            budget.made_progress();
        }
        match popped {
            Popped::Item(message) => Poll::Ready(Some(message)),
            Popped::Closed => Poll::Ready(None),
            Popped::Empty => Poll::Pending,
        }
    }
}

impl<M: Message> Drop for SharedRecv<'_, M> {
    fn drop(&mut self) {
        // Woken for an event and dropped before taking it: another receiver has to.
        if let Some(waiter) = self.waiter
            && self.queue.leave(waiter)
        {
            self.queue.nudge();
        }
    }
}

impl<M: Message> Clone for SharedReceiver<M> {
    fn clone(&self) -> Self {
        Self { end: Arc::clone(&self.end) }
    }
}

impl<M: Message> Drop for End<M> {
    fn drop(&mut self) {
        for message in self.queue.abandon() {
            message.discard(Loss::unhandled(Reason::Stopped), &self.queue.office);
        }
    }
}

impl<M: Message> fmt::Debug for SharedReceiver<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SharedReceiver").field("len", &self.len()).finish()
    }
}
