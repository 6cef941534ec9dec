//! How workers come, are replaced, and end.

use std::time::Duration;

use edri_router::{RequestError, Router};
use edri_worker::{PoolControl, ReloadError, WorkerLost};
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use tokio::time::Instant;

use crate::program::{Do, children_called, exists, hands, hands_with, is_alive, job, until, within};

/// Behaviour 50 of the original: at most so many run at once, and all are done in the order in which they came.
#[tokio::test]
async fn at_most_as_many_jobs_run_as_there_are_workers_and_all_are_done() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(3).start(&router).unwrap();
        let asked = join_all((0..60).map(|_| router.request(job("pid"))));
        let mut pids: Vec<_> = asked.await.into_iter().map(Result::unwrap).collect();
        pids.sort();
        pids.dedup();
        assert!(pids.len() <= 3, "{pids:?}");
        assert_eq!((pool.size(), pool.vitals().counts.processed), (3, 60));
    })
    .await;
}

/// Behaviour 53 of the original: a program that ends takes its workers along.
#[tokio::test]
async fn a_pool_that_stops_does_what_waits_and_leaves_no_process() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(2).start(&router).unwrap();
        let pids: Vec<_> = join_all((0..8).map(|_| router.request(job("pid")))).await;
        let asked = join_all((0..8).map(|_| Box::pin(router.request(job("sleep").number(10)))));
        let mut asked = Box::pin(asked);
        assert!((&mut asked).now_or_never().is_none());
        let (unfinished, answers) = join(pool.stop(Instant::now() + Duration::from_secs(30)), asked).await;
        assert_eq!(unfinished, edri_worker::Unfinished::default());
        answers.into_iter().for_each(|answer| assert_eq!(answer, Ok("slept".into())));
        assert!(pids.into_iter().all(|pid| !exists(&pid.unwrap())), "a process is left");
    })
    .await;
}

#[tokio::test]
async fn a_pool_that_is_dropped_does_what_waits_and_leaves_no_process() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        let mut asked = Box::pin(router.request(job("sleep").number(20)));
        assert!((&mut asked).now_or_never().is_none());
        drop(pool);
        assert_eq!(asked.await, Ok("slept".into()));
        until("it is gone", || !exists(&pid)).await;
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_ignores_sigterm_is_killed_when_the_grace_is_over() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).grace(Duration::from_millis(200)).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        assert_eq!(router.request(job("ignore-term")).await, Ok("stubborn".into()));
        let unfinished = pool.stop(Instant::now() + Duration::from_secs(30)).await;
        assert_eq!(unfinished, edri_worker::Unfinished::default());
        assert!(!exists(&pid), "it is still there");
    })
    .await;
}

#[tokio::test]
async fn a_worker_at_work_is_asked_to_end_before_the_deadline_and_its_job_is_told() {
    within(async {
        let router = Router::new();
        // It is asked after a second, and a new one has five to start and to answer.
        let pool = hands::<Do>(1).grace(Duration::from_secs(5)).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        let mut stuck = Box::pin(router.request(job("hang")));
        assert!((&mut stuck).now_or_never().is_none());
        until("it is at work", || pool.busy() == 1).await;
        let mut waiting = Box::pin(router.request(job("echo").text("late")));
        assert!((&mut waiting).now_or_never().is_none());
        let stopping = pool.stop(Instant::now() + Duration::from_secs(6));
        let ((unfinished, stuck), waiting) = join(join(stopping, stuck), waiting).await;
        assert_eq!(stuck, Err(RequestError::Cancelled));
        // It died of the signal, so that there was time for a new one.
        assert_eq!(waiting, Ok("late".into()));
        assert_eq!((unfinished.waiting, unfinished.running), (0, 1));
        assert!(!exists(&pid));
    })
    .await;
}

