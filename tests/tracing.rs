//! The spans in which events are handled: one for each, with its fields, joined from handler to handler.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "support/spans.rs"]
mod spans;

use edri::event::{TraceContext, TraceFlags};
use edri::prelude::*;
use edri::router::current_trace;
use spans::Spans;
use tracing::level_filters::LevelFilter;

#[derive(Notification)]
struct Told;

#[derive(Notification)]
struct ToldAsync;

#[derive(Request, Clone)]
#[request(response = String)]
struct Name;

#[derive(Request)]
#[request(response = String)]
struct NameAsync;

#[derive(Tunnel)]
#[tunnel(send = (), receive = ())]
struct Pipe;

#[derive(Request)]
#[request(response = u64)]
struct Count(u64);

/// Says in each answer under which trace it was asked.
struct Everything;

fn here() -> String {
    current_trace().map(|trace| trace.to_string()).unwrap_or_default()
}

#[manager]
impl Everything {
    #[notification]
    fn told(&self, _: &Told) {}

    #[notification]
    async fn told_async(&self, _: &ToldAsync) {
        tokio::task::yield_now().await;
    }

    #[request]
    fn name(&self, _: Name) -> String {
        here()
    }

    #[request]
    async fn name_async(&self, _: NameAsync) -> String {
        tokio::task::yield_now().await;
        here()
    }

    #[response]
    fn named(&self, _: &Answer<Name>) {}

    #[tunnel]
    async fn pipe(&self, _: Pipe, mut pipe: Accepted<Pipe>) {
        while pipe.recv().await.is_some() {}
        pipe.finish();
    }
}

async fn handle_everything(host: Host<Everything>) {
    let (spans, _listening) = Spans::listen(LevelFilter::DEBUG);
    let router = Router::new();
    let manager = host.name("all").start(&router).await.unwrap();
    router.notify(Told).await.unwrap();
    router.notify(ToldAsync).await.unwrap();
    let said = [router.request(Name).await.unwrap(), router.request(NameAsync).await.unwrap()];
    let mut pipe = router.open(Pipe).await.unwrap();
    pipe.finish();
    assert!(pipe.recv().await.is_none());
    drop(pipe);
    manager.stop(tokio::time::Instant::now() + std::time::Duration::from_secs(1)).await;

    let mut kinds: Vec<_> = spans
        .all()
        .iter()
        .map(|span| {
            assert_eq!((span.field("manager"), span.field("worker"), span.field("error")), ("all", "", ""));
            assert!(span.closed, "{span:?}");
            assert_ne!(span.field("id"), "", "{span:?}");
            let [trace, own] = ["trace_id", "span_id"].map(|id| span.field(id));
            format!("00-{trace}-{own}-01").parse::<TraceContext>().unwrap();
            format!("{} {}", span.field("kind"), span.field("event").rsplit("::").next().unwrap())
        })
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "notification Told",
            "notification ToldAsync",
            "request Name",
            "request NameAsync",
            "response Name",
            "tunnel Pipe"
        ]
    );
    for (said, kind) in said.iter().zip(["Name", "NameAsync"]) {
        let all = spans.all();
        let span =
            all.iter().find(|span| span.field("kind") == "request" && span.field("event").ends_with(kind));
        assert!(said.contains(span.unwrap().field("span_id")), "{said} is not of {span:?}");
    }
}

#[tokio::test]
async fn every_event_out_of_a_mailbox_is_handled_in_one_span() {
    handle_everything(Host::new(Everything).mailbox()).await;
}

#[tokio::test]
async fn every_event_handled_inline_has_one_span() {
    handle_everything(Host::new(Everything).inline()).await;
}

#[tokio::test]
async fn every_event_handled_beside_others_has_one_span() {
    handle_everything(Host::new(Everything).concurrency(Concurrency::Unordered(4))).await;
    handle_everything(Host::new(Everything).concurrency(Concurrency::PerKey(4))).await;
}

struct Counter;

impl Worker for Counter {
    type Job = Count;

