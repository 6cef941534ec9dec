//! What the code that `#[manager]` writes calls around a handler.

use edri_event::{Event, Failure, Request, Tunnel};
use edri_router::{
    Accepted, Asked, Context, Envelope, Loss, Message as _, Opening, Reason, ReplyTo, RequestError, Shared,
    Verdict, has_expired,
};

use crate::handled::{Handled, discard};

/// A request is about to be handled by a handler that wants its context; `None` if nobody waits for the answer
/// any more, or its deadline has passed.
#[inline(always)]
pub fn begin_request<R: Request>(asked: Asked<R>, cx: &mut Context) -> Option<(R, ReplyTo<R::Response>)> {
    let Asked { event, meta, reply } = still_awaited(asked)?;
    cx.begin_request::<R>(meta, &reply);
    Some((event, reply))
}

/// The same for a handler that does not.
#[inline(always)]
pub fn begin_request_alone<R: Request>(asked: Asked<R>) -> Option<(R, ReplyTo<R::Response>)> {
    still_awaited(asked).map(|asked| (asked.event, asked.reply))
}

/// The handler of a request has ended, which is answered next: what became of it, for its manager.
#[inline]
pub fn judge<T, I>(outcome: &Result<T, RequestError>) -> Handled<I> {
    match outcome {
        Ok(_) => Handled::Done,
        Err(error) => Handled::undone(None, reason(error.clone())),
    }
}

#[inline(always)]
fn still_awaited<R: Request>(asked: Asked<R>) -> Option<Asked<R>> {
    if asked.is_abandoned() {
        return None;
    }
    if has_expired(&asked.meta) {
        too_late(asked);
        return None;
    }
    Some(asked)
}

#[cold]
fn too_late<R: Request>(asked: Asked<R>) {
    asked.reply.answer(Err(RequestError::Expired));
}

/// A notification is about to be handled; `None` if its deadline has passed.
// Always, as all that hands an event over on its way: by a call, it would be copied right after it was written.
#[inline(always)]
pub fn begin<E: Event + Sync>(envelope: Envelope<E>, cx: &mut Context) -> Option<Shared<E>> {
    if has_expired(&envelope.meta) {
        expired(envelope, cx);
        return None;
    }
    cx.begin(envelope.meta);
    Some(envelope.event)
}

#[cold]
fn expired<E: Event + Sync>(envelope: Envelope<E>, cx: &Context) {
    // It may have been tried before, and have expired while its next manager was made.
    let attempts = envelope.meta.attempts();
    envelope.discard(Loss::after(attempts, Reason::Expired), &cx.office());
}

/// A notification in the hands of a handler that borrows it: let go when that has ended well, and else kept.
#[derive(Debug)]
pub struct Lent<E>(Option<Shared<E>>);

impl<E> Lent<E> {
    /// To be lent.
    #[inline]
    pub fn new(event: Shared<E>) -> Self {
        Self(Some(event))
    }

    /// Let go, or in other hands.
    #[inline]
    pub(crate) fn nothing() -> Self {
        Self(None)
    }

    /// The event, if it has not been let go.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Shared<E>> {
        self.0.take()
    }

    /// The event.
    #[inline]
    pub fn get(&self) -> &E {
        match &self.0 {
            Some(event) => event,
            None => unreachable!("it is let go only when its handler has ended"),
        }
    }

    /// Its handler has ended; to be called where a panic is caught: the event's own end may be one.
    #[inline]
    pub fn end(&mut self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        if outcome.is_ok() {
            self.0 = None;
        }
        outcome
    }

    /// What is to be done with it, after its handler.
    #[inline]
    pub fn settle<I>(
        self,
        outcome: Result<(), RequestError>,
        cx: &Context,
        wrap: fn(Envelope<E>) -> I,
    ) -> Handled<I>
    where
        E: Event,
    {
        match outcome {
            Ok(()) => Handled::Done,
            Err(error) => self.undone(error, cx, wrap),
        }
    }

    #[cold]
    fn undone<I>(self, error: RequestError, cx: &Context, wrap: fn(Envelope<E>) -> I) -> Handled<I>
    where
        E: Event,
    {
        complain::<E>(&error, cx);
        let message = self.0.map(|event| {
            let mut meta = cx.meta().clone();
            meta.set_attempts(meta.attempts().saturating_add(1));
            wrap(Envelope { event, meta })
        });
        Handled::undone(message, reason(error))
    }
}

