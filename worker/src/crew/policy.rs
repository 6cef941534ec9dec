use std::time::Duration;

use edri_router::Backoff;

/// How long, how often, how many.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// How often an idempotent job is tried again.
    pub(crate) retries: u32,
    /// How long a worker may take to end when it is asked to.
    pub(crate) grace: Duration,
    /// How long a worker may take to leave a job whose time is over.
    pub(crate) cancel_grace: Duration,
    /// How long a job may take, whatever its requester says.
    pub(crate) job_limit: Option<Duration>,
    /// How long a worker may take until it says that it is ready, if it is to say so.
    pub(crate) ready_within: Option<Duration>,
    /// After how many jobs a worker is replaced.
    pub(crate) recycle_jobs: Option<u64>,
    /// With how many bytes of resident memory, after a job, a worker is replaced.
    pub(crate) recycle_memory: Option<u64>,
    /// Before a worker is started for another that died without an answer.
    pub(crate) backoff: Backoff,
    /// After how many deaths without an answer in between no worker is started for a while.
    pub(crate) breaker_after: Option<u32>,
    /// For how long.
    pub(crate) pause: Backoff,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retries: 2,
            grace: Duration::from_secs(5),
            cancel_grace: Duration::from_secs(1),
            job_limit: None,
            ready_within: None,
            recycle_jobs: None,
            recycle_memory: None,
            backoff: Backoff::default(),
            breaker_after: None,
            pause: Backoff::doubling(Duration::from_secs(1), Duration::from_secs(60)),
        }
    }
}

impl Policy {
    /// In a pool of that size all may die once or twice of the same cause.
    pub(crate) fn breaker_after(&self, size: usize) -> u32 {
        self.breaker_after.unwrap_or_else(|| u32::try_from(2 * size).unwrap_or(u32::MAX).max(5))
    }
}
