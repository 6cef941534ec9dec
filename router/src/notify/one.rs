use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use edri_event::{EventId, Key, Meta, Notification, Priority, TraceContext};
use tokio::task::coop;
use tokio::time::Instant;

use super::outcome::{Delivered, NotifyError};
use super::outstanding::{Count, Outstanding};
use crate::border;
use crate::dead_letter::{Loss, Reason, lose};
use crate::envelope::{Envelope, Shared};
use crate::route::{Deliver, Delivery, NotificationRoute, Wait};
use crate::router::Router;
use crate::trace::{SenderSpan, is_traced, mark};

/// A notification about to be sent: await it. Made by [`Router::notify`].
///
/// Every subscriber that has room gets the event at the first poll; for those that have none and whose policy
/// is [`Overflow::Wait`](crate::Overflow::Wait) the event stands in line, and the future is ready when the last
/// of them has taken it in.
///
/// Cancel safe: each subscriber has got the event or not. A future dropped before its first poll has delivered
/// nothing; dropped while it waits, it takes the event back from those that have not taken it in. (A handler
/// that runs *inline*, on this task, ends where it stands.)
#[must_use = "a notification is sent when it is awaited"]
pub struct Notify<'r, E: Notification> {
    router: &'r Router,
    parcel: Option<Envelope<E>>,
    lane: Priority,
    rest: Option<Box<Outstanding<Envelope<E>>>>,
}

/// Nothing in it is ever pinned.
impl<E: Notification> Unpin for Notify<'_, E> {}

impl<'r, E: Notification> Notify<'r, E> {
    pub(crate) fn new(router: &'r Router, event: E) -> Self {
        let parcel = Envelope { event: Shared::Own(event), meta: Meta::new() };
        Self { router, parcel: Some(parcel), lane: E::PRIORITY, rest: None }
    }

    /// Sends it with a priority of its own.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.lane = priority;
        self
    }

    /// Gives it a key: managers that work [per key](Key) handle events of one key in order.
    pub fn key<K: Hash + ?Sized>(mut self, key: &K) -> Self {
        if let Some(parcel) = &mut self.parcel {
            parcel.meta.set_key(Key::of(key));
        }
        self
    }

    /// From `deadline` on nobody need be told: a subscriber that has not begun with it by then does not handle it. It
    /// becomes a dead letter there, or, in a [subscription](crate::Subscription), is left out.
    ///
    /// It is no limit to how long its sender waits for room. Of several deadlines the last one given holds; that of
    /// an event during whose handling it is sent is not inherited.
    pub fn deadline(mut self, deadline: impl Into<Instant>) -> Self {
        if let Some(parcel) = &mut self.parcel {
            parcel.meta.set_deadline(deadline.into().into_std());
        }
        self
    }

    /// Says that it belongs to a trace that came from another system, as in a `traceparent` header. What is sent from
    /// within a handler belongs to the handler's own without being told.
    pub fn trace(mut self, trace: TraceContext) -> Self {
        if let Some(parcel) = &mut self.parcel {
            parcel.meta.set_trace(trace);
        }
        self
    }

    /// As [`deadline`](Self::deadline), so long from now. What expires beyond all clocks does not expire.
    pub fn expires_in(self, duration: Duration) -> Self {
        match Instant::now().checked_add(duration) {
            Some(deadline) => self.deadline(deadline),
            None => self,
        }
    }

    /// As awaiting it, but where a subscriber would make it wait, that subscriber refuses it.
    pub(crate) fn try_now(mut self) -> Result<Delivered, NotifyError> {
        match self.dispatch(Wait::Never) {
            Dispatched::Settled(result) => result,
            Dispatched::Departed => Ok(ONE),
            // Nothing waits under `Wait::Never`, and nothing runs.
            Dispatched::Outstanding(rest) => rest.count.result(E::name()),
        }
    }

    #[inline]
    fn dispatch(&mut self, wait: Wait<'_>) -> Dispatched<E> {
        if E::SHAREABLE
            && let Some(parcel) = &mut self.parcel
        {
            parcel.meta.set_id(EventId::fresh());
        }
        if is_traced()
            && let Some(parcel) = &mut self.parcel
        {
            mark(&mut parcel.meta, SenderSpan::MayEnd);
        }
        let (router, parcel, lane) = (self.router, &mut self.parcel, self.lane);
        router.table().with(TypeId::of::<E>(), |route: Option<&NotificationRoute<E>>| match route {
            None if E::RETENTION.is_nothing() => unrouted(router, parcel, lane, wait),
            None => retained(router, parcel, lane, wait),
            Some(route) if route.history.is_some() => retained(router, parcel, lane, wait),
            Some(route) => match route.subscribers.only() {
                Some(only) => to_one(router, only, parcel, lane, wait),
                None => to_all(router, route, parcel, lane, wait, IfNobody::Lost),
            },
        })
    }
}

/// Nobody subscribes; but somebody far away may want it who has not known that there is such an event.
#[cold]
fn unrouted<E: Notification>(
    router: &Router,
    parcel: &mut Option<Envelope<E>>,
    lane: Priority,
    wait: Wait<'_>,
) -> Dispatched<E> {
    if !router.introduce(border::notification::<E>()) {
        return to_nobody(router, parcel, IfNobody::Lost);
    }
    router.table().with(TypeId::of::<E>(), |route: Option<&NotificationRoute<E>>| match route {
        None => to_nobody(router, parcel, IfNobody::Lost),
        Some(route) => to_all(router, route, parcel, lane, wait, IfNobody::Lost),
    })
}

