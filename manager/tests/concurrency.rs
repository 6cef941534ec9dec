//! Managers whose handlers run at the same time.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use edri_event::{Notification, Request};
use edri_manager::{Concurrency, Host, Manager, Mode, manager};
use edri_router::Router;
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep};

#[derive(Notification)]
#[notification(key = key)]
struct Keyed {
    key: u64,
    number: usize,
    waits: u8,
}

#[derive(Notification)]
struct Unkeyed(usize);

/// Answered when a permit is there.
#[derive(Request)]
#[request(response = u64, key = 0)]
struct Hold(u64);

/// Takes a second for each event.
#[derive(Request)]
#[request(response = (), key = 0)]
struct Slow(u64);

#[derive(Clone)]
struct Crew {
    permits: Arc<Semaphore>,
    begun: mpsc::UnboundedSender<u64>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    /// Beginnings (`true`) and ends by key.
    log: Arc<Mutex<Vec<(u64, usize, bool)>>>,
}

impl Crew {
    fn new() -> (Self, mpsc::UnboundedReceiver<u64>) {
        let (begun, begins) = mpsc::unbounded_channel();
        let crew = Self {
            permits: Arc::new(Semaphore::new(0)),
            begun,
            running: Arc::default(),
            most: Arc::default(),
            log: Arc::default(),
        };
        (crew, begins)
    }

    fn begin(&self) {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
    }

