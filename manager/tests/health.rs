//! How managers are: what they say, and what is said of those who do not.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use edri_event::{Failure, Notification, Request, Retention};
use edri_manager::{Backoff, Concurrency, Host, Managed, manager};
use edri_router::{
    Health, HealthChanged, InboxSettings, Overflow, PartKind, PartState, Router, Status, Subscription, Value,
};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::{advance, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Notification)]
struct Note;

/// Answered after so many seconds; with none, never.
#[derive(Request)]
#[request(response = ())]
struct Work(Option<u64>);

/// Fails, or panics.
#[derive(Request)]
#[request(response = ())]
struct Break {
    panics: bool,
}

#[derive(Clone)]
struct Clerk {
    health: Health,
    panics: Arc<AtomicBool>,
    notes: Arc<Semaphore>,
}

impl Clerk {
    fn new(health: Health) -> Self {
        Self { health, panics: Arc::default(), notes: Arc::new(Semaphore::new(0)) }
    }

    fn well() -> Self {
        Self::new(Health::ok().with("pending", 3_u32))
    }
}

#[manager]
impl Clerk {
    #[notification]
    async fn note(&self, _note: &Note) {
        self.notes.acquire().await.unwrap().forget();
    }

    #[request]
    async fn work(&self, work: Work) {
        match work.0 {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => pending().await,
        }
    }

    #[request]
    fn fail(&self, event: Break) -> Result<(), Failure> {
        assert!(!event.panics, "a handler panicked");
        Err(Failure::new("error", "a handler failed"))
    }

    #[health]
    fn how(&self) -> Health {
        assert!(!self.panics.load(Ordering::SeqCst), "cannot say");
        self.health.clone()
    }
}

type Configure = fn(Host<Clerk>) -> Host<Clerk>;

const MODES: [(&str, Configure); 4] = [
    ("mailbox", Host::mailbox),
    ("inline", Host::inline),
    ("per key", |host| host.concurrency(Concurrency::PerKey(2))),
    ("unordered", |host| host.concurrency(Concurrency::Unordered(1))),
];

async fn start(router: &Router, configure: Configure, clerk: &Clerk) -> Managed {
    configure(Host::new(clerk.clone())).start(router).await.unwrap()
}

async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

fn changes(changes: &mut Subscription<HealthChanged>) -> Vec<(Status, Status)> {
    std::iter::from_fn(|| changes.try_recv().map(|change| (change.from, change.to))).collect()
}

