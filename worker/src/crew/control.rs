use std::fmt;
use std::sync::{Arc, Weak};

use edri_router::WorkerDeath;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

/// What may be asked of a pool that somebody else has started, such as an `App`. Clones are of the same pool.
///
/// ```
/// use edri_event::Request;
/// use edri_worker::{Pool, PoolControl};
/// use serde::Serialize;
///
/// #[derive(Request, Serialize)]
/// #[request(response = u64)]
/// struct Measure(String);
///
/// let control = PoolControl::new();
/// let pool = Pool::command::<Measure>("python3", ["measure.py"]).controlled_by(&control);
/// // Later, when `measure.py` has changed: `control.reload().await?`
/// # drop(pool);
/// ```
#[derive(Clone, Default)]
pub struct PoolControl(Arc<Mutex<Option<Weak<dyn Replaceable>>>>);

/// Why the workers of a pool were not all replaced. Those that were are new; the others are as they were, and at work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// Nobody has started the pool, or it has ended.
    #[error("the pool is not running")]
    NotRunning,
    /// The new worker could not be started, or died before it was ready.
    #[error("the old workers stay: the new worker {0}")]
    Died(WorkerDeath),
}

/// A running pool, as far as its control knows it.
pub(crate) trait Replaceable: Send + Sync {
    /// Where the slots hear that they are to have new workers; none in a pool that has a process for each job.
    fn slots(&self) -> Vec<mpsc::Sender<Reload>>;

    /// How many workers there are.
    fn size(&self) -> usize;
}

/// A slot is to have a new worker, and to say how that went.
pub(crate) struct Reload(pub(super) oneshot::Sender<Result<(), ReloadError>>);

impl PoolControl {
    /// Of a pool that is still to be started.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn set(&self, pool: &Arc<dyn Replaceable>) {
        *self.0.lock() = Some(Arc::downgrade(pool));
    }

    /// Replaces each worker by one that is started from the executable as it is now, one after the other; the old one
    /// does the jobs that it has, and ends. No job is lost. How many workers are new.
    ///
    /// A pool in a crash loop starts its workers again. One that has a process for each job has nothing to replace.
    ///
    /// Dropped while it waits, it replaces no further worker; the one that it was at is replaced all the same.
    ///
    /// # Errors
    /// When a new worker cannot be started, or ends before it is ready: the old one stays. What counts as ready is that
    /// the program was started, or, for a pool that [waits for it](crate::CommandPool::ready_within), that it says so.
    pub async fn reload(&self) -> Result<usize, ReloadError> {
        let pool = self.0.lock().as_ref().and_then(Weak::upgrade).ok_or(ReloadError::NotRunning)?;
        for slot in pool.slots() {
            let (done, told) = oneshot::channel();
            slot.send(Reload(done)).await.map_err(|_| ReloadError::NotRunning)?;
            told.await.map_err(|_| ReloadError::NotRunning)??;
        }
        Ok(pool.size())
    }
}

impl fmt::Debug for PoolControl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PoolControl")
    }
}
