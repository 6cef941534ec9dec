//! Managers that run on the tasks of their senders.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context as TaskContext, Waker};

use edri_event::{Notification, Request};
use edri_manager::{Host, Managed, manager};
use edri_router::{Context, Router};
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::sync::Notify;

tokio::task_local! {
    /// Who is sending on this task.
    static SENDER: usize;
}

/// One event of one sender; its handler waits so many times.
#[derive(Clone, Copy, Debug)]
struct Event {
    sender: usize,
    number: u64,
    waits: u8,
}

#[derive(Notification)]
struct Told(Event);

#[derive(Notification)]
struct ToldNow(Event);

/// Answered with the sender on whose task it was handled.
#[derive(Request)]
#[request(response = Option<usize>)]
struct Asked(Event);

#[derive(Request)]
#[request(response = Option<usize>)]
struct AskedNow(Event);

/// What a recorder has begun with, in order.
#[derive(Clone, Default)]
struct Record {
    begun: Arc<Mutex<Vec<(usize, u64)>>>,
    busy: Arc<AtomicBool>,
    elsewhere: Arc<AtomicU64>,
}

struct Recorder(Record);

/// Makes sure that handlers do not overlap, also where one is dropped before its end.
struct Alone<'r>(&'r Record);

impl Record {
    fn begin(&self, event: Event) -> Alone<'_> {
        assert!(!self.busy.swap(true, Ordering::SeqCst), "two handlers at a time");
        self.begun.lock().push((event.sender, event.number));
        if sender() != Some(event.sender) {
            self.elsewhere.fetch_add(1, Ordering::Relaxed);
        }
        Alone(self)
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::SeqCst);
    }
}

fn sender() -> Option<usize> {
    SENDER.try_with(|sender| *sender).ok()
}

async fn wait(times: u8) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[manager(inline)]
impl Recorder {
    #[notification]
    async fn told(&mut self, event: &Told) {
        let _alone = self.0.begin(event.0);
        wait(event.0.waits).await;
    }

    #[notification]
    fn told_now(&mut self, event: &ToldNow) {
        let _alone = self.0.begin(event.0);
    }

    #[request]
    async fn asked(&mut self, event: Asked) -> Option<usize> {
        let _alone = self.0.begin(event.0);
        wait(event.0.waits).await;
        sender()
    }

    #[request]
    fn asked_now(&mut self, event: AskedNow) -> Option<usize> {
        let _alone = self.0.begin(event.0);
        sender()
    }
}

fn event(number: u64, waits: u8) -> Event {
    Event { sender: 7, number, waits }
}

#[tokio::test]
async fn a_free_manager_handles_on_its_senders_task() {
    let router = Router::new();
    let record = Record::default();
    let managed = Host::new(Recorder(record.clone())).start(&router).await.unwrap();
    // Until its own task has put it in its place.
    tokio::task::yield_now().await;
    SENDER
        .scope(7, async {
            for round in 0..3 {
                router.notify(Told(event(round, 2))).await.unwrap();
                router.notify(ToldNow(event(round, 0))).await.unwrap();
                assert_eq!(router.request(Asked(event(round, 2))).await, Ok(Some(7)));
                assert_eq!(router.request(AskedNow(event(round, 0))).await, Ok(Some(7)));
                router.try_notify(ToldNow(event(round, 0))).unwrap();
            }
        })
        .await;
    assert_eq!(record.begun.lock().len(), 15);
    assert_eq!(record.elsewhere.load(Ordering::Relaxed), 0);
    assert_eq!(managed.tally().accepted, 0, "nothing went by the inbox");
}

#[tokio::test]
async fn a_handler_that_may_wait_gets_what_does_not_wait_by_the_inbox() {
    let router = Router::new();
    let record = Record::default();
    let managed = Host::new(Recorder(record.clone())).start(&router).await.unwrap();
    router.try_notify(Told(event(1, 0))).unwrap();
    assert!(record.begun.lock().is_empty());
    // Not a call: it would overtake.
    router.notify(ToldNow(event(2, 0))).await.unwrap();
    assert!(record.begun.lock().is_empty());
    assert_eq!(router.request(AskedNow(event(3, 0))).await, Ok(None));
    assert_eq!(*record.begun.lock(), [(7, 1), (7, 2), (7, 3)]);
    assert_eq!(managed.tally().accepted, 3);
}