    async fn run(&mut self, job: Count, _: &WorkerContext) -> Result<u64, Failure> {
        tokio::task::yield_now().await;
        match job.0 {
            0 => Err(Failure::new("empty", "expected something to count")),
            1 => panic!("too few"),
            many => Ok(many),
        }
    }
}

#[tokio::test]
async fn a_job_is_done_in_a_span_that_names_its_worker() {
    let (spans, _listening) = Spans::listen(LevelFilter::DEBUG);
    let router = Router::new();
    let _pool = Pool::tasks(1, || Counter).start(&router).unwrap();
    router.request(Count(7)).await.unwrap();
    let span = spans.of(<Count as Event>::name());
    assert_eq!(
        (span.field("worker"), span.field("kind"), span.field("manager")),
        ("Counter-0", "request", "")
    );
}

#[tokio::test]
async fn what_a_closure_answers_is_a_span_under_its_requesters() {
    let (spans, _listening) = Spans::listen(LevelFilter::DEBUG);
    let router = Router::new();
    let _namer = router.respond(|_: Name| async { Ok(here()) });
    let inner = router.clone();
    let _outer = router.respond(move |_: NameAsync| {
        let router = inner.clone();
        async move { Ok(router.request(Name).await?) }
    });
    let said = router.request(NameAsync).await.unwrap();
    let (outer, inner) = (spans.of(<NameAsync as Event>::name()), spans.of(<Name as Event>::name()));
    assert!(outer.field("closure").contains("what_a_closure_answers"), "{outer:?}");
    assert_eq!(said, format!("00-{}-{}-01", inner.field("trace_id"), inner.field("span_id")));
    assert_eq!(inner.field("trace_id"), outer.field("trace_id"));
    assert_eq!(inner.field("parent_span_id"), outer.field("span_id"));
    assert_eq!(
        (outer.parent.as_deref(), inner.parent.as_deref()),
        (None, Some(<NameAsync as Event>::name()))
    );
}

#[derive(Request)]
#[request(response = ())]
struct Start;

#[derive(Notification)]
struct Begun;

/// Asks, and tells, as it handles.
struct Middle;

#[manager]
impl Middle {
    #[request]
    async fn start(&mut self, _: Start, cx: &Context) -> Result<(), Failure> {
        tokio::task::yield_now().await;
        cx.router().request(Count(7)).await?;
        cx.router().notify(Begun).await?;
        Ok(())
    }
}

struct End;

#[manager]
impl End {
    #[request]
    async fn count(&mut self, count: Count) -> u64 {
        count.0
    }

    #[notification]
    async fn begun(&mut self, _: &Begun) {}
}

#[tokio::test]
async fn what_a_handler_sends_is_joined_to_its_span_without_being_told() {
    let (spans, _listening) = Spans::listen(LevelFilter::DEBUG);
    let router = Router::new();
    let _middle = Host::new(Middle).start(&router).await.unwrap();
    let end = Host::new(End).start(&router).await.unwrap();
    router.request(Start).await.unwrap();
    end.stop(tokio::time::Instant::now() + std::time::Duration::from_secs(1)).await;

    let [start, count, begun] =
        [<Start as Event>::name(), <Count as Event>::name(), <Begun as Event>::name()]
            .map(|event| spans.of(event));
    assert_eq!(start.field("parent_span_id"), "");
    for child in [&count, &begun] {
        assert_eq!(child.field("trace_id"), start.field("trace_id"));
        assert_eq!(child.field("parent_span_id"), start.field("span_id"));
        assert_ne!(child.field("span_id"), start.field("span_id"));
    }
    // The requester waits, and its span may be around the responder's; the notifier does not.
    assert_eq!(count.parent.as_deref(), Some(<Start as Event>::name()));
    assert_eq!(begun.parent, None);
}

#[derive(Notification)]
struct Beat(u32);

/// Each event leads to the next, for ever.
struct Heart;

