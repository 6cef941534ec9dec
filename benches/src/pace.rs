//! Back-pressure for contenders that have none: the sender stays a few events ahead of the slowest reader.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Events a reader handles between two reports of its progress.
const REPORT_EVERY: u64 = 256;

/// The sender's view of how far its readers are.
#[derive(Debug)]
pub(crate) struct Pace {
    readers: Vec<Arc<AtomicU64>>,
    /// All events below this may be sent without another look at the readers.
    allowed: u64,
    window: u64,
}

/// A reader's report of how far it is.
#[derive(Debug)]
pub(crate) struct Progress {
    handled: u64,
    reported: Arc<AtomicU64>,
}

/// Lets a sender be at most `window` events ahead of the slowest of `readers` readers.
///
/// The window must exceed 512, for readers report in steps.
pub(crate) fn pace(readers: usize, window: u64) -> (Pace, Vec<Progress>) {
    let readers: Vec<Arc<AtomicU64>> = (0..readers).map(|_| Arc::default()).collect();
    let progress =
        readers.iter().map(|reported| Progress { handled: 0, reported: reported.clone() }).collect();
    (Pace { readers, allowed: window, window }, progress)
}

impl Pace {
    /// Waits until the event with this number may be sent, giving way to the readers.
    pub(crate) async fn until_allowed(&mut self, number: u64) {
        while number >= self.allowed {
            let slowest = self.readers.iter().map(|reader| reader.load(Ordering::Relaxed)).min().unwrap_or(0);
            self.allowed = slowest + self.window;
            if number >= self.allowed {
                tokio::task::yield_now().await;
            }
        }
    }
}

impl Progress {
    /// Counts an event as handled.
    pub(crate) fn advance(&mut self) {
        self.handled += 1;
        if self.handled.is_multiple_of(REPORT_EVERY) {
            self.reported.store(self.handled, Ordering::Relaxed);
        }
    }
}
