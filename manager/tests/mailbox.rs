//! Managers with a task of their own, and what stands between two of them.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use edri_event::{Failure, Notification, Priority, Request};
use edri_manager::{Concurrency, Host, IntoHost, Managed, manager};
use edri_router::{Context, Overflow, RequestError, Router};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

#[derive(Notification)]
struct Line {
    sender: usize,
    number: usize,
}

#[derive(Request)]
#[request(response = ())]
struct Block;

#[derive(Clone)]
struct Scribe {
    lines: Arc<Mutex<Vec<(usize, usize)>>>,
    busy: Arc<AtomicBool>,
    permits: Arc<Semaphore>,
    blocks: Arc<AtomicUsize>,
}

impl Scribe {
    fn new() -> Self {
        let permits = Arc::new(Semaphore::new(0));
        Self { lines: Arc::default(), busy: Arc::default(), permits, blocks: Arc::default() }
    }
}

#[manager]
impl Scribe {
    #[notification]
    async fn line(&self, event: &Line) {
        assert!(!self.busy.swap(true, Ordering::SeqCst), "two handlers at a time");
        self.lines.lock().push((event.sender, event.number));
        if event.number.is_multiple_of(3) {
            tokio::task::yield_now().await;
        }
        self.busy.store(false, Ordering::SeqCst);
    }

    #[request]
    async fn block(&self, _event: Block) {
        self.permits.acquire().await.unwrap().forget();
        self.blocks.fetch_add(1, Ordering::SeqCst);
    }
}

