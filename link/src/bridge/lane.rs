use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use edri_event::EventId;
use edri_router::{
    DeadLetterOffice, Delivery, Departure, Departures, Head, InboxSettings, Loss, Overflow, Payload, Reason,
    Shareable, Ticket, Wait,
};

/// What waits for a link in one lane, bounded in count and in bytes.
///
/// Whoever sends copies the event's bytes to those of the others, under a short lock; the link's task takes all there is at
/// once. So no event takes memory of its own, and none is woken for unless the task sleeps. A sender that finds no room
/// stands in line with its event, as before any inbox.
pub(super) struct Lane {
    settings: InboxSettings,
    state: Apart<Mutex<State>>,
    /// Whether there is anything to be taken, told without the lock.
    occupied: Apart<AtomicBool>,
    /// How many the task has taken and not sent, as far as it has said.
    in_hand: Apart<AtomicUsize>,
}

/// On cache lines of its own: what senders write, and what the task does, are on different cores.
#[repr(align(128))]
struct Apart<T>(T);

/// What the link's task has taken from a lane.
#[derive(Default)]
pub(super) struct Hand {
    pub(super) departures: Departures,
    /// It will be woken when there is more.
    is_listening: bool,
}

/// How often the task says how much it has left: each time it takes the line from the senders' cores.
const SAID_EVERY: usize = 32;

/// A hand that has memory for more bytes than this gives it back.
const KEPT: usize = 256 * 1024;

struct State {
    waiting: Departures,
    line: VecDeque<InLine>,
    next_ticket: u64,
    /// Whether the task has to be woken for what comes.
    sleeps: bool,
    is_open: bool,
}

/// An event that waits for room.
struct InLine {
    ticket: Ticket,
    departure: Departure,
    payload: Bytes,
    sender: Waker,
}

/// Whether the link's task is to be woken.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Wake,
    Nothing,
}

/// So many bytes may wait in a lane. One event may go beyond it.
const MOST_BYTES: usize = 1024 * 1024;

impl Lane {
    pub(super) fn new(settings: InboxSettings) -> Self {
        let state = State {
            waiting: Departures::default(),
            line: VecDeque::new(),
            next_ticket: 0,
            sleeps: false,
            is_open: true,
        };
        Self {
            settings,
            state: Apart(Mutex::new(state)),
            occupied: Apart(AtomicBool::new(false)),
            in_hand: Apart(AtomicUsize::new(0)),
        }
    }

    /// Offers one event, which is left in place if it was not kept.
    pub(super) fn push(
        &self,
        departure: &mut Option<Departure>,
        payload: Payload<'_>,
        wait: Wait<'_>,
        office: &DeadLetterOffice,
    ) -> (Delivery, Then) {
        let mut state = self.lock();
        if !state.is_open {
            return (Delivery::Gone, Then::Nothing);
        }
        if state.line.is_empty()
            && self.has_room(&state)
            && let Some(departure) = departure.take()
        {
            return (Delivery::Accepted, self.keep(&mut state, departure, payload));
        }
        match (self.settings.overflow, wait) {
            (_, Wait::Room) | (Overflow::Wait, Wait::Never) => (Delivery::Full, Then::Nothing),
            (Overflow::Wait, Wait::Woken(waker)) => {
                let Some(departure) = departure.take() else { return (Delivery::Gone, Then::Nothing) };
                let ticket = Ticket::new(state.next_ticket);
                state.next_ticket += 1;
                let (payload, sender) = (payload.to_bytes(), waker.clone());
                state.line.push_back(InLine { ticket, departure, payload, sender });
                self.occupy();
                (Delivery::Waiting(ticket), state.wake())
            }
            (Overflow::Reject, _) => (Delivery::Rejected, Then::Nothing),
            (Overflow::DropNewest, _) => {
                drop(state);
                lose(departure.take(), &payload, office);
                (Delivery::Dropped, Then::Nothing)
            }
            (Overflow::DropOldest, _) => {
                let Some(departure) = departure.take() else { return (Delivery::Gone, Then::Nothing) };
                let oldest = state.waiting.take_first(|departure, payload| (departure, payload.to_bytes()));
                let then = self.keep(&mut state, departure, payload);
                drop(state);
                // In the task's hand it is on its way.
                let Some((oldest, payload)) = oldest else { return (Delivery::Accepted, then) };
                lose(Some(oldest), &payload, office);
                (Delivery::Displaced, then)
            }
        }
    }

    /// Keeps a plain notification, if there is room and nobody stands in line: whether to wake the task then.
    #[inline]
    pub(super) fn push_plain(
        &self,
        event: (&Shareable, u64),
        head: Head,
        identity: EventId,
        payload: &[u8],
    ) -> Option<Then> {
        let mut state = self.lock();
        if !state.is_open || !state.line.is_empty() || !self.has_room(&state) {
            return None;
        }
        state.waiting.push_plain(event, head, identity, payload);
        self.occupy();
        Some(state.wake())
    }

