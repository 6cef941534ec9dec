//! What can be read of a pool at any time.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::sync::Arc;
use std::time::Duration;

use edri_event::{Failure, Request};
use edri_router::{PartKind, PartState, Router, Status};
use edri_worker::{Pool, Worker, WorkerContext};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::{Instant, advance, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Request)]
#[request(response = ())]
enum Job {
    Wait,
    Fail,
    Panic,
    Sleep(Duration),
}

struct Hand(Arc<Semaphore>);

impl Worker for Hand {
    type Job = Job;

    async fn run(&mut self, job: Job, _cx: &WorkerContext) -> Result<(), Failure> {
        match job {
            Job::Wait => self.0.acquire().await.unwrap().forget(),
            Job::Fail => return Err(Failure::new("no", "it fails")),
            Job::Panic => panic!("it panics"),
            Job::Sleep(time) => sleep(time).await,
        }
        Ok(())
    }
}

fn hands(number: usize) -> (Pool<Hand>, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(0));
    let given = Arc::clone(&permits);
    (Pool::tasks(number, move || Hand(Arc::clone(&given))), permits)
}

async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_tells_what_it_has_done_and_how_busy_it_is() {
    let router = Router::new();
    let (pool, permits) = hands(2);
    let pool = pool.start(&router).unwrap();
    router.request(Job::Fail).await.unwrap_err();
    router.request(Job::Panic).await.unwrap_err();
    let jobs: Vec<_> = (0..5)
        .map(|_| {
            let router = router.clone();
            tokio::spawn(async move { router.request(Job::Wait).await })
        })
        .collect();
    settle().await;
    advance(30 * SECOND).await;
    let vitals = pool.vitals();
    let counts = vitals.counts;
    assert_eq!((counts.processed, counts.failed, counts.panicked, counts.restarts), (2, 1, 1, 1));
    assert_eq!((counts.accepted, vitals.queued.normal), (7, 3));
    let workers = vitals.workers.unwrap();
    assert_eq!((workers.busy, workers.limit, workers.waiting), (2, 2, 3));
    assert_eq!(workers.oldest.map(|age| age.as_secs()), Some(30));
    assert_eq!(vitals.uptime.as_secs(), 30);
    permits.add_permits(5);
    for job in jobs {
        job.await.unwrap().unwrap();
    }
    let vitals = pool.vitals();
    assert_eq!((vitals.counts.processed, vitals.workers.unwrap().busy), (7, 0));
    assert_eq!(vitals.workers.unwrap().oldest, None);
}

#[tokio::test(start_paused = true)]
async fn jobs_that_wait_are_all_measured() {
    let router = Router::new();
    let (pool, _) = hands(1);
    let pool = pool.start(&router).unwrap();
    for _ in 0..100 {
        router.request(Job::Sleep(10 * SECOND)).await.unwrap();
    }
    router.request(Job::Sleep(60 * SECOND)).await.unwrap();
    let handling = pool.vitals().handling;
    assert_eq!((handling.count, handling.max.as_secs()), (101, 60));
    assert!(handling.p50 >= 10 * SECOND && handling.p99 < 12 * SECOND, "{handling:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_in_the_health_of_its_router() {
    let router = Router::new();
    let (pool, _permits) = hands(2);
    let pool = pool.start(&router).unwrap();
    let report = router.health(SECOND).await;
    let part = report.part("Hand").unwrap();
    assert_eq!((part.kind, part.state, part.status), (PartKind::Pool, PartState::Running, Status::Ok));
    assert!(part.ready && part.round_trip.is_some());
    router.request(Job::Fail).await.unwrap_err();
    assert_eq!(pool.health().await.status, Status::Warning);
    assert_eq!(router.health(SECOND).await.status, Status::Warning);
    assert_eq!(router.health(SECOND).await.status, Status::Ok);
    let _job = tokio::spawn({
        let router = router.clone();
        async move { router.request(Job::Wait).await }
    });
    settle().await;
    advance(100 * SECOND).await;
    let part = &router.health(SECOND).await.parts[0];
    assert_eq!(
        (part.status, part.vitals.workers.unwrap().oldest.map(|age| age.as_secs())),
        (Status::Ok, Some(100))
    );
    let _ = pool.stop(Instant::now()).await;
    assert!(router.health(SECOND).await.parts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pool_whose_workers_are_gone_has_failed() {
    let router = Router::new();
    let elsewhere = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (pool, _permits) = hands(2);
    let _pool = {
        let _within = elsewhere.enter();
        pool.start(&router).unwrap()
    };
    elsewhere.shutdown_background();
    let part = &router.health(SECOND).await.parts[0];
    assert_eq!((part.state, part.status, part.ready), (PartState::Stopped, Status::Failed, false));
}

#[tokio::test]
async fn workers_on_threads_count_as_well() {
    struct Square;
    #[derive(Request)]
    #[request(response = u64)]
    struct Number(u64);
    impl Worker for Square {
        type Job = Number;
        async fn run(&mut self, job: Number, _cx: &WorkerContext) -> Result<u64, Failure> {
            Ok(job.0 * job.0)
        }
    }

    let router = Router::new();
    let pool = Pool::threads(2, || Square).start(&router).unwrap();
    for number in 0..200 {
        assert_eq!(router.request(Number(number)).await, Ok(number * number));
    }
    let vitals = pool.vitals();
    assert_eq!((vitals.counts.processed, vitals.workers.unwrap().busy), (200, 0));
    assert!(vitals.handling.count >= 2 && vitals.handling.count < 20, "{:?}", vitals.handling);
    assert!(vitals.waiting.count > 0);
}
