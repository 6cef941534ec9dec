use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use edri_event::{Failure, Meta};
use edri_router::{Asked, RequestError, SharedReceiver, caught};

use crate::worker::{Worker, WorkerContext};

/// One place in a pool: it holds one worker at a time and gives it one job after the other, until the pool's
/// inbox is closed and empty.
pub(crate) struct Place<W: Worker> {
    pub(crate) make: Arc<dyn Fn() -> W + Send + Sync>,
    pub(crate) jobs: Arc<SharedReceiver<Asked<W::Job>>>,
    pub(crate) cx: WorkerContext,
    /// How many of the pool's workers have a job.
    pub(crate) busy: Arc<AtomicUsize>,
}

impl<W: Worker> Place<W> {
    pub(crate) async fn run(mut self) {
        // A pool is warm before its first job; what goes wrong here is tried again, and answered, with a job.
        let mut worker = self.hire().await.ok();
        while let Some(asked) = self.jobs.recv().await {
            worker = self.work(worker, asked).await;
        }
    }

    /// One job, by this worker or a new one; gives back the worker for the next.
    async fn work(&mut self, worker: Option<W>, asked: Asked<W::Job>) -> Option<W> {
        let busy = Busy::new(&self.busy);
        let Asked { event, meta, reply } = asked;
        let mut worker = match worker {
            Some(worker) => worker,
            None => match self.hire().await {
                Ok(worker) => worker,
                Err(error) => {
                    drop(busy);
                    reply.answer(Err(error));
                    return None;
                }
            },
        };
        // Looked at this late: the requester may have gone away while the worker was set up, too.
        if reply.is_cancelled() {
            return Some(worker);
        }
        self.cx.cx.begin_request::<W::Job>(meta, &reply);
        // Called within the block: a `run` that is no `async fn` may panic before it gives its future.
        let outcome = caught(async { worker.run(event, &self.cx).await }).await;
        // Whoever has its answer finds nothing of its job left here: no sink for progress, no busy worker.
        self.cx.cx.begin(Meta::new());
        drop(busy);
        let panicked = matches!(outcome, Err(RequestError::Panicked { .. }));
        reply.answer(outcome);
        if !panicked {
            return Some(worker);
        }
        tracing::error!(worker = self.cx.name(), "a worker panicked and is replaced");
        // What a panic has left behind may panic again when it is dropped, and must not take the place along.
        let _ = caught(async {
            drop(worker);
            Ok(())
        })
        .await;
        self.hire().await.ok()
    }

    /// A new worker, set up.
    async fn hire(&self) -> Result<W, RequestError> {
        let hired = caught(async {
            let mut worker = (self.make)();
            worker.setup(&self.cx).await?;
            Ok(worker)
        });
        hired.await.map_err(|error| {
            tracing::error!(worker = self.cx.name(), "a worker could not be set up: {error}");
            match error {
                RequestError::Failed(failure) => RequestError::Failed(Failure::new(
                    failure.code().to_owned(),
                    format!("the worker could not be set up: {}", failure.message()),
                )),
                other => other,
            }
        })
    }
}

struct Busy<'a>(&'a AtomicUsize);

impl<'a> Busy<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
