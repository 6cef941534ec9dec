use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;
use std::thread;

use edri_event::{Failure, Meta, Priority, Request};
use futures_util::FutureExt as _;

use super::error::RequestError;
use crate::route::{Answering, Patience, Respond, Ticket};
use crate::trace::{self, EventInfo, Handled, Handler, HandlerSpan};

/// A closure as a responder: it runs on the requester's own task, so that any number run at once.
pub(crate) struct Closure<F>(pub(crate) F);

impl<R, F, A> Respond<R> for Closure<F>
where
    R: Request,
    F: Fn(R) -> A + Send + Sync,
    A: Future<Output = Result<R::Response, Failure>> + Send + 'static,
{
    fn ask(&self, call: &mut Option<(R, Meta)>, _: Priority, _: Patience, _: &Waker) -> Answering<R> {
        let Some((event, meta)) = call.take() else { return Answering::Gone };
        let closure = Handler::Closure(std::any::type_name::<F>());
        let span = HandlerSpan::nested(|| EventInfo::new::<R>(Handled::Request, &meta), closure);
        // A plain closure may panic before it gives its future.
        let within = span.enter();
        let answering = caught_now(|| Ok((self.0)(event)));
        within.left();
        match answering {
            Ok(answering) => Answering::Running(Box::pin(span.around(caught(answering)))),
            Err(panicked) => Answering::Answered(Err(panicked)),
        }
    }

    fn withdraw(&self, _ticket: Ticket) {}

    fn name(&self) -> &str {
        std::any::type_name::<F>()
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
