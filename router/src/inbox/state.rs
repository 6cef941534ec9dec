use std::collections::VecDeque;
use std::task::Waker;

use edri_event::Priority;

use super::lanes::Lanes;
use super::line::{Parked, WaitingLine};
use super::outcome::Tally;
use super::waits::Waits;

/// How many receivers that share a queue are woken before the first of them has come. Two: tokio runs the task
/// that was woken last on the waking thread, when that has nothing else to do, and lets other threads have the
/// one woken before.
const WOKEN_TOGETHER: u8 = 2;

/// What is behind a queue's lock.
pub(super) struct State<T> {
    pub(super) lanes: Lanes<T>,
    /// At least what the receiver has in hand.
    pub(super) in_hand: usize,
    pub(super) parked: WaitingLine<T>,
    /// The one receiver of its own, asleep.
    pub(super) owner: Option<Waker>,
    /// Receivers that share the queue, asleep.
    pub(super) idle: VecDeque<(u64, Waker)>,
    /// How many of them have been woken and have not come yet; each wakes the next if there is more to do. Waking
    /// costs more than many an event.
    pub(super) waking: u8,
    pub(super) next_ticket: u64,
    pub(super) phase: Phase,
    pub(super) tally: Tally,
    /// Made with the first event of one whose vitals are of interest.
    pub(super) waits: Option<Box<Waits>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Nothing more comes in; what waits may still be taken.
    Closed,
    /// The receiving side is gone.
    Abandoned,
}

impl<T> State<T> {
    pub(super) fn new() -> Self {
        Self {
            lanes: Lanes::new(),
            in_hand: 0,
            parked: WaitingLine::new(),
            owner: None,
            idle: VecDeque::new(),
            waking: 0,
            next_ticket: 0,
            phase: Phase::Open,
            tally: Tally::default(),
            waits: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Notes what the receiver has taken in hand.
    pub(super) fn set_in_hand(&mut self, events: usize) {
        self.in_hand = events;
    }

    /// The receiver goes to sleep until the next event.
    #[inline]
    pub(super) fn sleep(&mut self, waker: &Waker) {
        match &mut self.owner {
            Some(owner) => owner.clone_from(waker),
            owner => *owner = Some(waker.clone()),
        }
    }

    /// The same for one of many, under its number or a new one.
    pub(super) fn wait(&mut self, waiter: Option<u64>, waker: &Waker) -> u64 {
        let waiter = waiter.unwrap_or_else(|| {
            self.next_ticket += 1;
            self.next_ticket
        });
        self.idle.push_back((waiter, waker.clone()));
        waiter
    }

    #[inline]
    pub(super) fn next_idle(&mut self) -> Option<Waker> {
        match self.owner.take() {
            None if self.waking >= WOKEN_TOGETHER => None,
            None => {
                let (_, waker) = self.idle.pop_front()?;
                self.waking += 1;
                Some(waker)
            }
            owner => owner,
        }
    }

    pub(super) fn next_idle_for_more(&mut self) -> Option<Waker> {
        if self.lanes.len() > 0 { self.next_idle() } else { None }
    }

    /// Moves up to so many events from the line into their lane, if they are all of normal priority and no others stand
    /// there, and collects their senders. How many.
    pub(super) fn let_in(&mut self, most: usize, senders: &mut Vec<Waker>) -> usize {
        let Some(many) = self.parked.next_many(most) else { return 0 };
        let before = self.lanes.len();
        let items = many.map(|Parked { item, sender, .. }| {
            senders.extend(sender);
            item
        });
        self.lanes.push_all(Priority::Normal, items);
        self.lanes.len() - before
    }

    /// Whether an event above normal priority waits, in a lane or in line.
    pub(super) fn is_urgent(&self) -> bool {
        self.lanes.urgent_len() > 0 || self.parked.is_urgent()
    }
}
