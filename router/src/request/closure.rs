use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::thread;

use edri_event::{Failure, Meta, Priority, Request};
use futures_util::FutureExt as _;

use super::error::RequestError;
use crate::behalf::{Membership, Team};
use crate::context::Context;
use crate::route::{Answering, Patience, Respond, Ticket};
use crate::router::WeakRouter;
use crate::trace::{self, EventInfo, EventKind, Handler, HandlerSpan};

/// A closure as a responder: it runs on the requester's own task, so that any number run at once.
pub(crate) struct Closure<F> {
    name: Arc<str>,
    respond: F,
}

impl<F> Closure<F> {
    pub(crate) fn new(name: Arc<str>, respond: F) -> Self {
        Self { name, respond }
    }
}

impl<R, F, A> Respond<R> for Closure<F>
where
    R: Request,
    F: Fn(R) -> A + Send + Sync,
    A: Future<Output = Result<R::Response, Failure>> + Send + 'static,
{
    fn ask(&self, call: &mut Option<(R, Meta)>, _: Priority, _: Patience, _: &Waker) -> Answering<R> {
        let Some((event, meta)) = call.take() else { return Answering::Gone };
        let closure = Handler::Closure(std::any::type_name::<F>());
        let span = HandlerSpan::nested(|| EventInfo::new::<R>(EventKind::Request, &meta), closure);
        answering(span, || (self.respond)(event))
    }

    fn withdraw(&self, _ticket: Ticket) {}

    fn name(&self) -> &str {
        &self.name
    }

    fn part(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }
}

/// The same for one that wants to know the circumstances.
pub(crate) struct ClosureWith<F> {
    router: WeakRouter,
    name: Arc<str>,
    respond: F,
    /// Any number run at once.
    _membership: Membership,
}

impl<F> ClosureWith<F> {
    pub(crate) fn new(router: WeakRouter, name: Arc<str>, respond: F) -> Self {
        let team = Team::new(Arc::clone(&name), usize::MAX);
        let membership = Membership::new(router.clone(), Arc::clone(&name), team);
        Self { router, name, respond, _membership: membership }
    }
}

impl<R, F, A> Respond<R> for ClosureWith<F>
where
    R: Request,
    F: Fn(R, Context) -> A + Send + Sync,
    A: Future<Output = Result<R::Response, Failure>> + Send + 'static,
{
    fn ask(&self, call: &mut Option<(R, Meta)>, _: Priority, _: Patience, _: &Waker) -> Answering<R> {
        let Some(router) = self.router.upgrade() else { return Answering::Gone };
        let Some((event, meta)) = call.take() else { return Answering::Gone };
        // The requester drops this call when it goes away: there is nothing to watch.
        let mut cx = Context::new(router, Arc::clone(&self.name));
        let closure = Handler::Closure(std::any::type_name::<F>());
        let span = HandlerSpan::nested(|| EventInfo::new::<R>(EventKind::Request, &meta), closure);
        cx.begin(meta);
        answering(span, || (self.respond)(event, cx))
    }

    fn withdraw(&self, _ticket: Ticket) {}

    fn name(&self) -> &str {
        &self.name
    }

    fn part(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }
}

fn answering<R, A>(span: HandlerSpan, respond: impl FnOnce() -> A) -> Answering<R>
where
    R: Request,
    A: Future<Output = Result<R::Response, Failure>> + Send + 'static,
{
    // A plain closure may panic before it gives its future.
    let within = span.enter();
    let answering = caught_now(|| Ok(respond()));
    within.left();
    match answering {
        Ok(answering) => Answering::Running(Box::pin(span.around(caught(answering)))),
        Err(panicked) => Answering::Answered(Err(panicked)),
    }
}

/// Runs a handler; its failure and its panic are answers too.
pub async fn caught<T>(answering: impl Future<Output = Result<T, Failure>>) -> Result<T, RequestError> {
    outcome(AssertUnwindSafe(answering).catch_unwind().await)
}

/// The same for a handler that never waits.
#[inline]
pub fn caught_now<T>(answer: impl FnOnce() -> Result<T, Failure>) -> Result<T, RequestError> {
    outcome(catch_unwind(AssertUnwindSafe(answer)))
}

/// The handler's span is told.
#[cold]
fn told(error: RequestError) -> RequestError {
    trace::failed(&error);
    error
}

#[inline(always)]
fn outcome<T>(ended: thread::Result<Result<T, Failure>>) -> Result<T, RequestError> {
    match ended {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(failure)) => Err(told(RequestError::Failed(failure))),
        Err(payload) => Err(told(RequestError::from_panic(&*payload))),
    }
}
