//! What the code that `#[manager]` writes calls around a handler.

use edri_event::{Event, Failure, Request, Tunnel};
use edri_router::{
    Accepted, Asked, Context, Envelope, Loss, Message as _, Opening, Reason, ReplyTo, RequestError, Shared,
    Verdict, has_expired,
};

/// A request is about to be handled by a handler that wants its context; `None` if nobody waits for the answer
/// any more, or its deadline has passed.
#[inline]
pub fn begin_request<R: Request>(asked: Asked<R>, cx: &mut Context) -> Option<(R, ReplyTo<R::Response>)> {
    let Asked { event, meta, reply } = still_awaited(asked)?;
    cx.begin_request::<R>(meta, &reply);
    Some((event, reply))
}

/// The same for a handler that does not.
#[inline]
pub fn begin_request_alone<R: Request>(asked: Asked<R>) -> Option<(R, ReplyTo<R::Response>)> {
    still_awaited(asked).map(|asked| (asked.event, asked.reply))
}

#[inline]
fn still_awaited<R: Request>(asked: Asked<R>) -> Option<Asked<R>> {
    if asked.is_abandoned() {
        return None;
    }
    if has_expired(&asked.meta) {
        asked.reply.answer(Err(RequestError::Expired));
        return None;
    }
    Some(asked)
}

/// A notification is about to be handled; `None` if its deadline has passed.
#[inline]
pub fn begin<E: Event + Sync>(envelope: Envelope<E>, cx: &mut Context) -> Option<Shared<E>> {
    if has_expired(&envelope.meta) {
        envelope.discard(Loss::unhandled(Reason::Expired), &cx.office());
        return None;
    }
    cx.begin(envelope.meta);
    Some(envelope.event)
}

/// A tunnel is about to be accepted; the verdict is for [`settle_tunnel`]. `None` if its deadline has passed.
///
/// The deadline was one for this moment: what the handler asks while the tunnel is open does not inherit it.
pub fn begin_tunnel<T: Tunnel>(
    mut opening: Opening<T>,
    cx: &mut Context,
) -> Option<(T, Accepted<T>, Verdict)> {
    if has_expired(&opening.meta) {
        opening.discard(Loss::unhandled(Reason::Expired), &cx.office());
        return None;
    }
    opening.meta.take_deadline();
    let Opening { event, meta, tunnel } = opening;
    cx.begin(meta);
    let verdict = tunnel.supervise();
    Some((event, tunnel, verdict))
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
        tracing::error!(event = E::name(), manager = cx.name(), id = ?cx.meta().id(), "a handler ended badly: {error}");
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
