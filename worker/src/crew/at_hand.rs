use std::sync::Arc;

use edri_event::{Progress, Request, TraceContext};
use edri_router::{
    Asked, Context, EventInfo, EventKind, Handler, HandlerSpan, ReplyTo, RequestError, WorkerDeath,
    caught_now, current_trace, has_expired,
};
use tokio::time::Instant;

use super::crew::{Again, Crew, Taken};
use super::seats::Seat;
use crate::leftovers::InHand;

/// A job in the hands of a worker. It is answered once; dropped before, it is answered as given up.
pub(crate) struct AtHand<R: Request, P> {
    crew: Arc<Crew<R, P>>,
    cx: Context,
    span: HandlerSpan,
    seat: Option<Seat>,
    /// As long as somebody waits for it.
    in_hand: Option<InHand>,
    reply: Option<ReplyTo<R::Response>>,
    /// Kept for another attempt, if there may be one.
    payload: Option<P>,
    attempts: u32,
    /// When it may take no longer, whatever its requester says.
    limit: Option<Instant>,
}

impl<R: Request, P: Clone + Send + 'static> AtHand<R, P> {
    /// A job is begun by the worker of this context: the job, and what the worker gets. `None` if it was answered
    /// already, since nobody waits for it any more, or nothing can be made of it.
    pub(crate) fn begin(
        crew: &Arc<Crew<R, P>>,
        worker: &Context,
        seat: Seat,
        taken: Taken<R, P>,
    ) -> Option<(Self, P)> {
        let refuse = |seat: Seat, reply: ReplyTo<R::Response>, error| {
            drop(seat);
            reply.answer(Err(error));
            None
        };
        let (payload, meta, reply, attempts) = match taken {
            Taken::New(asked) if asked.is_abandoned() => return None,
            Taken::Again(again) if again.reply.is_cancelled() => return None,
            Taken::New(Asked { meta, reply, .. }) | Taken::Again(Again { meta, reply, .. })
                if has_expired(&meta) =>
            {
                return refuse(seat, reply, RequestError::Expired);
            }
            Taken::New(Asked { event, meta, reply }) => match caught_now(|| (crew.prepare)(event)) {
                Ok(payload) => (payload, meta, reply, 0),
                Err(error) => {
                    seat.failed();
                    return refuse(seat, reply, error);
                }
            },
            Taken::Again(Again { payload, meta, reply, attempts }) => (payload, meta, reply, attempts),
        };
        let info = || Some(EventInfo::new::<R>(EventKind::Request, &meta));
        let span = HandlerSpan::open(info, Handler::Worker(worker.name()));
        let mut cx = worker.another();
        cx.begin_request::<R>(meta, &reply);
        let may_be_again = R::IDEMPOTENT && attempts < crew.policy.retries;
        let job = Self {
            crew: Arc::clone(crew),
            cx,
            span,
            seat: Some(seat),
            in_hand: Some(crew.in_hand.take()),
            reply: Some(reply),
            payload: may_be_again.then(|| payload.clone()),
            attempts,
            limit: crew.policy.job_limit.map(|limit| Instant::now() + limit),
        };
        Some((job, payload))
    }

    /// What is known of it. The requester is watched through a clone.
    pub(crate) fn context(&self) -> &Context {
        &self.cx
    }

    /// When it may take no longer: by its requester, or by its pool.
    pub(crate) fn due(&self) -> Option<Instant> {
        let deadline = self.cx.deadline().map(Instant::from_std);
        deadline.into_iter().chain(self.limit).min()
    }

    /// The trace that what the worker does belongs to.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        let within = self.span.enter();
        let trace = current_trace();
        within.left();
        trace.or_else(|| self.cx.meta().trace())
    }

    pub(crate) fn progress(&self, progress: Progress) {
        self.cx.progress(progress.done, progress.total);
    }

    /// Its time is over. Its requester is told, unless it was the requester who gave the time; the worker is still at it.
    pub(crate) fn abandon(&mut self, now: Instant) {
        let by_pool = self.limit.is_some_and(|limit| limit <= now);
        if by_pool && let Some(reply) = self.reply.take() {
            if let Some(seat) = &self.seat {
                seat.failed();
            }
            self.in_hand = None;
            self.span.fail(&RequestError::Abandoned);
            reply.answer(Err(RequestError::Abandoned));
        }
    }

    /// It has ended, by an answer or without one.
    pub(crate) fn answer(mut self, outcome: Result<R::Response, RequestError>) {
        if let Err(error) = &outcome {
            self.span.fail(error);
            match (&self.seat, &self.reply, error) {
                (Some(seat), Some(_), RequestError::Panicked { .. }) => seat.panicked(),
                (Some(seat), Some(_), _) => seat.failed(),
                _ => {}
            }
        }
        // Whoever has its answer finds nothing of its job left here.
        (self.seat, self.in_hand) = (None, None);
        self.cx.end();
        if let Some(reply) = self.reply.take() {
            reply.answer(outcome);
        }
    }

    /// Its worker has died: it is tried again, if it may be, or answered with that.
    pub(crate) fn lose(mut self, death: &WorkerDeath) {
        let waited_for = self.reply.as_ref().is_some_and(|reply| !reply.is_cancelled());
        if let (true, Some(payload)) = (waited_for, self.payload.take())
            && let Some(reply) = self.reply.take()
        {
            let (crew, meta, attempts) = (Arc::clone(&self.crew), self.cx.meta().clone(), self.attempts + 1);
            tracing::debug!(
                worker = self.cx.name(),
                job = R::name(),
                attempts,
                "a job is tried again: {death}"
            );
            // Its seat is free before it is begun again.
            drop(self);
            crew.try_again(Again { payload, meta, reply, attempts });
            return;
        }
        self.answer(Err(RequestError::WorkerDied(Box::new(death.clone()))));
    }

    /// The pool was told to stop, and its worker was ended for it.
    pub(crate) fn cut(mut self) {
        let waited_for = self.reply.as_ref().is_some_and(|reply| !reply.is_cancelled());
        if let (true, Some(in_hand)) = (waited_for, self.in_hand.take()) {
            in_hand.give_up();
        }
        self.answer(Err(RequestError::Cancelled));
    }
}
