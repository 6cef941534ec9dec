use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use edri_event::{Meta, Progress, Request};

use crate::behalf::{Membership, Scope, Team};
use crate::dead_letter::DeadLetterOffice;
use crate::overdue::{HandlerLimit, Watch, Watching};
use crate::request::{Audience, ReplyTo, RequestError};
use crate::router::Router;

/// What a handler may know beside the event: the router, and the circumstances of the event it handles.
///
/// A clone is for a task that the handler starts: it knows the same circumstances and stays with them, and to the
/// [wait graph](Router::wait_graph) it is nobody who handles events.
pub struct Context {
    /// It knows on whose behalf it sends: all that a context knows is in there.
    router: Router,
    /// There if handlers are watched for how long they take.
    watch: Option<Arc<Watch>>,
    wakes: Wakes,
}

/// When a requester that has been answered is woken.
#[derive(Default)]
enum Wakes {
    #[default]
    AtOnce,
    /// When whoever has the context says so.
    Later(Option<Waker>),
}

impl Context {
    /// A context for whoever is called `name`; it is made once, and told of each event by
    /// [`begin`](Self::begin) or [`begin_request`](Self::begin_request).
    ///
    /// It is for one event at a time. The wait graph takes `name` for the responder whose
    /// [`part`](crate::Respond::part) is the same allocation.
    pub fn new(router: Router, name: Arc<str>) -> Self {
        Self { router: router.on_behalf(Scope::new(name)), watch: None, wakes: Wakes::AtOnce }
    }

    /// The same for handlers that may take only so long.
    pub fn limited(self, limit: Arc<HandlerLimit>) -> Self {
        Self { watch: Some(Arc::new(Watch::new(limit))), ..self }
    }

    /// The same for whoever calls [`wake`](Self::wake) after each event: a requester that was
    /// [answered](Self::answer) is woken then, when its responder has nothing left to do. Woken at once, it would
    /// often be taken to another thread, which costs more than the request.
    pub fn waking_later(self) -> Self {
        Self { wakes: Wakes::Later(None), ..self }
    }

    /// The requester that was answered last is woken, if it has not been.
    #[inline]
    pub fn wake(&mut self) {
        if let Wakes::Later(requester) = &mut self.wakes
            && let Some(requester) = requester.take()
        {
            requester.wake();
        }
    }

