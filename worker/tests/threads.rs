//! What thread workers promise beyond what all workers do: blocking is welcome.

#![expect(clippy::unwrap_used, reason = "a test's own")]

mod support;

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use edri_router::Router;
use edri_worker::Pool;
use futures_util::future::join_all;
use support::{Crew, Hold, Job, made, within};
use tokio::runtime::Handle;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

#[tokio::test]
async fn each_worker_has_a_thread_of_its_own_that_bears_its_name() {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let _pool = Pool::threads(3, crew.hands()).name("smiths").start(&router).unwrap();
    let own_name = |hold: &Hold| {
        let hold = hold.end();
        Job::new(move |_, cx| {
            Box::pin(async move {
                assert_eq!(thread::current().name(), Some(cx.name()));
                hold.pass(cx.number() as u64).await;
                // Still on it after it was woken.
                assert_eq!(thread::current().name(), Some(cx.name()));
                Ok(0)
            })
        })
    };
    let asked: Vec<_> = (0..3).map(|_| made(router.request(own_name(&hold)))).collect();
    assert_eq!(within(hold.begun_together(3)).await, [0, 1, 2]);
    hold.let_all_go();
    assert_eq!(within(join_all(asked)).await, [Ok(0), Ok(0), Ok(0)]);
}

/// Makes of each case a test on either kind of runtime, with a single thread each.
macro_rules! on_both_runtimes {
    ($($case:ident),* $(,)?) => {
        mod current_thread {
            $(#[tokio::test]
            async fn $case() {
                crate::support::within(super::$case()).await;
            })*
        }

        mod multi_thread {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn $case() {
                crate::support::within(super::$case()).await;
            })*
        }
    };
}

on_both_runtimes!(
    more_jobs_block_than_the_runtime_has_threads,
    a_job_that_blocks_does_not_stall_the_runtime,
    a_job_may_call_what_blocks_on_a_runtime,
    a_job_may_spawn_tasks_and_wait_for_timers,
    a_job_that_parks_its_thread_misses_no_wake_up,
);

async fn more_jobs_block_than_the_runtime_has_threads() {
    let (router, crew, all) = (Router::new(), Crew::new(), Arc::new(Barrier::new(8)));
    let _pool = Pool::threads(8, crew.hands()).start(&router).unwrap();
    let blocking = || {
        let all = Arc::clone(&all);
        Job::new(move |_, _| {
            Box::pin(async move {
                all.wait();
                Ok(8)
            })
        })
    };
    for answer in join_all((0..24).map(|_| router.request(blocking()))).await {
        assert_eq!(answer, Ok(8));
    }
}

async fn a_job_that_blocks_does_not_stall_the_runtime() {
    let (router, crew, (sender, blocked)) = (Router::new(), Crew::new(), mpsc::channel());
    let _pool = Pool::threads(1, crew.hands()).start(&router).unwrap();
    let job = Job::new(move |_, _| Box::pin(async move { Ok(blocked.recv()?) }));
    // Only a runtime that goes on lets the job go.
    let letting_go = tokio::spawn(async move {
        sleep(Duration::from_millis(1)).await;
        sender.send(7).unwrap();
    });
    assert_eq!(router.request(job).await, Ok(7));
    letting_go.await.unwrap();
}

async fn a_job_may_call_what_blocks_on_a_runtime() {
    let (router, crew, (sender, receiver)) = (Router::new(), Crew::new(), oneshot::channel());
    let _pool = Pool::threads(1, crew.hands()).start(&router).unwrap();
    let job = Job::new(move |_, _| {
        Box::pin(async move {
            let received: u64 = receiver.blocking_recv()?;
            Ok(Handle::current().block_on(async { received + 1 }))
        })
    });
    let asked = made(router.request(job));
    sender.send(6).unwrap();
    assert_eq!(asked.await, Ok(7));
}

async fn a_job_may_spawn_tasks_and_wait_for_timers() {
    let (router, crew) = (Router::new(), Crew::new());
    let _pool = Pool::threads(1, crew.hands()).start(&router).unwrap();
    let job = Job::new(|_, _| {
        Box::pin(async move {
            sleep(Duration::from_millis(1)).await;
            let task = tokio::spawn(async { 3 });
            let blocking = tokio::task::spawn_blocking(|| 4);
            Ok(task.await? + blocking.await?)
        })
    });
    assert_eq!(router.request(job).await, Ok(7));
}

async fn a_job_that_parks_its_thread_misses_no_wake_up() {
    let (router, crew) = (Router::new(), Crew::new());
    let ((sender, mut answer), (unblock, blocked)) = (oneshot::channel(), mpsc::channel::<()>());
    let (blocks, mut blocking) = unbounded_channel();
    let _pool = Pool::threads(1, crew.hands()).start(&router).unwrap();
    let job = Job::new(move |_, _| {
        Box::pin(async move {
            let answer = poll_fn(move |cx| {
                let polled = Pin::new(&mut answer).poll(cx);
                if polled.is_pending() {
                    // The answer comes while this blocks, and whatever unparked the thread is used up.
                    blocks.send(()).unwrap();
                    blocked.recv().unwrap();
                    thread::park_timeout(Duration::ZERO);
                }
                polled
            });
            Ok(answer.await?)
        })
    });
    let asked = made(router.request(job));
    blocking.recv().await.unwrap();
    sender.send(7).unwrap();
    unblock.send(()).unwrap();
    assert_eq!(asked.await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn a_job_sleeps_by_the_runtimes_clock() {
    let (router, crew) = (Router::new(), Crew::new());
    let _pool = Pool::threads(1, crew.hands()).start(&router).unwrap();
    let begin = Instant::now();
    let job = Job::new(|_, _| {
        Box::pin(async move {
            sleep(Duration::from_secs(3_600)).await;
            Ok(7)
        })
    });
    assert_eq!(router.request(job).await, Ok(7));
    assert!(begin.elapsed() >= Duration::from_secs(3_600));
}

#[test]
fn workers_outlive_the_runtime_they_were_started_on() {
    let (router, crew) = (Router::new(), Crew::new());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let first = runtime();
    let pool = first.block_on(async { Pool::threads(1, crew.hands()).start(&router).unwrap() });
    drop(first);
    runtime().block_on(within(async {
        assert_eq!(router.request(Job::answer(1)).await, Ok(1));
        assert_eq!(pool.stop(Instant::now() + Duration::from_secs(3_600)).await, Default::default());
        crew.until_gone().await;
    }));
}