async fn ended(managed: Managed) {
    assert_eq!(managed.stop(tokio::time::Instant::now() + Duration::from_secs(60)).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_handles_one_event_at_a_time_in_the_order_of_each_sender() {
    let router = Router::new();
    let scribe = Scribe::new();
    let managed = scribe.clone().into_host().capacity(4).start(&router).await.unwrap();
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let router = router.clone();
            tokio::spawn(async move {
                for number in 0..1_000 {
                    router.notify(Line { sender, number }).await.unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    ended(managed).await;
    let lines = scribe.lines.lock();
    for sender in 0..4 {
        assert!(lines.iter().filter(|line| line.0 == sender).map(|line| line.1).eq(0..1_000));
    }
}

#[tokio::test]
async fn a_full_inbox_does_what_its_policy_says() {
    for (overflow, kept) in [
        (Overflow::Reject, vec![0, 1]),
        (Overflow::DropNewest, vec![0, 1]),
        (Overflow::DropOldest, vec![3, 4]),
        (Overflow::Wait, vec![0, 1]),
    ] {
        let router = Router::new();
        let scribe = Scribe::new();
        let host = Host::new(scribe.clone()).capacity(2).overflow(overflow);
        let managed = host.start(&router).await.unwrap();
        let blocked = tokio::spawn({
            let router = router.clone();
            async move { router.request(Block).await }
        });
        while managed.tally().accepted == 0 || managed.waiting() > 0 {
            tokio::task::yield_now().await;
        }
        for number in 0..5 {
            let told = router.try_notify(Line { sender: 0, number });
            let fits = number < 2 || matches!(overflow, Overflow::DropNewest | Overflow::DropOldest);
            assert_eq!(told.is_ok(), fits, "{overflow:?}, {number}");
        }
        scribe.permits.add_permits(1);
        blocked.await.unwrap().unwrap();
        ended(managed).await;
        let lines: Vec<_> = scribe.lines.lock().iter().map(|line| line.1).collect();
        assert_eq!(lines, kept, "{overflow:?}");
    }
}

/// A handler has begun, so there is room for one more, and the handler may take long.
#[tokio::test(start_paused = true)]
async fn a_sender_is_let_in_while_a_handler_waits() {
    let modes: [fn(Host<Scribe>) -> Host<Scribe>; 4] = [
        Host::mailbox,
        Host::inline,
        |host| host.concurrency(Concurrency::Unordered(1)),
        |host| host.concurrency(Concurrency::PerKey(1)),
    ];
    for configure in modes {
        let router = Router::new();
        let scribe = Scribe::new();
        let managed = configure(Host::new(scribe.clone()).capacity(8)).start(&router).await.unwrap();
        let line = |number| router.try_notify(Line { sender: 0, number });
        let block = || {
            let router = router.clone();
            tokio::spawn(async move { router.request(Block).await })
        };
        let ended_blocks = || scribe.blocks.load(Ordering::SeqCst);
        // By the inbox, where inline ones go too while something waits there.
        line(0).unwrap();
        let blocks = [block(), block(), block()];
        while managed.tally().accepted < 4 || managed.waiting() > 2 {
            tokio::task::yield_now().await;
        }
        let mut number = 0;
        while line(number).is_ok() {
            number += 1;
        }
        // Taken from the inbox with all that waits, the second block leaves room for one, and the third for another.
        let last = [1, 2].map(|_| {
            let router = router.clone();
            tokio::spawn(async move { router.notify(Line { sender: 1, number: 1 }).await })
        });
        for (ended, last) in (1..).zip(last) {
            scribe.permits.add_permits(1);
            while ended_blocks() < ended {
                tokio::task::yield_now().await;
            }
            timeout(Duration::from_secs(60), last).await.unwrap().unwrap().unwrap();
            assert_eq!(ended_blocks(), ended, "the next one still holds the manager");
        }
        scribe.permits.add_permits(1);
        for block in blocks {
            block.await.unwrap().unwrap();
        }
        ended(managed).await;
    }
}

#[tokio::test]
async fn what_is_urgent_goes_first() {
    let router = Router::new();
    let scribe = Scribe::new();
    let managed = Host::new(scribe.clone()).start(&router).await.unwrap();
    let blocked = tokio::spawn({
        let router = router.clone();
        async move { router.request(Block).await }
    });
    while managed.tally().accepted == 0 || managed.waiting() > 0 {
        tokio::task::yield_now().await;
    }
    router.notify(Line { sender: 0, number: 1 }).await.unwrap();
    router.notify(Line { sender: 0, number: 2 }).priority(Priority::Control).await.unwrap();
    scribe.permits.add_permits(1);
    blocked.await.unwrap().unwrap();
    ended(managed).await;
    assert_eq!(*scribe.lines.lock(), [(0, 2), (0, 1)]);
}

/// Has so many parts made elsewhere.
#[derive(Request)]
#[request(response = ())]
struct Assemble(usize);

#[derive(Notification)]
struct Part(usize);

#[derive(Notification)]
struct Made(usize);

#[derive(Request)]
#[request(response = usize)]
struct Count;

#[derive(Default)]
struct Assembler {
    made: usize,
}

#[manager]
impl Assembler {
    #[request]
    async fn assemble(&mut self, event: Assemble, cx: &Context) -> Result<(), Failure> {
        for part in 0..event.0 {
            cx.router().notify(Part(part)).await?;
        }
        Ok(())
    }

    #[notification]
    fn made(&mut self, event: &Made) {
        assert_eq!(event.0, self.made);
        self.made += 1;
    }

    #[request]
    fn count(&self, _event: Count) -> usize {
        self.made
    }
}

struct Maker;

#[manager(capacity = 1)]
impl Maker {
    #[notification]
    async fn make(&mut self, event: &Part, cx: &Context) -> Result<(), Failure> {
        cx.router().notify(Made(event.0)).await?;
        Ok(())
    }
}

/// The one waits for room at the other, which answers into an inbox that has enough.
#[tokio::test(start_paused = true)]
async fn a_narrow_inbox_in_one_direction_is_no_dead_lock() {
    let router = Router::new();
    let _assembler = Host::new(Assembler::default()).start(&router).await.unwrap();
    let _maker = Host::new(Maker).start(&router).await.unwrap();
    let parts = 1_000;
    timeout(Duration::from_secs(60), async {
        router.request(Assemble(parts)).await.unwrap();
        while router.request(Count).await.unwrap() < parts {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

/// Narrow in both directions, the two wait for each other: the hazard the guide warns of. A time-out ends it.
#[tokio::test(start_paused = true)]
async fn a_dead_lock_of_two_narrow_inboxes_ends_with_the_requesters_patience() {
    let router = Router::new();
    let _assembler = Host::new(Assembler::default()).capacity(1).start(&router).await.unwrap();
    let _maker = Host::new(Maker).start(&router).await.unwrap();
    let outcome = router.request(Assemble(1_000)).timeout(Duration::from_secs(60)).await;
    assert!(matches!(outcome, Err(RequestError::TimedOut { .. })));
}

#[test]
#[should_panic(expected = "an inbox needs a capacity of at least 1, not 0")]
fn a_capacity_of_zero_is_refused() {
    let _ = Host::new(Maker).capacity(0);
}

struct Desk {
    closed: Arc<Semaphore>,
}

#[derive(Request)]
#[request(response = u64)]
struct Quick(u64);

#[derive(Request)]
#[request(response = ())]
struct Slow;

#[manager]
impl Desk {
    #[request]
    fn quick(&mut self, event: Quick) -> u64 {
        event.0
    }

    #[request]
    async fn slow(&mut self, _event: Slow) {
        self.closed.acquire().await.unwrap().forget();
    }
}

/// A requester is woken late, and never too late.
#[tokio::test]
async fn an_answer_is_told_before_the_next_event_is_begun_and_when_the_manager_is_cut_short() {
    for cut_short in [false, true] {
        let router = Router::new();
        let closed = Arc::new(Semaphore::new(0));
        let desk = Host::new(Desk { closed: Arc::clone(&closed) }).start(&router).await.unwrap();
        let ask = |number| {
            let router = router.clone();
            tokio::spawn(async move { router.request(Quick(number)).await })
        };
        let quick = [ask(1), ask(2), ask(3)];
        let slow = tokio::spawn({
            let router = router.clone();
            async move { router.request(Slow).await }
        });
        for (number, quick) in (1..).zip(quick) {
            assert_eq!(timeout(Duration::from_secs(10), quick).await.unwrap().unwrap(), Ok(number));
        }
        if cut_short {
            assert_eq!(desk.stop(Instant::now()).await, 1);
        } else {
            closed.add_permits(1);
        }
        assert_eq!(slow.await.unwrap().is_ok(), !cut_short);
    }
}
