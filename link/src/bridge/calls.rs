use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use edri_event::{Progress, ProgressSink, Request};
use edri_router::{ReplyTo, RequestError};
use tokio::time::Instant;

use super::departure::{link_lost, name_of};
use crate::message::AnswerError;

/// A request that went out, until it is answered.
pub(super) struct Pending {
    reply: Box<dyn Waiting>,
    progress: Option<ProgressSink>,
    /// Ready when nobody waits for the answer any more.
    pub(super) cancelled: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

trait Waiting: Send {
    fn answer(self: Box<Self>, outcome: Result<Bytes, AnswerError>);
}

struct Reply<R: Request> {
    to: ReplyTo<R::Response>,
    asked: Instant,
}

impl Pending {
    pub(super) fn new<R: Request>(
        reply: ReplyTo<R::Response>,
        progress: Option<ProgressSink>,
        asked: Instant,
        cancelled: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let reply = Box::new(Reply::<R> { to: reply, asked });
        Self { reply, progress, cancelled: Some(Box::pin(cancelled)) }
    }

    pub(super) fn answer(self, outcome: Result<Bytes, AnswerError>) {
        self.reply.answer(outcome);
    }

    pub(super) fn report(&self, progress: Progress) {
        if let Some(sink) = &self.progress {
            sink.report(progress);
        }
    }
}

impl<R: Request> Waiting for Reply<R> {
    fn answer(self: Box<Self>, outcome: Result<Bytes, AnswerError>) {
        let event = name_of::<R>();
        let answer = match outcome {
            Ok(payload) => match R::response_wire() {
                Some(wire) => wire.decode(&payload).map_err(|error| RequestError::Failed(error.into())),
                None => Err(RequestError::NoResponder { event }),
            },
            Err(error) => Err(match error {
                AnswerError::NoResponder => RequestError::NoResponder { event },
                AnswerError::TimedOut { .. } => RequestError::TimedOut { event, after: self.asked.elapsed() },
                AnswerError::Overloaded => RequestError::Overloaded,
                AnswerError::Failed(failure) => RequestError::Failed(failure),
                AnswerError::Panicked { message } => RequestError::Panicked { message },
                AnswerError::Stopped => RequestError::Stopped,
                AnswerError::Abandoned => RequestError::Abandoned,
                AnswerError::Expired => RequestError::Expired,
                AnswerError::Cancelled => RequestError::Cancelled,
                AnswerError::Codec { reason } => {
                    RequestError::Failed(edri_event::Failure::new("codec", reason))
                }
                AnswerError::Restarted => RequestError::Failed(edri_event::Failure::new(
                    "responder restarted",
                    "its router was started anew before the answer came",
                )),
                AnswerError::LinkLost { reason } => RequestError::Failed(link_lost(&reason)),
            }),
        };
        self.to.answer(answer);
    }
}

/// What a request's failure is called on the wire.
pub(super) fn answer_error(error: RequestError) -> AnswerError {
    match error {
        RequestError::NoResponder { .. } => AnswerError::NoResponder,
        RequestError::TimedOut { after, .. } => AnswerError::TimedOut { after },
        RequestError::Overloaded => AnswerError::Overloaded,
        RequestError::Failed(failure) => AnswerError::Failed(failure),
        RequestError::Panicked { message } => AnswerError::Panicked { message },
        RequestError::Stopped => AnswerError::Stopped,
        RequestError::Abandoned => AnswerError::Abandoned,
        RequestError::Expired => AnswerError::Expired,
        RequestError::Cancelled => AnswerError::Cancelled,
        other => AnswerError::Failed(edri_event::Failure::new("error", other.to_string())),
    }
}