/// An event that is [lent](Lent) to a handler that may be ended from outside: it is handed in then.
#[derive(Debug)]
pub struct Entrusted<'c, E: Event + Sync> {
    lent: Lent<E>,
    cx: &'c Context,
}

impl<'c, E: Event + Sync> Entrusted<'c, E> {
    /// To be lent.
    #[inline]
    pub fn new(event: Shared<E>, cx: &'c Context) -> Self {
        Self { lent: Lent::new(event), cx }
    }

    /// What is lent.
    #[inline]
    pub fn lent(&mut self) -> &mut Lent<E> {
        &mut self.lent
    }

    /// As [`Lent::settle`].
    #[inline]
    pub fn settle<I>(mut self, outcome: Result<(), RequestError>, wrap: fn(Envelope<E>) -> I) -> Handled<I> {
        std::mem::replace(&mut self.lent, Lent::nothing()).settle(outcome, self.cx, wrap)
    }
}

impl<E: Event + Sync> Drop for Entrusted<'_, E> {
    #[inline]
    fn drop(&mut self) {
        if let Some(event) = self.lent.take() {
            hand_in(event, self.cx);
        }
    }
}

#[cold]
fn hand_in<E: Event + Sync>(event: Shared<E>, cx: &Context) {
    let envelope = Envelope { event, meta: cx.meta().clone() };
    let attempts = envelope.meta.attempts().saturating_add(1);
    discard(envelope, Loss::after(attempts, Reason::Stopped), &cx.office());
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
pub fn settle_tunnel<T: Tunnel, I>(
    outcome: Result<(), RequestError>,
    verdict: Verdict,
    cx: &Context,
) -> Handled<I> {
    let Err(error) = outcome else {
        drop(verdict);
        return Handled::Done;
    };
    complain::<T>(&error, cx);
    let reason = reason(error);
    verdict.failed(as_failure(&reason));
    Handled::undone(None, reason)
}

/// The name under which the log knows what was handled.
pub fn event_name<E: Event>() -> &'static str {
    E::name()
}

fn complain<E: Event>(error: &RequestError, cx: &Context) {
    tracing::error!(event = E::name(), manager = cx.name(), id = ?cx.meta().id(), "a handler ended badly: {error}");
}

/// Why a handler did not end well.
pub(crate) fn reason(error: RequestError) -> Reason {
    match error {
        RequestError::Failed(failure) => Reason::Failed(failure),
        RequestError::Panicked { message } => Reason::Panicked { message },
        RequestError::Abandoned => Reason::Abandoned,
        // Nothing else comes out of a handler.
        other => Reason::Failed(Failure::new(Failure::ERROR, other.to_string())),
    }
}

/// The same as a failure.
pub(crate) fn as_failure(reason: &Reason) -> Failure {
    match reason {
        Reason::Failed(failure) => failure.clone(),
        Reason::Panicked { message } => Failure::new("panicked", message.clone()),
        Reason::Abandoned => Failure::new("abandoned", "the handler took too long and was given up"),
        other => Failure::new(Failure::ERROR, other.to_string()),
    }
}

/// The end of a hook; what went wrong is told to the log.
pub(crate) fn settle_hook(hook: &str, outcome: Result<(), RequestError>, cx: &Context) -> Result<(), Reason> {
    outcome.map_err(|error| {
        tracing::error!(manager = cx.name(), "the hook `{hook}` ended badly: {error}");
        reason(error)
    })
}
