//! Managers that ask each other: deadlines, cancellation, and circles.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use edri_event::{Failure, Notification, Request, Tunnel};
use edri_manager::{Concurrency, Host, Managed, manager};
use edri_router::{Accepted, Context, RequestError, Router, TunnelError};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Request)]
#[request(response = u64)]
struct AskFront(u64);

#[derive(Request)]
#[request(response = u64)]
struct AskMiddle(u64);

#[derive(Request)]
#[request(response = u64)]
struct AskBack(u64);

/// What the handlers tell the test: who, and what of.
type Seen = mpsc::UnboundedSender<(&'static str, Saw)>;

#[derive(Debug, PartialEq)]
enum Saw {
    Deadline(Option<Instant>),
    Cancelled,
    Ended(Option<RequestError>),
}

struct Front(Seen);
struct Middle(Seen);
struct Back(Seen);

fn deadline(cx: &Context) -> Saw {
    Saw::Deadline(cx.deadline().map(Instant::from_std))
}

#[manager]
impl Front {
    #[request]
    async fn ask(&self, event: AskFront, cx: &Context) -> Result<u64, Failure> {
        self.0.send(("front", deadline(cx))).ok();
        let answer = cx.router().request(AskMiddle(event.0)).await;
        self.0.send(("front", Saw::Ended(answer.as_ref().err().cloned()))).ok();
        Ok(answer?)
    }
}

#[manager]
impl Middle {
    #[request]
    async fn ask(&self, event: AskMiddle, cx: &Context) -> Result<u64, Failure> {
        self.0.send(("middle", deadline(cx))).ok();
        // Its own time-out is the longest of all.
        let answer = cx.router().request(AskBack(event.0)).timeout(SECOND * 60).await;
        self.0.send(("middle", Saw::Ended(answer.as_ref().err().cloned()))).ok();
        Ok(answer?)
    }
}

#[manager]
impl Back {
    #[request]
    async fn ask(&self, event: AskBack, cx: &Context) -> u64 {
        self.0.send(("back", deadline(cx))).ok();
        tokio::select! {
            () = cx.cancelled() => {
                self.0.send(("back", Saw::Cancelled)).ok();
            }
            () = sleep(SECOND * event.0 as u32) => {}
        }
        event.0
    }
}

/// Where handlers run on tasks of their own.
const ON_TASKS: [Way; 3] = [Way::Mailbox, Way::PerKey, Way::Unordered];

#[derive(Clone, Copy, Debug)]
enum Way {
    Mailbox,
    Inline,
    PerKey,
    Unordered,
}

macro_rules! start {
    ($manager:expr, $way:expr, $router:expr) => {{
        let host = Host::new($manager);
        let host = match $way {
            Way::Mailbox => host.mailbox(),
            Way::Inline => host.inline(),
            Way::PerKey => host.concurrency(Concurrency::PerKey(4)),
            Way::Unordered => host.concurrency(Concurrency::Unordered(4)),
        };
        host.start($router).await.unwrap()
    }};
}

async fn three(router: &Router, way: Way) -> ([Managed; 3], mpsc::UnboundedReceiver<(&'static str, Saw)>) {
    let (seen, sees) = mpsc::unbounded_channel();
    let front = start!(Front(seen.clone()), way, router);
    let middle = start!(Middle(seen.clone()), way, router);
    let back = start!(Back(seen), way, router);
    ([front, middle, back], sees)
}

#[tokio::test(start_paused = true)]
async fn a_deadline_goes_down_through_three_managers() {
    for way in [Way::Mailbox, Way::Inline, Way::PerKey, Way::Unordered] {
        let router = Router::new();
        let (managed, mut sees) = three(&router, way).await;
        let begun = Instant::now();
        assert_eq!(router.request(AskFront(1)).timeout(SECOND * 3).await, Ok(1), "{way:?}");
        let given = Saw::Deadline(Some(begun + SECOND * 3));
        for who in ["front", "middle", "back"] {
            let saw = sees.recv().await.unwrap();
            assert_eq!((saw.0, &saw.1), (who, &given), "{way:?}");
        }
        for who in ["middle", "front"] {
            assert_eq!(sees.recv().await.unwrap(), (who, Saw::Ended(None)), "{way:?}");
        }
        // Without a deadline, the first to set one is the middle one.
        let begun = Instant::now();
        assert_eq!(router.request(AskFront(1)).await, Ok(1));
        assert_eq!(sees.recv().await.unwrap(), ("front", Saw::Deadline(None)));
        assert_eq!(sees.recv().await.unwrap(), ("middle", Saw::Deadline(None)));
        assert_eq!(sees.recv().await.unwrap(), ("back", Saw::Deadline(Some(begun + SECOND * 60))));
        drop(managed);
    }
}

#[tokio::test(start_paused = true)]
async fn all_end_at_the_deadline_and_no_later() {
    for way in ON_TASKS {
        let router = Router::new();
        let (managed, mut sees) = three(&router, way).await;
        let begun = Instant::now();
        let timed_out = router.request(AskFront(50)).timeout(SECOND).await;
        assert!(matches!(timed_out, Err(RequestError::TimedOut { .. })), "{timed_out:?}");
        let mut ended = Vec::new();
        while ended.len() < 3 {
            match sees.recv().await.unwrap() {
                (_, Saw::Deadline(_)) => {}
                (who, _) => ended.push(who),
            }
        }
        assert_eq!(begun.elapsed(), SECOND, "{way:?}");
        ended.sort_unstable();
        assert_eq!(ended, ["back", "front", "middle"], "{way:?}");
        drop(managed);
    }
}

#[tokio::test(start_paused = true)]
async fn cancellation_goes_down_through_three_managers() {
    for way in ON_TASKS {
        let router = Router::new();
        let (managed, mut sees) = three(&router, way).await;
        let asking = tokio::spawn({
            let router = router.clone();
            async move { router.request(AskFront(50)).await }
        });
        for _ in 0..3 {
            assert!(matches!(sees.recv().await.unwrap().1, Saw::Deadline(_)));
        }
        let begun = Instant::now();
        assert_eq!(router.wait_graph().waits.len(), 2, "{}", router.wait_graph());
        asking.abort();
        let mut ended = Vec::new();
        for _ in 0..3 {
            ended.push(sees.recv().await.unwrap());
        }
        ended.sort_by_key(|(who, _)| *who);
        assert_eq!(
            ended,
            [
                ("back", Saw::Cancelled),
                ("front", Saw::Ended(Some(RequestError::Cancelled))),
                ("middle", Saw::Ended(Some(RequestError::Cancelled))),
            ],
            "{way:?}"
        );
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(router.wait_graph().is_empty());
        assert_eq!(router.request(AskFront(1)).await, Ok(1), "all go on as ever");
        drop(managed);
    }
}

/// Asks the manager of this number, which asks on.
#[derive(Request)]
#[request(response = u64)]
struct Round<const N: usize>(Vec<usize>);

struct Member<const N: usize>;

#[manager]
impl<const N: usize> Member<N> {
    #[request]
    async fn round(&self, event: Round<N>, cx: &Context) -> Result<u64, Failure> {
        let Some((&next, rest)) = event.0.split_first() else { return Ok(0) };
        let (router, rest) = (cx.router(), rest.to_vec());
        Ok(1 + match next {
            0 => router.request(Round::<0>(rest)).await?,
            1 => router.request(Round::<1>(rest)).await?,
            _ => router.request(Round::<2>(rest)).await?,
        })
    }
}

/// Counts the warnings of its thread.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn managers_in_a_circle_are_told_to_the_log_once() {
    for way in [Way::Mailbox, Way::Inline] {
        for round in [&[0][..], &[1, 0], &[1, 2, 0], &[1, 2, 1]] {
            let warnings = Warnings::default();
            let _guard = tracing::subscriber::set_default(warnings.clone());
            let router = Router::new();
            let managed = (
                start!(Member::<0>, way, &router),
                start!(Member::<1>, way, &router),
                start!(Member::<2>, way, &router),
            );
            let asking = tokio::spawn({
                let router = router.clone();
                async move { router.request(Round::<0>(round.to_vec())).await }
            });
            sleep(SECOND).await;
            let graph = router.wait_graph();
            let cycles: Vec<_> = graph.cycles().map(|cycle| cycle.len()).collect();
            let expected = if round == [1, 2, 1] { 2 } else { round.len() };
            assert_eq!(cycles, [expected], "{way:?} {round:?}\n{graph}");
            assert_eq!(warnings.0.load(Ordering::Relaxed), 1, "{way:?} {round:?}\n{graph}");
            assert!(graph.parts.iter().all(|part| part.name == "Member"), "{graph}");
            asking.abort();
            drop(managed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn managers_whose_handlers_overlap_are_in_no_circle() {
    for way in [Way::PerKey, Way::Unordered] {
        let warnings = Warnings::default();
        let _guard = tracing::subscriber::set_default(warnings.clone());
        let router = Router::new();
        let managed = (
            start!(Member::<0>, Way::Unordered, &router),
            start!(Member::<1>, Way::Mailbox, &router),
            start!(Member::<2>, way, &router),
        );
        // Those that handle one event at a time come once.
        if matches!(way, Way::Unordered) {
            assert_eq!(router.request(Round::<0>(vec![1, 2, 0, 2])).await, Ok(4));
        }
        assert_eq!(router.request(Round::<0>(vec![1, 0, 2])).await, Ok(3));
        assert_eq!(warnings.0.load(Ordering::Relaxed), 0, "{way:?}");

        // A handler that overlaps with others still waits for its own request.
        let asking = tokio::spawn({
            let router = router.clone();
            async move { router.request(Round::<1>(vec![0, 2, 1])).await }
        });
        sleep(SECOND).await;
        let graph = router.wait_graph();
        assert_eq!(graph.cycles().map(|cycle| cycle.len()).collect::<Vec<_>>(), [3], "{way:?}\n{graph}");
        assert_eq!(warnings.0.load(Ordering::Relaxed), 1, "{way:?}");
        asking.abort();
        drop(managed);
    }
}

/// Asks itself before it has started.
struct Eager;

#[manager]
impl Eager {
    #[started]
    async fn started(&mut self, cx: &Context) -> Result<(), Failure> {
        cx.router().request(AskBack(1)).timeout(SECOND).await.map(drop).map_err(Failure::from)
    }

    #[request]
    fn ask(&mut self, event: AskBack) -> u64 {
        event.0
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_asks_its_own_manager_is_a_circle_too() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let router = Router::new();
    assert!(Host::new(Eager).start(&router).await.is_err());
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1);
}

/// Asks when it stops.
struct Thorough(Seen);

#[manager]
impl Thorough {
    #[notification]
    fn told(&self, _event: &Told) {}

    #[stopping]
    async fn stopping(&mut self, cx: &Context) -> Result<(), Failure> {
        let answer = cx.router().request(AskBack(0)).await;
        self.0.send(("thorough", Saw::Ended(answer.err()))).ok();
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_last_hook_asks_is_not_asked_on_behalf_of_the_last_event() {
    for way in [Way::Mailbox, Way::Inline] {
        let router = Router::new();
        let (seen, mut sees) = mpsc::unbounded_channel();
        let (ignored, _) = mpsc::unbounded_channel();
        let back = start!(Back(ignored), Way::Mailbox, &router);
        let thorough = start!(Thorough(seen), way, &router);
        router.notify(Told(1)).expires_in(SECOND).await.unwrap();
        sleep(SECOND * 2).await;
        assert_eq!(thorough.stop(Instant::now() + SECOND).await, 0);
        assert_eq!(sees.recv().await.unwrap(), ("thorough", Saw::Ended(None)), "{way:?}");
        drop(back);
    }
}

#[derive(Notification)]
struct Told(u64);

#[derive(Notification)]
struct ToldAsync(u64);

#[derive(Request)]
#[request(response = u64)]
struct Get(u64);

#[derive(Request)]
#[request(response = u64)]
struct GetAlone(u64);

#[derive(Request)]
#[request(response = ())]
struct Block;

#[derive(Tunnel)]
#[tunnel(send = u64, receive = u64)]
struct Pipe(u64);

struct Late {
    handled: Arc<Mutex<Vec<u64>>>,
    permits: Arc<Semaphore>,
}

#[manager]
impl Late {
    #[request]
    async fn block(&self, _event: Block) {
        self.permits.acquire().await.unwrap().forget();
    }

    #[notification]
    fn told(&self, event: &Told) {
        self.handled.lock().push(event.0);
    }

    #[notification]
    async fn told_async(&self, event: &ToldAsync) {
        self.handled.lock().push(event.0);
    }

    #[request]
    async fn get(&self, event: Get, cx: &Context) -> u64 {
        assert!(!cx.is_cancelled());
        self.handled.lock().push(event.0);
        event.0
    }

    #[request]
    fn get_alone(&self, event: GetAlone) -> u64 {
        self.handled.lock().push(event.0);
        event.0
    }

    #[tunnel]
    async fn pipe(&self, event: Pipe, mut tunnel: Accepted<Pipe>, cx: &Context) -> Result<(), Failure> {
        assert_eq!(cx.deadline(), None, "the deadline was for the opening");
        self.handled.lock().push(event.0);
        tunnel.send(event.0).await?;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_not_handled() {
    for way in [Way::Mailbox, Way::Inline, Way::PerKey, Way::Unordered] {
        let router = Router::new();
        let (handled, permits) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Semaphore::new(0)));
        let late =
            start!(Late { handled: Arc::clone(&handled), permits: Arc::clone(&permits) }, way, &router);
        // With all handlers held up, events wait until their deadline has passed, or not.
        let blocks: Vec<_> =
            (0..4).map(|_| spawn(&router, |router| async move { router.request(Block).await })).collect();
        sleep(SECOND).await;
        for (base, wait) in [(0, SECOND), (10, SECOND * 3)] {
            for told in [1, 2] {
                let told = base + told;
                assert_eq!(router.notify(Told(told)).expires_in(wait).await.unwrap().accepted, 1);
                assert_eq!(router.notify(ToldAsync(told + 2)).expires_in(wait).await.unwrap().accepted, 1);
            }
        }
        let mut pipes = (
            router.open(Pipe(5)).timeout(SECOND).await.unwrap(),
            router.open(Pipe(15)).timeout(SECOND * 3).await.unwrap(),
        );
        // By somebody who does not look at the clock meanwhile.
        let asked = [
            slowly(&router, Get(6), SECOND),
            slowly(&router, GetAlone(7), SECOND),
            slowly(&router, GetAlone(17), SECOND * 3),
        ];
        sleep(SECOND * 2).await;
        permits.add_permits(4);
        let aborted = pipes.0.recv().await;
        assert!(
            matches!(&aborted, Some(Err(TunnelError::Aborted(failure))) if failure.code() == "expired"),
            "{aborted:?}"
        );
        assert!(matches!(pipes.1.recv().await, Some(Ok(15))), "{way:?}");
        let mut answers = Vec::new();
        for asked in asked {
            answers.push(asked.await.unwrap());
        }
        assert_eq!(answers, [Err(RequestError::Expired), Err(RequestError::Expired), Ok(17)], "{way:?}");
        for block in blocks {
            block.await.unwrap().unwrap();
        }
        let left = late.stop(Instant::now() + SECOND).await;
        let mut handled = std::mem::take(&mut *handled.lock());
        handled.sort_unstable();
        assert_eq!((left, handled), (0, vec![11, 12, 13, 14, 15, 17]), "{way:?}");
    }
}

/// Asks, and asks for the answer when all is over.
fn slowly<R: Request<Response = u64>>(
    router: &Router,
    event: R,
    timeout: Duration,
) -> tokio::task::JoinHandle<Result<u64, RequestError>> {
    spawn(router, move |router| async move {
        let mut asking = pin!(router.request(event).timeout(timeout));
        assert!(poll_fn(|task| Poll::Ready(asking.as_mut().poll(task))).await.is_pending());
        sleep(SECOND * 5 / 2).await;
        asking.await
    })
}

fn spawn<T, F>(router: &Router, work: impl FnOnce(Router) -> F) -> tokio::task::JoinHandle<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    tokio::spawn(work(router.clone()))
}
