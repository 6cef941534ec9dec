//! By a pool of processes.

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edri_event::Request;
use edri_router::Router;
use edri_worker::{Pool, ProcessWorker, RunningPool};
use futures_util::{StreamExt as _, stream};
use tokio::runtime::{Builder, Runtime};

use crate::job::{Echo, Echoer, Large, Looker, Spin, Spinner, look};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// With so many threads, as a program has it; with one the fastest for one task.
fn runtime(threads: usize) -> Outcome<Runtime> {
    let mut builder = if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    Ok(builder.worker_threads(threads).enable_all().build()?)
}

fn start<W: ProcessWorker>(size: usize, in_flight: usize) -> Outcome<RunningPool<W::Job>> {
    Ok(Pool::processes::<W>(size).in_flight(in_flight).start_private(&Router::new())?)
}

/// The time for so many jobs, so many of them at a time.
async fn ask<R: Request>(
    pool: &RunningPool<R>,
    window: usize,
    count: u64,
    job: impl Fn(u64) -> R,
    check: impl Fn(u64, R::Response) -> bool,
) -> Outcome<Duration> {
    let (job, check) = (&job, &check);
    let asked = stream::iter(0..count).map(|number| async move {
        let answer = pool.request(job(number)).await?;
        if check(number, answer) { Ok(()) } else { Err("another answer than was expected".into()) }
    });
    let begun = Instant::now();
    let mut asked = std::pin::pin!(asked.buffer_unordered(window));
    while let Some(answered) = asked.next().await {
        answered.map_err(|error: Box<dyn Error>| error)?;
    }
    Ok(begun.elapsed())
}

pub(crate) fn echo(threads: usize, window: usize, count: u64) -> Outcome<Duration> {
    runtime(threads)?.block_on(async {
        let pool = start::<Echoer>(1, window)?;
        ask(&pool, window, count / 10, Echo::new, |_, _| true).await?;
        ask(&pool, window, count, Echo::new, |number, answer| answer.number == number | 1 << 62).await
    })
}

pub(crate) fn large(bytes: usize, count: u64, shared: bool) -> Outcome<Duration> {
    let plain = Bytes::from(vec![7; bytes]);
    let payload = if shared { edri_worker::share(&plain)? } else { plain };
    let expected = look(&payload);
    runtime(1)?.block_on(async {
        let pool = start::<Looker>(1, 4)?;
        let job = |_| Large { bytes: payload.clone() };
        ask(&pool, 4, count / 10, job, |_, _| true).await?;
        ask(&pool, 4, count, job, |_, answer| answer == expected).await
    })
}

pub(crate) fn spin(size: usize, steps: u64, count: u64) -> Outcome<Duration> {
    runtime(1)?.block_on(async {
        let pool = start::<Spinner>(size, 2)?;
        let job = |_| Spin { steps };
        ask(&pool, 2 * size, count / 10, job, |_, _| true).await?;
        ask(&pool, 2 * size, count, job, |_, _| true).await
    })
}

/// From nothing to the first answer, one pool after the other.
pub(crate) fn ready(count: u64) -> Outcome<Duration> {
    runtime(1)?.block_on(async {
        let mut took = Duration::ZERO;
        for number in 0..count {
            let begun = Instant::now();
            let pool = start::<Echoer>(1, 1)?;
            pool.request(Echo::new(number)).await?;
            took += begun.elapsed();
            let _ = pool.stop(tokio::time::Instant::now() + Duration::from_secs(5)).await;
        }
        Ok(took)
    })
}
