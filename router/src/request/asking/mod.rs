//! A request, from where it is made to its answer.
//!
//! ```text
//! ask   whom it asks, and what comes of that at once
//! ```

mod ask;

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use edri_event::{Key, Meta, Priority, Progress, ProgressSink, Request, TraceContext};
use tokio::time::Instant;

use super::answer::{Observed, Told};
use super::error::RequestError;
use super::reply::Reply;
use crate::behalf::{OnBehalf, TimeLimit, poll_here, running_here};
use crate::border::{Arrival, ConsumerId};
use crate::budget::poll_share;
use crate::route::{Kept, RequestRoute, Respond, Running, Ticket, Wait};
use crate::router::Router;

/// Requests for a unit of tokio's budget. Those that are queued wait for their answer, and yield thereby; those
/// that are answered inline are calls.
const PER_UNIT: u32 = 16;

/// A request about to be made: await it. Made by [`Router::request`] and
/// [`Requester::request`](super::Requester::request).
///
/// Dropping it cancels the request: one that still waits is taken back, and the responder that works on it
/// learns of it by [`Context::cancelled`](crate::Context::cancelled). (A responder that runs *inline*, on this
/// task, ends where it stands.) Dropped before its first poll, it has asked nobody.
#[must_use = "a request is made when it is awaited"]
pub struct Asking<'r, R: Request> {
    router: &'r Router,
    via: Via<'r, R>,
    /// Until it has been asked.
    call: Option<(R, Meta)>,
    lane: Priority,
    stage: Stage<R>,
    /// What few requests need.
    rare: Option<Box<Rare<'r, R>>>,
}

/// How it is found who is to answer.
enum Via<'r, R: Request> {
    /// By the router's table.
    Table,
    /// By a route that is kept.
    Kept(&'r mut Kept<RequestRoute<R>>),
    /// It is known, whoever is registered for the event.
    Responder(&'r Arc<dyn Respond<R>>),
    /// The requester's router has chosen.
    Chosen(ConsumerId),
}

type Outcome<R> = Result<<R as Request>::Response, RequestError>;

struct Rare<'r, R: Request> {
    limit: TimeLimit,
    observed: Option<Observed<R>>,
    /// Where it stood in line, if it did: it may have been let in since.
    in_line: Option<(Arc<dyn Respond<R>>, Ticket)>,
    /// There if it is asked on behalf of an event, and under way.
    on_behalf: Option<OnBehalf<'r>>,
}

impl<R: Request> Default for Rare<'_, R> {
    fn default() -> Self {
        Self { limit: TimeLimit::default(), observed: None, in_line: None, on_behalf: None }
    }
}

enum Stage<R: Request> {
    /// Nothing is under way: not yet, while the call is still here, or no longer.
    Idle,
    Running(Running<Outcome<R>>),
    Queued(Reply<R::Response>),
    /// The answer is known, and observers are being told.
    Telling(Box<Telling<R>>),
}

struct Telling<R: Request> {
    outcome: Option<Outcome<R>>,
    observers: Told<R>,
}

/// Nothing in it is ever pinned in place.
impl<R: Request> Unpin for Asking<'_, R> {}

impl<'r, R: Request> Asking<'r, R> {
    #[inline]
    pub(crate) fn by_router(router: &'r Router, event: R) -> Self {
        Self::new(router, Via::Table, event)
    }

    #[inline]
    pub(crate) fn by_route(router: &'r Router, route: &'r mut Kept<RequestRoute<R>>, event: R) -> Self {
        Self::new(router, Via::Kept(route), event)
    }

    /// As [`Router::request`], but asks `responder`, whatever is registered on the router.
    pub fn of(router: &'r Router, responder: &'r Arc<dyn Respond<R>>, event: R) -> Self {
        Self::new(router, Via::Responder(responder), event)
    }

    /// A request of another router, which has chosen `responder` to be asked.
    pub(crate) fn arrived(router: &'r Router, responder: ConsumerId, event: R, mut arrival: Arrival) -> Self {
        let (lane, deadline) = (arrival.priority, arrival.deadline.take());
        let asking = Self {
            router,
            via: Via::Chosen(responder),
            call: Some((event, arrival.into_meta())),
            lane,
            stage: Stage::Idle,
            rare: None,
        };
        match deadline {
            Some(deadline) => asking.deadline(Instant::from_std(deadline)),
            None => asking,
        }
    }

