use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the events a manager had taken from its inbox and not handled to the end when it was ended from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct CutShort(Arc<AtomicUsize>);

impl CutShort {
    /// How many there were.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn add(&self, events: usize) {
        self.0.fetch_add(events, Ordering::Release);
    }

    /// An event is being handled: it counts unless [`Begun::ended`] is called.
    pub(super) fn begin(&self) -> Begun<'_> {
        Begun(self)
    }
}

#[must_use = "an event that is not told to have ended was cut short"]
pub(super) struct Begun<'c>(&'c CutShort);

impl Begun<'_> {
    pub(super) fn ended(self) {
        std::mem::forget(self);
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.add(1);
    }
}
