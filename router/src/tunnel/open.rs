use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use edri_event::{EventId, Key, Meta, Priority, TraceContext, Tunnel};
use tokio::task::coop;
use tokio::time::Instant;

use super::ends::{Accepted, Opened, tunnel};
use super::error::OpenError;
use crate::behalf::{Overdue, Scope, TimeLimit};
use crate::border::{self, Arrival, ConsumerId};
use crate::dead_letter::{DeadLetterOffice, Loss};
use crate::inbox::{Capacity, Message};
use crate::notify::Outstanding;
use crate::request::Watch;
use crate::route::{Deliver, Delivery, Offered, Patience, TunnelRoute, Wait};
use crate::router::Router;
use crate::trace::{EventInfo, EventKind, SenderSpan, mark};

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
    limit: Option<Box<TimeLimit>>,
    /// Of the requester on whose behalf it is opened.
    watch: Option<Watch<'r>>,
    /// The opener's router has chosen.
    chosen: Option<ConsumerId>,
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
            limit: None,
            watch: None,
            chosen: None,
        }
    }

    /// One that is opened on another router, which has chosen `acceptor`.
    pub(crate) fn arrived(router: &'r Router, acceptor: ConsumerId, event: T, mut arrival: Arrival) -> Self {
        let (lane, deadline) = (arrival.priority, arrival.deadline.take());
        let mut open = Self::new(router, event);
        open.event = open.event.map(|(event, _)| (event, arrival.into_meta()));
        open.lane = lane;
        open.chosen = Some(acceptor);
        match deadline {
            Some(deadline) => open.deadline(Instant::from_std(deadline)),
            None => open,
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

    /// Gives up after `timeout` with [`OpenError::TimedOut`] if no acceptor has had room until then, and with it as
    /// its [deadline](Self::deadline). The time runs from the first poll.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limit.get_or_insert_default().set_after(timeout);
        self
    }

    /// Gives up at `deadline` if no acceptor has had room until then. One that has had room and does not begin with it
    /// in time aborts the tunnel, with the code `expired`. The tunnel, once accepted, has no deadline.
    ///
    /// Opened within a handler, through the router of its [context](crate::Context::router), it also has the deadline
    /// of the event that is handled.
    pub fn deadline(mut self, deadline: impl Into<Instant>) -> Self {
        self.limit.get_or_insert_default().set_at(deadline.into());
        self
    }

    /// The time runs from here on. Says why not to open it at all, if there is a reason.
    fn take_limits(&mut self) -> Result<(), OpenError> {
        if let Some(deadline) = self.router.scope().and_then(Scope::deadline) {
            self.limit.get_or_insert_default().set_at(deadline);
        }
        if let Some(limit) = &mut self.limit {
            let due = limit.begin().map_err(|Overdue| OpenError::Expired { event: T::name() })?;
            if let (Some(due), Some((_, meta))) = (due, &mut self.event) {
                meta.set_deadline(due.into_std());
            }
        }
        let Some(scope) = self.router.scope() else { return Ok(()) };
        self.watch = scope.requester.as_ref().map(Watch::new);
        match scope.is_cancelled() {
            true => Err(OpenError::Cancelled { event: T::name() }),
            false => Ok(()),
        }
    }

    /// Ready when there is no time, or nobody, left to wait for room.
    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<OpenError> {
        let event = T::name();
        if let Some(limit) = &mut self.limit
            && let Poll::Ready(after) = limit.poll_over(cx)
        {
            return Poll::Ready(OpenError::TimedOut { event, after });
        }
        match &mut self.watch {
            Some(watch) => watch.poll_cancelled(cx).map(|()| OpenError::Cancelled { event }),
            None => Poll::Pending,
        }
    }

    /// Says that it belongs to a trace that came from another system, as in a `traceparent` header. What is sent from
    /// within a handler belongs to the handler's own without being told.
    pub fn trace(mut self, trace: TraceContext) -> Self {
        if let Some((_, meta)) = &mut self.event {
            meta.set_trace(trace);
        }
        self
    }

    fn begin(
        &mut self,
        event: T,
        mut meta: Meta,
        wait: Wait<'_>,
    ) -> Result<(Opened<T>, Outstanding<Opening<T>>), OpenError> {
        if T::SHAREABLE && meta.id().is_none() {
            meta.set_id(EventId::fresh());
        }
        mark(&mut meta, SenderSpan::MayEnd);
        let key = meta.key().or_else(|| event.key());
        let (opened, tunnel) = tunnel(self.window);
        let mut parcel = Some(Opening { event, meta, tunnel });
        let offer = |route: Option<&TunnelRoute<T>>| {
            let route = route?;
            match self.chosen {
                Some(chosen) => offer_to(chosen, route, key, &mut parcel, self.lane, wait),
                None => offer_among(|_| true, route, key, &mut parcel, self.lane, wait),
            }
        };
        let mut opening = self.router.table().with(TypeId::of::<T>(), offer);
        // Somebody far away may accept it, and not have known that there is such an event.
        if opening.is_none() && self.router.introduce(border::tunnel::<T>()) {
            opening = self.router.table().with(TypeId::of::<T>(), |route: Option<&TunnelRoute<T>>| {
                offer_among(|_| true, route?, key, &mut parcel, self.lane, wait)
            });
        }
        let rest = opening.unwrap_or(Err(OpenError::NoAcceptor { event: T::name() }))?;
        Ok((opened, rest))
    }
}

