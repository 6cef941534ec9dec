use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use edri_event::Request;
use edri_router::{
    Asking, Context, InboxMonitor, Part, PartHealth, Registration, Respond, Router, Tally, Vitals, check_one,
};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::leftovers::{Closing, Cut, Leftovers};
use crate::record::Record;

/// Workers at work. Dropping it stops them: they take no new jobs, do those that wait, and end.
#[must_use = "dropping it stops the workers"]
pub struct RunningPool<R: Request> {
    router: Router,
    responder: Arc<dyn Respond<R>>,
    monitor: InboxMonitor,
    /// What the workers take their jobs from. They alone keep it: when the last of them is gone, so is what waits.
    jobs: Weak<dyn Leftovers>,
    record: Arc<Record>,
    registration: Option<Registration>,
    staff: Staff,
    /// What there is where workers are processes.
    #[cfg(target_os = "linux")]
    processes: Option<Arc<dyn crate::crew::Replaceable>>,
}

/// The workers' tasks and threads, and what they are told.
#[derive(Default)]
pub(crate) struct Staff {
    pub(crate) tasks: Vec<JoinHandle<()>>,
    pub(crate) threads: Vec<oneshot::Receiver<()>>,
    pub(crate) closing: watch::Sender<Closing>,
    pub(crate) cut: Cut,
}

/// What was left when a pool's time to stop was over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Jobs that no worker had begun. Their requesters have got [`RequestError::Stopped`](edri_router::RequestError::Stopped).
    pub waiting: usize,
    /// Jobs that were being done. A task was ended, and its requester has got
    /// [`RequestError::Cancelled`](edri_router::RequestError::Cancelled); a thread cannot be, and goes on, for a
    /// requester that still waits.
    pub running: usize,
}

impl<R: Request> RunningPool<R> {
    pub(crate) fn new(
        router: Router,
        responder: Arc<dyn Respond<R>>,
        monitor: InboxMonitor,
        jobs: Weak<dyn Leftovers>,
        record: Arc<Record>,
        staff: Staff,
    ) -> Self {
        Self {
            router,
            responder,
            monitor,
            jobs,
            record,
            registration: None,
            staff,
            #[cfg(target_os = "linux")]
            processes: None,
        }
    }

    /// What its controls know it by.
    #[cfg(target_os = "linux")]
    pub(crate) fn of_processes(mut self, processes: Arc<dyn crate::crew::Replaceable>) -> Self {
        self.processes = Some(processes);
        self
    }

    pub(crate) fn serve(&mut self, router: &Router) {
        self.registration = Some(router.attach_responder(Arc::clone(&self.responder)));
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.record.name()
    }

