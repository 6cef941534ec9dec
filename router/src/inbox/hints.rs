use std::ops::Deref;
use std::sync::OnceLock;

use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use crate::vitals::{Chart, Meter, Moment};

/// A cache line of its own: senders and receivers on different cores do not take from each other what they do
/// not share. On x86-64 and most ARM cores a line is 64 bytes.
#[repr(align(64))]
pub(super) struct Line<T>(T);

impl<T> Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What one side wants to know for each event without taking the lock; each changes rarely. Hints only: the
/// truth is under the lock. With them is what else is read far more often than it is written.
pub(super) struct Hints {
    /// Some sender waits for room.
    pub(super) parked: AtomicBool,
    /// An event above normal priority waits, in its lane or in line.
    pub(super) urgent: AtomicBool,
    /// Something waits, in the lanes or in hand. Whoever has sent an event sees this set until it is taken.
    pub(super) occupied: AtomicBool,
    /// How the receiver's owner is is being asked.
    pub(super) asked: AtomicBool,
    /// Where it is in its life; see [`life`](super::part::life).
    pub(super) life: AtomicU8,
    pub(super) made: Moment,
    pub(super) chart: OnceLock<Box<Chart>>,
}

/// What the receiving side alone writes, for each event.
#[derive(Default)]
pub(super) struct Receiving {
    /// How many events it has in hand.
    pub(super) in_hand: AtomicUsize,
    pub(super) meter: Meter,
}

impl Default for Line<Hints> {
    fn default() -> Self {
        Self(Hints {
            parked: AtomicBool::default(),
            urgent: AtomicBool::default(),
            occupied: AtomicBool::default(),
            asked: AtomicBool::default(),
            life: AtomicU8::new(super::part::life::NONE),
            made: Moment::now(),
            chart: OnceLock::new(),
        })
    }
}

impl Default for Line<Receiving> {
    fn default() -> Self {
        Self(Receiving::default())
    }
}

impl Hints {
    /// Written only where it changes: most events find the inbox occupied, and the line unshared.
    #[inline]
    pub(super) fn occupy(&self) {
        if !self.occupied.load(Ordering::Relaxed) {
            self.occupied.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn each_side_has_one_line() {
        assert_eq!((size_of::<Line<Hints>>(), size_of::<Line<Receiving>>()), (64, 64));
    }
}
