//! What a job is answered with, and what comes before its answer.

use std::sync::{Arc, Mutex};

use edri_event::Progress;
use edri_router::{RequestError, Router};

use crate::place::Place;
use crate::smith::job;

everywhere!(
    a_worker_does_one_job_after_the_other,
    a_job_that_fails_is_answered_and_its_worker_goes_on,
    a_panic_is_answered_and_replaces_the_worker,
    reports_of_progress_come_in_order_and_before_the_answer,
    long_jobs_and_long_answers_arrive_whole,
    a_pool_counts_its_jobs,
);

async fn a_worker_does_one_job_after_the_other(place: Place) {
    let router = Router::new();
    let pool = place.smiths(1).start(&router).unwrap();
    assert_eq!(router.request(job("echo").text("čeština")).await, Ok("čeština".into()));
    assert_eq!(router.request(job("who")).await, Ok("smith-0 0 2".into()));
    assert_eq!((pool.name(), pool.size()), ("smith", 1));
}

async fn a_job_that_fails_is_answered_and_its_worker_goes_on(place: Place) {
    let router = Router::new();
    let _pool = place.smiths(1).start(&router).unwrap();
    let Err(RequestError::Failed(failure)) = router.request(job("fail").text("too hot")).await else {
        panic!("it did not fail")
    };
    assert_eq!((failure.code(), failure.message()), ("bent", "too hot"));
    assert_eq!(router.request(job("who")).await, Ok("smith-0 0 2".into()));
}

async fn a_panic_is_answered_and_replaces_the_worker(place: Place) {
    let router = Router::new();
    let pool = place.smiths(1).start(&router).unwrap();
    assert_eq!(router.request(job("who")).await, Ok("smith-0 0 1".into()));
    for _ in 0..3 {
        let panicked = RequestError::Panicked { message: "ouch".into() };
        assert_eq!(router.request(job("panic").text("ouch")).await, Err(panicked));
    }
    assert_eq!(router.request(job("who")).await, Ok("smith-0 0 1".into()));
    assert_eq!((pool.size(), pool.busy()), (1, 0));
}

async fn reports_of_progress_come_in_order_and_before_the_answer(place: Place) {
    let router = Router::new();
    let _pool = place.smiths(1).start(&router).unwrap();
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reports);
    let asked = router.request(job("progress").number(20)).on_progress(move |progress: Progress| {
        sink.lock().unwrap().push((progress.done, progress.total));
    });
    asked.await.unwrap();
    let told = reports.lock().unwrap().clone();
    assert!(told.len() > 2 && told.is_sorted(), "{told:?}");
    assert!(told.iter().all(|(_, total)| *total == 20), "{told:?}");
    assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
    assert_eq!(*reports.lock().unwrap(), told, "nothing is reported of a job that has been answered");
}

async fn long_jobs_and_long_answers_arrive_whole(place: Place) {
    let router = Router::new();
    let _pool = place.smiths(1).start(&router).unwrap();
    let long: String = (0..3_000_000_u32).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
    assert!(router.request(job("echo").text(long.clone())).await.unwrap() == long);
}

async fn a_pool_counts_its_jobs(place: Place) {
    let router = Router::new();
    let pool = place.smiths(1).start(&router).unwrap();
    for what in ["echo", "fail", "echo", "panic"] {
        let _ = router.request(job(what)).await;
    }
    let counts = pool.vitals().counts;
    assert_eq!((counts.processed, counts.failed, counts.panicked, counts.restarts), (4, 1, 1, 1));
    assert_eq!((pool.tally().accepted, pool.busy(), pool.waiting()), (4, 0, 0));
}
