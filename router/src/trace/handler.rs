use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use edri_event::TraceContext;
use pin_project_lite::pin_project;
use tracing::field::{Empty, display};
use tracing::span::EnteredSpan;
use tracing::{Span, debug_span, dispatcher};

use super::{EventInfo, TARGET, current, is_traced};
use crate::request::RequestError;

/// By whom an event is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handler<'a> {
    /// By the manager of this name.
    Manager(&'a str),
    /// By the worker of this name.
    Worker(&'a str),
    /// By the closure of this type.
    Closure(&'a str),
}

/// The span in which one event is handled: `handle` of the target `edri::event`, at the level `DEBUG`. Nothing
/// while nobody listens.
///
/// Its fields are `event` and `id`; `manager`, `worker` or `closure`; `kind`; `trace_id`, `span_id` and
/// `parent_span_id` as W3C writes them; and `error` if the handler fails or panics.
#[must_use = "an event is handled within its span"]
pub struct HandlerSpan(Option<Box<Open>>);

struct Open {
    span: Span,
    trace: TraceContext,
}

/// While this thread runs a handler.
#[must_use = "dropping it leaves the span"]
pub struct Within(Option<Box<Inside>>);

struct Inside {
    _span: EnteredSpan,
    _trace: current::Entered,
}

impl HandlerSpan {
    /// For a handler on a task of its own.
    #[inline]
    pub fn open<'a>(event: impl FnOnce() -> Option<EventInfo<'a>>, handler: Handler<'_>) -> Self {
        if !is_traced() {
            return Self(None);
        }
        Self(event().map(|event| open(event, handler, event.meta.sender())))
    }

    /// For no handler yet.
    pub const fn closed() -> Self {
        Self(None)
    }

    /// For the next handler of the manager that `cx` is for.
    #[inline]
    pub fn reopen<'a>(&mut self, event: impl FnOnce() -> Option<EventInfo<'a>>, cx: &crate::Context) {
        if is_traced() {
            *self = Self::open(event, Handler::Manager(cx.name()));
        }
    }

    /// The handler has ended.
    #[inline]
    pub fn close(&mut self) {
        #[cold]
        fn close(open: Box<Open>) {
            drop(open);
        }
        if let Some(open) = self.0.take() {
            close(open);
        }
    }

    /// For a handler on the sender's task, which waits for it.
    #[inline]
    pub fn nested<'a>(event: impl FnOnce() -> EventInfo<'a>, handler: Handler<'_>) -> Self {
        if !is_traced() {
            return Self(None);
        }
        Self(Some(open(event(), handler, Some(&Span::current()))))
    }

    /// From here on this thread runs the handler, until it is [left](Within::left).
    #[inline]
    pub fn enter(&self) -> Within {
        match &self.0 {
            None => Within(None),
            Some(open) => Within(Some(open.enter())),
        }
    }

    /// The handler has ended badly, for a reason that is not told by [`caught`](crate::caught).
    #[inline]
    pub fn fail(&self, error: &RequestError) {
        if self.0.is_some() {
            let within = self.enter();
            failed(error);
            within.left();
        }
    }

    /// A handler that may wait, within the span.
    pub fn around<F>(self, handling: F) -> Traced<F> {
        Traced { handling, span: self }
    }
}

impl Within {
    /// The thread goes on with something else.
    #[inline]
    pub fn left(self) {
        if let Some(inside) = self.0 {
            inside.left();
        }
    }
}

/// A handler has ended badly, on this thread and within its span.
#[cold]
pub(crate) fn failed(error: &RequestError) {
    if !is_traced() || current::current_trace().is_none() {
        return;
    }
    let span = Span::current();
    span.record("error", display(error));
    #[cfg(feature = "opentelemetry")]
    super::otel::failed(&span, error);
}

#[cold]
fn open(event: EventInfo<'_>, handler: Handler<'_>, parent: Option<&Span>) -> Box<Open> {
    let parent = parent.filter(|parent| !parent.is_none());
    let span = || new_span(event, handler, parent);
    // In the eyes of whoever knows the parent, should there be several that listen.
    let span = parent
        .and_then(|parent| parent.with_subscriber(|(_, listener)| dispatcher::with_default(listener, span)))
        .unwrap_or_else(span);
    let trace = join(&span, event, parent.is_some());
    span.record("trace_id", display(format_args!("{:032x}", trace.trace_id())));
    span.record("span_id", display(format_args!("{:016x}", trace.span_id())));
    if let Some(sender) = event.meta.trace() {
        span.record("parent_span_id", display(format_args!("{:016x}", sender.span_id())));
    }
    Box::new(Open { span, trace })
}

fn new_span(event: EventInfo<'_>, handler: Handler<'_>, parent: Option<&Span>) -> Span {
    let EventInfo { event, kind, meta } = event;
    let (manager, worker, closure) = match handler {
        Handler::Manager(name) => (Some(name), None, None),
        Handler::Worker(name) => (None, Some(name), None),
        Handler::Closure(name) => (None, None, Some(name)),
    };
    debug_span!(
        target: TARGET,
        parent: parent.and_then(Span::id),
        "handle",
        event,
        id = meta.id().map(display),
        manager,
        worker,
        closure,
        kind = kind.name(),
        trace_id = Empty,
        span_id = Empty,
        parent_span_id = Empty,
        error = Empty,
        otel.name = Empty,
        otel.kind = Empty,
    )
}

/// What the handler's own sends belong to. With a parent that is here, the span has been joined to it already.
fn join(span: &Span, event: EventInfo<'_>, has_parent: bool) -> TraceContext {
    let sender = event.meta.trace();
    #[cfg(feature = "opentelemetry")]
    if let Some(trace) = super::otel::join(span, event, sender.filter(|_| !has_parent)) {
        return trace;
    }
    let _ = (span, has_parent);
    sender.map_or_else(TraceContext::fresh, TraceContext::child)
}

impl Open {
    #[cold]
    fn enter(&self) -> Box<Inside> {
        Box::new(Inside { _span: self.span.clone().entered(), _trace: current::enter(self.trace) })
    }
}

impl Inside {
    #[cold]
    fn left(self: Box<Self>) {
        drop(self);
    }
}

pin_project! {
    /// A handler that may wait, within its span.
    #[must_use = "a handler runs when it is awaited"]
    pub struct Traced<F> {
        #[pin]
        handling: F,
        span: HandlerSpan,
    }
}

impl<F: Future> Future for Traced<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let within = this.span.enter();
        let polled = this.handling.poll(cx);
        within.left();
        polled
    }
}

impl fmt::Debug for HandlerSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("HandlerSpan").field(&self.0.as_ref().map(|open| open.trace)).finish()
    }
}

impl fmt::Debug for Within {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Within")
    }
}

impl<F> fmt::Debug for Traced<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Traced").field("span", &self.span).finish_non_exhaustive()
    }
}
