use std::fmt;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use edri_event::Meta;
use edri_router::{Context, Inbox};
use parking_lot::{Mutex, MutexGuard};

use crate::manager::Manager;

/// Where a manager that runs inline is while nobody handles anything with it.
///
/// Whoever has it handles an event: a sender, or the manager's own task for what waits in the inbox. A sender
/// may have it only while nothing waits, so that none of its events overtakes an earlier one.
pub(crate) struct Slot<M: Manager> {
    place: Mutex<Place<M>>,
    inbox: Inbox<M::Inbox>,
}

struct Place<M> {
    seat: Option<Box<Seat<M>>>,
    /// The manager's own task, waiting for the manager.
    owner: Option<Waker>,
}

/// A manager and the context its handlers get.
pub(crate) struct Seat<M> {
    pub(crate) manager: M,
    pub(crate) cx: Context,
}

impl<M: Manager> Slot<M> {
    /// Empty until the manager has started.
    pub(crate) fn new(inbox: Inbox<M::Inbox>) -> Arc<Self> {
        Arc::new(Self { place: Mutex::new(Place { seat: None, owner: None }), inbox })
    }

    /// Calls `call` with the manager, if it is free. It must not panic: the manager's own task may be waiting for
    /// this to end.
    #[inline]
    pub(crate) fn call<T>(&self, tag: u16, call: impl FnOnce(&mut Seat<M>) -> T) -> Option<T> {
        let mut place = self.place.try_lock()?;
        if self.inbox.is_occupied() {
            return None;
        }
        let seat = place.seat.as_deref_mut()?;
        self.inbox.meter().begin(tag);
        let called = call(seat);
        self.ended(seat);
        leave(place);
        Some(called)
    }

    /// The manager for as long as a handler needs it, if it is free.
    pub(crate) fn take(self: &Arc<Self>, tag: u16, meta: Meta) -> Result<Held<M>, Meta> {
        let seat = match self.place.try_lock() {
            Some(mut place) if !self.inbox.is_occupied() => place.seat.take(),
            Some(_) | None => None,
        };
        match seat {
            Some(mut seat) => {
                self.inbox.meter().begin(tag);
                seat.cx.begin(meta);
                Ok(Held { slot: Arc::clone(self), seat: Some(seat) })
            }
            None => Err(meta),
        }
    }

    /// How calls of handlers of that event are noted.
    pub(crate) fn tag(&self, event: &'static str) -> u16 {
        self.inbox.chart().tag(event)
    }

    /// A handler that was called by a sender has ended.
    #[inline]
    fn ended(&self, seat: &Seat<M>) {
        let meter = self.inbox.meter();
        meter.end();
        meter.rest();
        seat.cx.settle(meter);
    }

    /// For the manager's own task: the manager, as soon as nobody has it.
    pub(crate) fn poll_take(&self, cx: &mut TaskContext<'_>) -> Poll<Box<Seat<M>>> {
        let mut place = self.place.lock();
        match place.seat.take() {
            Some(seat) => Poll::Ready(seat),
            None => {
                place.owner = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(crate) fn put(&self, seat: Box<Seat<M>>) {
        let mut place = self.place.lock();
        place.seat = Some(seat);
        leave(place);
    }
}

/// The manager's own task may be waiting.
#[inline]
fn leave<M>(mut place: MutexGuard<'_, Place<M>>) {
    let owner = place.owner.take();
    drop(place);
    if let Some(owner) = owner {
        owner.wake();
    }
}

/// A manager in the hands of a handler that may wait; dropping it lets the next one have it.
pub struct Held<M: Manager> {
    slot: Arc<Slot<M>>,
    seat: Option<Box<Seat<M>>>,
}

impl<M: Manager> Held<M> {
    /// The manager, and the context of the event.
    pub fn parts(&mut self) -> (&mut M, &Context) {
        match &mut self.seat {
            Some(seat) => (&mut seat.manager, &seat.cx),
            None => unreachable!("the seat is given back only by drop"),
        }
    }
}

impl<M: Manager> Drop for Held<M> {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            self.slot.ended(&seat);
            self.slot.put(seat);
        }
    }
}

impl<M: Manager> fmt::Debug for Held<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Held").field("cx", &self.seat.as_ref().map(|seat| &seat.cx)).finish()
    }
}
