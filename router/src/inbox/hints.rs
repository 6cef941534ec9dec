use std::ops::Deref;

use crate::sync::atomic::{AtomicBool, Ordering};

/// A cache line of its own: senders and receivers on different cores do not take from each other what they do
/// not share. On x86-64 and most ARM cores a line is 64 bytes.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Line<T>(T);

impl<T> Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What one side wants to know for each event without taking the lock; each changes rarely. Hints only: the
/// truth is under the lock.
#[derive(Default)]
pub(super) struct Hints {
    /// Some sender waits for room.
    pub(super) parked: AtomicBool,
    /// An event above normal priority waits, in its lane or in line.
    pub(super) urgent: AtomicBool,
    /// Something waits, in the lanes or in hand. Whoever has sent an event sees this set until it is taken.
    pub(super) occupied: AtomicBool,
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