    /// Answers the request that was being handled.
    #[inline]
    pub fn answer<T: Send + 'static>(&mut self, reply: ReplyTo<T>, outcome: Result<T, RequestError>) {
        match &mut self.wakes {
            Wakes::AtOnce => reply.answer(outcome),
            Wakes::Later(requester) => {
                let before = std::mem::replace(requester, reply.answer_unwoken(outcome));
                if let Some(before) = before {
                    before.wake();
                }
            }
        }
    }

    /// A handler of `event` that may wait is about to begin: the watch over it, if handlers are
    /// [limited](Self::limited). To be called after [`begin`](Self::begin).
    #[inline]
    pub fn watch(&mut self, event: &'static str) -> Option<Box<Watching>> {
        match &mut self.watch {
            None => None,
            Some(watch) => self.router.scope().map(|scope| Watching::over(watch, event, &scope.name)),
        }
    }

    /// Tells the wait graph that this is one of `size` who handle the events of one inbox at the same time, where
    /// requests are answered by the [`part`](crate::Respond::part) of that name: while one of them waits, the others go
    /// on. It is so until the membership is dropped.
    pub fn one_of(&self, part: Arc<str>, size: usize) -> Membership {
        Membership::new(self.router.downgrade(), Arc::clone(&self.scope().name), Team::new(part, size))
    }

    /// The same for a part whose handlers are `size` at the most and have all one name: that of this context and
    /// [others](Self::another) like it.
    pub fn one_of_itself(&self, size: usize) -> Membership {
        self.one_of(Arc::clone(&self.scope().name), size)
    }

    /// A context of the same part for another event that it handles at the same time.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            router: self.router.on_behalf(self.scope().another()),
            watch: self.watch.clone(),
            wakes: Wakes::AtOnce,
        }
    }

    /// From here on this event is being handled.
    #[inline]
    pub fn begin(&mut self, meta: Meta) {
        let scope = self.scope_mut();
        scope.meta = meta;
        scope.requester = None;
        self.renew_watch();
    }

    /// From here on this request is being handled.
    #[inline]
    pub fn begin_request<R: Request>(&mut self, meta: Meta, reply: &ReplyTo<R::Response>) {
        let scope = self.scope_mut();
        scope.meta = meta;
        scope.requester = reply.requester();
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
        self.begin(Meta::new());
    }

    /// Nothing more is to be handled for now: what is [held](Meta::set_hold) for the last event is let go.
    #[inline]
    pub fn rest(&mut self) {
        if self.meta().is_held() {
            self.end();
        }
    }

    /// The router: to notify, ask and open tunnels from within a handler, on behalf of the event it handles.
    ///
    /// What is *asked* through it, and a tunnel that is opened, inherits the event's [deadline](Self::deadline): it
    /// ends then, whatever time-out it was given itself. It also ends, with
    /// [`Cancelled`](crate::RequestError::Cancelled), when the [requester goes away](Self::cancelled), and is not
    /// begun after that. Notifications inherit nothing: what has happened has happened.
    ///
    /// What has to be asked all the same, such as to clean up, is asked through a clone of the router, which is
    /// [free of all that](Router#on-whose-behalf).
    ///
    /// A handler that waits for its own manager waits for ever; the [wait graph](Router::wait_graph) tells.
    #[inline]
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// The name of the manager or worker.
    pub fn name(&self) -> &str {
        &self.scope().name
    }

    /// What travels beside the event.
    #[inline]
    pub fn meta(&self) -> &Meta {
        &self.scope().meta
    }

    /// The time after which nobody waits for the answer any more, if the requester gave one or inherited it; for a
    /// notification, the time after which it need not have been begun with.
    pub fn deadline(&self) -> Option<Instant> {
        self.meta().deadline()
    }

    /// Where what is lost by whoever this is for is handed in.
    #[cold]
    pub fn office(&self) -> DeadLetterOffice {
        DeadLetterOffice::new(&self.router, Arc::clone(&self.scope().name))
    }

    /// Reports to the requester how far the work has come, if it asked to know.
    pub fn progress(&self, done: u64, total: u64) {
        if let Some(sink) = self.meta().progress() {
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
        self.scope().is_cancelled()
    }

    /// Ready when the requester goes away: it dropped its request, or its time ran out. Never ready for what is
    /// not a request, nor after the answer.
    ///
    /// Cancel safe.
    pub async fn cancelled(&self) {
        match &self.scope().requester {
            Some(requester) => Audience::cancelled(requester).await,
            None => std::future::pending().await,
        }
    }

    /// Has `waker` woken when the requester goes away, at once if it has: for whoever has many requests at hand, and looks
    /// then which of them [is cancelled](Self::is_cancelled). It cannot be taken back, and is forgotten with the answer.
    pub fn wake_when_cancelled(&self, waker: &Waker) {
        if let Some(requester) = &self.scope().requester {
            requester.wake_when_cancelled(waker);
        }
    }

    #[inline]
    fn scope(&self) -> &Scope {
        match self.router.scope() {
            Some(scope) => scope,
            None => unreachable!("the router of a context always has a scope: it is made with one"),
        }
    }

    #[inline]
    fn scope_mut(&mut self) -> &mut Scope {
        match self.router.scope_mut() {
            Some(scope) => scope,
            None => unreachable!("the router of a context always has a scope: it is made with one"),
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        if let Self::Later(Some(requester)) = self {
            requester.wake_by_ref();
        }
    }
}

impl Clone for Context {
    fn clone(&self) -> Self {
        Self {
            router: self.router.on_behalf(self.scope().apart()),
            watch: self.watch.clone(),
            wakes: Wakes::AtOnce,
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Context").field("name", &self.name()).field("meta", self.meta()).finish()
    }
}
