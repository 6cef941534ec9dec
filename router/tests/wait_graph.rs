//! Who waits for whose answer, and who waits in a circle.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use edri_event::{Event as _, Failure, Request};
use edri_router::{
    Asked, Asking, AtATime, Context, Inbox, InboxSettings, RequestError, Respond, Router, ToInbox, WaitGraph,
};
use futures_util::future::join_all;
use proptest::prelude::*;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;
use tokio_test::{assert_pending, assert_ready, task};

const SECOND: Duration = Duration::from_secs(1);

/// Is handled by asking the next along the way, who asks the next, and so on.
#[derive(Request, Clone, Debug)]
#[request(response = u64)]
struct Visit {
    way: Vec<usize>,
    /// How many turns each handler takes before it asks.
    turns: usize,
}

type Answer = Result<u64, Failure>;
type Handling<'h> = Pin<Box<dyn Future<Output = Answer> + Send + 'h>>;

/// Parts that answer `Visit`, each by a name of its own.
struct Town {
    router: Router,
    parts: Arc<OnceLock<Vec<Arc<dyn Respond<Visit>>>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Town {
    /// With a part for each of `sizes`, which handles so many visits at a time.
    fn new(sizes: &[usize]) -> Self {
        let mut town = Self { router: Router::new(), parts: Arc::default(), tasks: Vec::new() };
        let parts = sizes.iter().enumerate().map(|(number, &size)| town.part(number, size)).collect();
        assert!(town.parts.set(parts).is_ok());
        town
    }

    fn part(&mut self, number: usize, size: usize) -> Arc<dyn Respond<Visit>> {
        let name: Arc<str> = format!("part-{number}").into();
        let (inbox, receiver) = Inbox::<Asked<Visit>>::shared(InboxSettings::default());
        let receiver = Arc::new(receiver);
        for worker in 0..size {
            let (receiver, parts) = (Arc::clone(&receiver), Arc::clone(&self.parts));
            let (mut cx, membership) = match size {
                1 => (Context::new(self.router.clone(), Arc::clone(&name)), None),
                size => {
                    let cx = Context::new(self.router.clone(), format!("{name}-{worker}").into());
                    let membership = cx.one_of(Arc::clone(&name), size);
                    (cx, Some(membership))
                }
            };
            self.tasks.push(tokio::spawn(async move {
                let _membership = membership;
                while let Some(Asked { event, meta, reply }) = receiver.recv().await {
                    cx.begin_request::<Visit>(meta, &reply);
                    let answer = handle(event, &cx, &parts).await;
                    cx.end();
                    reply.answer(answer.map_err(RequestError::Failed));
                }
            }));
        }
        Arc::new(ToInbox::new(name, inbox, std::convert::identity))
    }

    /// A request from outside.
    fn visit(&self, way: &[usize], turns: usize) -> JoinHandle<Result<u64, RequestError>> {
        let (router, parts) = (self.router.clone(), Arc::clone(&self.parts));
        let visit = Visit { way: way[1..].to_vec(), turns };
        let first = way[0];
        tokio::spawn(async move { Asking::of(&router, &parts.get().unwrap()[first], visit).await })
    }

    async fn settle(&self) -> WaitGraph {
        sleep(SECOND).await;
        self.router.wait_graph()
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn handle<'h>(
    visit: Visit,
    cx: &'h Context,
    parts: &'h OnceLock<Vec<Arc<dyn Respond<Visit>>>>,
) -> Handling<'h> {
    Box::pin(async move {
        for _ in 0..visit.turns {
            yield_now().await;
        }
        let Some((&next, rest)) = visit.way.split_first() else { return Ok(0) };
        let visit = Visit { way: rest.to_vec(), turns: visit.turns };
        Ok(1 + Asking::of(cx.router(), &parts.get().unwrap()[next], visit).await?)
    })
}

/// Each cycle as the names of who asks.
fn cycles(graph: &WaitGraph) -> Vec<Vec<&str>> {
    graph
        .cycles()
        .map(|cycle| cycle.iter().map(|wait| graph.parts[wait.asker].name.as_str()).collect())
        .collect()
}

/// Collects the warnings of the thread it is set for.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        let warnings = Self::default();
        let guard = tracing::subscriber::set_default(warnings.clone());
        (warnings, guard)
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Message(String);

        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }

        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().unwrap().push(message.0);
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
async fn who_waits_for_whom_is_seen_and_for_how_long() {
    let town = Town::new(&[]);
    assert!(town.router.wait_graph().is_empty());
    assert_eq!(town.router.wait_graph().to_string(), "nobody waits for an answer");

    let held = town.router.respond(|_: Hold| std::future::pending());
    let asking = {
        let cx = Context::new(town.router.clone(), "clerk".into());
        tokio::spawn(async move { cx.router().request(Hold).await })
    };
    let graph = town.settle().await;
    let [wait] = &graph.waits[..] else { panic!("{graph}") };
    assert_eq!(graph.parts[wait.asker].name, "clerk");
    assert_eq!(graph.parts[wait.asker].at_a_time, AtATime::One);
    assert_eq!(graph.parts[wait.responder].at_a_time, AtATime::Unknown);
    assert_eq!((&*wait.event, wait.waited), (Hold::name(), SECOND));
    assert_eq!(cycles(&graph), Vec::<Vec<&str>>::new());
    assert!(graph.to_string().ends_with(&format!("to answer {}, for 1.0s", Hold::name())), "{graph}");

    asking.abort();
    drop((asking.await, held));
    assert!(town.router.wait_graph().is_empty());
}

