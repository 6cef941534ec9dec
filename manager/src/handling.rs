//! What the code that `#[manager]` writes calls around a handler.

use edri_event::{Event, Failure, Request, Tunnel};
use edri_router::{Accepted, Asked, Context, Envelope, Opening, ReplyTo, RequestError, Shared, Verdict};

/// A request is about to be handled by a handler that wants its context; `None` if nobody waits for the answer
/// any more.
#[inline]
pub fn begin_request<R: Request>(asked: Asked<R>, cx: &mut Context) -> Option<(R, ReplyTo<R::Response>)> {
    if asked.is_abandoned() {
        return None;
    }
    let Asked { event, meta, reply } = asked;
    cx.begin_request::<R>(meta, &reply);
    Some((event, reply))
}

/// The same for a handler that does not.
#[inline]
pub fn begin_request_alone<R: Request>(asked: Asked<R>) -> Option<(R, ReplyTo<R::Response>)> {
    (!asked.is_abandoned()).then_some((asked.event, asked.reply))
}

/// A notification is about to be handled.
#[inline]
pub fn begin<E>(envelope: Envelope<E>, cx: &mut Context) -> Shared<E> {
    cx.begin(envelope.meta);
    envelope.event
}

/// A tunnel is about to be accepted; the verdict is for [`settle_tunnel`].
pub fn begin_tunnel<T: Tunnel>(opening: Opening<T>, cx: &mut Context) -> (T, Accepted<T>, Verdict) {
    let Opening { event, meta, tunnel } = opening;
    cx.begin(meta);
    let verdict = tunnel.supervise();
    (event, tunnel, verdict)
}

/// The handler of a tunnel has ended: what went wrong is told to the other end, if the handler has dropped this
/// one, and to the log.
pub fn settle_tunnel<T: Tunnel>(outcome: Result<(), RequestError>, verdict: Verdict, cx: &Context) {
    match &outcome {
        Ok(()) => drop(verdict),
        Err(RequestError::Failed(failure)) => verdict.failed(failure.clone()),
        Err(RequestError::Panicked { message }) => verdict.failed(Failure::new("panicked", message.clone())),
        Err(other) => verdict.failed(Failure::new(Failure::ERROR, other.to_string())),
    }
    settle::<T>(outcome, cx);
}

/// A handler that answers nobody has ended: what went wrong is told to the log.
#[inline]
pub fn settle<E: Event>(outcome: Result<(), RequestError>, cx: &Context) {
    if let Err(error) = outcome {
        cx.ended_badly(&error);
        tracing::error!(event = E::name(), manager = cx.name(), id = ?cx.meta().id(), "a handler ended badly: {error}");
    }
}

/// The handler of a request has ended: one that did badly is counted.
#[inline]
pub fn note<T>(outcome: &Result<T, RequestError>, cx: &Context) {
    if let Err(error) = outcome {
        cx.ended_badly(error);
    }
}

/// The same for a hook.
pub(crate) fn settle_hook(
    hook: &str,
    outcome: Result<(), RequestError>,
    cx: &Context,
) -> Result<(), Failure> {
    outcome.map_err(|error| {
        tracing::error!(manager = cx.name(), "the hook `{hook}` ended badly: {error}");
        match error {
            RequestError::Failed(failure) => failure,
            RequestError::Panicked { message } => Failure::new("panicked", message),
            other => Failure::new("panicked", other.to_string()),
        }
    })
}
