use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use edri_event::{Meta, Progress, Request};

use crate::request::{ReplyTo, RequestError, Requester};
use crate::router::Router;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::vitals::Meter;

/// What a handler may know beside the event: the router, and the circumstances of the event it handles.
#[derive(Clone)]
pub struct Context {
    router: Router,
    name: Arc<str>,
    meta: Meta,
    requester: Option<Requester>,
    badly_ended: BadlyEnded,
}

impl Context {
    /// A context for whoever is called `name`; it is made once, and told of each event by
    /// [`begin`](Self::begin) or [`begin_request`](Self::begin_request).
    pub fn new(router: Router, name: Arc<str>) -> Self {
        Self { router, name, meta: Meta::new(), requester: None, badly_ended: BadlyEnded::default() }
    }

    /// From here on this event is being handled.
    #[inline]
    pub fn begin(&mut self, meta: Meta) {
        self.meta = meta;
        self.requester = None;
    }

    /// From here on this request is being handled.
    #[inline]
    pub fn begin_request<R: Request>(&mut self, meta: Meta, reply: &ReplyTo<R::Response>) {
        self.meta = meta;
        self.requester = reply.requester();
    }

    /// Nothing is being handled any more: what belonged to the last event is let go.
    pub fn end(&mut self) {
        self.meta = Meta::new();
        self.requester = None;
    }

    /// A handler has ended badly: it is counted where this context is [asked for it](Self::settle).
    #[cold]
    pub fn ended_badly(&self, error: &RequestError) {
        let one = match error {
            RequestError::Panicked { .. } => 1 << 32,
            _ => 1,
        };
        // Written by one handler at a time.
        self.badly_ended.0.store(self.badly_ended.0.load(Ordering::Relaxed) + one, Ordering::Relaxed);
    }

    /// Passes what ended badly on to `meter`.
    #[inline]
    pub fn settle(&self, meter: &Meter) {
        if self.badly_ended.0.load(Ordering::Relaxed) != 0 {
            self.settle_badly_ended(meter);
        }
    }

    #[cold]
    fn settle_badly_ended(&self, meter: &Meter) {
        let noted = self.badly_ended.0.load(Ordering::Relaxed);
        self.badly_ended.0.store(0, Ordering::Relaxed);
        meter.failed(noted & u64::from(u32::MAX));
        meter.panicked(noted >> 32);
    }

    /// The router: to notify, ask and open tunnels from within a handler.
    ///
    /// A handler that waits for its own manager waits for ever: see the guide on back-pressure.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// The name of the manager or worker.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What travels beside the event.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The time after which nobody waits for the answer any more, if the requester gave one.
    pub fn deadline(&self) -> Option<Instant> {
        self.meta.deadline()
    }

    /// Reports to the requester how far the work has come, if it asked to know.
    pub fn progress(&self, done: u64, total: u64) {
        if let Some(sink) = self.meta.progress() {
            sink.report(Progress { done, total });
        }
    }

    /// Whether the requester has gone away.
    pub fn is_cancelled(&self) -> bool {
        self.requester.as_ref().is_some_and(Requester::is_cancelled)
    }

    /// Ready when the requester goes away: it dropped its request, or its time ran out. Never ready for what is
    /// not a request, nor after the answer.
    ///
    /// Cancel safe.
    pub async fn cancelled(&self) {
        match &self.requester {
            Some(requester) => requester.cancelled().await,
            None => std::future::pending().await,
        }
    }
}

/// How many handlers have failed, and 2^32 for each that has panicked. A copy begins with none.
#[derive(Default)]
struct BadlyEnded(AtomicU64);

impl Clone for BadlyEnded {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Context").field("name", &self.name).field("meta", &self.meta).finish()
    }
}
