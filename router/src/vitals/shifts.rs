use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use super::clock::Moment;
use super::meter::Meter;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// The handlers of one manager that run at the same time: how many, and what those that wait are on.
pub struct Shifts {
    limit: usize,
    /// Written by whoever gives them their events.
    busy: AtomicUsize,
    held_back: AtomicUsize,
    waiting: Mutex<Waiting>,
}

/// As many places as handlers ever waited at the same time, which the limit bounds.
#[derive(Default)]
struct Waiting {
    places: Vec<Option<Stay>>,
    stays: u64,
}

/// A handler that waits.
#[derive(Clone, Copy)]
pub(crate) struct Stay {
    pub(crate) tag: u16,
    pub(crate) number: u64,
    since: Moment,
}

impl Stay {
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Shifts {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, busy: AtomicUsize::new(0), held_back: AtomicUsize::new(0), waiting: Mutex::default() }
    }

    /// So many handlers run now, and so many events that were taken from the inbox wait for one of them to end.
    pub fn set(&self, busy: usize, held_back: usize) {
        self.busy.store(busy, Ordering::Relaxed);
        self.held_back.store(held_back, Ordering::Relaxed);
    }

    /// For whoever gives them their events: one of the kind `tag` is about to be given to a handler.
    pub fn begin(&self, meter: &Meter, tag: u16) -> Shift {
        Shift { tag, since: meter.count().then(Moment::now) }
    }

    fn enter(&self, tag: u16) -> usize {
        let mut waiting = self.waiting.lock();
        waiting.stays += 1;
        let stay = Some(Stay { tag, number: waiting.stays, since: Moment::now() });
        match waiting.places.iter().position(Option::is_none) {
            Some(free) => {
                waiting.places[free] = stay;
                free
            }
            None => {
                waiting.places.push(stay);
                waiting.places.len() - 1
            }
        }
    }

    fn leave(&self, place: usize) -> Option<Stay> {
        self.waiting.lock().places.get_mut(place).and_then(Option::take)
    }

    pub(crate) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    pub(crate) fn held_back(&self) -> usize {
        self.held_back.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The one that has waited longest.
    pub(crate) fn oldest(&self) -> Option<Stay> {
        self.waiting.lock().places.iter().flatten().min_by_key(|stay| stay.number).copied()
    }
}

/// One event in the hands of one of them.
#[derive(Debug)]
pub struct Shift {
    tag: u16,
    /// If it is measured from its begin.
    since: Option<Moment>,
}

impl Shift {
    /// Its handler, to its end.
    pub async fn over<T>(self, shifts: &Shifts, meter: &Meter, handling: impl Future<Output = T>) -> T {
        let mut handling = pin!(handling);
        let mut place = InPlace { shifts, place: None };
        let ended = poll_fn(|cx| {
            let polled = handling.as_mut().poll(cx);
            if polled.is_pending() {
                place.place.get_or_insert_with(|| shifts.enter(self.tag));
            }
            polled
        })
        .await;
        let stay = place.leave();
        if let Some(since) = self.since.or(stay.map(|stay| stay.since)) {
            meter.record(since.elapsed());
        }
        ended
    }
}

/// A place that is given up also when its handler is.
struct InPlace<'c> {
    shifts: &'c Shifts,
    place: Option<usize>,
}

impl InPlace<'_> {
    fn leave(&mut self) -> Option<Stay> {
        self.shifts.leave(self.place.take()?)
    }
}

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Shifts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shifts").field("busy", &self.busy()).field("limit", &self.limit).finish()
    }
}
