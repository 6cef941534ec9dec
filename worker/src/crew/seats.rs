use std::sync::Arc;

use parking_lot::Mutex;

use crate::place::{AtWork, Busy};

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
    busy: Arc<Busy>,
    /// Taken out when the job has ended.
    at_work: Option<AtWork>,
}

impl Seats {
    pub(crate) fn new(all: Vec<Arc<Busy>>) -> Arc<Self> {
        let free = Mutex::new((0..all.len()).rev().collect());
        Arc::new(Self { all, free })
    }

    /// For a job that begins now.
    pub(crate) fn take(self: &Arc<Self>) -> Seat {
        let number = self.free.lock().pop();
        let busy = number.map_or_else(Arc::default, |number| Arc::clone(&self.all[number]));
        let at_work = Some(busy.begin());
        if self.all.len() == 1 {
            // Whoever has it at hand is another process, and has no other: each is measured. Of many short ones some are.
            busy.meter().wait();
        }
        Seat { seats: Arc::clone(self), number, busy, at_work }
    }

    /// A worker was replaced.
    pub(crate) fn renewed(&self) {
        if let Some(first) = self.all.first() {
            first.meter().renewed();
        }
    }
}

impl Seat {
    /// The job has failed.
    pub(crate) fn failed(&self) {
        self.busy.meter().failed(1);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Measured to its end before another may begin there.
        self.at_work = None;
        self.seats.free.lock().extend(self.number);
    }
}