type Offering<T> = Option<Result<Outstanding<Opening<T>>, OpenError>>;

/// Offers it by the route's policy to those who may have it; `None` if nobody takes it.
fn offer_among<T: Tunnel>(
    may: impl Fn(&Arc<dyn Deliver<Opening<T>>>) -> bool,
    route: &TunnelRoute<T>,
    key: Option<Key>,
    parcel: &mut Option<Opening<T>>,
    lane: Priority,
    wait: Wait<'_>,
) -> Offering<T> {
    let mut opening = None;
    route.choose(key, |acceptor, patience| {
        if !may(acceptor) {
            return Offered::Gone;
        }
        match acceptor.deliver(parcel, lane, patience.or(wait)) {
            Delivery::Full if patience == Patience::Room => return Offered::Full,
            Delivery::Gone => return Offered::Gone,
            taken => opening = Some(outstanding(acceptor, taken)),
        }
        Offered::Taken
    });
    opening
}

/// Offers it to the one who was chosen. Without a key, it is for another one of this router if he has no room; and with
/// one, too, if he has left.
fn offer_to<T: Tunnel>(
    chosen: ConsumerId,
    route: &TunnelRoute<T>,
    key: Option<Key>,
    parcel: &mut Option<Opening<T>>,
    lane: Priority,
    wait: Wait<'_>,
) -> Offering<T> {
    if let Some(acceptor) = route.acceptors.of(chosen, |acceptor| acceptor.place()) {
        let (stays, wait) = match key {
            None if acceptor.is_local() => (false, Wait::Room),
            _ => (true, wait),
        };
        match acceptor.deliver(parcel, lane, wait) {
            Delivery::Full if !stays => {}
            Delivery::Gone => {}
            taken => return Some(outstanding(acceptor, taken)),
        }
    }
    offer_among(|acceptor| acceptor.is_local(), route, key, parcel, lane, wait)
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
            if let Err(error) = this.take_limits() {
                this.event = None;
                return Poll::Ready(Err(error));
            }
        }
        if let Some((event, meta)) = this.event.take() {
            this.opening = Some(this.begin(event, meta, Wait::Woken(cx.waker()))?);
        }
        let Some((_, outstanding)) = &mut this.opening else { return Poll::Pending };
        if outstanding.poll_settled(cx).is_pending() {
            let given_up = ready!(this.poll_given_up(cx));
            this.opening = None;
            return Poll::Ready(Err(given_up));
        }
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

    fn info(&self) -> Option<EventInfo<'_>> {
        Some(EventInfo::new::<T>(EventKind::Tunnel, &self.meta))
    }

    fn name_of(_tag: u16) -> &'static str {
        T::name()
    }

    /// The opener is told: it is no dead letter.
    fn discard(self, loss: Loss, _office: &DeadLetterOffice) {
        self.tunnel.abort(loss.reason.into_failure());
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
