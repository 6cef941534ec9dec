//! What the tests of the worker room share: a worker that does whatever its job says, a crew that keeps count of
//! such workers, and a hold on which jobs wait until the test lets them go.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part of it")]
#![expect(clippy::unwrap_used, reason = "a test's own")]

mod crew;
mod hold;
mod job;

use std::future::Future;
use std::time::Duration;

use edri_worker::{Pool, Worker};
use futures_util::FutureExt as _;
use tokio::time::timeout;

pub(crate) use crew::{Crew, Hand, Setup};
pub(crate) use hold::{Hold, HoldEnd};
pub(crate) use job::{Answered, Job};

/// Both kinds of pool: what one promises, the other does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Tasks,
    Threads,
}

impl Kind {
    pub(crate) fn pool<W: Worker>(
        self,
        size: usize,
        make: impl Fn() -> W + Send + Sync + 'static,
    ) -> Pool<W> {
        match self {
            Self::Tasks => Pool::tasks(size, make),
            Self::Threads => Pool::threads(size, make),
        }
    }
}

/// Runs a test that would hang for ever where it should fail. The time is never spent by one that passes.
pub(crate) async fn within<T>(test: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), test).await.expect("the test to end within 20 s")
}

/// Polls a request for the first time, which makes it: from here on it waits, in order, for a worker.
pub(crate) fn made<F: Future + Unpin>(mut asking: F) -> F {
    assert!((&mut asking).now_or_never().is_none(), "answered before anybody could");
    asking
}
