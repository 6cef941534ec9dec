use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use edri_router::{Health, WorkerDeath};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::breaker::{Breaker, Gate, Tripped};
use super::policy::Policy;
use crate::record::Condition;

/// How a pool stands whose workers are processes.
pub(crate) struct Standing {
    breaker: Mutex<Breaker>,
    /// Whether one has died since it was closed: most answers find nothing to close.
    has_seen_death: AtomicBool,
    /// What the last worker died of that was of no use.
    last: Mutex<Option<WorkerDeath>>,
    /// Workers that are alive.
    alive: watch::Sender<usize>,
    /// How many jobs they can have at once.
    room: AtomicUsize,
    size: usize,
}

impl Standing {
    pub(crate) fn new(policy: &Policy, size: usize) -> Self {
        Self {
            breaker: Mutex::new(Breaker::new(policy.breaker_after(size), policy.pause)),
            has_seen_death: AtomicBool::new(false),
            last: Mutex::default(),
            alive: watch::Sender::new(0),
            room: AtomicUsize::new(0),
            size,
        }
    }

    pub(super) fn gate(&self, now: Instant) -> Gate {
        self.breaker.lock().gate(now)
    }

    pub(super) fn useless(&self, death: &WorkerDeath, now: Instant) -> Option<Tripped> {
        *self.last.lock() = Some(death.clone());
        let tripped = {
            let mut breaker = self.breaker.lock();
            self.has_seen_death.store(true, Ordering::Relaxed);
            breaker.useless(now)
        };
        self.changed();
        tripped
    }

    /// Whether workers may be started again that could not before.
    pub(super) fn close(&self) -> bool {
        if !self.has_seen_death.load(Ordering::Relaxed) {
            return false;
        }
        let closed = {
            let mut breaker = self.breaker.lock();
            self.has_seen_death.store(false, Ordering::Relaxed);
            breaker.close()
        };
        if closed {
            self.changed();
        }
        closed
    }

    /// How many have died in a row and what of, if no worker is left and none is started for it.
    pub(super) fn crash_loop(&self) -> Option<(u32, WorkerDeath)> {
        if *self.alive.borrow() > 0 {
            return None;
        }
        let deaths = self.breaker.lock().tripped()?;
        self.last.lock().clone().map(|last| (deaths, last))
    }

    fn changed(&self) {
        self.alive.send_modify(|_| {});
    }

    /// To be woken when it changes.
    pub(super) fn watch(&self) -> watch::Receiver<usize> {
        self.alive.subscribe()
    }

    /// One more is alive, until what this gives is dropped; it can have so many jobs at once.
    pub(crate) fn come_alive(self: &Arc<Self>) -> Alive {
        self.alive.send_modify(|alive| *alive += 1);
        self.room.fetch_add(1, Ordering::Relaxed);
        Alive { standing: Arc::clone(self), room: 1 }
    }
}

impl Condition for Standing {
    fn room(&self) -> usize {
        self.room.load(Ordering::Relaxed).max(self.size)
    }

    fn health(&self) -> Health {
        let alive = *self.alive.borrow();
        let health = match self.breaker.lock().tripped() {
            Some(deaths) => {
                let last = self.last.lock().as_ref().map_or_else(String::new, |last| format!(": {last}"));
                let reason = format!("{deaths} workers died in a row without an answer{last}");
                if alive == 0 { Health::failed(reason) } else { Health::degraded(reason) }
            }
            None if alive == 0 => Health::ok().not_ready(),
            None => Health::ok(),
        };
        health.with("alive", alive)
    }
}

/// A worker that is alive.
pub(crate) struct Alive {
    standing: Arc<Standing>,
    room: usize,
}

impl Alive {
    /// It can have so many jobs at once.
    pub(crate) fn set_room(&mut self, room: usize) {
        self.standing.room.fetch_add(room, Ordering::Relaxed);
        self.standing.room.fetch_sub(self.room, Ordering::Relaxed);
        self.room = room;
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.standing.room.fetch_sub(self.room, Ordering::Relaxed);
        self.standing.alive.send_modify(|alive| *alive -= 1);
    }
}
