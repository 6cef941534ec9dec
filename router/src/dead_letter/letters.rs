use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::letter::DeadLetter;
use super::reason::Reason;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// How many dead letters there have been on one router, by reason.
///
/// The numbers are read one after the other: while events are being lost, they may be of slightly different times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeadLetterCounts {
    /// [`Reason::NoSubscriber`].
    pub no_subscriber: u64,
    /// [`Reason::Overflow`].
    pub overflow: u64,
    /// [`Reason::Failed`].
    pub failed: u64,
    /// [`Reason::Panicked`].
    pub panicked: u64,
    /// [`Reason::Abandoned`].
    pub abandoned: u64,
    /// [`Reason::Expired`].
    pub expired: u64,
    /// [`Reason::Stopped`].
    pub stopped: u64,
    /// [`Reason::Cancelled`].
    pub cancelled: u64,
    /// [`Reason::LinkLost`].
    pub link_lost: u64,
    /// [`Reason::Interrupted`].
    pub interrupted: u64,
    /// How many dead letters did not reach one of their own subscribers: counted for each, and not in the
    /// [`total`](Self::total).
    pub untold: u64,
}

impl DeadLetterCounts {
    /// All reasons together.
    pub fn total(&self) -> u64 {
        self.by_reason().map(|(_, letters)| letters).sum()
    }

    /// Each reason by its name, that of its field, with how many there have been.
    pub fn by_reason(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let Self {
            no_subscriber,
            overflow,
            failed,
            panicked,
            abandoned,
            expired,
            stopped,
            cancelled,
            link_lost,
            interrupted,
            ..
        } = *self;
        [
            ("no_subscriber", no_subscriber),
            ("overflow", overflow),
            ("failed", failed),
            ("panicked", panicked),
            ("abandoned", abandoned),
            ("expired", expired),
            ("stopped", stopped),
            ("cancelled", cancelled),
            ("link_lost", link_lost),
            ("interrupted", interrupted),
        ]
        .into_iter()
    }
}

/// How many letters a router keeps unless it is told otherwise.
const KEPT: usize = 256;

/// What a router knows of its dead letters.
pub(crate) struct Letters {
    counts: [AtomicU64; REASONS],
    untold: AtomicU64,
    kept: Mutex<Kept>,
}

/// The newest letters, oldest first.
struct Kept {
    letters: VecDeque<DeadLetter>,
    limit: usize,
}

const REASONS: usize = 10;

/// Where a reason is counted.
const fn place(reason: &Reason) -> usize {
    match reason {
        Reason::NoSubscriber => 0,
        Reason::Overflow => 1,
        Reason::Failed(_) => 2,
        Reason::Panicked { .. } => 3,
        Reason::Abandoned => 4,
        Reason::Expired => 5,
        Reason::Stopped => 6,
        Reason::Cancelled => 7,
        Reason::LinkLost { .. } => 8,
        Reason::Interrupted { .. } => 9,
    }
}

impl Letters {
    pub(crate) fn new() -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            untold: AtomicU64::new(0),
            kept: Mutex::new(Kept { letters: VecDeque::new(), limit: KEPT }),
        }
    }

    pub(super) fn count(&self, reason: &Reason) {
        self.counts[place(reason)].fetch_add(1, Ordering::Relaxed);
    }

    /// A dead letter was lost itself.
    pub(super) fn count_untold(&self) {
        self.untold.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn keep(&self, letter: &DeadLetter) {
        let mut kept = self.kept.lock();
        if kept.limit == 0 {
            return;
        }
        if kept.letters.len() >= kept.limit {
            kept.letters.pop_front();
        }
        kept.letters.push_back(letter.clone());
    }

    pub(super) fn set_limit(&self, limit: usize) {
        let mut kept = self.kept.lock();
        kept.limit = limit;
        let surplus = kept.letters.len().saturating_sub(limit);
        kept.letters.drain(..surplus);
        kept.letters.shrink_to(limit);
    }

    pub(super) fn recent(&self) -> Vec<DeadLetter> {
        self.kept.lock().letters.iter().cloned().collect()
    }

    pub(super) fn counts(&self) -> DeadLetterCounts {
        let [
            no_subscriber,
            overflow,
            failed,
            panicked,
            abandoned,
            expired,
            stopped,
            cancelled,
            link_lost,
            interrupted,
        ] = std::array::from_fn(|place| self.counts[place].load(Ordering::Relaxed));
        let untold = self.untold.load(Ordering::Relaxed);
        DeadLetterCounts {
            no_subscriber,
            overflow,
            failed,
            panicked,
            abandoned,
            expired,
            stopped,
            cancelled,
            link_lost,
            interrupted,
            untold,
        }
    }
}
