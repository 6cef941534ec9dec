use edri_event::{TraceContext, TraceFlags};
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt as _, TraceId, TraceState};
use opentelemetry::{Context, trace};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{EventInfo, EventKind};
use crate::request::RequestError;

/// The span as others know it; `None` if OpenTelemetry's layer is not installed, or has not taken it in.
pub(super) fn trace_of(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let span = context.span();
    let known = span.span_context();
    let flags = TraceFlags::from_bits(known.trace_flags().to_u8());
    TraceContext::new(
        u128::from_be_bytes(known.trace_id().to_bytes()),
        u64::from_be_bytes(known.span_id().to_bytes()),
        flags,
    )
}

/// Names the span of a handler and puts it under `sender`, a span that is not here; gives back what it is known by.
pub(super) fn join(span: &Span, event: EventInfo<'_>, sender: Option<TraceContext>) -> Option<TraceContext> {
    span.record("otel.name", event.event);
    let kind = match event.kind {
        EventKind::Notification | EventKind::Response => "consumer",
        EventKind::Request | EventKind::Tunnel => "server",
    };
    span.record("otel.kind", kind);
    if let Some(sender) = sender {
        let flags = trace::TraceFlags::new(sender.flags().bits());
        let trace = TraceId::from_bytes(sender.trace_id().to_be_bytes());
        let parent = SpanId::from_bytes(sender.span_id().to_be_bytes());
        let remote = SpanContext::new(trace, parent, flags, true, TraceState::default());
        // Fails where the layer is not installed: then there is nothing to join.
        let _ = span.set_parent(Context::new().with_remote_span_context(remote));
    }
    trace_of(span)
}

pub(super) fn failed(span: &Span, error: &RequestError) {
    span.set_status(Status::error(error.to_string()));
}
