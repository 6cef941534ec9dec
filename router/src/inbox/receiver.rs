use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::ops::DerefMut;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::task::coop;

use super::outcome::Popped;
use super::queue::Queue;
use super::state::State;
use super::waits;
use super::{Message, Overflow, Tally};
use crate::dead_letter::{DeadLetterOffice, Loss, Reason};
use crate::sync::atomic::Ordering;
use crate::trace::HandlerSpan;

/// The receiving end of an inbox with one receiver.
///
/// It takes all that waits in the normal lane at one go and hands it out one by one; what is *in hand* still
/// counts against the capacity until it is handed out. An event of a higher lane is noticed before the next one
/// in hand. When the receiver is dropped, what waits is [discarded](Message::discard).
pub struct Receiver<M: Message> {
    pub(super) queue: Arc<Queue<M>>,
    hand: VecDeque<M>,
    /// Handed out since waiting senders were last let in.
    handed_out: u32,
    /// When so many are left in hand, it is the turn of the one whose wait is measured.
    followed: u32,
    woken: Vec<Waker>,
    /// Kept here for its manager: those that wait are many, and each place for it counts.
    span: HandlerSpan,
}

/// Senders in line are let in together, this many at a time where the capacity allows: each waking costs more
/// than an event.
const LET_IN_TOGETHER: u32 = 32;

impl<M: Message> Receiver<M> {
    pub(super) fn new(queue: Arc<Queue<M>>) -> Self {
        Self {
            queue,
            hand: VecDeque::new(),
            handed_out: 0,
            followed: waits::NONE,
            woken: Vec::new(),
            span: HandlerSpan::closed(),
        }
    }

