use std::sync::Arc;
use std::time::Duration;

use edri_router::{InboxMonitor, PartHealth, PartState, Registration, Tally, Vitals, check_one};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::run::CutShort;

/// A running manager. Dropping it stops the manager: it takes no more in, handles what waits, and ends.
#[derive(Debug)]
#[must_use = "dropping it stops the manager"]
pub struct Managed {
    name: Arc<str>,
    monitor: InboxMonitor,
    registrations: Vec<Registration>,
    cut_short: CutShort,
    task: Option<JoinHandle<()>>,
}

/// How long an aborted task is waited for: as long as it takes to reach its next `await`, or not at all.
const UNTIL_ABORTED: Duration = Duration::from_millis(100);

impl Managed {
    pub(crate) fn new(
        name: Arc<str>,
        monitor: InboxMonitor,
        registrations: Vec<Registration>,
        cut_short: CutShort,
        task: JoinHandle<()>,
    ) -> Self {
        Self { name, monitor, registrations, cut_short, task: Some(task) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many events wait for it.
    pub fn waiting(&self) -> usize {
        self.monitor.len()
    }

    /// What has become of the events sent to it so far.
    pub fn tally(&self) -> Tally {
        self.monitor.tally()
    }

    /// What it has done, and what waits for it.
    pub fn vitals(&self) -> Vitals {
        self.monitor.part().vitals()
    }

    /// Where it is in its life.
    pub fn state(&self) -> PartState {
        self.monitor.part().state()
    }

    /// Asks it how it is, and waits `within` that time for its answer. As [`Router::health`](edri_router::Router::health)
    /// for this one alone, and without a mark: what has failed since the last check is still told by the next.
    pub async fn health(&self, within: Duration) -> PartHealth {
        check_one(self.monitor.part(), within).await
    }

    /// Whether it has ended.
    pub fn is_stopped(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Takes no more in from here on; what waits will be handled.
    pub fn close(&mut self) {
        self.registrations.clear();
        self.monitor.close();
    }

    /// Stops it: it takes no more in, handles what waits, calls its `stopping` hook and ends. At the deadline
    /// it is ended wherever it stands, and whoever waits for it is told that it has stopped.
    ///
    /// A handler that blocks its thread in place of waiting cannot be ended, and is left behind.
    ///
    /// Answers how many events were left unhandled, those it had begun with included.
    pub async fn stop(mut self, deadline: Instant) -> usize {
        self.close();
        let Some(mut task) = self.task.take() else { return 0 };
        if timeout_at(deadline, &mut task).await.is_ok() {
            return 0;
        }
        let waiting = self.monitor.len();
        self.monitor.discard();
        task.abort();
        // When it is gone, whoever waited for it has been told. A handler that blocks its thread cannot be ended.
        let blocked = timeout_at(Instant::now() + UNTIL_ABORTED, task).await.is_err();
        waiting + self.cut_short.count() + usize::from(blocked)
    }

    /// Lets it run for as long as its runtime does. It keeps its router alive.
    pub fn detach(mut self) {
        self.registrations.drain(..).for_each(Registration::keep);
        self.task = None;
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        // Detached, it has no registrations left and its inbox stays open; stopped, closing again changes nothing.
        if self.task.is_some() {
            self.close();
        }
    }
}
