//! From start to stop.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use edri_event::{Failure, Notification, Request};
use edri_manager::{Concurrency, Host, StartError, manager};
use edri_router::{RequestError, Router};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::Instant;

#[derive(Notification)]
struct Number(u64);

/// Answered when the manager lets it.
#[derive(Request)]
#[request(response = ())]
struct Work;

/// Holds up its start, its handlers and its stop, each until it is let go.
#[derive(Clone)]
struct Held {
    seen: Arc<Mutex<Vec<u64>>>,
    start: Arc<Notify>,
    work: Arc<Semaphore>,
    stop: Arc<Notify>,
    begun: mpsc::UnboundedSender<()>,
}

impl Held {
    fn new() -> (Self, mpsc::UnboundedReceiver<()>) {
        let (begun, begins) = mpsc::unbounded_channel();
        let work = Arc::new(Semaphore::new(0));
        let held = Self { seen: Arc::default(), start: Arc::default(), work, stop: Arc::default(), begun };
        (held, begins)
    }

    /// One that holds up only what it is told to.
    fn started() -> (Self, mpsc::UnboundedReceiver<()>) {
        let (held, begins) = Self::new();
        held.start.notify_one();
        (held, begins)
    }
}

#[manager]
impl Held {
    #[started]
    async fn wait_to_start(&self) {
        self.start.notified().await;
    }

    #[notification]
    async fn number(&self, event: &Number) {
        self.seen.lock().push(event.0);
    }

    #[request]
    async fn work(&self, _event: Work) {
        self.begun.send(()).ok();
        let _permit = self.work.acquire().await;
    }

    #[stopping]
    async fn wait_to_stop(&self) {
        self.seen.lock().push(0);
        self.stop.notified().await;
    }
}

type Configure = fn(Host<Held>) -> Host<Held>;

const MODES: [(&str, Configure); 4] = [
    ("mailbox", Host::mailbox),
    ("inline", Host::inline),
    ("per key", |host| host.concurrency(Concurrency::PerKey(4))),
    ("unordered", |host| host.concurrency(Concurrency::Unordered(1))),
];

fn in_a_second() -> Instant {
    Instant::now() + Duration::from_secs(1)
}

