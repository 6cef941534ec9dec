use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use edri_event::{Failure, Meta};
use edri_router::{
    Asked, EventInfo, EventKind, Handler, HandlerSpan, Membership, Meter, RequestError, SharedReceiver,
    caught, has_expired,
};

use crate::worker::{Worker, WorkerContext};

/// One place in a pool: it holds one worker at a time and gives it one job after the other, until the pool's
/// inbox is closed and empty.
pub(crate) struct Place<W: Worker> {
    pub(crate) make: Arc<dyn Fn() -> W + Send + Sync>,
    pub(crate) cx: WorkerContext,
    /// Whether its worker has a job.
    pub(crate) busy: Arc<Busy>,
    /// In the pool, as the wait graph knows it.
    pub(crate) _membership: Membership,
}

impl<W: Worker> Place<W> {
    pub(crate) async fn run(mut self, jobs: Arc<SharedReceiver<Asked<W::Job>>>) {
        // A pool is warm before its first job; what goes wrong here is tried again, and answered, with a job.
        let mut worker = self.hire().await.ok();
        while let Some(asked) = jobs.recv().await {
            worker = self.work(worker, asked).await;
        }
    }

    /// One job, by this worker or a new one; gives back the worker for the next.
    pub(crate) async fn work(&mut self, worker: Option<W>, asked: Asked<W::Job>) -> Option<W> {
        let busy = self.busy.begin();
        let Asked { event, meta, reply } = asked;
        let mut worker = match worker {
            Some(worker) => worker,
            None => match self.hire().await {
                Ok(worker) => worker,
                Err(error) => {
                    self.busy.meter().failed(1);
                    drop(busy);
                    reply.answer(Err(error));
                    return None;
                }
            },
        };
        // Looked at this late: the requester may have gone away while the worker was set up, too.
        if reply.is_abandoned() {
            return Some(worker);
        }
        if has_expired(&meta) {
            drop(busy);
            reply.answer(Err(RequestError::Expired));
            return Some(worker);
        }
        let info = || Some(EventInfo::new::<W::Job>(EventKind::Request, &meta));
        let span = HandlerSpan::open(info, Handler::Worker(self.cx.name()));
        self.cx.cx.begin_request::<W::Job>(meta, &reply);
        // Called within the block: a `run` that is no `async fn` may panic before it gives its future.
        let handling = span.around(caught(async { worker.run(event, &self.cx).await }));
        let outcome = self.busy.over(handling).await;
        // Whoever has its answer finds nothing of its job left here: no sink for progress, no busy worker.
        self.cx.cx.begin(Meta::new());
        let panicked = matches!(outcome, Err(RequestError::Panicked { .. }));
        match &outcome {
            Ok(_) => {}
            // Its requester finds it counted, and the replacement with it.
            Err(_) if panicked => {
                self.busy.meter().panicked(1);
                self.busy.meter().renewed();
            }
            Err(_) => self.busy.meter().failed(1),
        }
        drop(busy);
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
    pub(crate) async fn hire(&self) -> Result<W, RequestError> {
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

/// Whether a worker has a job, and what it has done. Each has a cache line of its own: a count that all of them
/// share would pass from core to core with every job.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Busy(Meter);

impl Busy {
    pub(crate) fn is_busy(&self) -> bool {
        self.0.is_on()
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.0
    }

    /// A job begins, and ends when what this gives is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> AtWork {
        self.0.begin(0);
        AtWork(Arc::clone(self))
    }

    /// A job to its end, which is measured from where it waits.
    async fn over<T>(&self, job: impl Future<Output = T>) -> T {
        let mut job = pin!(job);
        poll_fn(|cx| {
            let polled = job.as_mut().poll(cx);
            if polled.is_pending() {
                self.0.wait();
            }
            polled
        })
        .await
    }
}

pub(crate) struct AtWork(Arc<Busy>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.0.end();
        self.0.0.rest();
    }
}
