use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::error::JournalError;
use crate::position::Position;

/// Records that are written together, and what became of them.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// For those who appended: the position of the first record.
    pub(super) records: Stage<Result<Position, JournalError>>,
    /// For those who asked for a sync, or confirmed.
    pub(super) flush: Stage<Result<(), JournalError>>,
}

impl Group {
    /// Whoever still waits, waits for something that will not happen.
    pub(super) fn fail(&self, why: &JournalError) {
        self.records.complete(Err(why.clone()));
        self.flush.complete(Err(why.clone()));
    }
}

/// Something that happens once, and all who wait for it.
#[derive(Debug)]
pub(crate) struct Stage<T> {
    outcome: OnceLock<T>,
    waiting: Mutex<Vec<Waker>>,
}

impl<T> Default for Stage<T> {
    fn default() -> Self {
        Self { outcome: OnceLock::new(), waiting: Mutex::new(Vec::new()) }
    }
}

impl<T> Stage<T> {
    /// It has happened; what comes later changes nothing.
    pub(crate) fn complete(&self, outcome: T) {
        if self.outcome.set(outcome).is_ok() {
            let waiting = std::mem::take(&mut *self.waiting.lock());
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// What has happened. `place` is the caller's among those who wait: kept by the caller from poll to poll.
    pub(crate) fn poll(&self, place: &mut Option<usize>, cx: &mut Context<'_>) -> Poll<&T> {
        if let Some(outcome) = self.outcome.get() {
            return Poll::Ready(outcome);
        }
        let mut waiting = self.waiting.lock();
        if let Some(outcome) = self.outcome.get() {
            return Poll::Ready(outcome);
        }
        match *place {
            Some(place) => waiting[place].clone_from(cx.waker()),
            None => {
                *place = Some(waiting.len());
                waiting.push(cx.waker().clone());
            }
        }
        Poll::Pending
    }
}
