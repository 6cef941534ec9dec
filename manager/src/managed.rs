use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use edri_router::{InboxMonitor, Part, PartHealth, Registration, Tally, Vitals, check_one};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::run::Life;
use crate::supervision::End;

/// A running manager. Dropping it stops the manager: it takes no more in, handles what waits, and ends.
#[derive(Debug)]
#[must_use = "dropping it stops the manager"]
pub struct Managed {
    name: Arc<str>,
    monitor: InboxMonitor,
    /// Those of a manager that may be restarted are with its loop, which leaves them when it gives up.
    registrations: Vec<Registration>,
    life: Arc<Life>,
    task: Option<JoinHandle<()>>,
}

/// What a manager is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It handles events, or waits for them.
    Running,
    /// It fell, and there is no new one yet. Events wait.
    Restarting,
    /// It has ended.
    Stopped(End),
}

/// What has gone wrong in a manager, counted since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Troubles {
    /// Handlers that failed, answers that are a failure included.
    pub failures: u64,
    /// Handlers that panicked.
    pub panics: u64,
    /// Handlers that took longer than they may.
    pub overdue: u64,
    /// How often it has been made anew.
    pub restarts: u64,
}

/// How long an aborted task is waited for: as long as it takes to reach its next `await`, or not at all.
const UNTIL_ABORTED: Duration = Duration::from_millis(100);

impl Managed {
    pub(crate) fn new(
        name: Arc<str>,
        monitor: InboxMonitor,
        registrations: Vec<Registration>,
        life: Arc<Life>,
        task: JoinHandle<()>,
    ) -> Self {
        Self { name, monitor, registrations, life, task: Some(task) }
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

    /// The manager as its router sees it: what it is on, for one. It may outlive this.
    pub fn part(&self) -> Arc<dyn Part> {
        self.monitor.clone().into_part()
    }

    /// What it has done, and what waits for it.
    pub fn vitals(&self) -> Vitals {
        self.monitor.part().vitals()
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

    /// What it is doing.
    pub fn state(&self) -> State {
        match self.life.member() {
            _ if self.is_stopped() => State::Stopped(self.end()),
            Some(member) if member.is_restarting() => State::Restarting,
            _ => State::Running,
        }
    }

    /// What has gone wrong so far.
    pub fn troubles(&self) -> Troubles {
        Troubles {
            failures: self.life.failures(),
            panics: self.life.panics(),
            overdue: self.life.limit().map_or(0, |limit| limit.overdue()),
            restarts: self.life.member().map_or(0, |member| member.restarts()),
        }
    }

    /// Ready when it has ended, with how.
    ///
    /// Cancel safe.
    pub async fn stopped(&mut self) -> End {
        poll_fn(|cx| self.poll_stopped(cx)).await
    }

    /// As [`stopped`](Self::stopped), or the task is woken when it has ended.
    pub fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Some(task) = &mut self.task {
            // How it went is in its record, but for a panic out of a manager written by hand: that cut it short.
            let _ = ready!(Pin::new(task).poll(cx));
            self.task = None;
        }
        Poll::Ready(self.end())
    }

    /// How it ended, once it has.
    fn end(&self) -> End {
        match self.life.member().and_then(|member| member.end()) {
            Some(end) => end.clone(),
            None if self.life.ended_in_order() => End::InOrder,
            None => End::CutShort,
        }
    }

    /// Takes no more in from here on; what waits will be handled.
    pub fn close(&mut self) {
        self.registrations.clear();
        self.monitor.close();
        if let Some(member) = self.life.member() {
            member.close();
        }
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
        waiting + self.life.cut_short() + usize::from(blocked)
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
