use std::future::Future;
use std::pin::Pin;

use edri_event::{Failure, Request};
use edri_router::RequestError;
use edri_worker::WorkerContext;

use super::{Hand, Hold};

/// What a request for a job ends with.
pub(crate) type Answered = Result<u64, RequestError>;

pub(crate) type Work<'a> = Pin<Box<dyn Future<Output = Result<u64, Failure>> + Send + 'a>>;

type Script = Box<dyn for<'a> FnOnce(&'a mut Hand, &'a WorkerContext) -> Work<'a> + Send>;

/// A job that says itself what is to be done.
#[derive(Request)]
#[request(response = u64)]
pub(crate) struct Job(Script);

impl Job {
    pub(crate) fn new(
        script: impl for<'a> FnOnce(&'a mut Hand, &'a WorkerContext) -> Work<'a> + Send + 'static,
    ) -> Self {
        Self(Box::new(script))
    }

    pub(crate) fn begin<'a>(self, hand: &'a mut Hand, cx: &'a WorkerContext) -> Work<'a> {
        (self.0)(hand, cx)
    }

    /// Answered with `value`.
    pub(crate) fn answer(value: u64) -> Self {
        Self::new(move |_, _| Box::pin(async move { Ok(value) }))
    }

    /// Says to `hold` that it has begun, and is answered with `value` when it is let go.
    pub(crate) fn held(value: u64, hold: &Hold) -> Self {
        let hold = hold.end();
        Self::new(move |_, _| {
            Box::pin(async move {
                hold.pass(value).await;
                Ok(value)
            })
        })
    }

    pub(crate) fn panic(message: &'static str) -> Self {
        Self::new(move |_, _| Box::pin(async move { panic!("{message}") }))
    }

    pub(crate) fn fail(code: &'static str, message: &'static str) -> Self {
        Self::new(move |_, _| Box::pin(async move { Err(Failure::new(code, message)) }))
    }

    /// Answered with which worker did it, counted over all that were made, from 1.
    pub(crate) fn who() -> Self {
        Self::new(|hand, _| {
            let who = hand.who;
            Box::pin(async move { Ok(who) })
        })
    }
}
