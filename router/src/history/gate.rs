use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use edri_event::Priority;

use super::record::Past;
use crate::border::Place;
use crate::dead_letter::Loss;
use crate::envelope::Envelope;
use crate::route::{Deliver, Delivery, Ticket, Wait};
use crate::sync::atomic::{AtomicU64, Ordering};

/// A taker that gets the past first: what belongs to it is not let through live.
pub(crate) struct Gate<E> {
    to: Arc<dyn Deliver<Envelope<E>>>,
    /// The past ends here. Until that is known all that comes belongs to it, since it was recorded before: the end is
    /// set under the lock under which events are recorded.
    past: AtomicU64,
}

impl<E> Gate<E> {
    pub(crate) fn new(to: Arc<dyn Deliver<Envelope<E>>>) -> Self {
        Self { to, past: AtomicU64::new(u64::MAX) }
    }

    /// Hands the past over and lets through what follows; called with the history locked.
    pub(crate) fn open(&self, mut past: Past<E>, lane: Priority) {
        self.to.replay(&mut past.events, lane);
        self.past.store(past.until, Ordering::Release);
    }

    /// There is no past: all is let through.
    pub(crate) fn open_without_past(&self) {
        self.past.store(0, Ordering::Release);
    }

    fn is_past(&self, envelope: &Envelope<E>) -> bool {
        envelope.meta.sequence().is_some_and(|sequence| sequence <= self.past.load(Ordering::Acquire))
    }
}

impl<E> Deliver<Envelope<E>> for Gate<E>
where
    E: Send + Sync,
{
    fn deliver(&self, parcel: &mut Option<Envelope<E>>, lane: Priority, wait: Wait<'_>) -> Delivery {
        if parcel.as_ref().is_some_and(|envelope| self.is_past(envelope)) {
            // It has it, or has not asked for what is as old as this.
            *parcel = None;
            return Delivery::Accepted;
        }
        self.to.deliver(parcel, lane, wait)
    }

    fn deliver_many(&self, parcels: &mut VecDeque<Envelope<E>>, lane: Priority) -> bool {
        parcels.retain(|envelope| !self.is_past(envelope));
        self.to.deliver_many(parcels, lane)
    }

    fn line_up(&self, parcels: &mut VecDeque<Envelope<E>>, lane: Priority, waker: &Waker) -> Option<Ticket> {
        parcels.retain(|envelope| !self.is_past(envelope));
        self.to.line_up(parcels, lane, waker)
    }

    fn replay(&self, parcels: &mut VecDeque<Envelope<E>>, lane: Priority) {
        self.to.replay(parcels, lane);
    }

    fn taken_in(&self, ticket: Ticket, waker: &Waker) -> bool {
        self.to.taken_in(ticket, waker)
    }

    fn withdraw(&self, ticket: Ticket) {
        self.to.withdraw(ticket);
    }

    fn lose(&self, ticket: Ticket, loss: Loss) {
        self.to.lose(ticket, loss);
    }

    fn load(&self) -> usize {
        self.to.load()
    }

    fn is_local(&self) -> bool {
        self.to.is_local()
    }

    fn place(&self) -> Option<&Place> {
        self.to.place()
    }

    fn name(&self) -> &str {
        self.to.name()
    }
}
