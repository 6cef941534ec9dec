//! How many jobs may wait, and what happens to the next.

use edri_event::Priority;
use edri_router::{Asking, Overflow, RequestError, Router};
use edri_worker::RunningPool;
use futures_util::FutureExt;
use futures_util::future::join_all;

use crate::support::{Answered, Crew, Hold, Job, Kind, made};

both_kinds!(
    a_requester_without_room_waits_in_line,
    a_requester_that_leaves_the_line_leaves_nothing_behind,
    a_job_without_room_is_refused,
    the_newest_job_is_dropped_and_its_requester_told,
    the_oldest_job_is_dropped_and_its_requester_told,
    the_oldest_job_of_the_lowest_priority_is_dropped,
);

const OVERLOADED: Answered = Err(RequestError::Overloaded);

/// One worker that has a job (0), and `capacity` jobs that wait.
async fn full(
    router: &Router,
    kind: Kind,
    overflow: Overflow,
    capacity: usize,
) -> (RunningPool<Job>, Hold, Vec<Asking<'_, Job>>) {
    let mut hold = Hold::new();
    let pool = kind.pool(1, Crew::new().hands()).capacity(capacity).overflow(overflow).start(router).unwrap();
    let mut asked = vec![made(router.request(Job::held(0, &hold)))];
    assert_eq!(hold.begun().await, 0);
    asked.extend((1..=capacity as u64).map(|number| made(router.request(Job::held(number, &hold)))));
    assert_eq!(pool.waiting(), capacity);
    (pool, hold, asked)
}

async fn answers(hold: &Hold, asked: Vec<Asking<'_, Job>>) -> Vec<Answered> {
    hold.let_all_go();
    join_all(asked).await
}

async fn a_requester_without_room_waits_in_line(kind: Kind) {
    let router = Router::new();
    let (pool, mut hold, mut asked) = full(&router, kind, Overflow::Wait, 2).await;
    asked.extend((3..6).map(|number| made(router.request(Job::held(number, &hold)))));
    // Those in line wait too, but are not accepted yet.
    assert_eq!((pool.waiting(), pool.tally().accepted), (5, 3));
    hold.let_go(1);
    assert_eq!(hold.begun().await, 1);
    assert_eq!((pool.waiting(), pool.tally().accepted), (4, 4));
    for next in 2..6 {
        hold.let_go(1);
        assert_eq!(hold.begun().await, next);
    }
    assert!(answers(&hold, asked).await.into_iter().eq((0..6).map(Ok)));
}

async fn a_requester_that_leaves_the_line_leaves_nothing_behind(kind: Kind) {
    let router = Router::new();
    let (pool, mut hold, asked) = full(&router, kind, Overflow::Wait, 1).await;
    let in_line = made(router.request(Job::held(2, &hold)));
    assert_eq!(pool.waiting(), 2);
    drop(in_line);
    assert_eq!(pool.waiting(), 1);
    assert!(answers(&hold, asked).await.into_iter().eq((0..2).map(Ok)));
    assert_eq!(hold.begun_so_far(), [1]);
}

async fn a_job_without_room_is_refused(kind: Kind) {
    let router = Router::new();
    let (pool, hold, asked) = full(&router, kind, Overflow::Reject, 2).await;
    assert_eq!(router.request(Job::answer(3)).now_or_never(), Some(OVERLOADED));
    assert_eq!((pool.waiting(), pool.tally().rejected), (2, 1));
    assert!(answers(&hold, asked).await.into_iter().eq((0..3).map(Ok)));
    assert_eq!(router.request(Job::answer(4)).await, Ok(4));
}

async fn the_newest_job_is_dropped_and_its_requester_told(kind: Kind) {
    let router = Router::new();
    let (pool, hold, asked) = full(&router, kind, Overflow::DropNewest, 2).await;
    assert_eq!(router.request(Job::answer(3)).now_or_never(), Some(OVERLOADED));
    assert_eq!((pool.waiting(), pool.tally().dropped), (2, 1));
    assert!(answers(&hold, asked).await.into_iter().eq((0..3).map(Ok)));
}

async fn the_oldest_job_is_dropped_and_its_requester_told(kind: Kind) {
    let router = Router::new();
    let (pool, hold, mut asked) = full(&router, kind, Overflow::DropOldest, 2).await;
    asked.push(made(router.request(Job::held(3, &hold))));
    assert_eq!((&mut asked[1]).now_or_never(), Some(OVERLOADED));
    drop(asked.remove(1));
    assert_eq!((pool.waiting(), pool.tally().dropped), (2, 1));
    assert_eq!(answers(&hold, asked).await, [Ok(0), Ok(2), Ok(3)]);
}

async fn the_oldest_job_of_the_lowest_priority_is_dropped(kind: Kind) {
    let router = Router::new();
    let (_pool, hold, mut asked) = full(&router, kind, Overflow::DropOldest, 2).await;
    asked.push(made(router.request(Job::held(3, &hold)).priority(Priority::High)));
    asked.push(made(router.request(Job::held(4, &hold)).priority(Priority::High)));
    let told = asked.drain(1..3).map(FutureExt::now_or_never).collect::<Vec<_>>();
    assert_eq!(told, [Some(OVERLOADED), Some(OVERLOADED)]);
    assert_eq!(answers(&hold, asked).await, [Ok(0), Ok(3), Ok(4)]);
}
