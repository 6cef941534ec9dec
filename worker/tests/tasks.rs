//! What is particular to workers that are tasks of a runtime.

mod support;

use std::sync::mpsc;

use edri_router::{RequestError, Router};
use edri_worker::Pool;
use futures_util::FutureExt as _;
use support::{Crew, Hold, Job, made, within};
use tokio::runtime::Builder;
use tokio::time::Instant;

#[test]
fn a_runtime_that_ends_takes_its_workers_along_and_their_requesters_are_told() {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let (pool, running, waiting) = runtime.block_on(within(async {
        let pool = Pool::tasks(1, crew.hands()).start(&router).unwrap();
        let running = made(router.request(Job::held(1, &hold)));
        hold.begun().await;
        (pool, running, made(router.request(Job::held(2, &hold))))
    }));
    drop(runtime);
    assert_eq!(running.now_or_never(), Some(Err(RequestError::Cancelled)));
    assert_eq!(waiting.now_or_never(), Some(Err(RequestError::Stopped)));
    let late = router.request(Job::answer(3)).now_or_never();
    assert!(matches!(late, Some(Err(RequestError::NoResponder { .. }))));
    assert_eq!((pool.busy(), pool.waiting()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_blocks_does_not_hold_up_a_stop() {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let (unblock, blocked) = mpsc::channel();
    let pool = Pool::tasks(1, crew.hands()).start(&router).unwrap();
    let begun = hold.end();
    hold.let_all_go();
    let blocking = Job::new(move |_, _| {
        Box::pin(async move {
            begun.pass(1).await;
            Ok(blocked.recv()?)
        })
    });
    let running = made(router.request(blocking));
    within(hold.begun()).await;
    let waiting = made(router.request(Job::held(2, &hold)));
    let unfinished = within(pool.stop(Instant::now())).await;
    assert_eq!((unfinished.waiting, unfinished.running), (1, 1));
    assert_eq!(waiting.now_or_never(), Some(Err(RequestError::Stopped)));
    unblock.send(7).unwrap();
    assert_eq!(within(running).await, Ok(7));
    within(crew.until_gone()).await;
}
