//! Which of the jobs that wait is done next.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use edri_event::{Failure, Priority, Request};
use edri_router::Router;
use edri_worker::{Pool, Worker, WorkerContext};
use futures_util::future::join_all;
use tokio::time::Instant;

#[derive(Request)]
#[request(response = ())]
struct Job(u64);

#[derive(Request)]
#[request(response = (), priority = "high")]
struct Rush(u64);

type Log = Arc<Mutex<Vec<u64>>>;

struct Writer(Log);

impl Worker for Writer {
    type Job = Job;

    async fn run(&mut self, job: Job, _: &WorkerContext) -> Result<(), Failure> {
        self.0.lock().unwrap().push(job.0);
        Ok(())
    }
}

struct Runner(Log);

impl Worker for Runner {
    type Job = Rush;

    async fn run(&mut self, job: Rush, _: &WorkerContext) -> Result<(), Failure> {
        self.0.lock().unwrap().push(job.0);
        Ok(())
    }
}

const LANES: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Control];

#[tokio::test]
async fn a_pool_does_the_most_urgent_job_first_and_equal_ones_in_order() {
    // With room for all, and with most of them in line before a full inbox.
    for capacity in [16, 1] {
        let (router, log) = (Router::new(), Log::default());
        let done = Arc::clone(&log);
        let pool = Pool::tasks(1, move || Writer(Arc::clone(&done))).capacity(capacity);
        let pool = pool.start(&router).unwrap();
        let jobs = (0..2).flat_map(|round| (0..3_u64).map(move |lane| (lane, round)));
        let asking =
            jobs.map(|(lane, round)| router.request(Job(lane * 10 + round)).priority(LANES[lane as usize]));
        assert!(join_all(asking).await.iter().all(Result::is_ok));
        let mut order = log.lock().unwrap().clone();
        if capacity == 1 {
            assert_eq!(order.remove(0), 0, "the one that was not in line");
            order.insert(4, 0);
        }
        assert_eq!(order, [20, 21, 10, 11, 0, 1]);
        pool.stop(Instant::now() + Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn a_job_has_the_priority_of_its_type_unless_its_request_is_given_another() {
    let (router, log) = (Router::new(), Log::default());
    let done = Arc::clone(&log);
    let pool = Pool::tasks(1, move || Runner(Arc::clone(&done))).start(&router).unwrap();
    let asking = [
        router.request(Rush(0)).priority(Priority::Normal),
        router.request(Rush(10)),
        router.request(Rush(20)).priority(Priority::Control),
    ];
    assert!(join_all(asking).await.iter().all(Result::is_ok));
    assert_eq!(*log.lock().unwrap(), [20, 10, 0]);
    pool.stop(Instant::now() + Duration::from_secs(5)).await;
}