#[tokio::test]
async fn a_dropped_notification_ends_its_handler_and_leaves_the_manager_usable() {
    let router = Router::new();
    let record = Record::default();
    let _managed = Host::new(Recorder(record.clone())).start(&router).await.unwrap();
    tokio::task::yield_now().await;
    for number in 0..3 {
        poll_once_and_drop(router.notify(Told(event(number, 9))));
        assert!(!record.busy.load(Ordering::SeqCst), "it ended where it stood");
    }
    SENDER.scope(7, async { assert_eq!(router.request(AskedNow(event(3, 0))).await, Ok(Some(7))) }).await;
    assert_eq!(*record.begun.lock(), [(7, 0), (7, 1), (7, 2), (7, 3)]);
}

fn poll_once_and_drop(future: impl Future) {
    let _ = pin!(future).poll(&mut TaskContext::from_waker(Waker::noop()));
}

/// One thing a sender does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Notify {
        waits: u8,
    },
    NotifyNow,
    TryNotify {
        waits: u8,
    },
    TryNotifyNow,
    Ask {
        waits: u8,
    },
    AskNow,
    /// Notifies, and gives up after the first poll.
    GiveUp {
        waits: u8,
    },
    Yield,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..4_u8).prop_map(|waits| Step::Notify { waits }),
        Just(Step::NotifyNow),
        (0..4_u8).prop_map(|waits| Step::TryNotify { waits }),
        Just(Step::TryNotifyNow),
        (0..4_u8).prop_map(|waits| Step::Ask { waits }),
        Just(Step::AskNow),
        (0..4_u8).prop_map(|waits| Step::GiveUp { waits }),
        Just(Step::Yield),
    ];
    prop::collection::vec(step, 0..30)
}

/// Takes the steps, and answers the numbers of the events that were surely delivered.
async fn take(sender: usize, steps: Vec<Step>, router: Router) -> Vec<u64> {
    let mut delivered = Vec::new();
    for (number, step) in (0..).zip(steps) {
        let event = |waits| Event { sender, number, waits };
        let arrived = match step {
            Step::Notify { waits } => router.notify(Told(event(waits))).await.is_ok(),
            Step::NotifyNow => router.notify(ToldNow(event(0))).await.is_ok(),
            Step::TryNotify { waits } => router.try_notify(Told(event(waits))).is_ok(),
            Step::TryNotifyNow => router.try_notify(ToldNow(event(0))).is_ok(),
            Step::Ask { waits } => router.request(Asked(event(waits))).await.is_ok(),
            Step::AskNow => router.request(AskedNow(event(0))).await.is_ok(),
            Step::GiveUp { waits } => {
                poll_once_and_drop(router.notify(Told(event(waits))));
                false
            }
            Step::Yield => {
                tokio::task::yield_now().await;
                false
            }
        };
        if arrived {
            delivered.push(number);
        }
    }
    delivered
}

/// Each sender's events were begun with in the order sent, and all that were surely delivered were.
fn assert_in_order(begun: &[(usize, u64)], delivered: &[Vec<u64>]) {
    for (sender, delivered) in delivered.iter().enumerate() {
        let own: Vec<u64> =
            begun.iter().filter(|(other, _)| *other == sender).map(|(_, number)| *number).collect();
        assert!(own.is_sorted_by(|a, b| a < b), "sender {sender}: {own:?}");
        assert!(
            delivered.iter().all(|number| own.contains(number)),
            "sender {sender}: {own:?}, {delivered:?}"
        );
    }
}

