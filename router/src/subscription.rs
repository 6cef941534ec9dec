use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use edri_event::Event;
use futures_core::Stream;
use tokio::task::coop;

use crate::behalf::has_expired;
use crate::dead_letter::{Loss, Reason};
use crate::envelope::{Envelope, Shared};
use crate::history::{Past, Replay};
use crate::inbox::{Message as _, Receiver, Tally};
use crate::registration::Registration;
use crate::router::{Router, WeakRouter};

/// The notifications of one type, or the [answers](crate::Answer) to one request, as a `Stream`. Made by
/// [`Router::subscribe`](crate::Router::subscribe), [`Router::subscription`](crate::Router::subscription) and
/// [`Router::responses`](crate::Router::responses).
///
/// It holds an inbox of its own, bounded like any other. Dropping it ends the subscription, and what is unread
/// is a [dead letter](crate::DeadLetter) then; it ends by itself when the router is gone.
pub struct Subscription<E: Event + Sync> {
    receiver: Receiver<Envelope<E>>,
    registration: Option<Registration>,
    source: Source<E>,
    /// There if it was asked for.
    past: Option<Box<Past<E>>>,
}

/// Where the past is to be had.
pub(crate) struct Source<E> {
    pub(crate) router: WeakRouter,
    pub(crate) past: fn(&Router, Replay) -> Option<Past<E>>,
}

impl<E: Event + Sync> Subscription<E> {
    pub(crate) fn new(
        receiver: Receiver<Envelope<E>>,
        registration: Registration,
        source: Source<E>,
    ) -> Self {
        Self { receiver, registration: Some(registration), source, past: None }
    }

    /// Begins with what is [retained](crate::Router::retain), as much of it as is asked for: in order, each event once,
    /// and then the live events without a gap, while senders go on sending. Of a type that is not retained, nothing
    /// is replayed.
    ///
    /// What is replayed is held beside the inbox and does not count against its capacity; the retention bounds it.
    /// Live events that came between `subscribe` and this call are among what is retained.
    ///
    /// ```
    /// use edri_event::Notification;
    /// use edri_router::{Replay, Router};
    ///
    /// #[derive(Notification)]
    /// #[notification(retain = 2)]
    /// struct Price(u64);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let router = Router::new();
    /// for price in [10, 11, 12] {
    ///     router.notify(Price(price)).await?;
    /// }
    /// let mut prices = router.subscribe::<Price>().from(Replay::All);
    /// router.notify(Price(13)).await?;
    /// for price in [11, 12, 13] {
    ///     assert_eq!(prices.recv().await.map(|event| event.0), Some(price));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "dropping a subscription ends it"]
    pub fn from(mut self, from: Replay) -> Self {
        let router = self.source.router.upgrade();
        let Some(mut past) = router.and_then(|router| (self.source.past)(&router, from)) else { return self };
        // What has come before now was sent before the type was retained, belongs to the past, or follows it.
        let (mut unnumbered, mut later) = (VecDeque::new(), VecDeque::new());
        while let Some(envelope) = self.receiver.try_recv() {
            match envelope.meta.sequence() {
                None => unnumbered.push_back(envelope),
                Some(sequence) if sequence > past.until => later.push_back(envelope),
                Some(_) => {}
            }
        }
        unnumbered.append(&mut past.events);
        unnumbered.append(&mut later);
        past.events = unnumbered;
        self.past = Some(Box::new(past));
        self
    }

    /// The next event; `None` when the router is gone, or after [`close`](Self::close), and nothing waits.
    ///
    /// Cancel safe: dropped before it is ready, it has taken nothing.
    ///
    /// Events whose deadline has passed are left out, here as in all other ways to receive, and handed in as dead
    /// letters.
    pub async fn recv(&mut self) -> Option<Shared<E>> {
        poll_fn(|cx| self.poll_envelope(cx)).await.map(|envelope| envelope.event)
    }

    /// The next event, if one waits.
    pub fn try_recv(&mut self) -> Option<Shared<E>> {
        if let Some(envelope) = self.past.as_mut().and_then(|past| past.events.pop_front()) {
            return Some(envelope.event);
        }
        loop {
            let envelope = self.receiver.try_recv()?;
            if !self.is_past(&envelope)
                && let Some(envelope) = self.unless_expired(envelope)
            {
                return Some(envelope.event);
            }
        }
    }

    /// The next event with what travels beside it. As [`recv`](Self::recv).
    pub async fn recv_envelope(&mut self) -> Option<Envelope<E>> {
        poll_fn(|cx| self.poll_envelope(cx)).await
    }

    #[inline]
    fn poll_envelope(&mut self, cx: &mut Context<'_>) -> Poll<Option<Envelope<E>>> {
        if self.past.is_some()
            && let Some(envelope) = ready!(self.poll_past(cx))
        {
            return Poll::Ready(Some(envelope));
        }
        // In one place, with or without a past: so the compiler makes one piece of it and of the inbox's part.
        loop {
            let next = ready!(self.receiver.poll_recv(cx));
            let Some(envelope) = next else { return Poll::Ready(None) };
            if !self.is_past(&envelope)
                && let Some(envelope) = self.unless_expired(envelope)
            {
                return Poll::Ready(Some(envelope));
            }
        }
    }

    /// The next event that was replayed, if any is left.
    #[cold]
    fn poll_past(&mut self, cx: &mut Context<'_>) -> Poll<Option<Envelope<E>>> {
        match &mut self.past {
            Some(past) if !past.events.is_empty() => {
                ready!(coop::poll_proceed(cx)).made_progress();
                Poll::Ready(past.events.pop_front())
            }
            _ => Poll::Ready(None),
        }
    }

    fn unless_expired(&self, envelope: Envelope<E>) -> Option<Envelope<E>> {
        if has_expired(&envelope.meta) {
            envelope.discard(Loss::unhandled(Reason::Expired), self.receiver.office());
            return None;
        }
        Some(envelope)
    }

    /// Whether an event that has come live belongs to the past.
    #[inline]
    fn is_past(&self, envelope: &Envelope<E>) -> bool {
        self.past.as_ref().is_some_and(|past| past.includes(envelope))
    }

    /// Subscribes no longer; what waits can still be received.
    pub fn close(&mut self) {
        self.registration = None;
        self.receiver.close();
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.receiver.len() + self.past.as_ref().map_or(0, |past| past.events.len())
    }

    /// Whether no event waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has become of the events sent here so far; what was replayed is not among them.
    pub fn tally(&self) -> Tally {
        self.receiver.tally()
    }
}

impl<E: Event + Sync> Stream for Subscription<E> {
    type Item = Shared<E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Shared<E>>> {
        self.get_mut().poll_envelope(cx).map(|next| next.map(|envelope| envelope.event))
    }
}

impl<E: Event + Sync> Drop for Subscription<E> {
    /// What its inbox had taken in is handed in as the inbox does; what was only replayed is still kept elsewhere.
    fn drop(&mut self) {
        let Some(mut past) = self.past.take() else { return };
        let waiting = std::mem::take(&mut past.events);
        for envelope in waiting.into_iter().filter(|envelope| !past.includes(envelope)) {
            envelope.discard(Loss::unhandled(Reason::Stopped), self.receiver.office());
        }
    }
}

impl<E: Event + Sync> fmt::Debug for Subscription<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Subscription")
            .field("event", &E::name())
            .field("receiver", &self.receiver)
            .finish()
    }
}
