use std::collections::VecDeque;
use std::task::Waker;

use edri_event::Priority;

use super::hints::{Hints, Line, Receiving};
use super::line::Parked;
use super::outcome::{Place, Popped, Pushed, Standing, Tally};
use super::part::life;
use super::state::{Phase, State};
use super::waits::Waits;
use super::{InboxSettings, Overflow};
use crate::dead_letter::DeadLetterOffice;
use crate::sync::Latch;
use crate::sync::atomic::Ordering;
use crate::vitals::SAMPLED;

/// A bounded queue with lanes, one lock around it, and senders that wait in line with their event.
///
/// A push and a pop each take the lock once, and a receiver takes all that waits at one go (see
/// [`Receiver`](super::Receiver)): batches form by themselves, the faster the traffic the larger. A sender that
/// finds no room parks its *event*, not itself: whoever makes room moves the event into its lane, so that order
/// among waiting senders is kept, no sender can starve, and a sender that goes away takes its event along.
///
/// Events are never dropped, made or woken for under the lock: their code is the user's.
pub(crate) struct Queue<T> {
    state: Latch<State<T>>,
    settings: InboxSettings,
    /// Where what is lost here goes.
    pub(super) office: DeadLetterOffice,
    pub(super) hints: Line<Hints>,
    pub(super) receiving: Line<Receiving>,
}

impl<T> Queue<T> {
    pub(crate) fn new(settings: InboxSettings, office: DeadLetterOffice) -> Self {
        Self {
            state: Latch::new(State::new()),
            settings,
            office,
            hints: Line::default(),
            receiving: Line::default(),
        }
    }

    pub(crate) fn settings(&self) -> InboxSettings {
        self.settings
    }

