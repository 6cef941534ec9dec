use edri_event::{EventId, Meta, TraceContext};
use tracing::Span;

use super::{current_trace, is_traced};

/// How long the span of a sender lasts, beside those of the handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SenderSpan {
    /// The sender waits for the handler: its span may hold the handler's.
    Outlasts,
    /// It does not. A span that held the handler's would stay open until the last of all that follow from it has
    /// ended, and in a program that goes on and on that is never; they are joined by their ids alone.
    MayEnd,
}

/// Puts the sender's trace beside an event that is being sent, if somebody listens.
#[inline]
pub(crate) fn mark(meta: &mut Meta, sender: SenderSpan) {
    if is_traced() {
        mark_listened(meta, sender);
    }
}

#[cold]
fn mark_listened(meta: &mut Meta, sender: SenderSpan) {
    if meta.id().is_none() {
        meta.set_id(EventId::fresh());
    }
    // One that came from another system, in whose span there is no sender here.
    if meta.trace().is_some() {
        return;
    }
    let span = Span::current();
    if let Some(trace) = trace_of(&span) {
        meta.set_trace(trace);
    }
    if sender == SenderSpan::Outlasts && !span.is_none() {
        meta.set_sender(span);
    }
}

/// Without one, the trace begins with whoever handles the event.
fn trace_of(span: &Span) -> Option<TraceContext> {
    #[cfg(feature = "opentelemetry")]
    if let Some(trace) = super::otel::trace_of(span) {
        return Some(trace);
    }
    let _ = span;
    current_trace()
}
