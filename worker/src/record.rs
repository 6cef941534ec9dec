use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use edri_router::{Chart, Current, Health, Meter, Part, PartKind, PartState, Vitals, Workers};

use crate::place::Busy;

/// What a pool adds to what its router sees of it.
pub(crate) trait Condition: Send + Sync {
    /// How it is.
    fn health(&self) -> Health;

    /// How many jobs its workers can have at once.
    fn room(&self) -> usize;
}

/// A pool as its router sees it: its inbox, and what each of its workers notes.
pub(crate) struct Record {
    pub(crate) name: Arc<str>,
    /// What its workers do.
    pub(crate) job: &'static str,
    pub(crate) inbox: Arc<dyn Part>,
    pub(crate) workers: Vec<Arc<Busy>>,
    /// It was told to stop.
    pub(crate) closed: AtomicBool,
    /// There if its workers are processes, which come and go.
    pub(crate) condition: Option<Arc<dyn Condition>>,
}

impl Record {
    fn meters(&self) -> impl Iterator<Item = &Meter> {
        self.workers.iter().map(|worker| worker.meter())
    }

    /// Each place in the pool holds its record as long as it is there.
    fn has_workers(&self) -> bool {
        self.workers.iter().any(|worker| Arc::strong_count(worker) > 1)
    }
}

impl Part for Record {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> PartKind {
        PartKind::Pool
    }

    fn state(&self) -> PartState {
        match self.inbox.state() {
            _ if !self.has_workers() => PartState::Stopped,
            PartState::Draining => PartState::Draining,
            _ => PartState::Running,
        }
    }

    fn vitals(&self) -> Vitals {
        let mut vitals = self.inbox.vitals();
        let mut workers = Workers::default();
        workers.limit = self.condition.as_ref().map_or(self.workers.len(), |condition| condition.room());
        workers.waiting = vitals.queued.total();
        for reading in self.meters().map(Meter::look) {
            vitals.counts.processed += reading.ended;
            vitals.counts.failed += reading.failed;
            vitals.counts.panicked += reading.panicked;
            vitals.counts.restarts += reading.renewed;
            if let Some(now) = reading.now {
                workers.busy += 1;
                workers.oldest = workers.oldest.max(Some(now.age));
            }
        }
        vitals.handling = Meter::times(self.meters());
        vitals.workers = Some(workers);
        vitals
    }

    fn current(&self) -> Option<Current> {
        let jobs = self.meters().enumerate().filter_map(|(worker, meter)| Some((worker, meter.look().now?)));
        let (worker, oldest) = jobs.max_by_key(|(_, now)| now.age)?;
        // Each worker counts for itself.
        let number = oldest.number.wrapping_mul(self.workers.len() as u64).wrapping_add(worker as u64);
        Some(Current::new(self.job, number, oldest.age))
    }

    fn chart(&self) -> &Chart {
        self.inbox.chart()
    }

    /// Answered here: a pool is asked for no opinion.
    fn poke(&self) {
        self.chart().answer(if self.has_workers() {
            self.condition.as_ref().map_or_else(Health::ok, |condition| condition.health())
        } else if self.closed.load(Ordering::Relaxed) {
            Health::ok().not_ready()
        } else {
            Health::failed("it has no workers left")
        });
    }
}
