use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;
use std::thread;

use edri_event::{Failure, Meta, Priority, Request};
use futures_util::FutureExt as _;

use super::error::RequestError;
use crate::route::{Answering, Patience, Respond, Ticket};

/// A closure as a responder: it runs on the requester's own task, so that any number run at once.
pub(crate) struct Closure<F>(pub(crate) F);

impl<R, F, A> Respond<R> for Closure<F>
where
    R: Request,
    F: Fn(R) -> A + Send + Sync,
    A: Future<Output = Result<R::Response, Failure>> + Send + 'static,
{
    fn ask(&self, call: &mut Option<(R, Meta)>, _: Priority, _: Patience, _: &Waker) -> Answering<R> {
        let Some((event, _)) = call.take() else { return Answering::Gone };
        // A plain closure may panic before it gives its future.
        match catch_unwind(AssertUnwindSafe(|| (self.0)(event))) {
            Ok(answering) => Answering::Running(Box::pin(caught(answering))),
            Err(payload) => Answering::Answered(Err(RequestError::from_panic(&*payload))),
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

#[inline]
fn outcome<T>(ended: thread::Result<Result<T, Failure>>) -> Result<T, RequestError> {
    match ended {
        Ok(answer) => answer.map_err(RequestError::Failed),
        Err(payload) => Err(RequestError::from_panic(&*payload)),
    }
}
