use std::pin::Pin;
use std::task::{Context, Poll};

use edri_event::Event;
use futures_core::Stream;

use crate::envelope::{Envelope, Shared};
use crate::inbox::{Receiver, Tally};
use crate::registration::Registration;

/// The notifications of one type, or the [answers](crate::Answer) to one request, as a `Stream`. Made by
/// [`Router::subscribe`](crate::Router::subscribe) and [`Router::responses`](crate::Router::responses).
///
/// It holds an inbox of its own, bounded like any other. Dropping it ends the subscription, and what is unread
/// is a [dead letter](crate::DeadLetter) then; it ends by itself when the router is gone.
#[derive(Debug)]
pub struct Subscription<E: Event + Sync> {
    receiver: Receiver<Envelope<E>>,
    registration: Option<Registration>,
}

impl<E: Event + Sync> Subscription<E> {
    pub(crate) fn new(receiver: Receiver<Envelope<E>>, registration: Registration) -> Self {
        Self { receiver, registration: Some(registration) }
    }

    /// The next event; `None` when the router is gone, or after [`close`](Self::close), and nothing waits.
    ///
    /// Cancel safe: dropped before it is ready, it has taken nothing.
    pub async fn recv(&mut self) -> Option<Shared<E>> {
        self.receiver.recv().await.map(|envelope| envelope.event)
    }

    /// The next event, if one waits.
    pub fn try_recv(&mut self) -> Option<Shared<E>> {
        self.receiver.try_recv().map(|envelope| envelope.event)
    }

    /// The next event with what travels beside it. As [`recv`](Self::recv).
    pub async fn recv_envelope(&mut self) -> Option<Envelope<E>> {
        self.receiver.recv().await
    }

    /// Subscribes no longer; what waits can still be received.
    pub fn close(&mut self) {
        self.registration = None;
        self.receiver.close();
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Whether no event waits.
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    /// What has become of the events sent here so far.
    pub fn tally(&self) -> Tally {
        self.receiver.tally()
    }
}

impl<E: Event + Sync> Stream for Subscription<E> {
    type Item = Shared<E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Shared<E>>> {
        let envelope = std::task::ready!(self.get_mut().receiver.poll_recv(cx));
        Poll::Ready(envelope.map(|envelope| envelope.event))
    }
}
