//! How a pool ends, and that nobody is left waiting for it.

use std::time::Duration;

use edri_router::{RequestError, Router};
use edri_worker::{PoolError, Unfinished};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::place::Place;
use crate::program::until;
use crate::smith::job;

everywhere!(
    a_pool_of_no_workers_is_refused,
    a_pool_that_stops_does_what_waits,
    a_pool_that_has_to_stop_answers_all_who_wait,
    a_closed_pool_refuses_new_jobs_and_does_what_waits,
    a_dropped_pool_does_what_waits,
);

async fn a_pool_of_no_workers_is_refused(place: Place) {
    let router = Router::new();
    let error = place.smiths(0).start(&router).unwrap_err();
    assert!(matches!(&error, PoolError::NoWorkers { name } if name == "smith"));
    assert!(router.request(job("echo")).await.is_err(), "a pool that was refused answers");
}

async fn a_pool_that_stops_does_what_waits(place: Place) {
    let router = Router::new();
    let pool = place.smiths(2).start(&router).unwrap();
    let asked: Vec<_> = (0..10).map(|_| router.request(job("pause").number(10))).collect();
    let stop = async {
        until("all are taken", || pool.busy() + pool.waiting() == 10).await;
        let unfinished = pool.stop(Instant::now() + Duration::from_secs(40)).await;
        assert!(no_responder(&router), "it is gone");
        unfinished
    };
    let (answers, unfinished) = tokio::join!(join_all(asked), stop);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(unfinished, Unfinished::default());
}

async fn a_pool_that_has_to_stop_answers_all_who_wait(place: Place) {
    let router = Router::new();
    let pool = place.smiths(1).start(&router).unwrap();
    let running = router.request(job("pause").number(1_000));
    let waiting: Vec<_> = (0..2).map(|_| router.request(job("pause").number(1_000))).collect();
    let stop = async {
        until("one is being done", || pool.busy() == 1 && pool.waiting() == 2).await;
        pool.stop(Instant::now() + Duration::from_millis(200)).await
    };
    let (running, waiting, unfinished) = tokio::join!(running, join_all(waiting), stop);
    assert_eq!(unfinished.running + unfinished.waiting, 3, "{unfinished:?} {running:?} {waiting:?}");
    match place {
        Place::Tasks => assert_eq!(running, Err(RequestError::Cancelled)),
        // A thread cannot be ended: it finishes what it does.
        Place::Threads => assert_eq!(running, Ok(String::new())),
        // They are asked to end before the deadline, and others may have begun what waited then.
        Place::Processes => {
            assert_eq!(running, Err(RequestError::Cancelled));
            let is_told = |answer| matches!(answer, Err(RequestError::Stopped | RequestError::Cancelled));
            assert!(waiting.into_iter().all(is_told));
            return;
        }
    }
    assert_eq!(waiting, [Err(RequestError::Stopped), Err(RequestError::Stopped)]);
}

async fn a_closed_pool_refuses_new_jobs_and_does_what_waits(place: Place) {
    let router = Router::new();
    let mut pool = place.smiths(1).start(&router).unwrap();
    let asked: Vec<_> = (0..5).map(|_| router.request(job("pause").number(10))).collect();
    let (answers, ()) = tokio::join!(join_all(asked), async {
        until("they are taken", || pool.busy() + pool.waiting() == 5).await;
        pool.close();
        assert!(no_responder(&router));
    });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    until("it is idle", || pool.busy() + pool.waiting() == 0).await;
}

async fn a_dropped_pool_does_what_waits(place: Place) {
    let router = Router::new();
    let pool = place.smiths(1).start(&router).unwrap();
    let asked: Vec<_> = (0..5).map(|_| router.request(job("pause").number(10))).collect();
    let (answers, ()) = tokio::join!(join_all(asked), async {
        until("they are taken", || pool.busy() + pool.waiting() == 5).await;
        drop(pool);
        assert!(no_responder(&router));
    });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

fn no_responder(router: &Router) -> bool {
    matches!(router.request(job("echo")).now_or_never(), Some(Err(RequestError::NoResponder { .. })))
}
