use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edri_event::RouterId;
use futures_util::task::AtomicWaker;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::counts::DestinationStatus;
use super::traffic::Speaks;
use super::wants::Wants;
use crate::bridge::exit::{Exit, LANES};
use crate::bridge::side::Side;
use crate::durable::{Outbox, Word};

/// What is kept for one destination, as its links and its task share it. The task is in [`keeping`](super::keeping).
pub(super) struct Keep {
    pub(super) router: RouterId,
    pub(super) side: Arc<Side>,
    state: Mutex<State>,
    pub(super) task: Notify,
    /// That of the link that carries it.
    carrier: AtomicWaker,
    /// How far it has come.
    pub(super) progress: watch::Sender<Progress>,
}

pub(super) struct State {
    pub(super) outbox: Outbox,
    pub(super) wants: Wants,
    /// To be said to the destination.
    pub(super) out: VecDeque<Vec<u8>>,
    pub(super) link: Option<Carrier>,
    /// Since when it is not connected.
    pub(super) away_since: Instant,
    /// Those who wait until all that was sent before is on the disk.
    pub(super) barriers: Vec<Barrier>,
    /// How many events are kept, about.
    pub(super) events: u64,
    pub(super) is_closing: bool,
}

/// What carries it.
#[derive(Clone, Copy)]
pub(super) struct Carrier {
    number: u64,
    /// How long a word may be there.
    pub(super) limit: usize,
    /// How many bytes may be on their way.
    window: u32,
}

impl Carrier {
    pub(super) fn is(self, number: u64) -> bool {
        self.number == number
    }
}

/// How far a destination's log has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) stored: u64,
    pub(super) acknowledged: u64,
    /// It has ended, and nothing more becomes of it.
    pub(super) is_over: bool,
}

/// Somebody who waits until all that was sent before is on the disk.
pub(super) struct Barrier {
    /// How many of each lane are before it.
    pub(super) left: [usize; 3],
    pub(super) told: oneshot::Sender<u64>,
}

impl Speaks for Keep {
    fn with_words<T>(&self, number: u64, with: impl FnOnce(&mut VecDeque<Vec<u8>>) -> T) -> Option<T> {
        let mut state = self.state();
        let is_its = state.link.is_some_and(|link| link.number == number);
        if is_its { Some(with(&mut state.out)) } else { None }
    }

    fn carrier(&self) -> &AtomicWaker {
        &self.carrier
    }
}

impl Keep {
    pub(super) fn new(router: RouterId, side: Side, wants: Wants) -> Self {
        let state = State {
            outbox: Outbox::new(0, 0, 0),
            wants,
            out: VecDeque::new(),
            link: None,
            away_since: Instant::now(),
            barriers: Vec::new(),
            events: 0,
            is_closing: false,
        };
        Self {
            router,
            side: Arc::new(side),
            state: Mutex::new(state),
            task: Notify::new(),
            carrier: AtomicWaker::new(),
            progress: watch::Sender::new(Progress::default()),
        }
    }

    /// Its log is open.
    pub(super) fn open(&self, mut outbox: Outbox, events: u64) {
        let mut state = self.state();
        if let Some(link) = state.link {
            outbox.begin(link.window.into());
        }
        state.outbox = outbox;
        state.events = events;
    }

    /// A link carries it from here on, and nothing of what was said before counts. A word there may be so long, and so many
    /// bytes may be on their way.
    pub(super) fn begin(&self, number: u64, limit: usize, window: u32) {
        let mut state = self.state();
        state.link = Some(Carrier { number, limit, window });
        state.out.clear();
        state.outbox.begin(window.into());
        drop(state);
        self.task.notify_one();
    }

    /// The destination is there anew, and is to say what it wants.
    pub(super) fn is_there_anew(&self) {
        self.state().wants.begin();
    }

    /// All that it wanted when it connected is known.
    pub(super) fn informed(&self, until: Instant) {
        self.state().wants.informed(until);
        self.task.notify_one();
    }

    /// That link is gone.
    pub(super) fn end(&self, number: u64) {
        let mut state = self.state();
        if state.link.is_some_and(|link| link.number == number) {
            state.link = None;
            state.out.clear();
            state.outbox.end();
            state.wants.begin();
            state.away_since = Instant::now();
            drop(state);
            self.task.notify_one();
        }
    }

    /// The destination has said something over that link.
    pub(super) fn hear(&self, number: u64, word: &Word) {
        let mut state = self.state();
        if state.link.is_some_and(|link| link.number == number) {
            let begun = state.outbox.times_begun();
            if let Err(error) = state.outbox.hear(word) {
                tracing::error!(destination = %self.router, %error, "what is kept for another router is not sent for now");
            }
            if state.outbox.times_begun() > begun {
                // It is sent anew: however often that is wanted, what waits to be said does not grow.
                state.out.retain(|word| !Word::is_record(word));
            }
        }
        drop(state);
        self.task.notify_one();
    }

    /// Has something said.
    pub(super) fn say(&self, word: &Word) {
        word.line_up(&mut self.state().out);
        self.carrier.wake();
    }

    #[cfg(test)]
    pub(super) fn freeze(&self) {
        let mut state = self.state();
        (state.link, state.out) = (None, VecDeque::new());
    }

    /// Takes nothing more; what waits is still stored.
    pub(super) fn close(&self) {
        self.exit().close();
        self.state().is_closing = true;
        self.task.notify_one();
    }

    /// Ready when all that was sent before is on the disk: up to which record. An error if that will not be.
    pub(super) fn barrier(&self) -> oneshot::Receiver<u64> {
        let (told, ready) = oneshot::channel();
        let left = LANES.map(|lane| self.exit().lane(lane).len());
        self.state().barriers.push(Barrier { left, told });
        self.task.notify_one();
        ready
    }

    pub(super) fn exit(&self) -> &Arc<Exit> {
        &self.side.exit
    }

    pub(super) fn status(&self) -> DestinationStatus {
        let state = self.state();
        DestinationStatus {
            router: self.router,
            name: self.side.called().to_string(),
            is_connected: state.link.is_some(),
            events: state.events,
            waiting: edri_router::Exit::waiting(&**self.exit()) as u64,
        }
    }

    /// No code of others runs under the lock, so that it cannot be poisoned.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
