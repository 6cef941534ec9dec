use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use edri_router::{DeathCause, WorkerDeath};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::seats::Seats;

/// How the workers of a pool live: what a life is spent with is theirs to say.
pub(crate) trait Lives: Send + Sync + 'static {
    /// The life of one worker, from its start to its burial. It takes jobs, and has none when it ends. Dropped, it kills
    /// its process.
    fn live(self: Arc<Self>, life: LifeContext) -> impl Future<Output = End> + Send + 'static;
}

/// What a life is told, and where it tells how far it is.
pub(crate) struct LifeContext {
    /// The worker's name.
    pub(crate) worker: Arc<str>,
    /// Its number in the pool.
    pub(crate) number: usize,
    pub(crate) seats: Arc<Seats>,
    pub(crate) stage: watch::Sender<Stage>,
    /// Set when it is to retire.
    pub(crate) retire: watch::Receiver<bool>,
    /// What it is begun from.
    pub(crate) begun: Begun,
}

/// What a life is begun from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// As those before it.
    AsBefore,
    /// The program as it is now: the pool is reloaded.
    Anew,
}

/// How far a life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Stage {
    Starting,
    /// It takes jobs.
    Up,
    /// It takes no more, and another may come in its place.
    Retiring,
}

/// How a life has ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) how: How,
    /// It has answered, or lived for long.
    pub(crate) was_of_use: bool,
}

#[derive(Debug)]
pub(crate) enum How {
    /// There will be no more jobs.
    Done,
    /// It was told to retire, or had lived long enough.
    Retired,
    Died(WorkerDeath),
}

/// A worker that lives this long without an answer was of use all the same.
pub(crate) const STEADY: Duration = Duration::from_secs(10);

/// A life, as its slot sees it. Dropped, it ends.
pub(super) struct Living {
    worker: Arc<str>,
    task: JoinHandle<End>,
    stage: watch::Receiver<Stage>,
    retire: watch::Sender<bool>,
}

impl Living {
    pub(super) fn begin<L: Lives>(
        lives: &Arc<L>,
        (worker, number): (&Arc<str>, usize),
        seats: &Arc<Seats>,
        begun: Begun,
    ) -> Self {
        let (stage, told) = watch::channel(Stage::Starting);
        let (retire, to_retire) = watch::channel(false);
        let (name, seats) = (Arc::clone(worker), Arc::clone(seats));
        let life = LifeContext { worker: name, number, seats, stage, retire: to_retire, begun };
        let task = tokio::spawn(Arc::clone(lives).live(life));
        Self { worker: Arc::clone(worker), task, stage: told, retire }
    }

    /// It takes no more jobs, and ends when it has none.
    pub(super) fn retire(&self) {
        self.retire.send_replace(true);
    }

    /// Ready when it is that far, which it may never be.
    ///
    /// Cancel safe.
    pub(super) fn reaches(&self, stage: Stage) -> impl Future<Output = ()> + Send + use<> {
        let mut told = self.stage.clone();
        async move {
            if told.wait_for(|reached| *reached >= stage).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Its end; cancel safe.
impl Future for Living {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        Pin::new(&mut self.task).poll(cx).map(|ended| {
            ended.unwrap_or_else(|error| {
                tracing::error!(worker = &*self.worker, "what attends to a worker has ended: {error}");
                let death = WorkerDeath::new(self.worker.to_string(), DeathCause::Unknown, Vec::new());
                End { how: How::Died(death), was_of_use: false }
            })
        })
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.task.abort();
    }
}