#[tokio::test]
async fn events_that_come_while_it_starts_are_handled_in_order_before_live_ones() {
    for (mode, configure) in MODES {
        let router = Router::new();
        let (held, _begins) = Held::new();
        held.work.add_permits(1);
        let (start, seen) = (Arc::clone(&held.start), Arc::clone(&held.seen));
        let starting = tokio::spawn({
            let router = router.clone();
            async move { configure(Host::new(held)).start(&router).await }
        });
        tokio::task::yield_now().await;
        for number in 1..=3 {
            router.notify(Number(number)).await.unwrap();
        }
        assert!(seen.lock().is_empty(), "{mode}: nothing is handled before it has started");
        assert!(!starting.is_finished());
        start.notify_one();
        let managed = starting.await.unwrap().unwrap();
        for number in 4..=6 {
            router.notify(Number(number)).await.unwrap();
        }
        router.request(Work).await.unwrap();
        assert_eq!(*seen.lock(), [1, 2, 3, 4, 5, 6], "{mode}");
        drop(managed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_handles_all_that_waits_and_calls_the_hook() {
    for (mode, configure) in MODES {
        let router = Router::new();
        let (held, mut begins) = Held::started();
        let (work, stop, seen) = (Arc::clone(&held.work), Arc::clone(&held.stop), Arc::clone(&held.seen));
        let managed = configure(Host::new(held)).start(&router).await.unwrap();
        let asked = tokio::spawn({
            let router = router.clone();
            async move { router.request(Work).await }
        });
        begins.recv().await.unwrap();
        for number in 1..=20 {
            router.notify(Number(number)).await.unwrap();
        }
        assert!(!managed.is_stopped());
        let stopping = tokio::spawn(managed.stop(in_a_second()));
        tokio::task::yield_now().await;
        assert_eq!(router.notify(Number(99)).await.unwrap().accepted, 0, "{mode}: it takes no more in");
        work.add_permits(1);
        stop.notify_one();
        assert_eq!(stopping.await.unwrap(), 0, "{mode}");
        assert_eq!(asked.await.unwrap(), Ok(()), "{mode}");
        let expected: Vec<_> = (1..=20).chain([0]).collect();
        assert_eq!(*seen.lock(), expected, "{mode}: the hook is called last");
        assert!(matches!(router.request(Work).await, Err(RequestError::NoResponder { .. })));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_runs_out_of_time_counts_and_answers_what_is_left() {
    for (mode, configure, one_at_a_time) in [
        ("mailbox", Host::mailbox as Configure, true),
        ("unordered", |host| host.concurrency(Concurrency::Unordered(2)), false),
        ("one key", |host| host.concurrency(Concurrency::PerKey(2)), true),
    ] {
        let router = Router::new();
        let (held, mut begins) = Held::started();
        let managed = configure(Host::new(held)).start(&router).await.unwrap();
        let asked: Vec<_> = (0..5)
            .map(|_| {
                let router = router.clone();
                tokio::spawn(async move { router.request(Work).await })
            })
            .collect();
        begins.recv().await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(managed.stop(in_a_second()).await, 5, "{mode}");
        let mut answers = Vec::new();
        for answer in asked {
            answers.push(answer.await.unwrap().unwrap_err());
        }
        let begun = if one_at_a_time { 1 } else { 2 };
        let (cancelled, stopped) = answers.split_at(begun);
        assert!(cancelled.iter().all(|error| *error == RequestError::Cancelled), "{mode}: {answers:?}");
        assert!(stopped.iter().all(|error| *error == RequestError::Stopped), "{mode}: {answers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_hangs_is_no_event_that_was_left() {
    let router = Router::new();
    let (held, _begins) = Held::started();
    let managed = Host::new(held).start(&router).await.unwrap();
    let before = Instant::now();
    assert_eq!(managed.stop(in_a_second()).await, 0);
    assert_eq!(before.elapsed(), Duration::from_secs(1), "it was given all the time there was");
}

#[tokio::test]
async fn closing_lets_nothing_in_and_handles_what_waits() {
    for (mode, configure) in MODES {
        let router = Router::new();
        let (held, mut begins) = Held::started();
        held.stop.notify_one();
        let (work, seen) = (Arc::clone(&held.work), Arc::clone(&held.seen));
        let mut managed = configure(Host::new(held)).start(&router).await.unwrap();
        let asked = tokio::spawn({
            let router = router.clone();
            async move { router.request(Work).await }
        });
        begins.recv().await.unwrap();
        router.notify(Number(1)).await.unwrap();
        managed.close();
        assert_eq!(router.notify(Number(2)).await.unwrap().accepted, 0, "{mode}");
        work.add_permits(1);
        assert_eq!(asked.await.unwrap(), Ok(()));
        while !managed.is_stopped() {
            tokio::task::yield_now().await;
        }
        assert_eq!(*seen.lock(), [1, 0], "{mode}");
        managed.close();
        assert_eq!(managed.stop(in_a_second()).await, 0);
    }
}

#[tokio::test]
async fn dropping_it_is_closing_it() {
    for (mode, configure) in MODES {
        let router = Router::new();
        let (held, mut begins) = Held::started();
        held.stop.notify_one();
        let (work, seen) = (Arc::clone(&held.work), Arc::clone(&held.seen));
        let managed = configure(Host::new(held)).start(&router).await.unwrap();
        let asked = tokio::spawn({
            let router = router.clone();
            async move { router.request(Work).await }
        });
        begins.recv().await.unwrap();
        router.notify(Number(1)).await.unwrap();
        drop(managed);
        assert_eq!(router.notify(Number(2)).await.unwrap().accepted, 0, "{mode}");
        work.add_permits(1);
        assert_eq!(asked.await.unwrap(), Ok(()), "{mode}");
        while *seen.lock() != [1, 0] {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn detached_it_goes_on() {
    for (_, configure) in MODES {
        let router = Router::new();
        let (held, _begins) = Held::started();
        held.work.add_permits(10);
        configure(Host::new(held)).start(&router).await.unwrap().detach();
        for _ in 0..10 {
            assert_eq!(router.request(Work).await, Ok(()));
        }
    }
}

#[tokio::test]
async fn what_waits_and_what_came_can_be_asked_for() {
    let router = Router::new();
    let (held, mut begins) = Held::started();
    held.stop.notify_one();
    let work = Arc::clone(&held.work);
    let managed = Host::new(held).name("held").start(&router).await.unwrap();
    assert_eq!(managed.name(), "held");
    let asked = tokio::spawn({
        let router = router.clone();
        async move { router.request(Work).await }
    });
    begins.recv().await.unwrap();
    for number in 0..3 {
        router.notify(Number(number)).await.unwrap();
    }
    assert_eq!((managed.waiting(), managed.tally().accepted), (3, 4));
    work.add_permits(1);
    asked.await.unwrap().unwrap();
    while managed.waiting() > 0 {
        tokio::task::yield_now().await;
    }
}

struct Fails(fn() -> Result<(), Failure>);

#[manager]
impl Fails {
    #[started]
    async fn fail(&self) -> Result<(), Failure> {
        tokio::task::yield_now().await;
        (self.0)()
    }

    #[request]
    async fn work(&self, _event: Work) {
        pending().await
    }
}

#[tokio::test]
async fn a_start_that_fails_or_panics_is_an_error_and_answers_whoever_waited() {
    for (hook, expected) in [
        (
            (|| Err(Failure::new("no_disk", "expected a disk"))) as fn() -> Result<(), Failure>,
            Failure::new("no_disk", "expected a disk"),
        ),
        (|| panic!("no memory"), Failure::new("panicked", "no memory")),
    ] {
        for inline in [false, true] {
            let router = Router::new();
            let host = Host::new(Fails(hook));
            let host = if inline { host.inline() } else { host };
            let (start, asked) = tokio::join!(host.start(&router), async {
                tokio::task::yield_now().await;
                router.request(Work).await
            });
            assert_eq!(start.unwrap_err(), StartError { name: "Fails".into(), failure: expected.clone() });
            assert_eq!(asked, Err(RequestError::Stopped));
            assert!(matches!(router.request(Work).await, Err(RequestError::NoResponder { .. })));
        }
    }
}

#[tokio::test]
async fn a_manager_without_handlers_lives_until_it_is_stopped() {
    struct Keeper(Arc<AtomicBool>);

    #[manager]
    impl Keeper {
        #[stopping]
        fn stopping(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let stopped = Arc::new(AtomicBool::new(false));
    let keeper = Host::new(Keeper(Arc::clone(&stopped))).start(&Router::new()).await.unwrap();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!keeper.is_stopped() && !stopped.load(Ordering::Relaxed));
    assert_eq!(keeper.stop(Instant::now() + Duration::from_secs(1)).await, 0);
    assert!(stopped.load(Ordering::Relaxed));
}