/// Recorded before its subscribers are looked up: whoever subscribes in between gets it once all the same.
#[cold]
fn retained<E: Notification>(
    router: &Router,
    parcel: &mut Option<Envelope<E>>,
    lane: Priority,
    wait: Wait<'_>,
) -> Dispatched<E> {
    let mut if_nobody = IfNobody::Lost;
    if let (Some(history), Some(sent)) = (router.history::<E>(), parcel.take()) {
        let (recorded, is_kept) = sent.recorded(&history, E::retained_bytes);
        *parcel = Some(recorded);
        if is_kept {
            if_nobody = IfNobody::Kept;
        }
    }
    router.table().with(TypeId::of::<E>(), |route: Option<&NotificationRoute<E>>| match route {
        None => to_nobody(router, parcel, if_nobody),
        Some(route) => to_all(router, route, parcel, lane, wait, if_nobody),
    })
}

enum Dispatched<E: Notification> {
    Settled(Result<Delivered, NotifyError>),
    /// Somebody behind a border has it, and it costs its sender no budget: others do, that go with it.
    Departed,
    Outstanding(Box<Outstanding<Envelope<E>>>),
}

/// One subscriber has it.
const ONE: Delivered = Delivered { accepted: 1, dropped: 0 };

/// Of so many that go over a border one after the other, one is charged to its sender's budget: what goes together there is
/// cheaper the more it is, so that a sender that gave way as often as for its neighbours would pay dearly for it. What waits
/// to cross has a bound of its own.
const TOGETHER: u64 = 8;

/// What becomes of an event to which nobody subscribes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IfNobody {
    /// It is a dead letter.
    Lost,
    /// It is in the history, for those who come late.
    Kept,
}

/// Nobody subscribes.
#[cold]
fn to_nobody<E: Notification>(
    router: &Router,
    parcel: &mut Option<Envelope<E>>,
    if_nobody: IfNobody,
) -> Dispatched<E> {
    if let Some(Envelope { event, meta }) = parcel.take()
        && if_nobody == IfNobody::Lost
    {
        lose(router, event, &meta, None, Loss::unhandled(Reason::NoSubscriber));
    }
    Dispatched::Settled(Ok(Delivered::default()))
}

/// Without sharing or allocating.
#[inline]
fn to_one<E: Notification>(
    router: &Router,
    taker: &Arc<dyn Deliver<Envelope<E>>>,
    parcel: &mut Option<Envelope<E>>,
    lane: Priority,
    wait: Wait<'_>,
) -> Dispatched<E> {
    let goes_along = E::SHAREABLE && {
        let id = parcel.as_ref().and_then(|parcel| parcel.meta.id());
        id.is_some_and(|id| !id.get().is_multiple_of(TOGETHER))
    };
    match taker.deliver(parcel, lane, wait) {
        Delivery::Accepted => {
            if goes_along && taker.place().is_some() {
                Dispatched::Departed
            } else {
                Dispatched::Settled(Ok(ONE))
            }
        }
        unsettled @ (Delivery::Waiting(_) | Delivery::Running(_)) => {
            let mut rest = Box::new(Outstanding::new());
            rest.note(taker, unsettled);
            Dispatched::Outstanding(rest)
        }
        Delivery::Gone => {
            router.take_off(taker);
            to_nobody(router, parcel, IfNobody::Lost)
        }
        settled => {
            let mut count = Count::default();
            count.note(settled, taker.name());
            Dispatched::Settled(count.result(E::name()))
        }
    }
}

/// One shared event for all, to each that has room before waiting for any that has none.
fn to_all<E: Notification>(
    router: &Router,
    route: &NotificationRoute<E>,
    parcel: &mut Option<Envelope<E>>,
    lane: Priority,
    wait: Wait<'_>,
    if_nobody: IfNobody,
) -> Dispatched<E> {
    let Some(Envelope { event, meta }) = parcel.take() else {
        unreachable!("a notification is dispatched once")
    };
    let event = event.into_shared();
    let mut rest = Outstanding::new();
    let mut somebody = false;
    for taker in route.subscribers.iter() {
        let mut copy = Some(Envelope { event: Shared::Of(Arc::clone(&event)), meta: meta.clone() });
        match taker.deliver(&mut copy, lane, wait) {
            Delivery::Gone => router.take_off(taker),
            delivery => {
                somebody = true;
                rest.note(taker, delivery);
            }
        }
    }
    if !somebody {
        return to_nobody(router, &mut Some(Envelope { event: Shared::Of(event), meta }), if_nobody);
    }
    if rest.is_settled() {
        Dispatched::Settled(rest.count.result(E::name()))
    } else {
        Dispatched::Outstanding(Box::new(rest))
    }
}

impl<E: Notification> Future for Notify<'_, E> {
    type Output = Result<Delivered, NotifyError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(rest) = &mut this.rest {
            ready!(rest.poll_settled(cx));
            return Poll::Ready(rest.count.result(E::name()));
        }
        // A sender that never yields would starve the very managers it sends to.
        let budget = ready!(coop::poll_proceed(cx));
        if !E::SHAREABLE {
            budget.made_progress();
        }
        let dispatched = this.dispatch(Wait::Woken(cx.waker()));
        if E::SHAREABLE && !matches!(dispatched, Dispatched::Departed) {
            budget.made_progress();
        }
        match dispatched {
            Dispatched::Departed => Poll::Ready(Ok(ONE)),
            Dispatched::Settled(result) => Poll::Ready(result),
            Dispatched::Outstanding(mut rest) => {
                // Polled at once: what runs inline has to be begun.
                let settled = rest.poll_settled(cx);
                let rest = this.rest.insert(rest);
                settled.map(|()| rest.count.result(E::name()))
            }
        }
    }
}

impl<E: Notification> fmt::Debug for Notify<'_, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Notify").field("event", &E::name()).field("priority", &self.lane).finish()
    }
}