#[tokio::test]
async fn at_the_deadline_what_is_left_is_killed() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        // It does not care about signals, and never answers.
        let mut stuck = Box::pin(router.request(job("ignore-term")));
        assert!((&mut stuck).now_or_never().is_none());
        assert_eq!(stuck.await, Ok("stubborn".into()));
        let mut stuck = Box::pin(router.request(job("echo")));
        assert!((&mut stuck).now_or_never().is_none());
        let mut waiting = Box::pin(router.request(job("echo")));
        assert!((&mut waiting).now_or_never().is_none());
        until("it has the job", || pool.busy() == 1).await;
        let unfinished = pool.stop(Instant::now() + Duration::from_millis(300)).await;
        assert_eq!((unfinished.waiting, unfinished.running), (1, 1));
        assert_eq!((stuck.await, waiting.await), (Err(RequestError::Cancelled), Err(RequestError::Stopped)));
        until("it is buried", || !exists(&pid)).await;
    })
    .await;
}

#[tokio::test]
async fn what_a_worker_has_started_ends_with_it() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).start(&router).unwrap();
        let started = router.request(job("children").number(3)).await.unwrap();
        let started: Vec<_> = started.split(' ').collect();
        assert!(started.len() == 3 && started.iter().all(|process| exists(process)));
        // By its death, ...
        assert!(router.request(job("exit").number(1)).await.is_err());
        until("they are gone", || !started.iter().any(|process| is_alive(process))).await;
        // ... and by its end.
        let started = router.request(job("children").number(2)).await.unwrap();
        let _ = pool.stop(Instant::now() + Duration::from_secs(20)).await;
        until("they are gone, too", || !started.split(' ').any(is_alive)).await;
    })
    .await;
}

#[tokio::test]
async fn a_worker_is_replaced_after_so_many_jobs_and_none_is_lost() {
    within(async {
        let router = Router::new();
        let mut lost = router.subscribe::<WorkerLost>();
        let _pool = hands::<Do>(2).recycle_after(5).start(&router).unwrap();
        let asked = join_all((0..50).map(|_| router.request(job("pid")))).await;
        let mut pids: Vec<_> = asked.into_iter().map(Result::unwrap).collect();
        pids.sort();
        assert!(pids.chunk_by(|a, b| a == b).all(|jobs| jobs.len() <= 5), "{pids:?}");
        until("the old ones are gone", || {
            pids.iter().filter(|pid| exists(pid)).collect::<std::collections::BTreeSet<_>>().len() <= 2
        })
        .await;
        assert!(lost.try_recv().is_none(), "to retire is no death");
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_has_grown_too_much_is_replaced_after_its_job() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(1).recycle_above(64 << 20).start(&router).unwrap();
        let first = router.request(job("pid")).await.unwrap();
        assert_eq!(router.request(job("allocate").number(16)).await, Ok("16".into()));
        assert_eq!(router.request(job("pid")).await.unwrap(), first);
        assert_eq!(router.request(job("allocate").number(80)).await, Ok("80".into()));
        assert_ne!(router.request(job("pid")).await.unwrap(), first);
    })
    .await;
}

/// A program that is one thing, and then another.
struct Changing(tempfile::TempDir);

impl Changing {
    fn new() -> Self {
        let changing = Self(tempfile::tempdir().unwrap());
        changing.becomes(&format!("VERSION=1 exec {} one", crate::program::example("hand").display()));
        changing
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("worker.sh")
    }

    fn becomes(&self, script: &str) {
        std::fs::write(self.path(), script).unwrap();
    }

    fn pool(&self) -> edri_worker::CommandPool<Do> {
        edri_worker::Pool::command("/bin/sh", [self.path()]).size(2).name("hand")
    }
}