    /// Takes as many as there is room for, in order; `false` if it takes no more at all.
    pub(super) fn push_many(&self, departures: &mut Departures) -> (bool, Then) {
        let mut state = self.lock();
        if !state.is_open {
            return (false, Then::Nothing);
        }
        let together = state.waiting.len() + self.in_hand() + departures.len();
        let bytes = state.waiting.bytes() + departures.bytes();
        let fits = together <= self.settings.capacity.get() && bytes <= MOST_BYTES;
        if fits && state.line.is_empty() && !departures.is_empty() {
            state.waiting.append(departures);
            self.occupy();
            return (true, state.wake());
        }
        let mut then = Then::Nothing;
        while state.line.is_empty() && !departures.is_empty() && self.has_room(&state) {
            let kept = departures.take_first(|departure, payload| self.keep(&mut state, departure, payload));
            if kept == Some(Then::Wake) {
                then = Then::Wake;
            }
        }
        (true, then)
    }

    /// For how many there may be room.
    pub(super) fn room(&self) -> usize {
        let state = self.lock();
        match state.is_open && state.line.is_empty() && state.waiting.bytes() < MOST_BYTES {
            true => self.settings.capacity.get().saturating_sub(state.waiting.len() + self.in_hand()),
            false => 0,
        }
    }

    /// Whether an event has left the line; if not, `waker` is woken when it does.
    pub(super) fn has_left_line(&self, ticket: Ticket, waker: &Waker) -> bool {
        match self.lock().line.iter_mut().find(|waiting| waiting.ticket == ticket) {
            None => true,
            Some(waiting) => {
                waiting.sender.clone_from(waker);
                false
            }
        }
    }

    /// Takes an event out of the line, if it is still there.
    pub(super) fn leave_line(&self, ticket: Ticket) -> Option<(Departure, Bytes)> {
        let mut state = self.lock();
        let place = state.line.iter().position(|waiting| waiting.ticket == ticket)?;
        let left = state.line.remove(place)?;
        drop(state);
        Some((left.departure, left.payload))
    }

    /// How many wait, those in line and those in the task's hand included.
    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + state.line.len() + self.in_hand()
    }

    /// Whether nothing waits, but for what the task has in hand.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.waiting.is_empty() && state.line.is_empty()
    }

    /// Takes nothing more in. Who stands in line was told to wait, and not refused: they are the last to be let in.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_open = false;
        let woken = self.let_in(&mut state, |_, _| true);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// For the link's task: exchanges the empty `hand` for all that waits, and lets in who stands in line. If there is
    /// nothing, the task will be woken when there is.
    pub(super) fn take(&self, hand: &mut Hand) {
        debug_assert!(hand.departures.is_empty(), "what is in hand would be overtaken");
        if hand.is_listening && !self.occupied.0.load(Ordering::Acquire) {
            return;
        }
        if hand.departures.capacity() > KEPT {
            hand.departures = Departures::default();
        }
        let mut state = self.lock();
        self.in_hand.0.store(0, Ordering::Relaxed);
        let mut woken = self.let_in(&mut state, Self::has_room);
        std::mem::swap(&mut state.waiting, &mut hand.departures);
        self.in_hand.0.store(hand.departures.len(), Ordering::Relaxed);
        woken.extend(self.let_in(&mut state, Self::has_room));
        let is_empty = state.waiting.is_empty() && state.line.is_empty();
        self.occupied.0.store(!is_empty, Ordering::Release);
        hand.is_listening = hand.departures.is_empty();
        state.sleeps = hand.is_listening;
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// The task has sent the first of what it has in hand, which so many were before.
    #[inline]
    pub(super) fn sent(&self, hand: &Hand, before: usize) {
        let left = hand.departures.len();
        if left / SAID_EVERY != before / SAID_EVERY || left == 0 {
            self.in_hand.0.store(left, Ordering::Relaxed);
        }
    }

    /// There is something, told under the lock. Told once, it is left alone: its line is with the task's core then.
    #[inline]
    fn occupy(&self) {
        if !self.occupied.0.load(Ordering::Relaxed) {
            self.occupied.0.store(true, Ordering::Release);
        }
    }

    fn in_hand(&self) -> usize {
        self.in_hand.0.load(Ordering::Relaxed)
    }

    #[inline]
    fn has_room(&self, state: &State) -> bool {
        state.waiting.len() + self.in_hand() < self.settings.capacity.get()
            && state.waiting.bytes() < MOST_BYTES
    }

    #[inline]
    fn keep(&self, state: &mut State, departure: Departure, payload: Payload<'_>) -> Then {
        state.waiting.push(departure, payload);
        self.occupy();
        state.wake()
    }

    /// Moves those in line to those who wait, while they may; whom to wake outside of the lock.
    fn let_in(&self, state: &mut State, may: impl Fn(&Self, &State) -> bool) -> Vec<Waker> {
        let mut woken = Vec::new();
        while may(self, state)
            && let Some(InLine { departure, payload, sender, .. }) = state.line.pop_front()
        {
            state.waiting.push(departure, Payload::Long(&payload));
            woken.push(sender);
        }
        woken
    }

    /// No code of others runs under the lock, so that it cannot be poisoned.
    #[inline]
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    #[inline]
    fn wake(&mut self) -> Then {
        if std::mem::take(&mut self.sleeps) { Then::Wake } else { Then::Nothing }
    }
}

#[cold]
fn lose(departure: Option<Departure>, payload: &[u8], office: &DeadLetterOffice) {
    if let Some(departure) = departure {
        departure.discard(payload, Loss::unhandled(Reason::Overflow), office);
    }
}

#[cfg(test)]
mod tests;