    fn end(&self) {
        self.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[manager(concurrency = PerKey(3))]
impl Crew {
    #[request]
    async fn hold(&self, event: Hold) -> u64 {
        self.begin();
        self.begun.send(event.0).ok();
        self.permits.acquire().await.unwrap().forget();
        self.end();
        event.0
    }

    #[request]
    async fn slow(&self, _event: Slow) {
        self.begin();
        sleep(Duration::from_secs(1)).await;
        self.end();
    }

    #[notification]
    async fn keyed(&self, event: &Keyed) {
        self.begin();
        self.log.lock().push((event.key, event.number, true));
        for _ in 0..event.waits {
            tokio::task::yield_now().await;
        }
        self.log.lock().push((event.key, event.number, false));
        self.end();
    }

    #[notification]
    async fn unkeyed(&self, event: &Unkeyed) {
        self.begin();
        self.log.lock().push((0, event.0, true));
        tokio::task::yield_now().await;
        self.end();
    }
}

fn hold(router: &Router, key: u64) -> tokio::task::JoinHandle<u64> {
    let router = router.clone();
    tokio::spawn(async move { router.request(Hold(key)).await.unwrap() })
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[tokio::test]
async fn per_key_runs_so_many_keys_at_once_and_one_event_of_each() {
    let router = Router::new();
    let (crew, mut begins) = Crew::new();
    let _managed = Host::new(crew.clone()).start(&router).await.unwrap();
    let mut asked: Vec<_> = [1, 1, 1, 2, 3, 4, 5].map(|key| hold(&router, key)).into();
    settle().await;
    let mut begun = Vec::new();
    while let Ok(key) = begins.try_recv() {
        begun.push(key);
    }
    assert_eq!(begun, [1, 2, 3], "one of each key, and no more than three");
    crew.permits.add_permits(7);
    for (asked, key) in asked.drain(..).zip([1, 1, 1, 2, 3, 4, 5]) {
        assert_eq!(asked.await.unwrap(), key);
    }
    assert_eq!(crew.most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn unordered_runs_so_many_events_at_once_and_begins_in_order() {
    let router = Router::new();
    let (crew, mut begins) = Crew::new();
    let host = Host::new(crew.clone()).concurrency(Concurrency::Unordered(2));
    let _managed = host.start(&router).await.unwrap();
    let asked: Vec<_> = [1, 1, 2, 3, 1].map(|key| hold(&router, key)).into();
    settle().await;
    let mut begun = Vec::new();
    while let Ok(key) = begins.try_recv() {
        begun.push(key);
    }
    assert_eq!(begun, [1, 1]);
    crew.permits.add_permits(5);
    for asked in asked {
        asked.await.unwrap();
    }
    while let Ok(key) = begins.try_recv() {
        begun.push(key);
    }
    assert_eq!(begun, [1, 1, 2, 3, 1]);
    assert_eq!(crew.most.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn slow_handlers_overlap() {
    for (concurrency, seconds) in
        [(Concurrency::PerKey(4), 3), (Concurrency::Unordered(4), 2), (Concurrency::Unordered(1), 8)]
    {
        let router = Router::new();
        let (crew, _begins) = Crew::new();
        let _managed = Host::new(crew).concurrency(concurrency).start(&router).await.unwrap();
        let before = Instant::now();
        // Three of one key, and five of others.
        let asked: Vec<_> = [0, 0, 0, 1, 2, 3, 4, 5]
            .map(|key| {
                let router = router.clone();
                tokio::spawn(async move { router.request(Slow(key)).await })
            })
            .into();
        for asked in asked {
            asked.await.unwrap().unwrap();
        }
        assert_eq!(before.elapsed().as_secs(), seconds, "{concurrency:?}");
    }
}

#[tokio::test]
async fn a_busy_key_does_not_hold_up_the_others() {
    let router = Router::new();
    let (crew, mut begins) = Crew::new();
    let managed = Host::new(crew.clone()).concurrency(Concurrency::PerKey(2)).start(&router).await.unwrap();
    let held = hold(&router, 1);
    assert_eq!(begins.recv().await, Some(1));
    for number in 0..20 {
        router.notify(Keyed { key: 2, number, waits: 1 }).await.unwrap();
        router.notify(Keyed { key: 3, number, waits: 0 }).await.unwrap();
        router.notify(Unkeyed(number)).key(&1_u64).await.unwrap();
    }
    settle().await;
    assert_eq!(crew.log.lock().len(), 80, "all but those behind the busy key");
    crew.permits.add_permits(1);
    held.await.unwrap();
    assert_eq!(managed.stop(in_a_minute()).await, 0);
    assert_eq!(crew.log.lock().len(), 100);
}

#[tokio::test]
async fn events_without_a_key_are_handled_in_order() {
    let router = Router::new();
    let (crew, _begins) = Crew::new();
    let managed = Host::new(crew.clone()).start(&router).await.unwrap();
    for number in 0..50 {
        router.notify(Unkeyed(number)).await.unwrap();
    }
    assert_eq!(managed.stop(in_a_minute()).await, 0);
    let log = crew.log.lock();
    assert!(log.iter().map(|(_, number, _)| *number).eq(0..50));
    assert_eq!(crew.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_manager_of_one_mode_can_be_hosted_in_another() {
    for (mode, most) in [("mailbox", 1), ("inline", 1), ("concurrent", 3)] {
        let router = Router::new();
        let (crew, _begins) = Crew::new();
        assert_eq!(Crew::settings().mode, Mode::Concurrent(Concurrency::PerKey(3)));
        let host = Host::new(crew.clone());
        let host = match mode {
            "mailbox" => host.mailbox(),
            "inline" => host.inline(),
            _ => host,
        };
        let managed = host.start(&router).await.unwrap();
        for number in 0..30 {
            router.notify(Keyed { key: number % 5, number: 0, waits: 2 }).await.unwrap();
        }
        assert_eq!(managed.stop(in_a_minute()).await, 0);
        assert_eq!(crew.log.lock().len(), 60);
        assert_eq!(crew.most.load(Ordering::SeqCst), most, "{mode}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn order_is_kept_within_a_key_and_the_limit_is_never_passed(
        events in prop::collection::vec((0..5_u64, 0..5_u8, 0..3_u8), 0..120),
        limit in 1..6_usize,
        capacity in 1..20_usize,
        per_key: bool,
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let router = Router::new();
            let (crew, _begins) = Crew::new();
            let concurrency =
                if per_key { Concurrency::PerKey(limit) } else { Concurrency::Unordered(limit) };
            let host = Host::new(crew.clone()).capacity(capacity).concurrency(concurrency);
            let managed = host.start(&router).await.unwrap();
            let sent = events.len();
            for (number, (key, waits, pause)) in events.into_iter().enumerate() {
                router.notify(Keyed { key, number, waits }).await.unwrap();
                for _ in 0..pause {
                    tokio::task::yield_now().await;
                }
            }
            assert_eq!(managed.stop(in_a_minute()).await, 0);
            assert!(crew.most.load(Ordering::SeqCst) <= limit);
            let log = crew.log.lock();
            assert_eq!(log.len(), 2 * sent);
            if per_key {
                assert_ordered_by_key(&log);
            }
        });
    }
}

/// In each key: begin, end, begin, end, with rising numbers.
fn assert_ordered_by_key(log: &[(u64, usize, bool)]) {
    let mut keys: HashMap<u64, Vec<(usize, bool)>> = HashMap::new();
    for &(key, number, begins) in log {
        keys.entry(key).or_default().push((number, begins));
    }
    for (key, log) in keys {
        for pair in log.chunks(2) {
            assert_eq!((pair[0].0, pair[0].1, pair[1].1), (pair[1].0, true, false), "key {key}: {log:?}");
        }
        assert!(log.is_sorted_by_key(|(number, _)| *number), "key {key}: {log:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_keep_the_order_within_a_key() {
    let router = Router::new();
    let (crew, _begins) = Crew::new();
    let host = Host::new(crew.clone()).capacity(16).concurrency(Concurrency::PerKey(8));
    let managed = host.start(&router).await.unwrap();
    let tasks: Vec<_> = (0..4_u64)
        .map(|sender| {
            let router = router.clone();
            tokio::spawn(async move {
                for number in 0..1_000 {
                    let key = sender * 10 + number as u64 % 3;
                    router.notify(Keyed { key, number, waits: (number % 2) as u8 }).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(managed.stop(in_a_minute()).await, 0);
    let log = crew.log.lock();
    assert_eq!(log.len(), 8_000);
    assert_ordered_by_key(&log);
    assert!(crew.most.load(Ordering::SeqCst) <= 8);
}
