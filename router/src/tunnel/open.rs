use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use edri_event::{EventId, Failure, Key, Meta, Priority, Tunnel};
use tokio::task::coop;

use super::ends::{Accepted, Opened, tunnel};
use super::error::OpenError;
use crate::dead_letter::{DeadLetterOffice, Loss, Reason};
use crate::inbox::{Capacity, Message};
use crate::notify::Outstanding;
use crate::route::{Deliver, Delivery, TunnelRoute, Wait};
use crate::router::Router;

/// A tunnel about to be opened: await it. Made by [`Router::open`].
///
/// It is ready as soon as an acceptor has taken the opening into its inbox: items may be sent from then on, up
/// to the window, and an acceptor that refuses says so by aborting. Dropped before, no tunnel was opened.
#[must_use = "a tunnel is opened when it is awaited"]
pub struct Open<'r, T: Tunnel> {
    router: &'r Router,
    event: Option<(T, Meta)>,
    lane: Priority,
    window: Capacity,
    opening: Option<(Opened<T>, Outstanding<Opening<T>>)>,
}

/// The request for a tunnel as its acceptor gets it: with its end of the tunnel.
pub struct Opening<T: Tunnel> {
    /// What the opener said.
    pub event: T,
    /// What travels beside it.
    pub meta: Meta,
    /// The acceptor's end.
    pub tunnel: Accepted<T>,
}

/// Nothing in it is ever pinned.
impl<T: Tunnel> Unpin for Open<'_, T> {}

impl<'r, T: Tunnel> Open<'r, T> {
    /// How many items each direction holds unless it is told otherwise.
    pub const WINDOW: Capacity = Capacity::new(64);

    pub(crate) fn new(router: &'r Router, event: T) -> Self {
        Self {
            router,
            event: Some((event, Meta::new())),
            lane: T::PRIORITY,
            window: Self::WINDOW,
            opening: None,
        }
    }

    /// How many items each direction may hold before its sender waits.
    pub fn window(mut self, items: impl Into<Capacity>) -> Self {
        self.window = items.into();
        self
    }

    /// Opens it with a priority of its own.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.lane = priority;
        self
    }

    /// Gives it a key: among several acceptors the same key goes to the same one.
    pub fn key<K: Hash + ?Sized>(mut self, key: &K) -> Self {
        if let Some((_, meta)) = &mut self.event {
            meta.set_key(Key::of(key));
        }
        self
    }

    fn begin(
        &mut self,
        event: T,
        mut meta: Meta,
        wait: Wait<'_>,
    ) -> Result<(Opened<T>, Outstanding<Opening<T>>), OpenError> {
        if T::SHAREABLE {
            meta.set_id(EventId::fresh());
        }
        let key = meta.key().or_else(|| event.key());
        let (opened, tunnel) = tunnel(self.window);
        let mut parcel = Some(Opening { event, meta, tunnel });
        self.router.table().with(TypeId::of::<T>(), |route: Option<&TunnelRoute<T>>| {
            let mut full = None;
            for acceptor in route.into_iter().flat_map(|route| route.candidates(key)) {
                match acceptor.deliver(&mut parcel, self.lane, Wait::Room) {
                    Delivery::Full => full = full.or(Some(acceptor)),
                    Delivery::Gone => {}
                    taken => return outstanding(acceptor, taken).map(|rest| (opened, rest)),
                }
            }
            let acceptor: &Arc<dyn Deliver<Opening<T>>> =
                full.ok_or(OpenError::NoAcceptor { event: T::name() })?;
            let delivery = acceptor.deliver(&mut parcel, self.lane, wait);
            outstanding(acceptor, delivery).map(|rest| (opened, rest))
        })
    }
}

fn outstanding<T: Tunnel>(
    acceptor: &Arc<dyn Deliver<Opening<T>>>,
    delivery: Delivery,
) -> Result<Outstanding<Opening<T>>, OpenError> {
    match delivery {
        Delivery::Full | Delivery::Rejected | Delivery::Dropped => {
            Err(OpenError::Overloaded { event: T::name() })
        }
        Delivery::Gone => Err(OpenError::NoAcceptor { event: T::name() }),
        delivery => {
            let mut outstanding = Outstanding::new();
            outstanding.note(acceptor, delivery);
            Ok(outstanding)
        }
    }
}

impl<T: Tunnel> Future for Open<'_, T> {
    type Output = Result<Opened<T>, OpenError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.event.is_some() {
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        if let Some((event, meta)) = this.event.take() {
            this.opening = Some(this.begin(event, meta, Wait::Woken(cx.waker()))?);
        }
        let Some((_, outstanding)) = &mut this.opening else { return Poll::Pending };
        ready!(outstanding.poll_settled(cx));
        match this.opening.take() {
            Some((opened, _)) => Poll::Ready(Ok(opened)),
            None => Poll::Pending,
        }
    }
}

impl<T: Tunnel> Message for Opening<T> {
    fn key(&self) -> Option<Key> {
        self.meta.key().or_else(|| self.event.key())
    }

    fn name_of(_tag: u16) -> &'static str {
        T::name()
    }

    /// The opener is told: it is no dead letter.
    fn discard(self, loss: Loss, _office: &DeadLetterOffice) {
        self.tunnel.abort(match loss.reason {
            Reason::Overflow => Failure::new("overloaded", "the acceptor's inbox is full"),
            Reason::Failed(failure) => failure,
            Reason::Panicked { message } => Failure::new("panicked", message),
            Reason::NoSubscriber => Failure::new("no acceptor", "nobody accepts it"),
            Reason::Abandoned => Failure::new("abandoned", "the acceptor took too long and was given up"),
            Reason::Expired => Failure::new("expired", "the deadline had passed before it was accepted"),
            Reason::Stopped => Failure::new("stopped", "the acceptor has stopped"),
        });
    }
}

impl<T: Tunnel> fmt::Debug for Open<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Open").field("event", &T::name()).field("window", &self.window).finish()
    }
}

impl<T: Tunnel> fmt::Debug for Opening<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Opening").field("event", &T::name()).finish()
    }
}
