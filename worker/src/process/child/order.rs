use std::task::{Context, Poll, Waker};

use edri_event::{Failure, Progress, Request};
use edri_link::{AnswerError, IncomingCall};
use edri_router::{Arrival, Asked, Reply, RequestError};
use parking_lot::Mutex;

use crate::process::parcel::{Memory, Parcel, Unpacked};

/// A job on its way to the worker.
pub(super) struct Order {
    pub(super) call: IncomingCall,
    /// What its parent calls it.
    pub(super) number: u64,
    pub(super) payload: Unpacked,
    pub(super) arrival: Arrival,
    /// Nobody wants it any more.
    pub(super) is_cancelled: bool,
}

/// The job that the worker is at, as whoever hears that it is not wanted any more knows it.
pub(super) struct AtWork<T: Send + 'static> {
    pub(super) number: u64,
    pub(super) reply: Wanted<T>,
}

pub(super) enum Wanted<T: Send + 'static> {
    /// The worker has not got it yet.
    Opening,
    By(Reply<T>),
    ByNobody,
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

impl Order {
    /// The job as a worker gets it, and where its answer comes; or why there is none.
    pub(super) fn open<R: Request>(self) -> Result<(Asked<R>, Reply<R::Response>), AnswerError> {
        let Some(wire) = R::wire() else {
            return Err(failed("not-shareable", "the job cannot leave its process"));
        };
        let event = self.payload.read(wire).map_err(|error| failed("codec", error.to_string()))?;
        Ok(Asked::new(event, self.arrival.into_meta(), None))
    }
}

/// What has come of a job, once its worker has left it.
pub(super) fn outcome<R: Request>(wanted: Wanted<R::Response>) -> Result<Parcel, AnswerError> {
    let Wanted::By(mut reply) = wanted else { return Err(AnswerError::Cancelled) };
    match reply.poll_answer(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => pack::<R>(&response),
        Poll::Ready(Err(error)) => Err(told(error)),
        Poll::Pending => Err(AnswerError::Cancelled),
    }
}

fn pack<R: Request>(response: &R::Response) -> Result<Parcel, AnswerError> {
    let Some(wire) = R::response_wire() else {
        return Err(failed("not-shareable", "the response cannot leave its process"));
    };
    Parcel::pack(wire, response, Memory::Own).map_err(|error| failed("codec", error.to_string()))
}

fn failed(code: &'static str, message: impl Into<String>) -> AnswerError {
    AnswerError::Failed(Failure::new(code, message))
}

/// What a worker's failure is called on its way to the parent.
fn told(error: RequestError) -> AnswerError {
    error.into()
}
