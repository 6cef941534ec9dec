//! Who begins what, and when.

use edri_router::Router;
use edri_worker::PoolError;
use futures_util::future::join_all;

use crate::support::{Crew, Hold, Job, Kind, made};

both_kinds!(
    at_most_as_many_jobs_run_as_there_are_workers_and_they_begin_in_order,
    workers_are_set_up_once_before_their_first_job_and_used_again,
    workers_are_set_up_before_anybody_asks,
    a_pool_of_no_workers_is_refused,
    a_job_wakes_an_idle_worker,
    jobs_asked_at_once_wake_as_many_workers_as_there_are,
    a_higher_priority_goes_before_what_waits,
    a_pool_counts_its_jobs,
);

async fn at_most_as_many_jobs_run_as_there_are_workers_and_they_begin_in_order(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(3, crew.hands()).start(&router).unwrap();
    let asked: Vec<_> = (0..20).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    assert_eq!(hold.begun_together(3).await, [0, 1, 2]);
    assert_eq!((pool.busy(), pool.waiting()), (3, 17));
    for next in 3..20 {
        assert!(hold.begun_so_far().is_empty(), "a job began while all workers had one");
        hold.let_go(1);
        assert_eq!(hold.begun().await, next);
    }
    hold.let_all_go();
    let answers: Vec<u64> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.into_iter().eq(0..20));
    assert_eq!(crew.peak(), 3);
}

async fn workers_are_set_up_once_before_their_first_job_and_used_again(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::new());
    let _pool = kind.pool(3, crew.hands()).start(&router).unwrap();
    // A worker fails a job that comes before its setup, and a second setup.
    for answer in join_all((0..60).map(|number| router.request(Job::answer(number)))).await {
        answer.unwrap();
    }
    crew.until_set_up(3).await;
    assert_eq!((crew.made(), crew.set_up()), (3, 3));
}

async fn workers_are_set_up_before_anybody_asks(kind: Kind) {
    let crew = Crew::new();
    let _pool = kind.pool(2, crew.hands()).start(&Router::new()).unwrap();
    crew.until_set_up(2).await;
}

async fn a_pool_of_no_workers_is_refused(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::new());
    let error = kind.pool(0, crew.hands()).name("smiths").start(&router).unwrap_err();
    assert!(matches!(&error, PoolError::NoWorkers { name } if name == "smiths"));
    assert_eq!(error.to_string(), "the pool smiths needs at least 1 worker, not 0");
    assert!(router.request(Job::answer(0)).await.is_err(), "a pool that was refused answers");
}

async fn a_job_wakes_an_idle_worker(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::new());
    let _pool = kind.pool(2, crew.hands()).start(&router).unwrap();
    crew.until_set_up(2).await;
    for number in 0..300 {
        assert_eq!(router.request(Job::answer(number)).await, Ok(number));
    }
}

async fn jobs_asked_at_once_wake_as_many_workers_as_there_are(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let _pool = kind.pool(4, crew.hands()).start(&router).unwrap();
    crew.until_set_up(4).await;
    for round in 0..20 {
        let asked: Vec<_> = (0..4).map(|_| made(router.request(Job::held(round, &hold)))).collect();
        // Each waits for the test, so that no worker can do two of them.
        assert_eq!(hold.begun_together(4).await, [round; 4]);
        hold.let_go(4);
        join_all(asked).await.into_iter().for_each(|answer| assert_eq!(answer, Ok(round)));
    }
}

async fn a_higher_priority_goes_before_what_waits(kind: Kind) {
    use edri_event::Priority::{Control, High};
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let _running = made(router.request(Job::held(0, &hold)));
    assert_eq!(hold.begun().await, 0);
    let _normal = made(router.request(Job::held(1, &hold)));
    let _high = made(router.request(Job::held(2, &hold)).priority(High));
    let _control = made(router.request(Job::held(3, &hold)).priority(Control));
    for next in [3, 2, 1] {
        hold.let_go(1);
        assert_eq!(hold.begun().await, next);
    }
    hold.let_all_go();
}

async fn a_pool_counts_its_jobs(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(2, crew.hands()).name("smiths").start(&router).unwrap();
    assert_eq!((pool.name(), pool.size(), pool.busy(), pool.waiting()), ("smiths", 2, 0, 0));
    let asked: Vec<_> = (0..5).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    hold.begun_together(2).await;
    assert_eq!((pool.busy(), pool.waiting(), pool.tally().accepted), (2, 3, 5));
    hold.let_all_go();
    join_all(asked).await;
    assert_eq!((pool.busy(), pool.waiting(), pool.tally().accepted), (0, 0, 5));
}