/// Is never answered.
#[derive(Request)]
#[request(response = ())]
struct Hold;

#[tokio::test(start_paused = true)]
async fn circles_of_one_two_and_three_are_found_and_told_once() {
    for (way, expected) in [
        (&[0, 0][..], &["part-0"][..]),
        (&[0, 1, 0], &["part-0", "part-1"]),
        (&[0, 1, 2, 0], &["part-0", "part-1", "part-2"]),
        (&[2, 1, 0, 1], &["part-1", "part-0"]),
    ] {
        let (warnings, _guard) = Warnings::listen();
        let town = Town::new(&[1, 1, 1]);
        let visit = town.visit(way, 0);
        let graph = town.settle().await;
        let found = cycles(&graph);
        let [cycle] = &found[..] else { panic!("{graph}") };
        let (mut sorted, mut expected) = (cycle.clone(), expected.to_vec());
        sorted.sort_unstable();
        expected.sort_unstable();
        assert_eq!(sorted, expected, "{graph}");
        assert!(graph.to_string().contains("\na deadlock: part-"), "{graph}");

        // Others who come to wait for them are no cycle of their own, and are not told.
        let more: Vec<_> = (0..3).map(|part| town.visit(&[part], 0)).collect();
        let graph = town.settle().await;
        assert_eq!(cycles(&graph).len(), 1, "{graph}");
        let told = warnings.take();
        assert_eq!(told.len(), 1, "{told:?}");
        for part in expected {
            assert_eq!(told[0].matches(&format!("{part} waits for ")).count(), 1, "{told:?}");
        }
        assert!(told[0].starts_with("a deadlock: ") && told[0].contains(Visit::name()), "{told:?}");
        drop((visit, more));
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_out_in_a_circle_does_not_keep_it_from_being_told() {
    let (warnings, _guard) = Warnings::listen();
    let town = Town::new(&[1, 1]);
    let parts = Arc::clone(&town.parts);
    let router = town.router.clone();
    let visit = Visit { way: vec![1, 0], turns: 0 };
    let timed_out = Asking::of(&router, &parts.get().unwrap()[0], visit).timeout(SECOND).await;
    assert!(matches!(timed_out, Err(RequestError::TimedOut { .. })), "{timed_out:?}");
    assert_eq!(warnings.take().len(), 1);
    assert!(town.settle().await.is_empty(), "all got out by the inherited deadline");
    assert_eq!(town.visit(&[0, 1], 0).await.unwrap(), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_part_with_somebody_free_is_no_circle() {
    let (warnings, _guard) = Warnings::listen();
    let town = Town::new(&[1, 2]);
    // Its worker asks its own pool, where another is free.
    assert_eq!(town.visit(&[0, 1, 1], 3).await.unwrap(), Ok(2));
    assert_eq!(warnings.take(), Vec::<String>::new());
    // Once more, and nobody is.
    let visit = town.visit(&[0, 1, 1, 1], 3);
    let graph = town.settle().await;
    assert_eq!(warnings.take().len(), 1, "{graph}");
    assert_eq!(graph.cycles().count(), 1, "{graph}");
    let pool = graph.parts.iter().position(|part| part.name == "part-1").unwrap();
    assert_eq!(graph.parts[pool].at_a_time, AtATime::UpTo(2));
    let workers = graph.parts.iter().filter(|part| part.member_of == Some(pool)).count();
    assert_eq!(workers, 2, "{graph}");
    visit.abort();
}

#[tokio::test(start_paused = true)]
async fn two_handlers_of_a_part_that_wait_for_different_things_are_no_circle() {
    let (warnings, _guard) = Warnings::listen();
    // Part 0 waits for part 1, which has another handler that waits for part 0.
    let town = Town::new(&[1, 3, 1]);
    let one = town.visit(&[0, 1, 2], 50);
    let other: Vec<_> = (0..2).map(|_| town.visit(&[1, 0], 20)).collect();
    let ended = join_all(other.into_iter().chain([one])).await;
    assert!(ended.iter().all(|ended| matches!(ended, Ok(Ok(_)))), "{ended:?}");
    assert_eq!(warnings.take(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_closure_is_seen_through() {
    let (warnings, _guard) = Warnings::listen();
    let town = Town::new(&[1]);
    let parts = Arc::clone(&town.parts);
    let _closure = town.router.respond_with(move |_: Hold, cx| {
        let parts = Arc::clone(&parts);
        async move {
            let visit = Visit { way: Vec::new(), turns: 0 };
            Asking::of(cx.router(), &parts.get().unwrap()[0], visit).await?;
            Ok(())
        }
    });
    // From outside it is no circle, any number at once.
    let holds = join_all((0..8).map(|_| town.router.request(Hold))).await;
    assert!(holds.iter().all(Result::is_ok));
    assert_eq!(warnings.take(), Vec::<String>::new());

    // Asked by the very part that it asks, it is.
    let name: Arc<str> = "asker".into();
    let (inbox, asked) = Inbox::<Asked<Visit>>::shared(InboxSettings::default());
    let responder: Arc<dyn Respond<Visit>> =
        Arc::new(ToInbox::new(Arc::clone(&name), inbox, std::convert::identity));
    let _second = {
        let responder = Arc::clone(&responder);
        town.router.respond_with(move |_: Back, cx| {
            let responder = Arc::clone(&responder);
            async move {
                let visit = Visit { way: Vec::new(), turns: 0 };
                Asking::of(cx.router(), &responder, visit).await?;
                Ok(())
            }
        })
    };
    let mut cx = Context::new(town.router.clone(), name);
    let asker = tokio::spawn(async move {
        let Asked { meta, reply, .. } = asked.recv().await.unwrap();
        cx.begin_request::<Visit>(meta, &reply);
        cx.router().request(Back).await
    });
    let outside = town.router.clone();
    let outside =
        tokio::spawn(
            async move { Asking::of(&outside, &responder, Visit { way: Vec::new(), turns: 0 }).await },
        );
    let graph = town.settle().await;
    assert_eq!(warnings.take().len(), 1, "{graph}");
    assert_eq!(graph.cycles().map(|cycle| cycle.len()).collect::<Vec<_>>(), [2], "{graph}");
    assert!(graph.parts.iter().any(|part| part.at_a_time == AtATime::Any), "{graph}");
    drop((asker, outside));
}

/// Asks whoever asks it.
#[derive(Request)]
#[request(response = ())]
struct Back;

#[test]
fn an_answer_that_its_asker_has_not_seen_yet_is_no_wait() {
    let (warnings, _guard) = Warnings::listen();
    let router = Router::new();
    let part = |name: &str| {
        let name: Arc<str> = name.into();
        let (inbox, asked) = Inbox::<Asked<Visit>>::shared(InboxSettings::default());
        let to: Arc<dyn Respond<Visit>> =
            Arc::new(ToInbox::new(Arc::clone(&name), inbox, std::convert::identity));
        (to, asked, Context::new(router.clone(), name))
    };
    let visit = || Visit { way: Vec::new(), turns: 0 };
    let ((one, _one_asked, one_cx), (other, other_asked, other_cx)) = (part("one"), part("other"));
    let mut first = task::spawn(Asking::of(one_cx.router(), &other, visit()));
    assert_pending!(first.poll());
    other_asked.try_recv().unwrap().reply.answer(Ok(7));
    // The other goes on to its next event before the one has run.
    let mut second = task::spawn(Asking::of(other_cx.router(), &one, visit()));
    assert_pending!(second.poll());
    assert_eq!(router.wait_graph().waits.len(), 1, "{}", router.wait_graph());
    assert_eq!(warnings.take(), Vec::<String>::new());
    assert_eq!(assert_ready!(first.poll()), Ok(7));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_a_handler_has_started_is_not_the_handler() {
    let (warnings, _guard) = Warnings::listen();
    let town = Town::new(&[1]);
    let name: Arc<str> = "starter".into();
    let (inbox, asked) = Inbox::<Asked<Visit>>::shared(InboxSettings::default());
    let responder: Arc<dyn Respond<Visit>> =
        Arc::new(ToInbox::new(Arc::clone(&name), inbox, std::convert::identity));
    let cx = Context::new(town.router.clone(), name);
    let clone = cx.clone();
    let task = {
        let responder = Arc::clone(&responder);
        tokio::spawn(async move {
            Asking::of(clone.router(), &responder, Visit { way: Vec::new(), turns: 0 }).await
        })
    };
    let graph = town.settle().await;
    assert_eq!((graph.waits.len(), graph.cycles().count()), (1, 0), "{graph}");
    asked.recv().await.unwrap().reply.answer(Ok(3));
    assert_eq!(task.await.unwrap(), Ok(3));
    assert_eq!(warnings.take(), Vec::<String>::new());
    drop(cx);
}

#[test]
fn parts_that_ask_each_other_in_turn_are_no_circle_on_real_threads() {
    let warnings = Warnings::default();
    let on_each = warnings.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // For as long as the thread lives.
        .on_thread_start(move || std::mem::forget(tracing::subscriber::set_default(on_each.clone())))
        .enable_time()
        .build();
    runtime.unwrap().block_on(async {
        let town = Arc::new(Town::new(&[1, 1]));
        for turns in 0..2_000 {
            let first = town.visit(&[0, 1], turns % 4);
            while !first.is_finished() && town.router.wait_graph().is_empty() {
                yield_now().await;
            }
            // It comes to part 1 after the question of part 0, and asks part 0, which may not have run since.
            let second = town.visit(&[1, 0], 0);
            assert_eq!((first.await.unwrap(), second.await.unwrap()), (Ok(1), Ok(1)));
        }
    });
    assert_eq!(warnings.take(), Vec::<String>::new());
}

#[test]
fn there_is_a_bound_to_how_many_are_seen() {
    let (warnings, _guard) = Warnings::listen();
    let router = Router::new();
    let _held = router.respond(|_: Hold| std::future::pending());
    let cx = Context::new(router.clone(), "clerk".into());
    let mut asking: Vec<_> = (0..5_000).map(|_| task::spawn(cx.router().request(Hold))).collect();
    asking.iter_mut().for_each(|asking| assert_pending!(asking.poll()));
    let graph = router.wait_graph();
    assert_eq!((graph.waits.len(), graph.omitted), (4_096, 904));
    assert!(graph.to_string().ends_with("\nand 904 more"));
    // The seen and the unseen leave as they came.
    asking.truncate(4_500);
    assert_eq!(router.wait_graph().omitted, 404);
    drop(asking);
    assert!(router.wait_graph().is_empty());
    assert_eq!(warnings.take(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn it_is_data() {
    let town = Town::new(&[1, 2]);
    let visit = town.visit(&[0, 1, 0], 0);
    let graph = town.settle().await;
    let bytes = postcard::to_allocvec(&graph).unwrap();
    let copy: WaitGraph = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(copy, graph);
    assert_eq!(cycles(&copy).len(), 1);
    visit.abort();
}

proptest! {
    /// At rest, whoever still waits does so because of a circle; and a circle that was told stays.
    #[test]
    fn circles_are_found_if_and_only_if_somebody_waits_for_ever(
        sizes in prop::collection::vec(prop_oneof![3 => Just(1_usize), 1 => 2..4_usize], 1..5),
        visits in prop::collection::vec((prop::collection::vec(0..100_usize, 1..5), 0..4_usize), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let (warnings, _guard) = Warnings::listen();
            let town = Town::new(&sizes);
            let visits: Vec<_> = visits
                .iter()
                .map(|(way, turns)| {
                    let way: Vec<_> = way.iter().map(|part| part % sizes.len()).collect();
                    town.visit(&way, *turns)
                })
                .collect();
            let graph = town.settle().await;
            let stuck = visits.iter().any(|visit| !visit.is_finished());
            let told = warnings.take();
            prop_assert_eq!(!graph.is_empty(), stuck, "{}", graph);
            prop_assert_eq!(graph.cycles().count() > 0, stuck, "{}", graph);
            prop_assert_eq!(!told.is_empty(), stuck, "{}\n{:?}", graph, told);
            // Nothing stays behind.
            visits.iter().for_each(JoinHandle::abort);
            let router = town.router.clone();
            drop(town);
            sleep(SECOND).await;
            prop_assert!(router.wait_graph().is_empty(), "{}", router.wait_graph());
            Ok(())
        })?;
    }
}
