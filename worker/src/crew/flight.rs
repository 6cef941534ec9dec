use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use edri_event::Request;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use super::at_hand::AtHand;

/// A job that a worker has got, and has not answered.
pub(crate) struct Flight<R: Request, P> {
    pub(crate) job: AtHand<R, P>,
    /// How far it has come with its time.
    pub(crate) patience: Patience,
    /// The worker was told that it is not wanted any more.
    pub(crate) told: bool,
    /// Dropped, it ends the watch over it.
    watch: Option<oneshot::Sender<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    InTime,
    /// Its time is over; the worker may still leave it.
    Late,
    /// The worker has had the time to leave it.
    Lost,
}

/// What has become of a job while it was watched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Watched<I> {
    /// It has ended otherwise.
    Over,
    /// Nobody waits for it any more.
    GoneAway(I),
    /// Its time is over.
    Late(I),
    /// And so is the time to leave it.
    Lost(I),
}

/// A job is known by what its worker knows it by.
pub(crate) type Watching<I> = Pin<Box<dyn Future<Output = Watched<I>> + Send>>;

impl<R: Request, P: Clone + Send + 'static> Flight<R, P> {
    /// A job on its way, and the watch over it.
    pub(crate) fn new<I: Send + Copy + 'static>(id: I, job: AtHand<R, P>) -> (Self, Watching<I>) {
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
    pub(crate) fn watch_on<I: Send + Copy + 'static>(&mut self, id: I) -> Watching<I> {
        let due = self.job.due();
        self.watch(async move {
            until(due).await;
            Watched::Late(id)
        })
    }

    /// Its time is over: for so long its worker may still leave it.
    pub(crate) fn be_late<I: Send + Copy + 'static>(
        &mut self,
        id: I,
        now: Instant,
        grace: Duration,
    ) -> Watching<I> {
        self.job.abandon(now);
        self.patience = Patience::Late;
        self.watch(async move {
            sleep(grace).await;
            Watched::Lost(id)
        })
    }

    fn watch<I: Send + 'static>(
        &mut self,
        watching: impl Future<Output = Watched<I>> + Send + 'static,
    ) -> Watching<I> {
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
