use std::time::Duration;

use edri_event::Notification;
use edri_router::WorkerDeath;

/// The process of a worker has died without being told to. Sent on the router of its pool, where somebody subscribes to
/// it, and never waited for: a subscriber without room misses it. So are the others here.
#[derive(Clone, Debug, PartialEq, Eq, Notification)]
#[notification(name = "edri_worker::WorkerLost")]
#[non_exhaustive]
pub struct WorkerLost {
    /// The pool's name.
    pub pool: String,
    /// Which worker, and how.
    pub death: WorkerDeath,
    /// How long it takes until there is another in its place, unless the pool is in a [crash loop](CrashLoop).
    pub again_in: Duration,
}

/// So many workers of a pool have died one after the other, without a single answer in between, that none is started for
/// a while. While none is alive, jobs are answered with
/// [`WorkerDied`](edri_router::RequestError::WorkerDied) at once.
#[derive(Clone, Debug, PartialEq, Eq, Notification)]
#[notification(name = "edri_worker::CrashLoop")]
#[non_exhaustive]
pub struct CrashLoop {
    /// The pool's name.
    pub pool: String,
    /// How many.
    pub deaths: u32,
    /// The last of them.
    pub death: WorkerDeath,
    /// How long it takes until one is tried again.
    pub pause: Duration,
}

/// A worker of a pool that was in a [crash loop](CrashLoop) has been of use: all are started again.
#[derive(Clone, Debug, PartialEq, Eq, Notification)]
#[notification(name = "edri_worker::CrashLoopOver")]
#[non_exhaustive]
pub struct CrashLoopOver {
    /// The pool's name.
    pub pool: String,
}