/// Behaviours 60 and 62.
#[tokio::test(start_paused = true)]
async fn what_a_manager_says_of_itself_is_reported_with_its_vitals_and_the_time_it_took() {
    for (mode, configure) in MODES {
        let router = Router::new();
        let clerk = Clerk::new(Health::degraded("no ink").not_ready().with("pages", 0.5));
        let managed = start(&router, configure, &clerk).await;
        router.request(Work(Some(0))).await.unwrap();
        let report = router.health(SECOND).await;
        let part = report.part("Clerk").unwrap();
        assert_eq!((part.status, part.ready), (Status::Degraded, false), "{mode}");
        assert_eq!(part.reason.as_deref(), Some("no ink"));
        assert_eq!(part.values["pages"], Value::Number(0.5));
        assert_eq!((part.kind, part.state), (PartKind::Manager, PartState::Running));
        assert_eq!(
            (part.round_trip, part.silent, &part.stuck),
            (Some(Duration::ZERO), None, &None),
            "{mode}"
        );
        assert_eq!(part.vitals.counts.processed, 1, "{mode}");
        assert_eq!((report.status, report.ready, report.router), (Status::Degraded, false, router.id()));
        assert_eq!(router.last_health().as_deref(), Some(&report));
        assert_eq!(managed.health(SECOND).await.status, Status::Degraded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_manager_without_a_hook_is_well_while_it_runs() {
    struct Plain;
    #[manager]
    impl Plain {}

    let router = Router::new();
    let _plain = Host::new(Plain).start(&router).await.unwrap();
    let report = router.health(SECOND).await;
    assert_eq!((report.status, report.ready, report.parts.len()), (Status::Ok, true, 1));
}

#[tokio::test(start_paused = true)]
async fn the_question_passes_a_full_inbox_and_is_answered_between_two_events() {
    for (mode, configure) in MODES {
        let router = Router::new();
        let clerk = Clerk::well();
        let small: Host<Clerk> = Host::new(clerk.clone()).capacity(2);
        let managed = configure(small).start(&router).await.unwrap();
        let sender = tokio::spawn({
            let router = router.clone();
            async move {
                for _ in 0..20 {
                    router.notify(Note).await.unwrap();
                }
            }
        });
        settle().await;
        let asking = tokio::spawn({
            let router = router.clone();
            async move { router.health(SECOND).await }
        });
        settle().await;
        clerk.notes.add_permits(1);
        let report = asking.await.unwrap();
        assert_eq!(report.parts[0].silent, None, "{mode}");
        assert!(managed.vitals().queued.total() > 0 || mode == "inline", "{mode}");
        clerk.notes.add_permits(100);
        sender.await.unwrap();
    }
}

/// Behaviour 61.
#[tokio::test(start_paused = true)]
async fn a_manager_that_is_silent_for_two_periods_is_a_warning_and_for_four_failed() {
    for (mode, configure) in [MODES[0], MODES[1]] {
        let router = Router::new();
        let mut changed = router.subscribe::<HealthChanged>();
        let _managed = start(&router, configure, &Clerk::well()).await;
        let watch = tokio::spawn({
            let router = router.clone();
            async move { router.watch_health(10 * SECOND).await }
        });
        sleep(5 * SECOND).await;
        assert_eq!(router.last_health().unwrap().status, Status::Ok);
        let work = tokio::spawn({
            let router = router.clone();
            async move { router.request(Work(Some(60))).await }
        });
        // Asked at 10 s, on it since 5 s.
        let mut seen = Vec::new();
        for at in [16, 26, 31, 41, 51] {
            sleep(at * SECOND - tokio::time::Instant::now().duration_since(begun(&router))).await;
            let report = router.last_health().unwrap();
            let part = &report.parts[0];
            assert_eq!(part.stuck.as_ref().map(|stuck| &*stuck.event), Some("health::Work"), "{mode} {at}");
            seen.push(part.status);
        }
        use Status::{Failed, Ok, Warning};
        assert_eq!(seen, [Ok, Ok, Warning, Warning, Failed], "{mode}");
        work.await.unwrap().unwrap();
        sleep(10 * SECOND).await;
        assert_eq!(router.last_health().unwrap().status, Ok, "{mode}");
        assert_eq!(changes(&mut changed), [(Ok, Warning), (Warning, Failed), (Failed, Ok)], "{mode}");
        watch.abort();
    }
}

/// The moment the router was made, on this test's clock.
fn begun(router: &Router) -> tokio::time::Instant {
    tokio::time::Instant::now() - router.snapshot().uptime
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_is_reported_stuck_with_its_event_and_since_when() {
    for (mode, configure) in [MODES[0], MODES[2], MODES[3]] {
        let router = Router::new();
        let managed = start(&router, configure, &Clerk::well()).await;
        // One in 64 is measured whatever it does, the first included: not this one.
        router.request(Work(Some(0))).await.unwrap();
        let _work = tokio::spawn({
            let router = router.clone();
            async move { router.request(Work(None)).await }
        });
        settle().await;
        advance(90 * SECOND).await;
        let health = managed.health(SECOND).await;
        if mode == "mailbox" {
            let stuck = health.stuck.unwrap();
            assert_eq!((&*stuck.event, stuck.since.as_secs()), ("health::Work", 91));
            assert_eq!(health.silent.map(|silent| silent.as_secs()), Some(1));
        } else {
            // Others answer while one of their handlers waits.
            assert_eq!((health.status, &health.stuck), (Status::Ok, &None), "{mode}");
            let workers = health.vitals.workers.unwrap();
            assert_eq!((workers.busy, workers.oldest.map(|age| age.as_secs())), (1, Some(90)), "{mode}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_its_thread_is_reported_since_it_was_first_seen() {
    struct Blocked(std::sync::mpsc::Receiver<()>);
    #[manager]
    impl Blocked {
        #[notification]
        fn block(&mut self, _note: &Note) {
            self.0.recv().ok();
        }
    }

    let router = Router::new();
    let (release, released) = std::sync::mpsc::channel();
    let blocked = Host::new(Blocked(released)).start(&router).await.unwrap();
    release.send(()).unwrap();
    for _ in 0..2 {
        router.notify(Note).await.unwrap();
    }
    // On the second: between the two it would answer.
    while blocked.part().current().is_none_or(|current| current.number < 2) {
        yield_now().await;
    }
    let first = blocked.health(Duration::from_millis(5)).await.stuck.unwrap();
    let second = blocked.health(Duration::from_millis(5)).await.stuck.unwrap();
    assert_eq!((&*first.event, &*second.event), ("health::Note", "health::Note"));
    assert!(second.since > first.since && first.since >= Duration::from_millis(5));
    release.send(()).unwrap();
    assert_eq!(blocked.health(10 * SECOND).await.silent, None);
}

/// Behaviour 48: told once.
#[tokio::test(start_paused = true)]
async fn failures_and_panics_since_the_last_check_are_a_warning_once() {
    for (mode, configure) in MODES {
        let router = Router::new();
        let managed = start(&router, configure, &Clerk::well()).await;
        router.health(SECOND).await;
        for panics in [false, true, true] {
            router.request(Break { panics }).await.unwrap_err();
        }
        settle().await;
        assert_eq!(
            managed.health(SECOND).await.status,
            Status::Warning,
            "{mode}: to be told by the next check, too"
        );
        let part = &router.health(SECOND).await.parts[0];
        assert_eq!(part.status, Status::Warning, "{mode}");
        assert_eq!(part.reason.as_deref(), Some("since the last check 1 failed and 2 panicked"), "{mode}");
        assert!(part.ready);
        assert_eq!(router.health(SECOND).await.parts[0].status, Status::Ok, "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_is_a_failure_and_harms_nobody() {
    for (mode, configure) in MODES {
        let router = Router::new();
        let clerk = Clerk::well();
        let _managed = start(&router, configure, &clerk).await;
        let _other = Host::new(Clerk::well()).name("other").start(&router).await.unwrap();
        clerk.panics.store(true, Ordering::SeqCst);
        router.request(Work(Some(0))).await.unwrap();
        let report = router.health(SECOND).await;
        let part = report.part("Clerk").unwrap();
        assert_eq!((part.status, part.ready), (Status::Failed, false), "{mode}");
        assert_eq!(part.reason.as_deref(), Some("its health hook panicked: cannot say"));
        assert!(part.vitals.counts.processed <= 1);
        assert_eq!(report.part("other").unwrap().status, Status::Ok);
        clerk.panics.store(false, Ordering::SeqCst);
        assert_eq!(router.health(SECOND).await.status, Status::Ok, "{mode}");
    }
}

/// Behaviour 63.
#[tokio::test(start_paused = true)]
async fn vitals_asked_twice_are_told_as_what_happened_in_between() {
    for (mode, configure) in MODES {
        let router = Router::new();
        let managed = start(&router, configure, &Clerk::well()).await;
        for _ in 0..3 {
            router.request(Work(Some(0))).await.unwrap();
        }
        settle().await;
        let first = router.health(SECOND).await.parts[0].recent;
        assert_eq!(first.counts.processed, 3, "{mode}");
        router.request(Break { panics: false }).await.unwrap_err();
        settle().await;
        advance(10 * SECOND).await;
        let second = router.health(SECOND).await.parts[0].recent;
        assert_eq!((second.counts.processed, second.counts.failed), (1, 1), "{mode}");
        assert_eq!(second.over.as_secs(), 10);
        assert_eq!(managed.vitals().counts.processed, 4, "{mode}: counts go on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_has_not_started_is_not_ready() {
    struct Slow;
    #[manager]
    impl Slow {
        #[started]
        async fn begin(&mut self) {
            sleep(2 * SECOND).await;
        }
    }

    let router = Router::new();
    let starting = tokio::spawn({
        let router = router.clone();
        async move { Host::new(Slow).start(&router).await }
    });
    settle().await;
    let part = &router.health(SECOND).await.parts[0];
    assert_eq!((part.state, part.ready, part.silent), (PartState::Starting, false, Some(SECOND)));
    let slow = starting.await.unwrap().unwrap();
    assert!(router.health(SECOND).await.ready);
    drop(slow);
    settle().await;
    assert!(router.health(SECOND).await.parts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_is_draining_says_so() {
    let router = Router::new();
    let mut managed = start(&router, Host::mailbox, &Clerk::well()).await;
    router.notify(Note).await.unwrap();
    settle().await;
    managed.close();
    assert_eq!(router.snapshot().parts[0].state, PartState::Draining);
    assert!(!router.health(SECOND).await.ready);
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_is_stopped_while_it_is_asked_has_not_failed() {
    let router = Router::new();
    let mut changed = router.subscribe::<HealthChanged>();
    let managed = start(&router, Host::mailbox, &Clerk::well()).await;
    let _work = tokio::spawn({
        let router = router.clone();
        async move { router.request(Work(Some(5))).await }
    });
    settle().await;
    let asking = tokio::spawn({
        let router = router.clone();
        async move { router.health(10 * SECOND).await }
    });
    settle().await;
    assert_eq!(managed.stop(tokio::time::Instant::now() + 10 * SECOND).await, 0);
    let report = asking.await.unwrap();
    assert_eq!((report.status, report.ready), (Status::Ok, false));
    assert_eq!(changes(&mut changed), []);
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_is_gone_without_being_told_to_has_failed() {
    let router = Router::new();
    let elsewhere = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let managed = std::thread::spawn({
        let router = router.clone();
        move || {
            let managed = elsewhere.block_on(start(&router, Host::mailbox, &Clerk::well()));
            elsewhere.shutdown_background();
            managed
        }
    });
    let managed = managed.join().unwrap();
    let part = &router.health(SECOND).await.parts[0];
    assert_eq!((part.state, part.status, part.ready), (PartState::Stopped, Status::Failed, false));
    assert_eq!(managed.health(SECOND).await.status, Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_get_the_same_answer_and_leave_nothing_behind() {
    let router = Router::new();
    let managed = start(&router, Host::mailbox, &Clerk::well()).await;
    let _work = tokio::spawn({
        let router = router.clone();
        async move { router.request(Work(Some(5))).await }
    });
    settle().await;
    // In vain.
    for _ in 0..10 {
        assert!(managed.health(Duration::from_millis(1)).await.silent.is_some());
    }
    let asking: Vec<_> = (0..10)
        .map(|_| {
            let router = router.clone();
            tokio::spawn(async move { router.health(10 * SECOND).await.status })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), Status::Ok);
    }
}

#[tokio::test(start_paused = true)]
async fn losses_of_an_inbox_are_in_the_vitals() {
    let router = Router::new();
    let clerk = Clerk::well();
    let host = Host::new(clerk.clone()).capacity(4).overflow(Overflow::DropOldest);
    let managed = host.start(&router).await.unwrap();
    for _ in 0..10 {
        router.notify(Note).await.unwrap();
    }
    let vitals = managed.vitals();
    assert_eq!((vitals.counts.accepted, vitals.counts.dropped, vitals.queued.normal), (10, 6, 4));
    assert_eq!(vitals.queued.capacity, 4);
    clerk.notes.add_permits(10);
    settle().await;
    assert_eq!(managed.vitals().counts.processed, 4);
}

/// A subscriber to changes that has no room is passed over: a check waits for nobody but those it asks.
#[tokio::test(start_paused = true)]
async fn a_check_does_not_wait_for_those_who_want_to_hear_of_it() {
    let router = Router::new();
    let mut slow = router.subscribe_with::<HealthChanged>(InboxSettings::with_capacity(1));
    let clerk = Clerk::well();
    let _managed = start(&router, Host::mailbox, &clerk).await;
    for panics in [true, false, true, false] {
        clerk.panics.store(panics, Ordering::SeqCst);
        router.health(SECOND).await;
    }
    assert_eq!(changes(&mut slow), [(Status::Ok, Status::Failed)]);
}

/// Counts the warnings of a thread.
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn who_is_stuck_is_logged_once_for_each_event() {
    let warnings = Arc::new(AtomicUsize::new(0));
    let _logging = tracing::subscriber::set_default(Warnings(Arc::clone(&warnings)));
    let router = Router::new();
    let _managed = start(&router, Host::mailbox, &Clerk::well()).await;
    for stuck in 1..=2 {
        let work = tokio::spawn({
            let router = router.clone();
            async move { router.request(Work(Some(30))).await }
        });
        settle().await;
        for _ in 0..5 {
            router.health(SECOND).await;
        }
        assert_eq!(warnings.load(Ordering::SeqCst), stuck);
        work.await.unwrap().unwrap();
    }
}

/// Falls by each request; the second attempt to make it anew succeeds.
#[derive(Clone)]
struct Frail;

#[manager]
impl Frail {
    #[request]
    async fn fall(&self, _: Work) {
        panic!("it falls");
    }
}

const FRAIL: [fn(Host<Frail>) -> Host<Frail>; 3] =
    [Host::mailbox, Host::inline, |host| host.concurrency(Concurrency::Unordered(2))];

#[tokio::test(start_paused = true)]
async fn a_manager_that_waits_for_its_restart_says_so_and_is_neither_stuck_nor_silent() {
    for configure in FRAIL {
        let router = Router::new();
        let host = configure(Host::from_fn(|| Frail)).backoff(Backoff::constant(60 * SECOND));
        let frail = host.start(&router).await.unwrap();
        settle().await;
        router.request(Work(None)).await.unwrap_err();
        settle().await;
        let part = &router.health(SECOND).await.parts[0];
        assert_eq!((part.state, part.status, part.ready), (PartState::Restarting, Status::Warning, false));
        assert_eq!(part.reason.as_deref(), Some("it is being restarted"));
        assert_eq!((part.silent, &part.stuck), (None, &None));
        assert_eq!(router.snapshot().parts[0].state, PartState::Restarting);
        assert_eq!(frail.part().current(), None);
        sleep(61 * SECOND).await;
        let part = &router.health(SECOND).await.parts[0];
        assert_eq!((part.state, part.status, part.ready), (PartState::Running, Status::Ok, true));
        assert_eq!(part.recent.counts.restarts, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_manager_whose_restarts_are_spent_has_failed_and_one_that_was_told_to_stop_has_not() {
    for configure in FRAIL {
        let router = Router::new();
        let mut frail = configure(Host::from_fn(|| Frail)).budget(0, SECOND).start(&router).await.unwrap();
        settle().await;
        router.request(Work(None)).await.unwrap_err();
        frail.stopped().await;
        let part = &router.health(SECOND).await.parts[0];
        assert_eq!((part.state, part.status, part.ready), (PartState::Stopped, Status::Failed, false));
        assert_eq!(part.reason.as_deref(), Some("it fell once too often, and is not restarted"));

        let router = Router::new();
        let mut frail = configure(Host::from_fn(|| Frail)).budget(0, SECOND).start(&router).await.unwrap();
        settle().await;
        frail.close();
        frail.stopped().await;
        let part = &router.health(SECOND).await.parts[0];
        assert_eq!((part.state, part.status, part.ready), (PartState::Stopped, Status::Ok, false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_open_when_its_manager_falls_is_answered() {
    struct Falls;
    #[manager]
    impl Falls {
        #[request]
        async fn fall(&mut self, _: Work) {
            sleep(SECOND).await;
            panic!("it falls");
        }
    }

    let router = Router::new();
    let host = Host::from_fn(|| Falls).backoff(Backoff::constant(60 * SECOND));
    let _falls = host.start(&router).await.unwrap();
    let work = tokio::spawn({
        let router = router.clone();
        async move { router.request(Work(None)).await }
    });
    settle().await;
    let part = &router.health(5 * SECOND).await.parts[0];
    assert_eq!((part.state, part.round_trip), (PartState::Restarting, Some(SECOND)));
    work.await.unwrap().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn news_of_the_framework_are_no_dead_letters_where_nobody_wants_them_and_kept_where_they_are_retained()
{
    let router = Router::new();
    let host = Host::from_fn(|| Frail).budget(1, 60 * SECOND).backoff(Backoff::constant(SECOND));
    let mut frail = host.start(&router).await.unwrap();
    for _ in 0..2 {
        router.health(SECOND).await;
        router.request(Work(None)).await.unwrap_err();
        router.health(SECOND).await;
        sleep(5 * SECOND).await;
    }
    frail.stopped().await;
    assert_eq!(router.health(SECOND).await.status, Status::Failed);
    assert_eq!(router.dead_letter_counts().total(), 0);

    router.retain::<HealthChanged>(Retention::last(5));
    let _frail = Host::from_fn(|| Frail).name("other").start(&router).await.unwrap();
    router.request(Work(None)).await.unwrap_err();
    router.health(SECOND).await;
    assert_eq!(router.retained::<HealthChanged>().events, 1);
    assert_eq!(router.dead_letter_counts().total(), 0);
}
