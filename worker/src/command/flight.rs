use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use edri_event::Request;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use crate::crew::AtHand;

/// A job that a worker has got, and has not answered.
pub(super) struct Flight<R: Request, P> {
    pub(super) job: AtHand<R, P>,
    /// How far it has come with its time.
    pub(super) patience: Patience,
    /// The worker was told that it is not wanted any more.
    pub(super) told: bool,
    /// Dropped, it ends the watch over it.
    watch: Option<oneshot::Sender<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    InTime,
    /// Its time is over; the worker may still leave it.
    Late,
    /// The worker has had the time to leave it.
    Lost,
}

/// What has become of a job while it was watched.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// It has ended otherwise.
    Over,
    /// Nobody waits for it any more.
    GoneAway(u64),
    /// Its time is over.
    Late(u64),
    /// And so is the time to leave it.
    Lost(u64),
}

pub(super) type Watching = Pin<Box<dyn Future<Output = Watched> + Send>>;

impl<R: Request, P: Clone + Send + 'static> Flight<R, P> {
    /// A job on its way, and the watch over it.
    pub(super) fn new(id: u64, job: AtHand<R, P>) -> (Self, Watching) {
        let requester = job.context().clone();
        let due = job.due();
        let mut flight = Self { job, patience: Patience::InTime, told: false, watch: None };
        let watching = flight.watch(async move {
            tokio::select! {
                () = requester.cancelled() => Watched::GoneAway(id),
                () = until(due) => Watched::Late(id),
            }
        });
        (flight, watching)
    }

    /// Nobody waits for it: its worker may go on until its time is over.
    pub(super) fn watch_on(&mut self, id: u64) -> Watching {
        let due = self.job.due();
        self.watch(async move {
            until(due).await;
            Watched::Late(id)
        })
    }

    /// Its time is over: for so long its worker may still leave it.
    pub(super) fn be_late(&mut self, id: u64, now: Instant, grace: Duration) -> Watching {
        self.job.abandon(now);
        self.patience = Patience::Late;
        self.watch(async move {
            sleep(grace).await;
            Watched::Lost(id)
        })
    }

    fn watch(&mut self, watching: impl Future<Output = Watched> + Send + 'static) -> Watching {
        let (watch, over) = oneshot::channel::<()>();
        self.watch = Some(watch);
        Box::pin(async move {
            tokio::select! {
                _ = over => Watched::Over,
                watched = watching => watched,
            }
        })
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