#[tokio::test]
async fn a_reload_replaces_the_workers_and_loses_no_job() {
    within(async {
        let (router, program) = (Router::new(), Changing::new());
        let pool = program.pool().start(&router).unwrap();
        let env = || router.request(job("env"));
        assert!(env().await.unwrap().contains("VERSION=1"));
        program.becomes(&format!("VERSION=2 exec {} two", crate::program::example("hand").display()));
        let asking = async {
            for _ in 0..20 {
                for answer in join_all((0..10).map(|_| router.request(job("sleep").number(1)))).await {
                    assert_eq!(answer, Ok("slept".into()));
                }
            }
        };
        let (reloaded, ()) = join(pool.reload(), asking).await;
        assert_eq!(reloaded, Ok(2));
        for answer in join_all((0..10).map(|_| env())).await {
            assert!(answer.unwrap().contains("VERSION=2"));
        }
        until("the old ones are gone", || {
            children_called("hand", "one").is_empty() && children_called("hand", "two").len() == 2
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_reload_to_a_program_that_does_not_get_up_changes_nothing() {
    within(async {
        let (router, program) = (Router::new(), Changing::new());
        let hand = crate::program::example("hand");
        let ready =
            |version| format!("VERSION={version} exec {} say '{{\"ready\":{{}}}}' again", hand.display());
        program.becomes(&ready(1));
        let control = PoolControl::new();
        assert_eq!(control.reload().await, Err(ReloadError::NotRunning));
        let pool = program.pool().ready_within(Duration::from_secs(20)).controlled_by(&control);
        let pool = pool.start(&router).unwrap();
        until("both are up", || children_called("hand", "again").len() == 2).await;
        program.becomes("echo broken >&2; exit 5");
        let error = control.reload().await.unwrap_err();
        assert!(matches!(&error, ReloadError::Died(death) if death.code() == Some(5)), "{error}");
        assert_eq!(
            error.to_string(),
            "the old workers stay: the new worker hand-0 exited with code 5; it said last: broken"
        );
        for answer in join_all((0..10).map(|_| router.request(job("env")))).await {
            assert!(answer.unwrap().contains("VERSION=1"));
        }
        program.becomes(&ready(3));
        assert_eq!(control.reload().await, Ok(2));
        assert!(router.request(job("env")).await.unwrap().contains("VERSION=3"));
        let _ = pool.stop(Instant::now() + Duration::from_secs(20)).await;
        assert_eq!(control.reload().await, Err(ReloadError::NotRunning));
    })
    .await;
}

#[tokio::test]
async fn a_reload_ends_a_crash_loop() {
    within(async {
        let (router, program) = (Router::new(), Changing::new());
        program.becomes("exit 1");
        let mut loops = router.subscribe::<edri_worker::CrashLoop>();
        let hour = edri_router::Backoff::constant(Duration::from_secs(3_600));
        let pool = program.pool().crash_loop(2, hour).start(&router).unwrap();
        loops.recv().await.unwrap();
        program.becomes(&format!("exec {}", crate::program::example("hand").display()));
        assert_eq!(pool.reload().await, Ok(2));
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
    })
    .await;
}

/// Behaviour 51 of the original: what falls and rises is as large as it was.
#[tokio::test]
async fn a_pool_whose_workers_all_died_is_as_large_as_before() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(3).start(&router).unwrap();
        for answer in join_all((0..3).map(|_| router.request(job("kill")))).await {
            assert!(answer.is_err());
        }
        let asked = join_all((0..12).map(|_| router.request(job("sleep").number(20))));
        let look = until("three at work", || pool.busy() == 3);
        let (answers, ()) = join(asked, look).await;
        assert!(answers.into_iter().all(|answer| answer == Ok("slept".into())));
        assert_eq!(pool.vitals().workers.unwrap().limit, 3);
    })
    .await;
}

#[tokio::test]
async fn a_pool_that_stops_does_not_wait_for_a_worker_that_is_not_ready_and_not_needed() {
    within(async {
        let router = Router::new();
        let pool = hands_with::<Do>(2, &["stay-silent"]).ready_within(Duration::from_secs(3_600));
        let pool = pool.grace(Duration::from_millis(50)).start(&router).unwrap();
        let unfinished = pool.stop(Instant::now() + Duration::from_secs(3_600)).await;
        assert_eq!(unfinished, edri_worker::Unfinished::default());
    })
    .await;
}

#[tokio::test]
async fn a_pool_may_be_dropped_while_its_workers_start() {
    within(async {
        let router = Router::new();
        for _ in 0..20 {
            let pool = hands_with::<Do>(4, &["short-lived"]).start(&router).unwrap();
            tokio::task::yield_now().await;
            drop(pool);
        }
        until("nobody is left", || children_called("hand", "short-lived").is_empty()).await;
    })
    .await;
}
