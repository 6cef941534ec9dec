//! A requester that goes away.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::sync::Arc;
use std::time::Duration;

use edri_event::Request;
use edri_manager::{Concurrency, Host, manager};
use edri_router::{Context, RequestError, Router};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

#[derive(Request)]
#[request(response = u64)]
struct Work(u64);

#[derive(Debug, PartialEq)]
enum Seen {
    Begun(u64),
    Cancelled(u64),
    Done(u64),
}

struct Worker {
    seen: mpsc::UnboundedSender<Seen>,
    permits: Arc<Semaphore>,
}

#[manager]
impl Worker {
    #[request]
    async fn work(&self, event: Work, cx: &Context) -> u64 {
        self.seen.send(Seen::Begun(event.0)).ok();
        tokio::select! {
            () = cx.cancelled() => {
                assert!(cx.is_cancelled());
                self.seen.send(Seen::Cancelled(event.0)).ok();
            }
            permit = self.permits.acquire() => {
                permit.unwrap().forget();
                self.seen.send(Seen::Done(event.0)).ok();
            }
        }
        event.0
    }
}

/// Where handlers run on tasks of their own, one at a time.
const MODES: [fn(Host<Worker>) -> Host<Worker>; 3] = [
    Host::mailbox,
    |host| host.concurrency(Concurrency::PerKey(1)),
    |host| host.concurrency(Concurrency::Unordered(1)),
];

fn worker() -> (Worker, mpsc::UnboundedReceiver<Seen>, Arc<Semaphore>) {
    let (seen, sees) = mpsc::unbounded_channel();
    let permits = Arc::new(Semaphore::new(0));
    (Worker { seen, permits: Arc::clone(&permits) }, sees, permits)
}

#[tokio::test(start_paused = true)]
async fn a_handler_learns_that_its_requester_ran_out_of_time() {
    for configure in MODES {
        let router = Router::new();
        let (worker, mut sees, permits) = worker();
        let _managed = configure(Host::new(worker)).start(&router).await.unwrap();
        let before = Instant::now();
        let outcome = router.request(Work(1)).timeout(Duration::from_secs(5)).await;
        assert!(matches!(outcome, Err(RequestError::TimedOut { .. })));
        assert_eq!(before.elapsed(), Duration::from_secs(5));
        assert_eq!(sees.recv().await, Some(Seen::Begun(1)));
        assert_eq!(sees.recv().await, Some(Seen::Cancelled(1)));
        permits.add_permits(1);
        assert_eq!(router.request(Work(2)).await, Ok(2), "the next one is handled as ever");
    }
}

#[tokio::test]
async fn a_handler_learns_that_its_request_was_dropped() {
    for configure in MODES {
        let router = Router::new();
        let (worker, mut sees, _permits) = worker();
        let _managed = configure(Host::new(worker)).start(&router).await.unwrap();
        tokio::select! {
            _ = router.request(Work(1)) => unreachable!("it has no permit"),
            begun = sees.recv() => assert_eq!(begun, Some(Seen::Begun(1))),
        }
        assert_eq!(sees.recv().await, Some(Seen::Cancelled(1)));
    }
}

#[tokio::test]
async fn a_cancelled_request_in_the_inbox_is_skipped() {
    for configure in MODES {
        let router = Router::new();
        let (worker, mut sees, permits) = worker();
        let managed = configure(Host::new(worker)).start(&router).await.unwrap();
        let first = tokio::spawn({
            let router = router.clone();
            async move { router.request(Work(1)).await }
        });
        assert_eq!(sees.recv().await, Some(Seen::Begun(1)));
        let second = tokio::spawn({
            let router = router.clone();
            async move { router.request(Work(2)).await }
        });
        while managed.tally().accepted < 2 {
            tokio::task::yield_now().await;
        }
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        permits.add_permits(2);
        assert_eq!(router.request(Work(3)).await, Ok(3));
        assert_eq!(first.await.unwrap(), Ok(1));
        for seen in [Seen::Done(1), Seen::Begun(3), Seen::Done(3)] {
            assert_eq!(sees.recv().await, Some(seen));
        }
    }
}

#[tokio::test]
async fn a_dropped_inline_request_ends_its_handler_and_leaves_the_manager_usable() {
    let router = Router::new();
    let (worker, mut sees, permits) = worker();
    let managed = Host::new(worker).inline().start(&router).await.unwrap();
    for round in 0..3 {
        tokio::select! {
            biased;
            _ = router.request(Work(round)) => unreachable!("it has no permit"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(sees.try_recv(), Ok(Seen::Begun(round)));
    }
    permits.add_permits(1);
    assert_eq!(router.request(Work(9)).await, Ok(9));
    assert_eq!(managed.tally().accepted, 0, "nothing went by the inbox");
}
