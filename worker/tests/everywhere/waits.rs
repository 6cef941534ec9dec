//! Who waits for whom, and who waits no longer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use edri_event::{Priority, TraceContext};
use edri_router::{Overflow, RequestError, Router};
use edri_worker::RunningPool;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::Notify;

use crate::place::Place;
use crate::program::until;
use crate::smith::{Forge, Forged, job};

everywhere!(
    as_many_jobs_run_at_a_time_as_there_are_workers_and_all_are_done_in_order,
    a_higher_priority_goes_before_what_waits,
    a_full_pool_that_rejects_says_so_at_once,
    a_job_keeps_its_identity_its_deadline_and_its_trace,
    a_worker_learns_that_its_requester_has_gone_away_whether_it_waits_or_computes,
    a_job_whose_requester_is_gone_before_it_begins_is_not_run,
    a_job_whose_time_is_over_while_it_waits_is_not_begun,
);

/// Behaviour 50 of the original: no more than there are workers at a time, and all are done, in the order in which they
/// came.
async fn as_many_jobs_run_at_a_time_as_there_are_workers_and_all_are_done_in_order(place: Place) {
    let router = Router::new();
    for size in [1, 2] {
        let pool = place.smiths(size).start_private(&router).unwrap();
        all_up(&pool).await;
        let ended = Mutex::new(Vec::new());
        let asked = (0..20).map(|number: u64| {
            let (pool, ended) = (&pool, &ended);
            async move {
                let answer = pool.request(job("pause").number(5).text(number.to_string())).await;
                ended.lock().unwrap().push(number);
                answer.unwrap()
            }
        });
        let mut most = 0;
        let watch = async {
            loop {
                most = most.max(pool.busy());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let answers = tokio::select! {
            answers = join_all(asked) => answers,
            () = watch => unreachable!("it has no end"),
        };
        assert_eq!(answers, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
        assert_eq!(most, size);
        if size == 1 {
            assert!(ended.into_inner().unwrap().is_sorted());
        }
    }
}

/// Until each of its workers has been seen at work: processes come one after the other.
async fn all_up(pool: &RunningPool<Forge>) {
    let all_busy = until("all are at work", || pool.busy() == pool.size());
    let busy = async {
        loop {
            join_all((0..pool.size()).map(|_| pool.request(job("pause").number(10)))).await;
        }
    };
    tokio::select! {
        () = all_busy => {}
        () = busy => unreachable!("it has no end"),
    }
    until("all are free", || pool.busy() == 0).await;
}

async fn a_higher_priority_goes_before_what_waits(place: Place) {
    let router = Router::new();
    let pool = place.smiths(1).start(&router).unwrap();
    let order = Mutex::new(Vec::new());
    let first = router.request(job("pause").number(100));
    let asked = [Priority::Normal, Priority::High, Priority::Control].map(|priority| {
        let (router, order, pool) = (&router, &order, &pool);
        async move {
            until("the worker is busy", || pool.busy() == 1).await;
            router.request(job("pause").number(20)).priority(priority).await.unwrap();
            order.lock().unwrap().push(priority);
        }
    });
    let (first, _) = tokio::join!(first, join_all(asked));
    first.unwrap();
    assert_eq!(*order.lock().unwrap(), [Priority::Control, Priority::High, Priority::Normal]);
}

async fn a_full_pool_that_rejects_says_so_at_once(place: Place) {
    let router = Router::new();
    let pool = place.smiths(1).capacity(1).overflow(Overflow::Reject).start(&router).unwrap();
    let mut asked = Vec::new();
    let mut rejected = 0;
    until("it is full", || {
        let mut next = Box::pin(router.request(job("pause").number(200)));
        match (&mut next).now_or_never() {
            None => asked.push(next),
            Some(answer) => {
                assert_eq!(answer, Err(RequestError::Overloaded));
                rejected += 1;
            }
        }
        pool.busy() == 1 && rejected > 0
    })
    .await;
    let answers = join_all(asked).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

async fn a_job_keeps_its_identity_its_deadline_and_its_trace(place: Place) {
    let router = Router::new();
    let _pool = place.smiths(1).start(&router).unwrap();
    assert_eq!(router.request(job("circumstances")).await, Ok("true false ".into()));
    let trace: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    let asked = router.request(job("circumstances")).timeout(Duration::from_secs(30)).trace(trace);
    let answer = asked.await.unwrap();
    assert!(answer.starts_with("true true 00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{answer}");
}

async fn a_worker_learns_that_its_requester_has_gone_away_whether_it_waits_or_computes(place: Place) {
    let router = Router::new();
    let pool = place.smiths(1).start(&router).unwrap();
    let mut told = router.subscribe::<Forged>();
    for (number, what) in [(1, "until-cancelled"), (2, "check-cancelled")] {
        let begun = Arc::new(Notify::new());
        let tell = Arc::clone(&begun);
        let asked = router.request(job(what).number(number)).on_progress(move |_| tell.notify_one());
        tokio::select! {
            answer = asked => panic!("{answer:?}"),
            () = begun.notified() => {}
        }
        assert_eq!(told.recv().await.map(|told| told.number), Some(number));
        until("it has left it", || pool.busy() == 0).await;
    }
    assert_eq!(router.request(job("who")).await, Ok("smith-0 0 3".into()));
}

async fn a_job_whose_requester_is_gone_before_it_begins_is_not_run(place: Place) {
    let router = Router::new();
    let pool = place.smiths(1).start(&router).unwrap();
    let first = Box::pin(router.request(job("pause").number(100)));
    let gone = async {
        until("the worker is busy", || pool.busy() == 1).await;
        let mut gone = Box::pin(router.request(job("who")));
        assert!((&mut gone).now_or_never().is_none());
    };
    let (first, ()) = tokio::join!(first, gone);
    first.unwrap();
    assert_eq!(router.request(job("who")).await, Ok("smith-0 0 2".into()));
}

async fn a_job_whose_time_is_over_while_it_waits_is_not_begun(place: Place) {
    let router = Router::new();
    let _pool = place.smiths(1).start(&router).unwrap();
    let first = router.request(job("pause").number(300));
    let second = router.request(job("who")).timeout(Duration::from_millis(50));
    let third = router.request(job("who"));
    let (first, second, third) = tokio::join!(first, second, third);
    assert_eq!(first, Ok(String::new()));
    assert!(matches!(second, Err(RequestError::TimedOut { .. })), "{second:?}");
    assert_eq!(third, Ok("smith-0 0 2".into()));
}
