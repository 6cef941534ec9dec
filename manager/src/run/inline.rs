use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use edri_event::Meta;
use edri_router::{Context, DeadLetterOffice, Inbox, Loss, Reason};
use try_lock::{Locked, TryLock};

use super::held::Held;
use super::life::Life;
use crate::handled::{Undone, discard};
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
    life: Arc<Life>,
}

struct Place<M: Manager> {
    seat: Option<Box<Seat<M>>>,
    /// The manager, taken down by an event: its own task sees to it, and nobody else has it.
    fallen: Option<Box<Seat<M>>>,
    /// The manager's own task, waiting until a handler that waits gives the manager back.
    owner: Option<Waker>,
    /// The same, to be woken if the manager falls.
    rescuer: Option<Waker>,
}

/// A manager and the context its handlers get.
pub(crate) struct Seat<M: Manager> {
    pub(crate) manager: M,
    pub(crate) cx: Context,
    /// The event that has taken the manager down.
    pub(crate) fallen: Option<Box<Undone<M::Inbox>>>,
}

impl<M: Manager> Slot<M> {
    /// Empty until the manager has started.
    pub(crate) fn new(inbox: Inbox<M::Inbox>, life: Arc<Life>) -> Arc<Self> {
        let place = Place { seat: None, fallen: None, owner: None, rescuer: None };
        Arc::new(Self { place: TryLock::new(place), inbox, life })
    }

    /// Where what is lost here goes.
    pub(crate) fn office(&self) -> &DeadLetterOffice {
        self.inbox.office()
    }

    /// Calls `call` with the manager, if it is free.
    #[inline]
    pub(crate) fn call<T>(&self, tag: u16, call: impl FnOnce(&mut Seat<M>) -> T) -> Option<T> {
        let mut place = self.place.try_lock()?;
        if self.inbox.is_occupied() {
            return None;
        }
        let seat = place.seat.as_deref_mut()?;
        let meter = self.inbox.meter();
        meter.begin(tag);
        let called = call(seat);
        seat.cx.rest();
        meter.end();
        meter.rest();
        if seat.fallen.is_some() {
            place.fall();
        }
        Some(called)
    }

    /// A handler has not ended well: what is left to be done with its event, once the manager has been given back.
    #[cold]
    pub(crate) fn note(
        &self,
        undone: Box<Undone<M::Inbox>>,
        seat: &mut Seat<M>,
    ) -> Option<Box<Undone<M::Inbox>>> {
        self.life.note(&undone.reason, self.inbox.meter());
        if self.life.falls_by(&undone.reason) {
            seat.fallen = Some(undone);
            return None;
        }
        Some(undone)
    }

    /// The manager for as long as a handler needs it, if it is free.
    #[inline]
    pub(crate) fn take(self: &Arc<Self>, tag: u16, meta: Meta) -> Result<Held<M>, Meta> {
        let seat = match self.place.try_lock() {
            Some(mut place) if !self.inbox.is_occupied() => place.seat.take(),
            Some(_) | None => None,
        };
        match seat {
            Some(mut seat) => {
                self.inbox.meter().begin(tag);
                seat.cx.begin(meta);
                Ok(Held::new(Arc::clone(self), seat))
            }
            None => Err(meta),
        }
    }

    /// How calls of handlers of that event are noted.
    pub(crate) fn tag(&self, event: &'static str) -> u16 {
        self.inbox.chart().tag(event)
    }

    /// For the manager's own task: the manager, as soon as nobody has it.
    pub(crate) fn poll_take(&self, cx: &mut TaskContext<'_>) -> Poll<Box<Seat<M>>> {
        let Some(mut place) = self.place.try_lock() else {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        match place.fallen.take().or_else(|| place.seat.take()) {
            Some(seat) => Poll::Ready(seat),
            None => {
                place.owner = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// For the manager's own task: whether a sender's event has taken the manager down; `waker` is woken when one does.
    pub(crate) fn has_fallen_or_wakes(&self, waker: &Waker) -> bool {
        let Some(mut place) = self.place.try_lock() else {
            waker.wake_by_ref();
            return false;
        };
        place.rescuer = Some(waker.clone());
        place.fallen.is_some()
    }

    /// A handler that had the manager has ended.
    pub(super) fn give_back(&self, mut seat: Box<Seat<M>>) {
        seat.cx.rest();
        let meter = self.inbox.meter();
        meter.end();
        meter.rest();
        self.put(seat);
    }

    pub(crate) fn put(&self, seat: Box<Seat<M>>) {
        let mut place = self.lock_empty();
        place.seat = Some(seat);
        if place.seat.as_ref().is_some_and(|seat| seat.fallen.is_some()) {
            place.fall();
        }
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

impl<M: Manager> Place<M> {
    #[cold]
    fn fall(&mut self) {
        self.fallen = self.seat.take();
        // Woken under the lock: this is rare, and the task that is woken needs it only when it is polled.
        if let Some(rescuer) = self.rescuer.take() {
            rescuer.wake();
        }
    }
}

impl<M: Manager> Drop for Slot<M> {
    /// Nobody has come for a manager that fell: its loop has been ended from outside.
    fn drop(&mut self) {
        let fallen = self.place.try_lock().and_then(|mut place| place.fallen.take());
        if let Some(message) = fallen.and_then(|seat| seat.fallen).and_then(|undone| undone.message) {
            discard(message, Loss::after(1, Reason::Stopped), self.inbox.office());
        }
    }
}
