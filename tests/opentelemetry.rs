//! Traces by OpenTelemetry's ids: across managers without being told, and on from another system.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::time::Duration;

use edri::event::{TraceContext, TraceFlags};
use edri::prelude::*;
use edri::router::current_trace;
use opentelemetry::trace::{SpanKind, Status, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;

#[derive(Request)]
#[request(response = String)]
struct Ask;

#[derive(Notification)]
struct Asked;

struct Front;

#[manager]
impl Front {
    #[request]
    async fn ask(&mut self, _: Ask, cx: &Context) -> Result<String, Failure> {
        // What a handler leaves to a task belongs to its span, too.
        let router = cx.router().clone();
        let told = async move { router.notify(Asked).await }.in_current_span();
        tokio::spawn(told).await.map_err(|error| Failure::new("lost", error.to_string()))??;
        Ok(current_trace().map(|trace| trace.to_string()).unwrap_or_default())
    }
}

struct Back;

#[manager]
impl Back {
    #[notification]
    async fn asked(&mut self, _: &Asked) -> Result<(), Failure> {
        Err(Failure::new("broken", "expected glue"))
    }
}

fn of<'s>(spans: &'s [SpanData], event: &str) -> &'s SpanData {
    spans.iter().find(|span| span.name == event).unwrap_or_else(|| panic!("no {event} in {spans:?}"))
}

#[tokio::test]
async fn spans_are_joined_across_managers_and_tasks_and_from_another_system() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

    let router = Router::new();
    let back = Host::new(Back).start(&router).await.unwrap();
    let front = Host::new(Front).start(&router).await.unwrap();
    let remote = TraceContext::new(0xabc, 0xdef, TraceFlags::SAMPLED).unwrap();
    let said = router.request(Ask).trace(remote).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    assert_eq!((front.stop(deadline).await, back.stop(deadline).await), (0, 0));
    provider.force_flush().unwrap();

    let spans = exporter.get_finished_spans().unwrap();
    let (ask, asked) = (of(&spans, <Ask as Event>::name()), of(&spans, <Asked as Event>::name()));
    let own = TraceContext::new(
        u128::from_be_bytes(ask.span_context.trace_id().to_bytes()),
        u64::from_be_bytes(ask.span_context.span_id().to_bytes()),
        TraceFlags::SAMPLED,
    );
    assert_eq!(said.parse().ok(), own, "the handler knows its span");
    assert_eq!(own.unwrap().trace_id(), 0xabc);
    assert_eq!(u64::from_be_bytes(ask.parent_span_id.to_bytes()), 0xdef);
    assert!(ask.parent_span_is_remote);
    assert_eq!((&ask.span_kind, &asked.span_kind), (&SpanKind::Server, &SpanKind::Consumer));

    assert_eq!(asked.span_context.trace_id(), ask.span_context.trace_id());
    assert_eq!(asked.parent_span_id, ask.span_context.span_id());
    assert_eq!(asked.status, Status::error("the responder failed: broken: expected glue"));
    assert_eq!(ask.status, Status::Unset);
}
