use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

/// The test's end: jobs on hold wait here, and say so.
pub(crate) struct Hold {
    gate: Arc<Semaphore>,
    begun: mpsc::UnboundedSender<u64>,
    reports: mpsc::UnboundedReceiver<u64>,
}

/// A job's end.
pub(crate) struct HoldEnd {
    gate: Arc<Semaphore>,
    begun: mpsc::UnboundedSender<u64>,
}

impl Hold {
    pub(crate) fn new() -> Self {
        let (begun, reports) = mpsc::unbounded_channel();
        Self { gate: Arc::new(Semaphore::new(0)), begun, reports }
    }

    pub(crate) fn end(&self) -> HoldEnd {
        HoldEnd { gate: Arc::clone(&self.gate), begun: self.begun.clone() }
    }

    /// The next job that has begun.
    pub(crate) async fn begun(&mut self) -> u64 {
        self.reports.recv().await.expect("the hold has a sender of its own")
    }

    /// The next `count` that have begun, sorted: workers that begin at once report in any order.
    pub(crate) async fn begun_together(&mut self, count: usize) -> Vec<u64> {
        let mut begun = Vec::new();
        for _ in 0..count {
            begun.push(self.begun().await);
        }
        begun.sort_unstable();
        begun
    }

    /// Those that have begun and were not reported yet.
    pub(crate) fn begun_so_far(&mut self) -> Vec<u64> {
        std::iter::from_fn(|| self.reports.try_recv().ok()).collect()
    }

    /// Lets this many go, of those that wait or of those that will come.
    pub(crate) fn let_go(&self, jobs: usize) {
        self.gate.add_permits(jobs);
    }

    /// Lets all go, and all that will come.
    pub(crate) fn let_all_go(&self) {
        self.gate.close();
    }
}

impl HoldEnd {
    pub(crate) async fn pass(&self, number: u64) {
        // The test may have ended.
        let _ = self.begun.send(number);
        // Closed, all may pass.
        let _ = self.gate.acquire().await.map(|permit| permit.forget());
    }
}