    /// The next event; `None` once the inbox is closed and empty.
    ///
    /// Cancel safe: an event is handed out at the moment the future is ready or not at all. It spends tokio's
    /// cooperative budget, so that a busy receiver yields now and then.
    pub async fn recv(&mut self) -> Option<M> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next event, or the task is woken when one comes.
    // Once for each event: a call costs a twentieth of it, and with two loops around it the compiler makes one.
    #[inline(always)]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<M>> {
        let budget = ready!(coop::poll_proceed(cx));
        let polled = self.poll_unbudgeted(cx);
        if polled.is_ready() {
            budget.made_progress();
        }
        polled
    }

    #[inline]
    fn poll_unbudgeted(&mut self, cx: &mut Context<'_>) -> Poll<Option<M>> {
        if let Some(message) = self.next_in_hand() {
            return Poll::Ready(Some(message));
        }
        match self.refill(Some(cx.waker())) {
            Popped::Item(message) => Poll::Ready(Some(message)),
            Popped::Closed => Poll::Ready(None),
            Popped::Empty => Poll::Pending,
        }
    }

    /// The next event, if one waits.
    #[inline]
    pub fn try_recv(&mut self) -> Option<M> {
        self.next_in_hand().or_else(|| match self.refill(None) {
            Popped::Item(message) => Some(message),
            Popped::Closed | Popped::Empty => None,
        })
    }

    /// Ready when an event waits (`true`) or the inbox is closed and empty (`false`); takes nothing.
    pub fn poll_occupied(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if !self.hand.is_empty() {
            return Poll::Ready(true);
        }
        let mut state = self.queue.lock();
        if state.lanes.len() == 0 {
            self.queue.admit_after_past(&mut state, &mut self.woken);
        }
        if state.lanes.len() > 0 {
            drop(state);
            self.wake();
            return Poll::Ready(true);
        }
        match self.nothing(state, Some(cx.waker())) {
            Popped::Closed => Poll::Ready(false),
            Popped::Empty | Popped::Item(_) => Poll::Pending,
        }
    }

    /// Lets in the senders for whose events there is room now. Call it before a long wait that is not
    /// [`recv`](Self::recv); between two calls of `recv` it happens by itself.
    pub fn let_in(&mut self) {
        if self.queue.hints.parked.load(Ordering::Relaxed) {
            let mut state = self.queue.lock();
            self.queue.admit(&mut state, &mut self.woken);
            drop(state);
            self.handed_out = 0;
            self.wake();
        }
    }

    /// The span in which an event from here is being handled, for whoever handles it.
    pub fn span(&mut self) -> &mut HandlerSpan {
        &mut self.span
    }

    /// Where what is lost here goes.
    pub fn office(&self) -> &DeadLetterOffice {
        &self.queue.office
    }

    /// Takes nothing more in; what waits can still be received.
    pub fn close(&self) {
        self.queue.close();
    }

    /// How many events wait, those of waiting senders included.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What has become of the events sent here so far.
    pub fn tally(&self) -> Tally {
        self.queue.tally()
    }

    /// The next event in hand, unless one of a higher lane waits: cheaper than [`try_recv`](Self::try_recv), and
    /// `None` where that might have found one.
    // Always: handed over by a call, the event would be copied right after it was written, at several times the price.
    #[inline(always)]
    pub fn next_in_hand(&mut self) -> Option<M> {
        if self.hand.is_empty() || self.queue.hints.urgent.load(Ordering::Relaxed) {
            return None;
        }
        if self.hand.len() == self.followed as usize {
            self.measure();
        }
        let message = self.hand.pop_front()?;
        self.queue.receiving.in_hand.store(self.hand.len(), Ordering::Relaxed);
        self.handed_out += 1;
        if self.queue.hints.parked.load(Ordering::Relaxed) && self.handed_out >= self.together() {
            self.let_in();
        }
        Some(message)
    }

    /// Takes from the queue: the whole normal lane if nothing urgent waits, else one event in turn.
    fn refill(&mut self, waker: Option<&Waker>) -> Popped<M> {
        let mut state = self.queue.lock();
        if !self.hand.is_empty() {
            if let Some(waits) = &mut state.waits {
                waits.put_back(self.hand.len(), self.followed);
                self.followed = waits::NONE;
            }
            state.lanes.put_back(&mut self.hand);
            state.set_in_hand(0);
            self.queue.receiving.in_hand.store(0, Ordering::Relaxed);
        }
        self.queue.admit_urgent(&mut state, &mut self.woken);
        if state.lanes.len() == 0 {
            self.queue.admit_after_past(&mut state, &mut self.woken);
            if state.lanes.len() == 0 {
                return self.nothing(state, waker);
            }
        }
        let takes_all =
            state.lanes.urgent_len() == 0 && self.queue.settings().overflow != Overflow::DropOldest;
        let popped = if takes_all {
            state.lanes.swap_normal(&mut self.hand);
            if let Some(waits) = &mut state.waits {
                self.followed = waits.taken(self.hand.len());
            }
            match self.hand.pop_front() {
                Some(message) => Popped::Item(message),
                None => Popped::Empty,
            }
        } else {
            self.queue.pop_locked(&mut state, &mut self.woken)
        };
        state.set_in_hand(self.hand.len());
        self.queue.receiving.in_hand.store(self.hand.len(), Ordering::Relaxed);
        self.queue.admit(&mut state, &mut self.woken);
        drop(state);
        self.handed_out = 0;
        self.wake();
        popped
    }

    /// Nothing waits in the lanes or in hand; nothing stands in line either, since of a full inbox at least one
    /// event is still in the lanes: the first of a batch is handed out as the batch is taken. (Not of one that was
    /// filled beyond its capacity: hence `admit_after_past`.)
    fn nothing(&self, mut state: impl DerefMut<Target = State<M>>, waker: Option<&Waker>) -> Popped<M> {
        state.set_in_hand(0);
        self.queue.receiving.in_hand.store(0, Ordering::Relaxed);
        self.queue.hints.occupied.store(false, Ordering::Relaxed);
        if !state.is_open() {
            return Popped::Closed;
        }
        if let Some(waker) = waker {
            state.sleep(waker);
        }
        Popped::Empty
    }

    fn together(&self) -> u32 {
        let part = self.queue.settings().capacity.get().div_ceil(4);
        u32::try_from(part).map_or(LET_IN_TOGETHER, |part| part.min(LET_IN_TOGETHER))
    }

    #[cold]
    fn measure(&mut self) {
        self.followed = waits::NONE;
        if let Some(waits) = &mut self.queue.lock().waits {
            waits.measure();
        }
    }

    #[inline]
    fn wake(&mut self) {
        if !self.woken.is_empty() {
            self.woken.drain(..).for_each(Waker::wake);
        }
    }
}

/// What it holds is never pinned.
impl<M: Message> Unpin for Receiver<M> {}

impl<M: Message> Drop for Receiver<M> {
    fn drop(&mut self) {
        self.ends();
        let left = self.queue.abandon();
        self.ended();
        self.queue.receiving.in_hand.store(0, Ordering::Relaxed);
        for message in self.hand.drain(..).chain(left) {
            message.discard(Loss::unhandled(Reason::Stopped), &self.queue.office);
        }
    }
}

impl<M: Message> fmt::Debug for Receiver<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Receiver")
            .field("settings", &self.queue.settings())
            .field("len", &self.len())
            .finish()
    }
}
