use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use edri_event::Request;
use edri_router::{Asking, InboxMonitor, Registration, Respond, Router, Tally};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// Workers at work. Dropping it stops them: they take no new jobs, do those that wait, and end.
#[must_use = "dropping it stops the workers"]
pub struct RunningPool<R: Request> {
    name: Arc<str>,
    router: Router,
    responder: Arc<dyn Respond<R>>,
    monitor: InboxMonitor,
    busy: Arc<AtomicUsize>,
    registration: Option<Registration>,
    staff: Staff,
}

/// The workers' tasks and threads.
#[derive(Default)]
pub(crate) struct Staff {
    pub(crate) tasks: Vec<JoinHandle<()>>,
    pub(crate) threads: Vec<oneshot::Receiver<()>>,
}

/// What was left when a pool's time to stop was over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Jobs that no worker had begun; their requesters were told if the workers are tasks, and will be when the
    /// last thread ends.
    pub waiting: usize,
    /// Jobs that were being done. A task was ended; a thread cannot be, and goes on.
    pub running: usize,
}

impl<R: Request> RunningPool<R> {
    pub(crate) fn new(
        name: Arc<str>,
        router: Router,
        responder: Arc<dyn Respond<R>>,
        monitor: InboxMonitor,
        busy: Arc<AtomicUsize>,
        staff: Staff,
    ) -> Self {
        Self { name, router, responder, monitor, busy, registration: None, staff }
    }

    pub(crate) fn serve(&mut self, router: &Router) {
        self.registration = Some(router.attach_responder(Arc::clone(&self.responder)));
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Has one of these workers do a job, whoever else answers such requests on the router. As
    /// [`Router::request`].
    pub fn request(&self, job: R) -> Asking<'_, R> {
        Asking::of(&self.router, &self.responder, job)
    }

    /// How many workers it has.
    pub fn size(&self) -> usize {
        self.staff.tasks.len() + self.staff.threads.len()
    }

    /// How many workers have a job.
    pub fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// How many jobs wait.
    pub fn waiting(&self) -> usize {
        self.monitor.len()
    }

    /// What has become of the jobs given to it so far.
    pub fn tally(&self) -> Tally {
        self.monitor.tally()
    }

    /// Takes no more jobs from here on; those that wait will be done.
    pub fn close(&mut self) {
        self.registration = None;
        self.monitor.close();
    }

    /// Stops it: it takes no more jobs, does those that wait, and its workers end. At the deadline tasks are
    /// ended wherever they stand, and their requesters told; threads cannot be ended, and are left behind.
    pub async fn stop(mut self, deadline: Instant) -> Unfinished {
        self.close();
        let Staff { tasks, threads } = std::mem::take(&mut self.staff);
        let mut late = Vec::new();
        for mut task in tasks {
            if timeout_at(deadline, &mut task).await.is_err() {
                late.push(task);
            }
        }
        let mut late_threads = 0;
        for thread in threads {
            late_threads += usize::from(timeout_at(deadline, thread).await.is_err());
        }
        let unfinished = if late.is_empty() && late_threads == 0 {
            Unfinished::default()
        } else {
            Unfinished { waiting: self.waiting(), running: self.busy() }
        };
        for task in late {
            task.abort();
            // Its job's requester has been told when it is gone.
            let _ = task.await;
        }
        unfinished
    }
}

impl<R: Request> Drop for RunningPool<R> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<R: Request> fmt::Debug for RunningPool<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RunningPool")
            .field("name", &self.name)
            .field("size", &self.size())
            .field("busy", &self.busy())
            .field("waiting", &self.waiting())
            .finish()
    }
}