    /// Offers one event. `make` is called only if the queue keeps what it makes (or drops it by policy).
    #[inline]
    pub(crate) fn push(&self, lane: Priority, patience: Standing<'_>, make: impl FnOnce() -> T) -> Pushed<T> {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Pushed::Closed;
        }
        if state.parked.is_empty() && self.has_room(&mut state) {
            let woken = self.accept(&mut state, lane, make());
            drop(state);
            wake(woken);
            return Pushed::Accepted;
        }
        self.overflow(state, lane, patience, make)
    }

    /// Takes as many of `items` as there is room for, in order. Those that do not fit stay, whatever the overflow
    /// policy; `false` if it takes no more at all.
    pub(crate) fn push_many<I>(
        &self,
        lane: Priority,
        items: &mut VecDeque<I>,
        mut make: impl FnMut(I) -> T,
    ) -> bool {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return false;
        }
        if !state.parked.is_empty() || !self.has_room(&mut state) {
            return true;
        }
        let room = self.settings.capacity.get() - state.lanes.len() - state.in_hand;
        let accepted = room.min(items.len());
        state.lanes.push_all(lane, items.drain(..accepted).map(&mut make));
        let woken = self.accepted(&mut state, lane, accepted);
        drop(state);
        wake(woken);
        true
    }

    /// Parks all of `items`, in order, if there is no room and the policy is to wait: the ticket of the last, whose
    /// sender is all of theirs. Otherwise they all stay.
    pub(crate) fn park_many<I>(
        &self,
        lane: Priority,
        items: &mut VecDeque<I>,
        sender: &Waker,
        mut make: impl FnMut(I) -> T,
    ) -> Option<u64> {
        if items.is_empty() || self.settings.overflow != Overflow::Wait {
            return None;
        }
        let mut state = self.state.lock();
        if state.phase != Phase::Open || state.parked.is_empty() && self.has_room(&mut state) {
            return None;
        }
        let first = state.next_ticket;
        state.next_ticket += items.len() as u64;
        let last = state.next_ticket - 1;
        let mut ticket = first;
        let all = items.drain(..).map(|item| {
            let sender = (ticket == last).then(|| sender.clone());
            let parked = Parked { ticket, lane, item: make(item), sender };
            ticket += 1;
            parked
        });
        state.parked.join_all(lane, all);
        self.hints.parked.store(true, Ordering::Relaxed);
        if lane != Priority::Normal {
            self.hints.urgent.store(true, Ordering::Relaxed);
        }
        Some(last)
    }

    /// Takes all of `items`, in order, beyond the capacity if need be: what came before the live events cannot wait
    /// in line behind them, and is bounded already.
    pub(crate) fn push_past(&self, lane: Priority, items: impl Iterator<Item = T>) {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return;
        }
        let before = state.lanes.len();
        state.lanes.push_all(lane, items);
        let taken = state.lanes.len() - before;
        if taken > 0 {
            let woken = self.accepted(&mut state, lane, taken);
            drop(state);
            wake(woken);
        }
    }

    #[cold]
    fn overflow(
        &self,
        mut state: impl std::ops::DerefMut<Target = State<T>>,
        lane: Priority,
        patience: Standing<'_>,
        make: impl FnOnce() -> T,
    ) -> Pushed<T> {
        match (self.settings.overflow, patience) {
            (_, Standing::Room) | (Overflow::Wait, Standing::None) => Pushed::Full,
            (Overflow::Wait, patience) => {
                let ticket = state.next_ticket;
                state.next_ticket += 1;
                let sender = match patience {
                    Standing::Notify(waker) => Some(waker.clone()),
                    Standing::Silent | Standing::None | Standing::Room => None,
                };
                state.parked.join(Parked { ticket, lane, item: make(), sender });
                self.hints.parked.store(true, Ordering::Relaxed);
                if lane != Priority::Normal {
                    // The receiver lets it in, and takes it, before the next one in hand.
                    self.hints.urgent.store(true, Ordering::Relaxed);
                }
                Pushed::Parked(ticket)
            }
            (Overflow::Reject, _) => {
                state.tally.rejected += 1;
                Pushed::Rejected
            }
            (Overflow::DropNewest, _) => {
                state.tally.dropped += 1;
                Pushed::Dropped(make())
            }
            (Overflow::DropOldest, _) => {
                state.tally.dropped += 1;
                let normal = state.lanes.normal_len();
                let oldest = state.lanes.pop_oldest();
                if state.lanes.normal_len() < normal
                    && let Some(waits) = &mut state.waits
                {
                    waits.dropped();
                }
                let woken = self.accept(&mut state, lane, make());
                drop(state);
                wake(woken);
                oldest.map_or(Pushed::Accepted, Pushed::Displaced)
            }
        }
    }

    /// Whether an event still waits in line; if so, its sender is woken by `waker` from now on.
    pub(crate) fn place(&self, ticket: u64, waker: &Waker) -> Place {
        let mut state = self.state.lock();
        match state.parked.find(ticket) {
            None => Place::Gone,
            Some(parked) => {
                match &mut parked.sender {
                    Some(sender) => sender.clone_from(waker),
                    sender => *sender = Some(waker.clone()),
                }
                Place::InLine
            }
        }
    }

    /// Takes an event out of the line, if it is still there.
    pub(crate) fn unpark(&self, ticket: u64) -> Option<T> {
        let mut state = self.state.lock();
        let item = state.parked.leave(ticket)?;
        self.hints.parked.store(!state.parked.is_empty(), Ordering::Relaxed);
        self.hints.urgent.store(state.is_urgent(), Ordering::Relaxed);
        drop(state);
        Some(item)
    }

    /// Takes the next event in turn, for receivers that share the queue.
    pub(crate) fn pop(&self) -> Popped<T> {
        let mut state = self.state.lock();
        self.pop_shared(&mut state).finish(state)
    }

    /// As [`pop`](Self::pop), and remembers whom to wake when there is nothing: under the number that `waiter` has
    /// then, and has no longer when there is something.
    pub(crate) fn pop_or_wait(&self, waiter: &mut Option<u64>, waker: &Waker) -> Popped<T> {
        let mut state = self.state.lock();
        if let Some(waiter) = *waiter {
            state.idle.retain(|(id, _)| *id != waiter);
        }
        let taken = self.pop_shared(&mut state);
        *waiter = match (&taken.popped, *waiter) {
            (Popped::Empty, known) => Some(state.wait(known, waker)),
            (Popped::Item(_) | Popped::Closed, _) => None,
        };
        taken.finish(state)
    }

    fn pop_shared(&self, state: &mut State<T>) -> Taken<T> {
        state.waking = state.waking.saturating_sub(1);
        let mut senders = Vec::new();
        let popped = self.pop_locked(state, &mut senders);
        Taken { popped, senders, next: state.next_idle_for_more() }
    }

    pub(super) fn pop_locked(&self, state: &mut State<T>, woken: &mut Vec<Waker>) -> Popped<T> {
        let normal = state.lanes.normal_len();
        match state.lanes.pop() {
            Some(item) => {
                if state.lanes.normal_len() < normal
                    && let Some(waits) = &mut state.waits
                {
                    waits.handed_out();
                }
                if !state.is_urgent() {
                    self.hints.urgent.store(false, Ordering::Relaxed);
                }
                self.admit(state, woken);
                Popped::Item(item)
            }
            None => {
                self.hints.occupied.store(false, Ordering::Relaxed);
                if state.phase == Phase::Open { Popped::Empty } else { Popped::Closed }
            }
        }
    }

    pub(super) fn lock(&self) -> impl std::ops::DerefMut<Target = State<T>> + '_ {
        self.state.lock()
    }

    /// Moves parked events into their lanes while there is room, and collects the senders to wake.
    #[inline]
    pub(super) fn admit(&self, state: &mut State<T>, woken: &mut Vec<Waker>) {
        if !state.parked.is_empty() {
            self.admit_parked(state, woken);
        }
    }

    /// The same if one of them is above normal priority.
    #[inline]
    pub(super) fn admit_urgent(&self, state: &mut State<T>, woken: &mut Vec<Waker>) {
        if state.parked.is_urgent() {
            self.admit_parked(state, woken);
        }
    }

    /// The receiver has nothing in hand any more, and the lanes are empty. Senders may be in line all the same, if what
    /// it had in hand was a past beyond the capacity.
    #[inline]
    pub(super) fn admit_after_past(&self, state: &mut State<T>, woken: &mut Vec<Waker>) {
        if !state.parked.is_empty() {
            state.set_in_hand(0);
            self.receiving.in_hand.store(0, Ordering::Relaxed);
            self.admit_parked(state, woken);
        }
    }

    fn admit_parked(&self, state: &mut State<T>, woken: &mut Vec<Waker>) {
        if self.has_room(state) {
            let room = self.settings.capacity.get() - state.lanes.len() - state.in_hand;
            let admitted = state.let_in(room, woken);
            if admitted > 0 {
                woken.extend(self.accepted(state, Priority::Normal, admitted));
            }
        }
        while self.has_room(state)
            && let Some(parked) = state.parked.next()
        {
            woken.extend(self.accept(state, parked.lane, parked.item));
            woken.extend(parked.sender);
        }
        self.hints.parked.store(!state.parked.is_empty(), Ordering::Relaxed);
    }

    /// Forgets a receiver that waited. True if it had been woken in the meantime: it must pass that on.
    pub(crate) fn leave(&self, waiter: u64) -> bool {
        let mut state = self.state.lock();
        let before = state.idle.len();
        state.idle.retain(|(id, _)| *id != waiter);
        state.idle.len() == before
    }

    /// Wakes one waiting receiver if anything waits for it.
    pub(crate) fn nudge(&self) {
        let mut state = self.state.lock();
        state.waking = state.waking.saturating_sub(1);
        let woken = state.next_idle_for_more();
        drop(state);
        wake(woken);
    }

    /// Takes nothing more in. What waits, in line too, can still be taken.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Closed;
        }
        // Whoever stood in line had been told to wait, not refused: the last to be let in, beyond the capacity.
        let mut woken = Vec::new();
        while let Some(parked) = state.parked.next() {
            state.tally.accepted += 1;
            state.lanes.push(parked.lane, parked.item);
            woken.extend(parked.sender);
        }
        self.hints.parked.store(false, Ordering::Relaxed);
        if state.lanes.len() > 0 {
            self.hints.occupy();
        }
        self.hints.urgent.store(state.lanes.urgent_len() > 0, Ordering::Relaxed);
        woken.extend(state.owner.take());
        woken.extend(state.idle.drain(..).map(|(_, waker)| waker));
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// The receiving side is gone: gives back all that waits, to be discarded.
    pub(crate) fn abandon(&self) -> Vec<T> {
        self.close();
        let mut state = self.state.lock();
        state.phase = Phase::Abandoned;
        let left: Vec<T> = state.lanes.drain().collect();
        self.hints.occupied.store(false, Ordering::Relaxed);
        drop(state);
        left
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().phase != Phase::Open
    }

    /// How many events wait: in the lanes, in the receiver's hand, and in line.
    pub(crate) fn len(&self) -> usize {
        let state = self.state.lock();
        state.lanes.len() + self.receiving.in_hand.load(Ordering::Relaxed) + state.parked.len()
    }

    /// Whether something waits, without the lock.
    pub(crate) fn is_occupied(&self) -> bool {
        self.hints.occupied.load(Ordering::Relaxed) || self.hints.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn tally(&self) -> Tally {
        self.state.lock().tally
    }

    #[inline]
    fn accept(&self, state: &mut State<T>, lane: Priority, item: T) -> Option<Waker> {
        state.lanes.push(lane, item);
        self.accepted(state, lane, 1)
    }

    /// So many events have come into a lane; gives the receiver to wake for them.
    #[inline]
    fn accepted(&self, state: &mut State<T>, lane: Priority, events: usize) -> Option<Waker> {
        let before = state.tally.accepted;
        state.tally.accepted += events as u64;
        // One of them is the first of the next so many.
        if before.wrapping_neg() % SAMPLED < events as u64 {
            self.follow(state, lane);
        }
        self.hints.occupy();
        if lane != Priority::Normal {
            self.hints.urgent.store(true, Ordering::Relaxed);
        }
        state.next_idle()
    }

    /// The event that has just come is one of those whose wait is measured.
    #[cold]
    fn follow(&self, state: &mut State<T>, lane: Priority) {
        if lane == Priority::Normal && self.hints.life.load(Ordering::Relaxed) != life::NONE {
            let ahead = state.lanes.normal_len() - 1;
            state.waits.get_or_insert_with(|| Box::new(Waits::new())).follow(ahead);
        }
    }

    #[inline]
    fn has_room(&self, state: &mut State<T>) -> bool {
        let capacity = self.settings.capacity.get();
        if state.lanes.len() + state.in_hand < capacity {
            return true;
        }
        // The receiver may have handled some of what it took since it last held the lock.
        state.in_hand = self.receiving.in_hand.load(Ordering::Relaxed);
        state.lanes.len() + state.in_hand < capacity
    }
}

/// What a shared receiver has taken, and whom to wake when the lock is free.
struct Taken<T> {
    popped: Popped<T>,
    senders: Vec<Waker>,
    next: Option<Waker>,
}

impl<T> Taken<T> {
    fn finish<L>(self, lock: L) -> Popped<T> {
        drop(lock);
        self.senders.into_iter().for_each(Waker::wake);
        wake(self.next);
        self.popped
    }
}

/// Outside the lock: a waker may run the woken task's scheduler at once.
fn wake(woken: Option<Waker>) {
    if let Some(waker) = woken {
        waker.wake();
    }
}

#[cfg(test)]
mod tests;
