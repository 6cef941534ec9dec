use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::core::Content;
use crate::version::Version;

/// What has happened to a key.
pub(crate) struct Told {
    pub(crate) key: Arc<str>,
    pub(crate) version: Version,
    pub(crate) what: What,
}

pub(crate) enum What {
    Set(Content),
    Deleted,
    Expired,
    Evicted,
}

/// What waits for one watcher. When it is full, nothing more is taken in until the watcher has taken all that waits and
/// has been told what it missed.
pub(crate) struct Queue {
    state: Mutex<State>,
}

struct State {
    waiting: VecDeque<(u64, Arc<Told>)>,
    capacity: usize,
    /// How many changes have been told, missed ones included.
    told: u64,
    missed: Option<Missed>,
    closed: bool,
    watcher: Option<Waker>,
}

/// What could not be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) from: Version,
    pub(crate) count: u64,
}

/// What comes next.
pub(super) enum Next {
    /// That change, which was the so-manieth.
    Told(u64, Arc<Told>),
    Missed(Missed),
    Closed,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        let (waiting, told, missed) = (VecDeque::new(), 0, None);
        Self { state: Mutex::new(State { waiting, capacity, told, missed, closed: false, watcher: None }) }
    }

    /// Takes a change in; `false` if there is no room for it.
    pub(crate) fn tell(&self, change: &Arc<Told>) -> bool {
        let mut state = self.state.lock();
        if state.closed {
            return true;
        }
        let number = state.told;
        state.told += 1;
        let has_room = state.missed.is_none() && state.waiting.len() < state.capacity;
        if has_room {
            state.waiting.push_back((number, Arc::clone(change)));
        } else {
            let missed = state.missed.get_or_insert(Missed { from: change.version, count: 0 });
            // Of different keys, a later change may have an earlier version.
            missed.from = missed.from.min(change.version);
            missed.count += 1;
        }
        let watcher = state.watcher.take();
        drop(state);
        if let Some(watcher) = watcher {
            watcher.wake();
        }
        has_room
    }

    /// How many changes have been told so far.
    pub(crate) fn mark(&self) -> u64 {
        self.state.lock().told
    }

    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// Nothing more comes; what waits can still be taken.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let watcher = state.watcher.take();
        drop(state);
        if let Some(watcher) = watcher {
            watcher.wake();
        }
    }

    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Next> {
        let mut state = self.state.lock();
        if let Some((number, change)) = state.waiting.pop_front() {
            return Poll::Ready(Next::Told(number, change));
        }
        if let Some(missed) = state.missed.take() {
            return Poll::Ready(Next::Missed(missed));
        }
        if state.closed {
            return Poll::Ready(Next::Closed);
        }
        match &mut state.watcher {
            Some(watcher) => watcher.clone_from(cx.waker()),
            None => state.watcher = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(version: u64) -> Arc<Told> {
        Arc::new(Told { key: "k".into(), version: Version::new(version), what: What::Deleted })
    }

    fn next(queue: &Queue) -> Option<Result<u64, Missed>> {
        match queue.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Next::Told(_, change)) => Some(Ok(change.version.get())),
            Poll::Ready(Next::Missed(missed)) => Some(Err(missed)),
            Poll::Ready(Next::Closed) | Poll::Pending => None,
        }
    }

    #[test]
    fn a_full_queue_says_from_which_version_it_has_missed_changes() {
        let queue = Queue::new(2);
        for version in [1, 2, 5, 4] {
            queue.tell(&change(version));
        }
        assert_eq!(next(&queue), Some(Ok(1)));
        assert!(!queue.tell(&change(6)), "there would be room, but not for a gap that nobody knows of");
        assert_eq!(next(&queue), Some(Ok(2)));
        assert_eq!(next(&queue), Some(Err(Missed { from: Version::new(4), count: 3 })));
        assert!(queue.tell(&change(7)));
        assert_eq!(next(&queue), Some(Ok(7)));
        assert_eq!(next(&queue), None);
    }

    #[test]
    fn a_closed_queue_gives_what_waits() {
        let queue = Queue::new(2);
        queue.tell(&change(1));
        queue.close();
        queue.tell(&change(2));
        assert_eq!(next(&queue), Some(Ok(1)));
        assert_eq!(next(&queue), None);
    }
}
