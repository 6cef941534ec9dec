use std::fmt;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use edri_event::Meta;
use edri_router::{Context, Inbox};
use try_lock::{Locked, TryLock};

use crate::manager::Manager;

/// Where a manager that runs inline is while nobody handles anything with it.
///
/// Whoever has it handles an event: a sender, or the manager's own task for what waits in the inbox. A sender
/// may have it only while nothing waits, so that none of its events overtakes an earlier one.
///
/// Its lock is let go by a plain store, which wakes nobody, so that a call costs one atomic exchange and no more.
/// Hence nobody sleeps on it: it is held for a call that does not wait, and who needs it comes again.
pub(crate) struct Slot<M: Manager> {
    place: TryLock<Place<M>>,
    inbox: Inbox<M::Inbox>,
}

struct Place<M> {
    seat: Option<Box<Seat<M>>>,
    /// The manager's own task, waiting until a handler that waits gives the manager back.
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
        Arc::new(Self { place: TryLock::new(Place { seat: None, owner: None }), inbox })
    }

    /// Calls `call` with the manager, if it is free.
    #[inline]
    pub(crate) fn call<T>(&self, call: impl FnOnce(&mut Seat<M>) -> T) -> Option<T> {
        let mut place = self.place.try_lock()?;
        if self.inbox.is_occupied() {
            return None;
        }
        place.seat.as_deref_mut().map(call)
    }

    /// The manager for as long as a handler needs it, if it is free.
    #[inline]
    pub(crate) fn take(self: &Arc<Self>, meta: Meta) -> Result<Held<M>, Meta> {
        let seat = match self.place.try_lock() {
            Some(mut place) if !self.inbox.is_occupied() => place.seat.take(),
            Some(_) | None => None,
        };
        match seat {
            Some(mut seat) => {
                seat.cx.begin(meta);
                Ok(Held { slot: Arc::clone(self), seat: Some(seat) })
            }
            None => Err(meta),
        }
    }

    /// For the manager's own task: the manager, as soon as nobody has it.
    pub(crate) fn poll_take(&self, cx: &mut TaskContext<'_>) -> Poll<Box<Seat<M>>> {
        let Some(mut place) = self.place.try_lock() else {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        match place.seat.take() {
            Some(seat) => Poll::Ready(seat),
            None => {
                place.owner = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(crate) fn put(&self, seat: Box<Seat<M>>) {
        let mut place = self.lock_empty();
        place.seat = Some(seat);
        let owner = place.owner.take();
        drop(place);
        if let Some(owner) = owner {
            owner.wake();
        }
    }

    /// While the manager is elsewhere, others hold the lock only to see that.
    #[inline]
    fn lock_empty(&self) -> Locked<'_, Place<M>> {
        loop {
            match self.place.try_lock() {
                Some(place) => return place,
                None => std::thread::yield_now(),
            }
        }
    }
}

/// A manager in the hands of a handler that may wait; dropping it lets the next one have it.
pub struct Held<M: Manager> {
    slot: Arc<Slot<M>>,
    seat: Option<Box<Seat<M>>>,
}

impl<M: Manager> Held<M> {
    /// The manager, and the context of the event.
    #[inline]
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
            self.slot.put(seat);
        }
    }
}

impl<M: Manager> fmt::Debug for Held<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Held").field("cx", &self.seat.as_ref().map(|seat| &seat.cx)).finish()
    }
}