#[manager]
impl Heart {
    #[notification]
    async fn beat(&mut self, beat: &Beat, cx: &Context) -> Result<(), Failure> {
        if beat.0 > 0 {
            cx.router().notify(Beat(beat.0 - 1)).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_chain_of_notifications_without_an_end_keeps_no_spans_open() {
    let (spans, _listening) = Spans::listen(LevelFilter::DEBUG);
    let router = Router::new();
    let _heart = Host::new(Heart).start(&router).await.unwrap();
    let mut beats = router.subscribe::<Beat>();
    router.notify(Beat(100)).await.unwrap();
    while beats.recv().await.unwrap().0 > 0 {
        let open = spans.all().iter().filter(|span| !span.closed).count();
        assert!(open <= 2, "{open} are open");
    }
    let traces: std::collections::HashSet<_> =
        spans.all().iter().map(|span| span.field("trace_id").to_owned()).collect();
    assert_eq!(traces.len(), 1);
}

#[tokio::test]
async fn a_trace_from_another_system_goes_on_in_the_handler() {
    let (spans, _listening) = Spans::listen(LevelFilter::DEBUG);
    let router = Router::new();
    let _all = Host::new(Everything).start(&router).await.unwrap();
    let remote = TraceContext::new(0xabc, 0xdef, TraceFlags::SAMPLED).unwrap();
    let said: TraceContext = router.request(NameAsync).trace(remote).await.unwrap().parse().unwrap();
    assert_eq!(said.trace_id(), 0xabc);
    let span = spans.of(<NameAsync as Event>::name());
    assert_eq!(span.field("parent_span_id"), "0000000000000def");
    assert_eq!(span.field("trace_id"), "00000000000000000000000000000abc");

    let mut told = router.subscribe::<Told>();
    router.notify(Told).trace(remote).await.unwrap();
    assert_eq!(told.recv().await.map(|_| ()), Some(()));
}

#[derive(Notification)]
struct Break(bool);

struct Fragile;

#[manager]
impl Fragile {
    #[notification]
    async fn fail(&mut self, fall: &Break) -> Result<(), Failure> {
        if fall.0 {
            panic!("fell");
        }
        Err(Failure::new("broken", "expected glue"))
    }

    #[request]
    fn name(&mut self, _: Name) -> Result<String, Failure> {
        Err(Failure::new("nameless", "expected a name"))
    }
}

async fn errors_of(host: Host<Fragile>, falls: bool) -> (String, Vec<String>) {
    let (spans, _listening) = Spans::listen(LevelFilter::DEBUG);
    let router = Router::new();
    let manager = host.start(&router).await.unwrap();
    router.notify(Break(falls)).await.unwrap();
    router.request(Name).await.unwrap_err();
    drop(manager);
    assert_eq!(
        spans.of(<Name as Event>::name()).field("error"),
        "the responder failed: nameless: expected a name"
    );
    let logged = spans.logged().into_iter().filter(|line| line.starts_with("ERROR")).collect();
    (spans.of(<Break as Event>::name()).field("error").to_owned(), logged)
}

#[tokio::test]
async fn how_a_handler_ended_badly_is_in_its_span_and_once_in_the_log() {
    for host in [|| Host::new(Fragile), || Host::new(Fragile).inline()] {
        let (error, logged) = errors_of(host(), false).await;
        assert_eq!(error, "the responder failed: broken: expected glue");
        assert_eq!(logged, ["ERROR a handler ended badly: the responder failed: broken: expected glue"]);
        let (error, logged) = errors_of(host(), true).await;
        assert_eq!(error, "the responder panicked: fell");
        assert_eq!(logged, ["ERROR a handler ended badly: the responder panicked: fell"]);
    }
}

#[tokio::test]
async fn nothing_travels_with_an_event_while_nobody_listens_to_events() {
    let (spans, _listening) = Spans::listen(LevelFilter::INFO);
    let router = Router::new();
    let _all = Host::new(Everything).start(&router).await.unwrap();
    let mut told = router.subscribe::<Told>();
    router.notify(Told).await.unwrap();
    let envelope = told.recv_envelope().await.unwrap();
    // Other tests of this process may listen meanwhile: what is asked is whether this thread does.
    assert_eq!((envelope.meta.trace(), envelope.meta.id()), (None, None));
    assert_eq!(router.request(NameAsync).await.unwrap(), "");
    assert_eq!(spans.all(), []);
}
