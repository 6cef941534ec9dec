//! How a pool ends, and that nobody is left waiting for it.

use std::time::Duration;

use edri_router::{RequestError, Router};
use edri_worker::Unfinished;
use futures_util::FutureExt;
use futures_util::future::{join, join_all};
use tokio::time::Instant;

use crate::support::{Answered, Crew, Hold, Job, Kind, Setup, made};

both_kinds!(
    a_pool_that_stops_does_what_waits,
    a_pool_that_stops_lets_in_those_who_stand_in_line,
    a_stuck_worker_keeps_nobody_waiting_beyond_the_deadline,
    a_setup_that_is_stuck_keeps_nobody_waiting_beyond_the_deadline,
    jobs_nobody_waits_for_are_not_unfinished,
    an_idle_pool_stops_at_once,
    a_stop_that_is_dropped_leaves_the_pool_to_its_end,
    a_closed_pool_refuses_new_jobs_and_does_what_waits,
    a_dropped_pool_does_what_waits_and_its_workers_end,
);

const STOPPED: Answered = Err(RequestError::Stopped);

/// Later than any test takes.
fn much_later() -> Instant {
    Instant::now() + Duration::from_secs(3_600)
}

fn nobody_answers(answer: Option<Answered>) -> bool {
    matches!(answer, Some(Err(RequestError::NoResponder { .. })))
}

async fn a_pool_that_stops_does_what_waits(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(2, crew.hands()).start(&router).unwrap();
    let asked: Vec<_> = (0..8).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    hold.begun_together(2).await;
    let mut stopping = Box::pin(pool.stop(much_later()));
    assert_eq!((&mut stopping).now_or_never(), None);
    assert!(nobody_answers(router.request(Job::answer(9)).now_or_never()));
    hold.let_all_go();
    let (unfinished, answers) = join(stopping, join_all(asked)).await;
    assert_eq!(unfinished, Unfinished::default());
    assert!(answers.into_iter().eq((0..8).map(Ok)));
    crew.until_gone().await;
}

async fn a_pool_that_stops_lets_in_those_who_stand_in_line(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(1, crew.hands()).capacity(1).start(&router).unwrap();
    let running = made(router.request(Job::held(0, &hold)));
    hold.begun().await;
    let waiting: Vec<_> = (1..5).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    hold.let_all_go();
    let (unfinished, answers) = join(pool.stop(much_later()), join_all(waiting)).await;
    assert_eq!(unfinished, Unfinished::default());
    assert!(answers.into_iter().eq((1..5).map(Ok)));
    assert_eq!(running.await, Ok(0));
}

async fn a_stuck_worker_keeps_nobody_waiting_beyond_the_deadline(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(2, crew.hands()).capacity(2).start(&router).unwrap();
    let stuck: Vec<_> = (0..2).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    hold.begun_together(2).await;
    // Two fill the queue, one stands in line.
    let waiting: Vec<_> = (2..5).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    tokio::time::pause();
    let deadline = Instant::now() + Duration::from_secs(5);
    let unfinished = pool.stop(deadline).await;
    assert!(Instant::now() - deadline < Duration::from_millis(10));
    tokio::time::resume();
    assert_eq!((unfinished.waiting, unfinished.running), (3, 2));
    let told: Vec<_> = waiting.into_iter().map(FutureExt::now_or_never).collect();
    assert_eq!(told, [Some(STOPPED), Some(STOPPED), Some(STOPPED)]);
    match kind {
        Kind::Tasks => {
            let told: Vec<_> = stuck.into_iter().map(FutureExt::now_or_never).collect();
            let ended = Some(Err(RequestError::Cancelled));
            assert_eq!(told, [ended.clone(), ended]);
        }
        Kind::Threads => {
            hold.let_all_go();
            assert_eq!(join_all(stuck).await, [Ok(0), Ok(1)]);
        }
    }
    crew.until_gone().await;
    assert!(hold.begun_so_far().is_empty(), "a job was begun although its requester had been told otherwise");
}

async fn a_setup_that_is_stuck_keeps_nobody_waiting_beyond_the_deadline(kind: Kind) {
    let (router, mut setting_up, mut hold) = (Router::new(), Hold::new(), Hold::new());
    let crew = Crew::with_setups([Setup::Held(setting_up.end())]);
    let pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    setting_up.begun().await;
    let waiting = made(router.request(Job::held(1, &hold)));
    let unfinished = pool.stop(Instant::now()).await;
    assert_eq!((unfinished.waiting, unfinished.running), (1, 0));
    assert_eq!(waiting.now_or_never(), Some(STOPPED));
    setting_up.let_all_go();
    crew.until_gone().await;
    assert!(hold.begun_so_far().is_empty());
}

async fn jobs_nobody_waits_for_are_not_unfinished(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let _running = made(router.request(Job::held(0, &hold)));
    hold.begun().await;
    drop(made(router.request(Job::held(1, &hold))));
    let _waiting = made(router.request(Job::held(2, &hold)));
    assert_eq!(pool.waiting(), 2);
    let unfinished = pool.stop(Instant::now()).await;
    assert_eq!((unfinished.waiting, unfinished.running), (1, 1));
    hold.let_all_go();
}

async fn an_idle_pool_stops_at_once(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::new());
    let pool = kind.pool(4, crew.hands()).start(&router).unwrap();
    crew.until_set_up(4).await;
    assert_eq!(pool.stop(much_later()).await, Unfinished::default());
    crew.until_gone().await;
    // Not even time to look.
    let pool = kind.pool(4, crew.hands()).start(&router).unwrap();
    assert_eq!(pool.stop(Instant::now()).await, Unfinished::default());
    crew.until_gone().await;
}

async fn a_stop_that_is_dropped_leaves_the_pool_to_its_end(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let asked: Vec<_> = (0..3).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    hold.begun().await;
    assert_eq!(pool.stop(much_later()).now_or_never(), None);
    hold.let_all_go();
    assert_eq!(join_all(asked).await, [Ok(0), Ok(1), Ok(2)]);
    crew.until_gone().await;
}

async fn a_closed_pool_refuses_new_jobs_and_does_what_waits(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let mut pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let asked: Vec<_> = (0..3).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    hold.begun().await;
    pool.close();
    pool.close();
    assert!(nobody_answers(router.request(Job::answer(3)).now_or_never()));
    assert!(nobody_answers(pool.request(Job::answer(4)).now_or_never()));
    hold.let_all_go();
    assert_eq!(join_all(asked).await, [Ok(0), Ok(1), Ok(2)]);
    crew.until_gone().await;
    assert_eq!((pool.waiting(), pool.busy()), (0, 0));
}

async fn a_dropped_pool_does_what_waits_and_its_workers_end(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(2, crew.hands()).start(&router).unwrap();
    let asked: Vec<_> = (0..6).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    hold.begun_together(2).await;
    drop(pool);
    assert!(nobody_answers(router.request(Job::answer(9)).now_or_never()));
    hold.let_all_go();
    assert!(join_all(asked).await.into_iter().eq((0..6).map(Ok)));
    crew.until_gone().await;
}
