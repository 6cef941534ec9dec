use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::mpsc;

use super::machine::Machine;
use crate::endpoint::Endpoint;
use crate::transport::{Dial, Dialer, Transport};

/// Where streams come from.
pub(crate) trait Streams<M>: Send + Unpin {
    type Stream: Transport;

    /// Whether another may come when one is lost.
    const COME_BACK: bool;

    /// Gets another, if there is one, and `machine` on to it.
    fn poll_next(&mut self, machine: &mut M, cx: &mut Context<'_>, now: Instant) -> Poll<Self::Stream>;

    /// Why there is none, where an attempt has failed since this was asked last.
    fn take_trouble(&mut self) -> Option<String> {
        None
    }
}

/// There is one that the machine has begun with, and no other.
pub(crate) struct Once<T>(pub(super) Option<T>);

impl<T: Transport, M: Machine> Streams<M> for Once<T> {
    type Stream = T;

    const COME_BACK: bool = false;

    fn poll_next(&mut self, _: &mut M, _: &mut Context<'_>, _: Instant) -> Poll<T> {
        self.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl<D: Dial, M: Machine> Streams<M> for Dialer<D> {
    type Stream = D::Stream;

    const COME_BACK: bool = true;

    fn poll_next(&mut self, machine: &mut M, cx: &mut Context<'_>, now: Instant) -> Poll<D::Stream> {
        if !machine.wants_connection() {
            return Poll::Pending;
        }
        let stream = std::task::ready!(self.poll_connect(cx));
        machine.reconnect(now);
        Poll::Ready(stream)
    }

    fn take_trouble(&mut self) -> Option<String> {
        Self::take_trouble(self)
    }
}

/// They are handed over by whoever accepts, each with the endpoint that has greeted whoever is at the other end. The first is
/// there already.
pub(crate) struct Handed<T> {
    pub(crate) first: Option<T>,
    pub(crate) next: mpsc::UnboundedReceiver<Newcomer<T>>,
}

/// One that was handed over, and where to give it back if it is not taken.
pub(crate) struct Newcomer<T> {
    pub(crate) stream: T,
    pub(crate) endpoint: Endpoint,
    pub(crate) not_taken: tokio::sync::oneshot::Sender<(T, Endpoint)>,
}

impl<T: Transport> Streams<Endpoint> for Handed<T> {
    type Stream = T;

    const COME_BACK: bool = true;

    fn poll_next(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>, now: Instant) -> Poll<T> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(first);
        }
        while let Some(newcomer) = std::task::ready!(self.next.poll_recv(cx)) {
            match endpoint.take_over(newcomer.endpoint, now) {
                Ok(()) => return Poll::Ready(newcomer.stream),
                // Nobody waits for it any more: it is closed, unheard.
                Err(refused) => drop(newcomer.not_taken.send((newcomer.stream, *refused))),
            }
        }
        // Nobody can hand over any more.
        Poll::Pending
    }
}
