//! What the tests of the router share: a few events, and inboxes whose receiving end a test holds itself.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use edri_event::{Notification, Request, Tunnel};
use edri_router::{
    Asked, DeadLetterOffice, Envelope, Inbox, InboxSettings, Opening, Overflow, Reason, Receiver,
    Registration, Router, Subscription, ToInbox, Undelivered,
};

/// A notification that is a number.
#[derive(Notification, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ping(pub(crate) u64);

/// A request that is a number and is answered with one.
#[derive(Request, Clone, Debug, PartialEq, Eq)]
#[request(response = u64)]
pub(crate) struct Ask(pub(crate) u64);

/// A tunnel of numbers in both directions.
#[derive(Tunnel, Debug)]
#[tunnel(send = u64, receive = u64)]
pub(crate) struct Pipe;

/// A notification that holds something alive.
#[derive(Notification, Clone, Debug)]
pub(crate) struct Holding(pub(crate) Arc<()>);

pub(crate) fn settings(capacity: usize, overflow: Overflow) -> InboxSettings {
    InboxSettings::with_capacity(capacity).overflow(overflow)
}

/// All that waits, as numbers.
pub(crate) fn waiting(subscription: &mut Subscription<Ping>) -> Vec<u64> {
    std::iter::from_fn(|| subscription.try_recv()).map(|ping| ping.0).collect()
}

/// A subscriber whose receiving end, and sending end, the test holds.
pub(crate) fn subscriber<E: Notification>(
    router: &Router,
    settings: InboxSettings,
) -> (Receiver<Envelope<E>>, Inbox<Envelope<E>>, Registration) {
    let (inbox, receiver) = Inbox::new(settings);
    let to = ToInbox::new("subscriber".into(), inbox.clone(), std::convert::identity);
    (receiver, inbox, router.attach_subscriber(Arc::new(to)))
}

/// A subscriber with a name, whose losses are handed in, and whose receiving end the test holds.
pub(crate) fn named<E: Notification>(
    router: &Router,
    name: &str,
    settings: InboxSettings,
) -> (Receiver<Envelope<E>>, Registration) {
    let name: Arc<str> = name.into();
    let office = DeadLetterOffice::new(router, Arc::clone(&name));
    let (inbox, receiver) = Inbox::reporting(settings, office);
    (receiver, router.attach_subscriber(Arc::new(ToInbox::new(name, inbox, std::convert::identity))))
}

/// What waits of the lost events: number, reason, and whose it was.
pub(crate) fn lost(letters: &mut Subscription<Undelivered<Ping>>) -> Vec<(u64, Reason, Option<String>)> {
    std::iter::from_fn(|| letters.try_recv())
        .map(|lost| {
            let consumer = lost.letter.consumer.as_deref().map(str::to_owned);
            (lost.event.0, lost.letter.reason.clone(), consumer)
        })
        .collect()
}

/// A responder whose receiving end, and sending end, the test holds.
pub(crate) fn responder<R: Request>(
    router: &Router,
    settings: InboxSettings,
) -> (Receiver<Asked<R>>, Inbox<Asked<R>>, Registration) {
    let (inbox, receiver) = Inbox::new(settings);
    let to = ToInbox::new("responder".into(), inbox.clone(), std::convert::identity);
    (receiver, inbox, router.attach_responder(Arc::new(to)))
}

/// An acceptor whose receiving end the test holds.
pub(crate) fn acceptor<T: Tunnel>(
    router: &Router,
    settings: InboxSettings,
) -> (Receiver<Opening<T>>, Registration) {
    let (inbox, receiver) = Inbox::new(settings);
    let to = ToInbox::new("acceptor".into(), inbox, std::convert::identity);
    (receiver, router.attach_acceptor(Arc::new(to)))
}

/// Polls a future in every turn of its task and drops it when that has not helped for so many polls.
pub(crate) struct Impatient<F, D> {
    future: Option<Pin<Box<F>>>,
    polls: usize,
    dropping: D,
}

/// What a future came to, or what dropping it came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate<T, D> {
    Completed(T),
    Dropped(D),
}

/// `dropping` is given the future to drop, in the poll in which patience ends.
pub(crate) fn impatient<F, D, O>(polls: usize, future: F, dropping: D) -> Impatient<F, D>
where
    D: FnMut(Pin<Box<F>>) -> O,
{
    Impatient { future: Some(Box::pin(future)), polls, dropping }
}

impl<F, D> Unpin for Impatient<F, D> {}

impl<F: Future, D, O> Future for Impatient<F, D>
where
    D: FnMut(Pin<Box<F>>) -> O,
{
    type Output = Fate<F::Output, O>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.polls > 0
            && let Some(future) = &mut this.future
            && let Poll::Ready(output) = future.as_mut().poll(cx)
        {
            this.future = None;
            return Poll::Ready(Fate::Completed(output));
        }
        if this.polls <= 1
            && let Some(future) = this.future.take()
        {
            return Poll::Ready(Fate::Dropped((this.dropping)(future)));
        }
        this.polls -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Goes on after this many turns of the scheduler.
pub(crate) async fn turns(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}
