//! Jobs on their way to a process and back, with all that belongs to them.

use std::time::Duration;

use edri_router::{RequestError, Router};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::processes;
use crate::program::{failure_code, until, within};
use crate::smith::{Forged, Smith, job};

#[tokio::test]
async fn a_process_does_one_job_after_the_other() {
    within(async {
        let router = Router::new();
        let pool = processes::<Smith>(1).start(&router).unwrap();
        assert_eq!(router.request(job("echo").text("čeština")).await, Ok("čeština".into()));
        let pid = router.request(job("pid")).await.unwrap();
        assert_ne!(pid, std::process::id().to_string());
        assert_eq!(router.request(job("who")).await, Ok("smith-0 0 3".into()));
        assert_eq!(router.request(job("pid")).await, Ok(pid));
        assert_eq!((pool.size(), pool.vitals().counts.processed), (1, 4));
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_panics_is_replaced_and_its_process_is_not() {
    within(async {
        let router = Router::new();
        let _pool = processes::<Smith>(1).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        assert!(matches!(router.request(job("panic")).await, Err(RequestError::Panicked { .. })));
        assert_eq!(router.request(job("who")).await, Ok("smith-0 0 1".into()));
        assert_eq!(router.request(job("pid")).await, Ok(pid));
    })
    .await;
}

#[tokio::test]
async fn a_process_has_no_more_jobs_at_hand_than_it_may() {
    within(async {
        let router = Router::new();
        let pool = processes::<Smith>(1).in_flight(3).start(&router).unwrap();
        let asked: Vec<_> = (0..10).map(|_| router.request(job("sleep").number(20))).collect();
        let watch = async {
            until("it has three", || pool.busy() == 3).await;
            assert_eq!(
                pool.waiting() + pool.busy() + usize::try_from(pool.vitals().counts.processed).unwrap(),
                10
            );
        };
        let (answers, ()) = futures_util::future::join(join_all(asked), watch).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert!(pool.vitals().workers.unwrap().limit == 3);
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_time_is_over_while_it_waits_in_the_process_is_not_begun() {
    within(async {
        let router = Router::new();
        let _pool = processes::<Smith>(1).in_flight(8).start(&router).unwrap();
        let first = router.request(job("sleep").number(300));
        let second = router.request(job("who")).timeout(Duration::from_millis(50));
        let third = router.request(job("who"));
        let (first, second, third) = tokio::join!(first, second, third);
        assert_eq!(first, Ok(String::new()));
        assert!(matches!(second, Err(RequestError::TimedOut { .. })), "{second:?}");
        assert_eq!(third, Ok("smith-0 0 2".into()));
    })
    .await;
}

/// Neither is an answer kept back by the job that comes next, nor does a worker that is at something hear too late that it
/// is not wanted any more.
#[tokio::test]
async fn an_answer_does_not_wait_for_a_long_job_and_a_worker_that_does_not_look_up_is_told_at_once() {
    within(async {
        let router = Router::new();
        let pool = processes::<Smith>(1).in_flight(16).start(&router).unwrap();
        router.request(job("pid")).await.unwrap();
        for _ in 0..20 {
            let short: Vec<_> = (0..5).map(|_| router.request(job("echo").text("on"))).collect();
            // It never ends of its own accord.
            let long = router.request(job("check-cancelled"));
            tokio::select! {
                // In this order they are asked.
                biased;
                answers = join_all(short) => assert!(answers.iter().all(Result::is_ok), "{answers:?}"),
                answer = long => panic!("{answer:?}"),
            }
            until("it has left it", || pool.busy() == 0).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_that_nobody_wants_any_more_while_it_waits_in_the_process_is_not_begun() {
    within(async {
        let router = Router::new();
        let pool = processes::<Smith>(1).in_flight(8).start(&router).unwrap();
        router.request(job("pid")).await.unwrap();
        let mut first = Box::pin(router.request(job("check-cancelled")));
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(router.request(job("who")));
        assert!((&mut second).now_or_never().is_none());
        tokio::select! {
            // The first ends when it is not wanted any more, and the second waits behind it.
            answer = &mut first => panic!("{answer:?}"),
            answer = &mut second => panic!("{answer:?}"),
            () = until("both are in the process", || pool.busy() == 2) => {}
        }
        drop(second);
        drop(first);
        assert_eq!(router.request(job("who")).await, Ok("smith-0 0 3".into()));
        until("nothing is left of it", || pool.busy() == 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_job_past_its_deadline_is_cancelled_and_then_its_worker_killed_and_replaced() {
    within(async {
        let router = Router::new();
        let grace = Duration::from_millis(50);
        let pool = processes::<Smith>(1).cancel_grace(grace).grace(grace).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        // One that leaves in time keeps its process.
        let asked = router.request(job("until-cancelled")).timeout(Duration::from_millis(50));
        assert!(matches!(asked.await, Err(RequestError::TimedOut { .. })));
        assert_eq!(router.request(job("pid")).await, Ok(pid.clone()));
        let asked = router.request(job("block")).timeout(Duration::from_millis(50));
        assert!(matches!(asked.await, Err(RequestError::TimedOut { .. })));
        assert_ne!(router.request(job("pid")).await.unwrap(), pid);
        assert_eq!(pool.vitals().counts.restarts, 1);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_takes_longer_than_the_pool_allows_is_abandoned() {
    within(async {
        let router = Router::new();
        let short = Duration::from_millis(50);
        let pool = processes::<Smith>(1).job_limit(short).cancel_grace(short).grace(short);
        let _pool = pool.start(&router).unwrap();
        assert_eq!(router.request(job("block")).await, Err(RequestError::Abandoned));
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
    })
    .await;
}

#[tokio::test]
async fn long_jobs_and_long_answers_arrive_whole() {
    within(async {
        let router = Router::new();
        let _pool = processes::<Smith>(1).start(&router).unwrap();
        let long: String = (0..3_000_000_u32).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
        assert!(router.request(job("echo").text(long.clone())).await.unwrap() == long);
        // Many small things are no long stretch: they go through the socket, and not without a bound.
        let too_long = vec![u64::MAX; 2_000_000];
        assert_eq!(failure_code(router.request(job("echo").list(too_long)).await), "job-too-large");
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
    })
    .await;
}

#[tokio::test]
async fn a_pool_that_is_stopped_finishes_what_it_has_and_ends_its_processes() {
    within(async {
        let router = Router::new();
        let grace = Duration::from_secs(40);
        let pool = processes::<Smith>(2).grace(grace).start(&router).unwrap();
        let pids = join_all([(); 2].map(|()| router.request(job("pid").number(50)))).await;
        let asked: Vec<_> = (0..10).map(|_| router.request(job("sleep").number(10))).collect();
        let stop = async {
            until("all are taken", || pool.busy() + pool.waiting() == 10).await;
            // A process that has nothing left to do ends when it is told, and need not be asked by a signal.
            let begun = tokio::time::Instant::now();
            let unfinished = pool.stop(begun + Duration::from_secs(80)).await;
            assert!(begun.elapsed() < grace / 4, "it took {:?}", begun.elapsed());
            unfinished
        };
        let (answers, unfinished) = futures_util::future::join(join_all(asked), stop).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(unfinished, edri_worker::Unfinished::default());
        for pid in pids {
            assert!(!crate::program::exists(&pid.unwrap()));
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_that_does_not_end_is_cancelled_when_its_pool_has_to() {
    within(async {
        let router = Router::new();
        let pool = processes::<Smith>(1).start(&router).unwrap();
        let mut told = router.subscribe::<Forged>();
        let asked = router.request(job("until-cancelled").number(9));
        let stop = async {
            until("it is being done", || pool.busy() == 1).await;
            pool.stop(tokio::time::Instant::now() + Duration::from_secs(2)).await
        };
        let (answer, unfinished) = futures_util::future::join(asked, stop).await;
        assert_eq!(answer, Err(RequestError::Cancelled));
        assert_eq!(unfinished.running, 1);
        let told = timeout(Duration::from_secs(5), told.recv()).await.unwrap();
        assert_eq!(told.map(|told| told.number), Some(9), "what it did then is heard");
    })
    .await;
}
