//! What was sent, and what became of it, line by line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use edri::prelude::*;
use edri::router::Reason;

use crate::bag::{Bag, Total, all};
use crate::event::{Patience, Receipts, Told};
use crate::lines::{LINES, Order};

/// The sender of faults, who sends several at a time: there is no order between them.
pub const IN_NO_ORDER: u32 = u32::MAX;

pub struct Books {
    lines: Vec<Line>,
    pub news: News,
}

pub struct Line {
    pub told: ToldBook,
    pub asked: AskedBook,
}

/// Notifications of one line.
pub struct ToldBook {
    /// So often as a consumer has accepted it, or is to make it a dead letter.
    pub sent: Bag,
    /// Given back to its sender.
    pub refused: Bag,
    pub handled: Bag,
    /// By [`place`].
    letters: [Bag; REASONS.len()],
    pub out_of_order: AtomicU64,
    pub tried_too_often: AtomicU64,
    /// The highest number handled, of each sender and lane.
    last: Vec<[AtomicU64; 3]>,
}

/// Requests of one line.
#[derive(Default)]
pub struct AskedBook {
    pub asked: Bag,
    /// What a handler began with, of those whose requesters are patient.
    pub begun: Bag,
    /// By [`Outcome`]; those of patient requesters, and of others.
    pub patient: [Bag; OUTCOMES.len()],
    pub impatient: [Bag; OUTCOMES.len()],
    pub receipts: Arc<Receipts>,
}

/// Notifications of the router's own.
#[derive(Default)]
pub struct News {
    pub restarts: AtomicU64,
    pub stops: AtomicU64,
    pub health: AtomicU64,
}

pub const REASONS: [&str; 8] =
    ["no subscriber", "overflow", "failed", "panicked", "abandoned", "expired", "stopped", "cancelled"];

fn place(reason: &Reason) -> usize {
    match reason {
        Reason::NoSubscriber => 0,
        Reason::Overflow => 1,
        Reason::Failed(_) => 2,
        Reason::Panicked { .. } => 3,
        Reason::Abandoned => 4,
        Reason::Expired => 5,
        Reason::Stopped => 6,
        Reason::Cancelled => 7,
        unknown => unreachable!("a reason that the books have no column for: {unknown}"),
    }
}

/// How a request ended. The first ones say that a handler began with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    Failed,
    Panicked,
    Abandoned,
    Overloaded,
    Stopped,
    Expired,
    TimedOut,
    NoResponder,
    Cancelled,
    /// By its requester.
    GivenUp,
}

pub const OUTCOMES: [&str; 11] = [
    "answered",
    "failed",
    "panicked",
    "abandoned",
    "overloaded",
    "stopped",
    "expired",
    "timed out",
    "no responder",
    "cancelled",
    "given up",
];

/// So many of them say that a handler began.
pub const BEGUN: usize = 4;

impl Outcome {
    pub fn of(error: &RequestError) -> Self {
        match error {
            RequestError::Failed(_) => Self::Failed,
            RequestError::Panicked { .. } => Self::Panicked,
            RequestError::Abandoned => Self::Abandoned,
            RequestError::Overloaded => Self::Overloaded,
            RequestError::Stopped => Self::Stopped,
            RequestError::Expired => Self::Expired,
            RequestError::TimedOut { .. } => Self::TimedOut,
            RequestError::NoResponder { .. } => Self::NoResponder,
            RequestError::Cancelled => Self::Cancelled,
            unknown => unreachable!("an outcome that the books have no column for: {unknown}"),
        }
    }
}

impl Books {
    pub fn new(senders: u32) -> Arc<Self> {
        let line = || Line { told: ToldBook::new(senders), asked: AskedBook::default() };
        Arc::new(Self { lines: LINES.iter().map(|_| line()).collect(), news: News::default() })
    }

    pub fn line(&self, line: usize) -> &Line {
        &self.lines[line]
    }

    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// All that was handled and answered so far.
    pub fn done(&self) -> u64 {
        let done =
            |line: &Line| line.told.handled.total().count + line.asked.receipts.made.load(Ordering::Relaxed);
        self.lines().map(done).sum()
    }

    pub fn letters(&self) -> u64 {
        self.lines().map(|line| line.told.lost().count).sum()
    }
}

impl ToldBook {
    fn new(senders: u32) -> Self {
        Self {
            sent: Bag::default(),
            refused: Bag::default(),
            handled: Bag::default(),
            letters: Default::default(),
            out_of_order: AtomicU64::new(0),
            tried_too_often: AtomicU64::new(0),
            last: (0..senders).map(|_| Default::default()).collect(),
        }
    }

    pub fn handle<const L: usize>(&self, event: &Told<L>) {
        self.handled.add(event.sender, event.number);
        if LINES[L].order == Order::OfSenders
            && let Some(last) = self.last.get(event.sender as usize)
            && last[event.lane as usize].swap(event.number, Ordering::Relaxed) >= event.number
        {
            self.out_of_order.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn lose<const L: usize>(&self, lost: &Undelivered<Told<L>>) {
        self.letters[place(&lost.letter.reason)].add(lost.event.sender, lost.event.number);
    }

    pub fn lost(&self) -> Total {
        all(&self.letters)
    }

    /// How many were lost, by [reason](REASONS).
    pub fn letters(&self) -> impl Iterator<Item = u64> {
        self.letters.iter().map(|bag| bag.total().count)
    }
}

impl AskedBook {
    pub fn end(&self, sender: u32, number: u64, patience: Patience, outcome: Outcome) {
        let bags = match patience {
            Patience::Patient => &self.patient,
            Patience::Impatient => &self.impatient,
        };
        bags[outcome as usize].add(sender, number);
    }

    /// How many ended so, by [`Outcome`].
    pub fn outcomes(&self) -> impl Iterator<Item = u64> {
        self.patient.iter().zip(&self.impatient).map(|(one, other)| all([one, other]).count)
    }
}
