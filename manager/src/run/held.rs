use std::fmt;
use std::sync::Arc;

use edri_event::Event;
use edri_router::{Context, Envelope, Loss, Reason, RequestError, Shared, Watching};

use super::inline::{Seat, Slot};
use crate::handled::{Handled, discard};
use crate::handling::{Lent, judge};
use crate::manager::Manager;

/// A manager in the hands of a handler that may wait; dropping it lets the next one have it.
pub struct Held<M: Manager> {
    slot: Arc<Slot<M>>,
    seat: Option<Box<Seat<M>>>,
}

impl<M: Manager> Held<M> {
    #[inline]
    pub(super) fn new(slot: Arc<Slot<M>>, seat: Box<Seat<M>>) -> Self {
        Self { slot, seat: Some(seat) }
    }

    /// The manager, and the context of the event.
    #[inline]
    pub fn parts(&mut self) -> (&mut M, &Context) {
        match &mut self.seat {
            Some(seat) => (&mut seat.manager, &seat.cx),
            None => unreachable!("the seat is given back only by drop"),
        }
    }

    /// The watch over the handler of `event` that is about to begin.
    pub fn watch(&mut self, event: &'static str) -> Option<Box<Watching>> {
        self.seat.as_mut().and_then(|seat| seat.cx.watch(event))
    }

    /// The handler of a request has ended.
    pub fn settle_request<T>(self, outcome: &Result<T, RequestError>) {
        self.settle(judge(outcome));
    }

    /// With a notification that its handler borrows.
    #[inline]
    pub fn lend<E: Event + Sync>(self, event: Shared<E>) -> HeldLent<M, E> {
        HeldLent { held: Some(self), lent: Lent::new(event) }
    }

    fn settle(mut self, handled: Handled<M::Inbox>) {
        let Handled::Undone(undone) = handled else { return };
        let slot = Arc::clone(&self.slot);
        let undone = self.seat.as_mut().and_then(|seat| slot.note(undone, seat));
        // Given back first: what follows is the code of others.
        drop(self);
        if let Some(undone) = undone {
            undone.give_up(1, slot.office());
        }
    }
}

impl<M: Manager> Drop for Held<M> {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            self.slot.give_back(seat);
        }
    }
}

/// A manager, and a notification that is [lent](Lent) to it: handed in if the sender on whose task the handler runs
/// goes away before its end.
pub struct HeldLent<M: Manager, E: Event + Sync> {
    /// There until it is settled.
    held: Option<Held<M>>,
    lent: Lent<E>,
}

impl<M: Manager, E: Event + Sync> HeldLent<M, E> {
    /// The manager, the context of the event, and the event.
    #[inline]
    pub fn parts(&mut self) -> (&mut M, &Context, &mut Lent<E>) {
        match &mut self.held {
            Some(held) => {
                let (manager, cx) = held.parts();
                (manager, cx, &mut self.lent)
            }
            None => unreachable!("the manager is given back only at the end"),
        }
    }

    /// As [`Held::watch`].
    pub fn watch(&mut self, event: &'static str) -> Option<Box<Watching>> {
        self.held.as_mut().and_then(|held| held.watch(event))
    }

    /// The handler has ended.
    pub fn settle(mut self, outcome: Result<(), RequestError>, wrap: fn(Envelope<E>) -> M::Inbox) {
        if let Some(mut held) = self.held.take() {
            let lent = std::mem::replace(&mut self.lent, Lent::nothing());
            let handled = lent.settle(outcome, held.parts().1, wrap);
            held.settle(handled);
        }
    }

    #[cold]
    fn hand_in(mut held: Held<M>, event: Shared<E>) {
        let envelope = Envelope { event, meta: held.parts().1.meta().clone() };
        let slot = Arc::clone(&held.slot);
        // Given back first, as above.
        drop(held);
        discard(envelope, Loss::after(1, Reason::Cancelled), slot.office());
    }
}

impl<M: Manager, E: Event + Sync> Drop for HeldLent<M, E> {
    fn drop(&mut self) {
        if let (Some(held), Some(event)) = (self.held.take(), self.lent.take()) {
            Self::hand_in(held, event);
        }
    }
}

impl<M: Manager> fmt::Debug for Held<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Held").field("cx", &self.seat.as_ref().map(|seat| &seat.cx)).finish()
    }
}

impl<M: Manager, E: Event + Sync> fmt::Debug for HeldLent<M, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HeldLent").field("event", &E::name()).field("held", &self.held).finish()
    }
}