async fn ended(managed: Managed) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    assert_eq!(managed.stop(deadline).await, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn each_senders_order_is_kept_whatever_went_by_the_inbox(
        senders in prop::collection::vec(steps(), 1..4),
        capacity in 1..6_usize,
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let router = Router::new();
            let record = Record::default();
            let managed =
                Host::new(Recorder(record.clone())).capacity(capacity).start(&router).await.unwrap();
            let tasks: Vec<_> = senders
                .into_iter()
                .enumerate()
                .map(|(sender, steps)| tokio::spawn(SENDER.scope(sender, take(sender, steps, router.clone()))))
                .collect();
            let mut delivered = Vec::new();
            for task in tasks {
                delivered.push(task.await.unwrap());
            }
            ended(managed).await;
            assert_in_order(&record.begun.lock(), &delivered);
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_keep_each_senders_order() {
    let router = Router::new();
    let record = Record::default();
    let managed = Host::new(Recorder(record.clone())).capacity(8).start(&router).await.unwrap();
    let pattern = [
        Step::NotifyNow,
        Step::Ask { waits: 1 },
        Step::TryNotify { waits: 0 },
        Step::AskNow,
        Step::TryNotifyNow,
        Step::Notify { waits: 2 },
        Step::GiveUp { waits: 1 },
    ];
    let tasks: Vec<_> = (0..4)
        .map(|sender| {
            let steps: Vec<_> = pattern.iter().copied().cycle().skip(sender).take(3_000).collect();
            tokio::spawn(SENDER.scope(sender, take(sender, steps, router.clone())))
        })
        .collect();
    let mut delivered = Vec::new();
    for task in tasks {
        delivered.push(task.await.unwrap());
    }
    ended(managed).await;
    assert_in_order(&record.begun.lock(), &delivered);
}

/// Sends itself what is left of a count-down.
#[derive(Notification)]
struct CountDown(u64);

/// The same from a handler that waits.
#[derive(Notification)]
struct CountDownSlowly(u64);

/// Sent on by one inline manager to another.
#[derive(Notification)]
struct Relayed(u64);

#[derive(Clone)]
struct Counter {
    seen: Arc<Mutex<Vec<u64>>>,
    zero: Arc<Notify>,
}

impl Counter {
    fn new() -> Self {
        Self { seen: Arc::default(), zero: Arc::default() }
    }

    fn saw(&self, number: u64) {
        self.seen.lock().push(number);
        if number == 0 {
            self.zero.notify_one();
        }
    }
}

#[manager(inline)]
impl Counter {
    #[notification]
    fn count_down(&mut self, event: &CountDown, cx: &Context) {
        self.saw(event.0);
        if let Some(next) = event.0.checked_sub(1) {
            cx.router().try_notify(CountDown(next)).unwrap();
            assert_eq!(self.seen.lock().last(), Some(&event.0), "it waits until this handler has ended");
        }
    }

    #[notification]
    async fn count_down_slowly(&mut self, event: &CountDownSlowly, cx: &Context) {
        self.saw(event.0);
        if let Some(next) = event.0.checked_sub(1) {
            cx.router().notify(CountDownSlowly(next)).await.unwrap();
            assert_eq!(self.seen.lock().last(), Some(&event.0), "it waits until this handler has ended");
        }
    }
}

/// Hands on, and is handed back.
struct Relay;

#[manager(inline)]
impl Relay {
    #[notification]
    async fn relay(&mut self, event: &Relayed, cx: &Context) {
        cx.router().notify(CountDown(event.0)).await.unwrap();
    }
}

#[tokio::test]
async fn a_handler_may_notify_its_own_manager() {
    let router = Router::new();
    let counter = Counter::new();
    let _managed = Host::new(counter.clone()).start(&router).await.unwrap();
    for _ in 0..3 {
        router.notify(CountDown(20)).await.unwrap();
        counter.zero.notified().await;
        router.notify(CountDownSlowly(20)).await.unwrap();
        counter.zero.notified().await;
    }
    let expected: Vec<u64> = (0..6).flat_map(|_| (0..=20).rev()).collect();
    assert_eq!(*counter.seen.lock(), expected);
}

#[tokio::test]
async fn a_handler_may_notify_another_inline_manager() {
    let router = Router::new();
    let counter = Counter::new();
    let counting = Host::new(counter.clone()).start(&router).await.unwrap();
    let relaying = Host::new(Relay).start(&router).await.unwrap();
    tokio::task::yield_now().await;
    router.notify(Relayed(0)).await.unwrap();
    assert_eq!(*counter.seen.lock(), [0], "all of it on this task");
    assert_eq!((counting.tally().accepted, relaying.tally().accepted), (0, 0));
    router.notify(Relayed(5)).await.unwrap();
    counter.zero.notified().await;
    counter.zero.notified().await;
    assert_eq!(*counter.seen.lock(), [0, 5, 4, 3, 2, 1, 0]);
}
