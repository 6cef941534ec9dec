use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use edri_event::{Meta, Progress, Request};

use crate::overdue::{HandlerLimit, Watch, Watching};
use crate::request::{ReplyTo, Requester};
use crate::router::Router;

/// What a handler may know beside the event: the router, and the circumstances of the event it handles.
#[derive(Clone)]
pub struct Context {
    router: Router,
    name: Arc<str>,
    meta: Meta,
    requester: Option<Requester>,
    /// There if handlers are watched for how long they take.
    watch: Option<Arc<Watch>>,
}

impl Context {
    /// A context for whoever is called `name`; it is made once, and told of each event by
    /// [`begin`](Self::begin) or [`begin_request`](Self::begin_request).
    pub fn new(router: Router, name: Arc<str>) -> Self {
        Self { router, name, meta: Meta::new(), requester: None, watch: None }
    }

    /// The same for handlers that may take only so long.
    pub fn limited(self, limit: Arc<HandlerLimit>) -> Self {
        Self { watch: Some(Arc::new(Watch::new(limit))), ..self }
    }

    /// A handler of `event` that may wait is about to begin: the watch over it, if handlers are
    /// [limited](Self::limited). To be called after [`begin`](Self::begin).
    #[inline]
    pub fn watch(&mut self, event: &'static str) -> Option<Box<Watching>> {
        match &mut self.watch {
            None => None,
            Some(watch) => Some(Watching::over(watch, event, &self.name)),
        }
    }

    /// From here on this event is being handled.
    pub fn begin(&mut self, meta: Meta) {
        self.meta = meta;
        self.requester = None;
        self.renew_watch();
    }

    /// From here on this request is being handled.
    pub fn begin_request<R: Request>(&mut self, meta: Meta, reply: &ReplyTo<R::Response>) {
        self.meta = meta;
        self.requester = reply.requester();
        self.renew_watch();
    }

    /// That the last handler took too long says nothing of the next.
    #[inline]
    fn renew_watch(&mut self) {
        if let Some(watch) = &mut self.watch {
            Watch::renew(watch);
        }
    }

    /// Nothing is being handled any more: what belonged to the last event is let go.
    pub fn end(&mut self) {
        self.meta = Meta::new();
        self.requester = None;
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

    /// Whether this handler has taken longer than its manager's handlers may.
    pub fn is_overdue(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.is_overdue())
    }

    /// Ready when this handler has taken longer than its manager's handlers may; never where they may take as long
    /// as they like, and for handlers that are not async.
    ///
    /// Cancel safe.
    pub async fn overdue(&self) {
        match &self.watch {
            Some(watch) => watch.overdue().await,
            None => std::future::pending().await,
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

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Context").field("name", &self.name).field("meta", &self.meta).finish()
    }
}
