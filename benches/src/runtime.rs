//! The runtime a contender runs on.

use std::{future::Future, time::Duration};

use tokio::runtime::Builder;

use crate::measure::Sample;

/// Runs `contender` as a task of a fresh runtime with two worker threads.
///
/// It is spawned and not blocked on, so that the driving code is on a worker thread and pays no more
/// for waking its neighbours than other tasks do.
pub fn on_two_workers(contender: impl Future<Output = Sample> + Send + 'static) -> Sample {
    run(Builder::new_multi_thread().enable_time(), contender)
}

/// The same for one that reads and writes.
pub fn on_two_workers_with_io(contender: impl Future<Output = Sample> + Send + 'static) -> Sample {
    run(Builder::new_multi_thread().enable_all(), contender)
}

fn run(builder: &mut Builder, contender: impl Future<Output = Sample> + Send + 'static) -> Sample {
    let runtime = builder.worker_threads(2).build().expect("the runtime needs two threads");
    let sample = runtime.block_on(async { tokio::spawn(contender).await.expect("the contender panicked") });
    runtime.shutdown_timeout(Duration::from_secs(5));
    sample
}
