use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use edri_event::{Failure, Progress, Request};
use edri_link::{AnswerError, IncomingCall};
use edri_router::{Arrival, Asked, Reply, RequestError};
use parking_lot::Mutex;

use crate::process::parcel::{Parcel, Unpacked};

/// A job on its way to the worker.
pub(super) struct Order<R: Request> {
    pub(super) call: IncomingCall,
    pub(super) payload: Unpacked,
    pub(super) arrival: Arrival,
    pub(super) stand: Arc<Stand<R>>,
}

/// How a job stands, as both threads know it.
pub(super) struct Stand<R: Request>(Mutex<State<R::Response>>);

enum State<T: Send + 'static> {
    Waiting,
    AtWork(Reply<T>),
    /// Nobody wants it any more.
    Cancelled,
}

/// The latest report on the job that is being done, until it has been sent.
#[derive(Default)]
pub(super) struct Reports {
    latest: Mutex<Option<(IncomingCall, Progress)>>,
    pub(super) some: tokio::sync::Notify,
}

impl Reports {
    pub(super) fn put(&self, call: IncomingCall, progress: Progress) {
        *self.latest.lock() = Some((call, progress));
        self.some.notify_one();
    }

    pub(super) fn take(&self) -> Option<(IncomingCall, Progress)> {
        self.latest.lock().take()
    }
}

impl<R: Request> Stand<R> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Waiting)))
    }

    /// Nobody wants it any more: a worker that is at it learns so.
    pub(super) fn cancel(&self) {
        let before = std::mem::replace(&mut *self.0.lock(), State::Cancelled);
        // Whoever watches the requester is woken, and not under the lock.
        drop(before);
    }
}

impl<R: Request> Order<R> {
    /// The job as a worker gets it, or why there is none.
    pub(super) fn begin(&mut self) -> Result<Asked<R>, AnswerError> {
        let Some(wire) = R::wire() else {
            return Err(failed("not-shareable", "the job cannot leave its process"));
        };
        let Unpacked { bytes, elsewhere } = &self.payload;
        let event = wire.decode_apart(bytes, elsewhere);
        // What it shares with the parent is its own from here on.
        self.payload = Unpacked { bytes: Bytes::new(), elsewhere: Vec::new() };
        let event = event.map_err(|error| failed("codec", error.to_string()))?;
        let (asked, reply) = Asked::new(event, self.arrival.clone().into_meta(), None);
        let mut state = self.stand.0.lock();
        if matches!(*state, State::Cancelled) {
            return Err(AnswerError::Cancelled);
        }
        *state = State::AtWork(reply);
        drop(state);
        Ok(asked)
    }

    /// What has come of it, once its worker has left it.
    pub(super) fn end(self) -> Result<Parcel, AnswerError> {
        let state = std::mem::replace(&mut *self.stand.0.lock(), State::Cancelled);
        let State::AtWork(mut reply) = state else { return Err(AnswerError::Cancelled) };
        match reply.poll_answer(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(response)) => pack::<R>(&response),
            Poll::Ready(Err(error)) => Err(told(error)),
            Poll::Pending => Err(AnswerError::Cancelled),
        }
    }
}

fn pack<R: Request>(response: &R::Response) -> Result<Parcel, AnswerError> {
    let Some(wire) = R::response_wire() else {
        return Err(failed("not-shareable", "the response cannot leave its process"));
    };
    Parcel::pack(wire, response).map_err(|error| failed("codec", error.to_string()))
}

fn failed(code: &'static str, message: impl Into<String>) -> AnswerError {
    AnswerError::Failed(Failure::new(code, message))
}

/// What a worker's failure is called on its way to the parent.
fn told(error: RequestError) -> AnswerError {
    error.into()
}
