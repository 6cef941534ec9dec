use std::collections::VecDeque;
use std::sync::Arc;

use edri_event::{Meta, Retention};
use tokio::time::Instant;

use super::kept::{Kept, One, Retained};
use super::replay::Replay;
use crate::envelope::{Envelope, Shared};
use crate::sync::Mutex;

/// The past of one route. Its numbers rise for as long as the route lives: a route that has a history keeps it,
/// though it may be told to keep nothing in it.
pub(crate) struct History<E>(Mutex<State<E>>);

struct State<E> {
    kept: Kept<E>,
    /// The number of the newest event recorded, whether it is still kept or not.
    last: u64,
}

/// The past as one subscriber gets it.
pub(crate) struct Past<E> {
    /// The events, oldest first.
    pub(crate) events: VecDeque<Envelope<E>>,
    /// Every event up to this number belongs to the past.
    pub(crate) until: u64,
}

impl<E> Past<E> {
    /// Whether an event that has come live belongs to it.
    pub(crate) fn includes(&self, envelope: &Envelope<E>) -> bool {
        envelope.meta.sequence().is_some_and(|sequence| sequence <= self.until)
    }
}

impl<E> History<E> {
    pub(crate) fn new(retention: Retention) -> Self {
        Self(Mutex::new(State { kept: Kept::new(retention), last: 0 }))
    }

    /// `measure` is called with the history locked.
    pub(crate) fn set_retention(&self, retention: Retention, measure: impl Fn(&E) -> usize) {
        let now = Instant::now();
        let mut state = self.0.lock();
        let gone = state.kept.set_retention(retention, now, measure);
        drop(state);
        drop(gone);
    }

    /// Records an event that is being sent, and numbers it. Says whether it is kept: not if it is larger than all that may
    /// be kept, or nothing is to be kept any more.
    ///
    /// Of what travels beside it, only what says which event it is stays with it: a deadline and reports of progress
    /// belong to this sending.
    pub(crate) fn record(&self, event: &Arc<E>, meta: &mut Meta, measure: impl Fn(&E) -> usize) -> bool {
        let mut lasting = Meta::new();
        if let Some(id) = meta.id() {
            lasting.set_id(id);
        }
        if let Some(key) = meta.key() {
            lasting.set_key(key);
        }
        let mut measured = None;
        let (mut state, bytes) = loop {
            let state = self.0.lock();
            match (state.kept.retention().bytes, measured) {
                (None, _) => break (state, 0),
                (Some(_), Some(bytes)) => break (state, bytes),
                // Not under the lock: to measure may be to encode.
                (Some(_), None) => {
                    drop(state);
                    measured = Some(measure(event));
                }
            }
        };
        // Under the lock, so that times rise with the numbers.
        let sent = Instant::now();
        state.last += 1;
        let sequence = state.last;
        lasting.set_sequence(sequence);
        let gone = state.kept.push(One { event: Arc::clone(event), meta: lasting, sent, bytes });
        // It is the newest: were it gone, so would all the others be.
        let is_kept = state.kept.retained().events > 0;
        drop(state);
        meta.set_sequence(sequence);
        // After the lock: their end is the user's code.
        drop(gone);
        is_kept
    }

    /// Hands over what is wanted of the past. Whoever calls this is on the route already.
    ///
    /// `take` is called with the history locked: nothing is recorded before it has ended.
    pub(crate) fn replay<T>(&self, wanted: Replay, take: impl FnOnce(Past<E>) -> T) -> T {
        let mut state = self.0.lock();
        let now = Instant::now();
        let gone = state.kept.evict(now);
        let events = state
            .kept
            .part(wanted, now)
            .map(|one| Envelope { event: Shared::Of(Arc::clone(&one.event)), meta: one.meta.clone() })
            .collect();
        let taken = take(Past { events, until: state.last });
        drop(state);
        drop(gone);
        taken
    }

    /// Whether anything is to be kept at all.
    pub(crate) fn keeps(&self) -> bool {
        !self.0.lock().kept.retention().is_nothing()
    }

    pub(crate) fn retained(&self) -> Retained {
        let mut state = self.0.lock();
        let gone = state.kept.evict(Instant::now());
        let retained = state.kept.retained();
        drop(state);
        drop(gone);
        retained
    }
}
