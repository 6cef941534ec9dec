//! A panic costs one worker, never a place.

use std::future::Future;

use edri_event::{Failure, Request};
use edri_router::{RequestError, Router};
use edri_worker::{Worker, WorkerContext};
use futures_util::future::join_all;

use crate::support::{Answered, Crew, Hold, Job, Kind, made};

both_kinds!(
    a_panic_is_answered_and_replaces_the_worker,
    a_panic_harms_no_other_job,
    many_panics_in_a_row_leave_the_pool_as_large_as_it_was,
    a_panic_before_the_future_and_one_in_drop_are_survived,
);

async fn a_panic_is_answered_and_replaces_the_worker(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::new());
    let pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    assert_eq!(router.request(Job::answer(1)).await, Ok(1));
    assert_eq!(router.request(jobs_so_far()).await, Ok(2));
    assert_eq!(router.request(Job::panic("ouch")).await, panicked("ouch"));
    assert_eq!(router.request(jobs_so_far()).await, Ok(1));
    assert_eq!((crew.made(), crew.set_up(), pool.size()), (2, 2, 1));
}

async fn a_panic_harms_no_other_job(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(2, crew.hands()).start(&router).unwrap();
    let running = made(router.request(Job::held(1, &hold)));
    assert_eq!(hold.begun().await, 1);
    let panicking = router.request(Job::panic("ouch"));
    let waiting = router.request(Job::answer(2));
    assert_eq!(join_all([panicking, waiting]).await, [panicked("ouch"), Ok(2)]);
    hold.let_go(1);
    assert_eq!(running.await, Ok(1));
    assert_eq!(pool.size(), 2);
}

async fn many_panics_in_a_row_leave_the_pool_as_large_as_it_was(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(3, crew.hands()).start(&router).unwrap();
    for answer in join_all((0..100).map(|_| router.request(Job::panic("ouch")))).await {
        assert_eq!(answer, panicked("ouch"));
    }
    let asked: Vec<_> = (0..4).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    assert_eq!(hold.begun_together(3).await, [0, 1, 2]);
    hold.let_all_go();
    assert!(join_all(asked).await.iter().all(Result::is_ok));
    assert_eq!((crew.made(), crew.peak(), pool.size(), pool.busy()), (103, 3, 3, 0));
}

async fn a_panic_before_the_future_and_one_in_drop_are_survived(kind: Kind) {
    let router = Router::new();
    let _pool = kind.pool(1, || Grenade { pulled: false }).start(&router).unwrap();
    for _ in 0..3 {
        assert_eq!(router.request(Throw(true)).await, panicked("bang"));
        assert_eq!(router.request(Throw(false)).await, Ok(0));
    }
}

#[derive(Request)]
#[request(response = u64)]
struct Throw(bool);

/// Panics when it is called, not when it is awaited, and once more when it is dropped.
struct Grenade {
    pulled: bool,
}

impl Worker for Grenade {
    type Job = Throw;

    fn run(&mut self, job: Throw, _cx: &WorkerContext) -> impl Future<Output = Result<u64, Failure>> + Send {
        self.pulled = job.0;
        assert!(!self.pulled, "bang");
        std::future::ready(Ok(0))
    }
}

impl Drop for Grenade {
    fn drop(&mut self) {
        assert!(!self.pulled, "and again");
    }
}

/// Answered with how many jobs its worker has had, this one included.
fn jobs_so_far() -> Job {
    Job::new(|hand, _| {
        let jobs = hand.jobs;
        Box::pin(async move { Ok(jobs) })
    })
}

fn panicked(message: &str) -> Answered {
    Err(RequestError::Panicked { message: message.to_owned() })
}