    #[inline]
    fn new(router: &'r Router, via: Via<'r, R>, event: R) -> Self {
        let call = Some((event, Meta::new()));
        Self { router, via, call, lane: R::PRIORITY, stage: Stage::Idle, rare: None }
    }

    /// Gives up after `timeout` with [`RequestError::TimedOut`]; the request is cancelled then. Without it, the
    /// request waits for as long as its responder lives.
    ///
    /// The time runs from the first poll. The responder knows it as the request's [deadline](Self::deadline).
    ///
    /// Needs tokio's timer.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.rare().limit.set_after(timeout);
        self
    }

    /// Gives up at `deadline` with [`RequestError::TimedOut`]; the request is cancelled then. One whose deadline has
    /// passed when its turn comes is not handled; if it has passed already, nobody is asked. Both are
    /// [`RequestError::Expired`].
    ///
    /// Of several, and a [`timeout`](Self::timeout), the earliest holds. A request that is made within a handler,
    /// through the router of its [context](crate::Context::router), also has the deadline of the event that is
    /// handled; and so on down.
    ///
    /// Needs tokio's timer.
    pub fn deadline(mut self, deadline: impl Into<Instant>) -> Self {
        self.rare().limit.set_at(deadline.into());
        self
    }

    /// Asks with a priority of its own.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.lane = priority;
        self
    }

    /// Gives it a key: among several responders the same key goes to the same one, and managers that work per
    /// key handle requests of one key in order.
    pub fn key<K: Hash + ?Sized>(self, key: &K) -> Self {
        self.meta(|meta| meta.set_key(Key::of(key)))
    }

    /// Has reports of progress handed to `report`, on the responder's task or thread: it must be quick.
    pub fn on_progress(self, report: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.meta(|meta| meta.set_progress(ProgressSink::new(report)))
    }

    /// Says that it belongs to a trace that came from another system, as in a `traceparent` header. What is sent from
    /// within a handler belongs to the handler's own without being told.
    pub fn trace(self, trace: TraceContext) -> Self {
        self.meta(|meta| meta.set_trace(trace))
    }

    fn meta(mut self, set: impl FnOnce(&mut Meta)) -> Self {
        if let Some((_, meta)) = &mut self.call {
            set(meta);
        }
        self
    }

    fn rare(&mut self) -> &mut Rare<'r, R> {
        self.rare.get_or_insert_default()
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<RequestError> {
        let Some(rare) = &mut self.rare else { return Poll::Pending };
        let after = ready!(rare.limit.poll_over(cx));
        Poll::Ready(RequestError::TimedOut { event: R::name(), after })
    }

    /// Ready when there is no time, or nobody, left to wait for the answer.
    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<RequestError> {
        if let Poll::Ready(timed_out) = self.poll_timeout(cx) {
            return Poll::Ready(timed_out);
        }
        let Some(on_behalf) = self.rare.as_mut().and_then(|rare| rare.on_behalf.as_mut()) else {
            return Poll::Pending;
        };
        let stage = &self.stage;
        let under_way = || match stage {
            Stage::Queued(reply) => reply.request().map(|(request, unanswered)| (request, Some(unanswered))),
            Stage::Running(running) => Some((running_here(running), None)),
            Stage::Idle | Stage::Telling(_) => None,
        };
        on_behalf.poll_cancelled(self.router, R::name(), under_way, cx).map(|()| RequestError::Cancelled)
    }

    /// A handler that has the same deadline fails of it at the same moment, or leaves; which of the two is noticed
    /// first would be chance.
    #[inline]
    fn in_time(&self, outcome: Outcome<R>) -> Outcome<R> {
        match (&outcome, &self.rare) {
            (Err(RequestError::Failed(_) | RequestError::Cancelled), Some(rare)) => match rare.limit.over() {
                Some(after) => Err(RequestError::TimedOut { event: R::name(), after }),
                None => outcome,
            },
            _ => outcome,
        }
    }

    /// Goes over to telling the observers; at once if there are none.
    #[inline(never)]
    fn finish(&mut self, outcome: Outcome<R>, cx: &mut Context<'_>) -> Poll<Outcome<R>> {
        self.call = None;
        // What the old stage holds cancels itself when it is dropped, if it has not been answered.
        self.stage = Stage::Idle;
        self.leave_line();
        let observed = self.rare.as_mut().and_then(|rare| {
            rare.on_behalf = None;
            rare.observed.take()
        });
        match observed {
            None => Poll::Ready(outcome),
            Some(observed) => self.tell(&observed, outcome, cx),
        }
    }

    #[cold]
    fn tell(
        &mut self,
        observed: &Observed<R>,
        outcome: Outcome<R>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<R>> {
        let observers = observed.tell(self.router, &outcome, Wait::Woken(cx.waker()));
        self.stage = Stage::Telling(Box::new(Telling { outcome: Some(outcome), observers }));
        self.poll_telling(cx)
    }

    fn poll_telling(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<R>> {
        let Stage::Telling(telling) = &mut self.stage else { return Poll::Pending };
        let told = telling.observers.poll_settled(cx);
        // An observer without room does not keep the requester beyond the time it gave.
        if told.is_pending() && self.poll_timeout(cx).is_pending() {
            return Poll::Pending;
        }
        let Stage::Telling(telling) = &mut self.stage else { return Poll::Pending };
        telling.observers.lose_waiting();
        let outcome = telling.outcome.take();
        self.stage = Stage::Idle;
        outcome.map_or(Poll::Pending, Poll::Ready)
    }

    fn leave_line(&mut self) {
        if let Some((responder, ticket)) = self.rare.as_mut().and_then(|rare| rare.in_line.take()) {
            responder.withdraw(ticket);
        }
    }

    /// What is under way cancels itself when it is dropped.
    #[cold]
    fn cancel(&mut self) {
        self.stage = Stage::Idle;
        self.leave_line();
        if let Some(observed) = self.rare.as_mut().and_then(|rare| rare.observed.take()) {
            // Nobody is left to wait for an observer without room.
            drop(observed.tell(self.router, &Err(RequestError::Cancelled), Wait::Never));
        }
    }
}

impl<R: Request> Future for Asking<'_, R> {
    type Output = Result<R::Response, RequestError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.call.is_some() {
            ready!(poll_share(cx, PER_UNIT));
            match this.ask(cx.waker()) {
                Some(Ok(response)) if this.rare.is_none() => return Poll::Ready(Ok(response)),
                Some(outcome) => return this.finish(outcome, cx),
                None => {}
            }
            // A queued request wakes this task by itself.
            if let (Stage::Queued(_), None) = (&this.stage, &this.rare) {
                return Poll::Pending;
            }
        }
        let answered = match &mut this.stage {
            Stage::Running(running) if this.router.scope().is_some() => poll_here(running, cx),
            Stage::Running(running) => running.as_mut().poll(cx),
            Stage::Queued(reply) => reply.poll_answer(cx),
            Stage::Telling(_) => return this.poll_telling(cx),
            Stage::Idle => return Poll::Pending,
        };
        match answered {
            Poll::Ready(Ok(response)) if this.rare.is_none() => {
                this.stage = Stage::Idle;
                Poll::Ready(Ok(response))
            }
            Poll::Ready(outcome) => {
                let outcome = this.in_time(outcome);
                this.finish(outcome, cx)
            }
            Poll::Pending => match this.poll_given_up(cx) {
                Poll::Ready(given_up) => this.finish(Err(given_up), cx),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl<R: Request> Drop for Asking<'_, R> {
    #[inline]
    fn drop(&mut self) {
        match &mut self.stage {
            Stage::Idle => {}
            Stage::Running(_) | Stage::Queued(_) => self.cancel(),
            Stage::Telling(telling) => telling.observers.lose_waiting(),
        }
    }
}

impl<R: Request> fmt::Debug for Asking<'_, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Asking").field("event", &R::name()).field("priority", &self.lane).finish()
    }
}
