use std::sync::Arc;

use parking_lot::Mutex;

use crate::place::Busy;

/// Where the jobs that one slot has at hand are measured: one seat for each.
pub(crate) struct Seats {
    all: Vec<Arc<Busy>>,
    free: Mutex<Vec<usize>>,
}

/// A seat that is taken, until this is dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    /// None for one that is not counted: there are more jobs at hand than were thought of.
    number: Option<usize>,
}

impl Seats {
    pub(crate) fn new(all: Vec<Arc<Busy>>) -> Arc<Self> {
        let free = Mutex::new((0..all.len()).rev().collect());
        Arc::new(Self { all, free })
    }

    /// For a job that begins now.
    pub(crate) fn take(self: &Arc<Self>) -> Seat {
        let seat = Seat { number: self.free.lock().pop(), seats: Arc::clone(self) };
        if let Some(busy) = seat.busy() {
            busy.meter().begin(0);
            if self.all.len() == 1 {
                // Whoever has it at hand is another process, and has no other: each is measured. Of many short ones some are.
                busy.meter().wait();
            }
        }
        seat
    }

    /// A worker was replaced.
    pub(crate) fn renewed(&self) {
        if let Some(first) = self.all.first() {
            first.meter().renewed();
        }
    }
}

impl Seat {
    fn busy(&self) -> Option<&Busy> {
        self.number.map(|number| &*self.seats.all[number])
    }

    /// The job has failed.
    pub(crate) fn failed(&self) {
        if let Some(busy) = self.busy() {
            busy.meter().failed(1);
        }
    }

    /// The job has panicked, and its worker was replaced for it.
    pub(crate) fn panicked(&self) {
        if let Some(busy) = self.busy() {
            busy.meter().panicked(1);
            busy.meter().renewed();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Measured to its end before another may begin there.
        if let Some(busy) = self.busy() {
            busy.meter().end();
            busy.meter().rest();
        }
        self.seats.free.lock().extend(self.number);
    }
}