    /// Has one of these workers do a job, whoever else answers such requests on the router. As
    /// [`Router::request`].
    pub fn request(&self, job: R) -> Asking<'_, R> {
        Asking::of(&self.router, &self.responder, job)
    }

    /// The same from within a handler: the job has the deadline and the requester of the event that is handled, as
    /// what is asked through [`Context::router`].
    pub fn request_on_behalf<'a>(&'a self, cx: &'a Context, job: R) -> Asking<'a, R> {
        Asking::of(cx.router(), &self.responder, job)
    }

    /// How many workers it has.
    pub fn size(&self) -> usize {
        self.staff.tasks.len() + self.staff.threads.len()
    }

    /// How many workers have a job.
    pub fn busy(&self) -> usize {
        self.record.workers.iter().filter(|worker| worker.is_busy()).count()
    }

    /// How many jobs wait.
    pub fn waiting(&self) -> usize {
        self.monitor.len()
    }

    /// What has become of the jobs given to it so far.
    pub fn tally(&self) -> Tally {
        self.monitor.tally()
    }

    /// What it has done, what waits for it, and how busy it is.
    pub fn vitals(&self) -> Vitals {
        self.record.vitals()
    }

    /// How it is: well, as long as it has workers and none of their jobs has failed since the last check. As
    /// [`Router::health`] for this one alone, and without a mark: what has failed is still told by the next check.
    pub async fn health(&self) -> PartHealth {
        check_one(&*self.record, Duration::ZERO).await
    }

    /// What its workers may be asked for from elsewhere. Tasks and threads may be asked for nothing.
    #[cfg(target_os = "linux")]
    pub fn control(&self) -> crate::PoolControl {
        let control = crate::PoolControl::new();
        if let Some(processes) = &self.processes {
            control.set(processes);
        }
        control
    }

    /// Replaces workers that are processes by new ones, from the executable as it is now: see
    /// [`PoolControl::reload`](crate::PoolControl::reload).
    ///
    /// # Errors
    /// As there; [`NotRunning`](crate::ReloadError::NotRunning) for tasks and threads, too, which have no executable.
    #[cfg(target_os = "linux")]
    pub async fn reload(&self) -> Result<usize, crate::ReloadError> {
        self.control().reload().await
    }

    /// Takes no more jobs from here on; those that wait will be done.
    pub fn close(&mut self) {
        self.registration = None;
        self.record.closed.store(true, Ordering::Relaxed);
        self.monitor.close();
        self.staff.closing.send_if_modified(|closing| {
            let is_open = *closing == Closing::Open;
            if is_open {
                *closing = Closing::Closed;
            }
            is_open
        });
    }

    /// Stops it: it takes no more jobs, does those that wait, and its workers end.
    ///
    /// At the deadline, jobs that still wait are discarded, and tasks are ended wherever they stand (one that
    /// blocks its thread cannot be, and is left behind after a moment's wait); the requesters of both are told.
    /// Threads cannot be ended: each is left to finish its job, answers it, and ends. Processes that are still at work are
    /// asked to end before the deadline, by the time they have for that or a quarter of what is left, and killed at it.
    ///
    /// Dropped while it waits, the pool ends as one that was dropped, without a deadline.
    pub async fn stop(mut self, deadline: Instant) -> Unfinished {
        self.close();
        self.staff.closing.send_replace(Closing::Until(deadline));
        let Staff { tasks, threads, closing: _closing, cut } = std::mem::take(&mut self.staff);
        let mut late = Vec::new();
        for mut task in tasks {
            if timeout_at(deadline, &mut task).await.is_err() {
                late.push(task);
            }
        }
        let mut late_threads = false;
        for thread in threads {
            late_threads |= timeout_at(deadline, thread).await.is_err();
        }
        if late.is_empty() && !late_threads {
            return Unfinished { waiting: 0, running: cut.given_up() };
        }
        let unfinished = Unfinished { waiting: self.discard_waiting(), running: self.in_hand(&cut) };
        late.iter().for_each(JoinHandle::abort);
        let patience = Instant::now() + UNTIL_ABORTED;
        for task in late {
            // When it is gone, its job's requester has been told.
            let _ = timeout_at(patience, task).await;
        }
        unfinished
    }

    /// How many are being done, or were given up.
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "there are no processes"))]
    fn in_hand(&self, cut: &Cut) -> usize {
        #[cfg(target_os = "linux")]
        if self.processes.is_some() {
            return cut.unfinished();
        }
        self.busy()
    }

    /// How many of them somebody still waited for.
    fn discard_waiting(&self) -> usize {
        self.jobs.upgrade().map_or(0, |jobs| jobs.discard())
    }
}

/// How long a task that was told to end may take to reach its next `await`: it does at once, unless it blocks.
const UNTIL_ABORTED: Duration = Duration::from_millis(100);

impl<R: Request> Drop for RunningPool<R> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<R: Request> fmt::Debug for RunningPool<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RunningPool")
            .field("name", &self.name())
            .field("size", &self.size())
            .field("busy", &self.busy())
            .field("waiting", &self.waiting())
            .finish()
    }
}
