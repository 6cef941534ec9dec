use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use edri_event::{EventId, Key, Meta, Priority, Progress, ProgressSink, Request, TraceContext};
use tokio::time::Instant;

use super::answer::{Observed, Told};
use super::error::RequestError;
use super::reply::Reply;
use crate::behalf::{OnBehalf, Overdue, Scope, TimeLimit, poll_here, running_here};
use crate::border::{self, Arrival, ConsumerId};
use crate::budget::poll_share;
use crate::route::{Answering, Kept, Offered, Patience, RequestRoute, Respond, Running, Ticket, Wait};
use crate::router::Router;
use crate::trace::{SenderSpan, mark};

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

    /// Asks, and moves on to the stage that follows; with an outcome if there is one at once.
    #[inline(always)]
    fn ask(&mut self, waker: &Waker) -> Option<Outcome<R>> {
        if let Some((_, meta)) = &mut self.call {
            if R::SHAREABLE && meta.id().is_none() {
                meta.set_id(EventId::fresh());
            }
            mark(meta, SenderSpan::Outlasts);
        }
        if (self.rare.is_some() || self.router.scope().is_some())
            && let Err(error) = self.take_limits()
        {
            return Some(Err(error));
        }
        let table = self.router.table();
        match std::mem::replace(&mut self.via, Via::Table) {
            Via::Table => table.with(TypeId::of::<R>(), |route| self.ask_route(route, waker)),
            Via::Kept(route) => self.ask_route(route.current(table, TypeId::of::<R>()), waker),
            Via::Responder(responder) => self.ask_only(responder, waker),
            Via::Chosen(responder) => {
                table.with(TypeId::of::<R>(), |route| self.ask_chosen(route, responder, waker))
            }
        }
    }

    #[inline(always)]
    fn ask_route(&mut self, route: Option<&RequestRoute<R>>, waker: &Waker) -> Option<Outcome<R>> {
        let Some(route) = route else { return self.ask_nobody(waker) };
        if route.is_observed() {
            self.observe(route);
        }
        match route.responders.only() {
            Some(only) => self.ask_only(only, waker),
            None => self.ask_one_of(route, |_| true, waker),
        }
    }

    /// Nobody is on the route; but somebody far away may be found there who has not known that there is such an event.
    #[cold]
    fn ask_nobody(&mut self, waker: &Waker) -> Option<Outcome<R>> {
        if !self.router.introduce(border::request::<R>()) {
            return no_responder::<R>();
        }
        self.router.table().with(TypeId::of::<R>(), |route: Option<&RequestRoute<R>>| {
            let Some(route) = route else { return no_responder::<R>() };
            if route.is_observed() {
                self.observe(route);
            }
            self.ask_one_of(route, |_| true, waker)
        })
    }

    /// Asks the one who was chosen. Without a key, it is for another one of this router if he has no room; and with one,
    /// too, if he has left.
    #[cold]
    fn ask_chosen(
        &mut self,
        route: Option<&RequestRoute<R>>,
        chosen: ConsumerId,
        waker: &Waker,
    ) -> Option<Outcome<R>> {
        let Some(route) = route else { return no_responder::<R>() };
        if let Some(responder) = route.responders.of(chosen, |responder| responder.place()) {
            let has_key = self.its_key().is_some();
            let patience = if has_key || !responder.is_local() { Patience::Policy } else { Patience::Room };
            match responder.ask(&mut self.call, self.lane, patience, waker) {
                Answering::Full if patience == Patience::Room => {}
                Answering::Gone => {}
                taken => return self.go_on(responder, taken),
            }
        }
        self.ask_one_of(route, |responder| responder.is_local(), waker)
    }

    fn its_key(&self) -> Option<Key> {
        self.call.as_ref().and_then(|(event, meta)| meta.key().or_else(|| event.key()))
    }

    #[cold]
    fn observe(&mut self, route: &RequestRoute<R>) {
        if let Some((event, _)) = &self.call {
            let observed = Observed::new(event, route);
            self.rare().observed = observed;
        }
    }

    /// The time runs from here on. Says why not to ask at all, if there is a reason.
    fn take_limits(&mut self) -> Result<(), RequestError> {
        if let Some(deadline) = self.router.scope().and_then(Scope::deadline) {
            self.rare().limit.set_at(deadline);
        }
        if let Some(rare) = &mut self.rare {
            let due = rare.limit.begin().map_err(|Overdue| RequestError::Expired)?;
            if let (Some(due), Some((_, meta))) = (due, &mut self.call) {
                meta.set_deadline(due.into_std());
            }
        }
        match self.router.scope().is_some_and(Scope::is_cancelled) {
            true => Err(RequestError::Cancelled),
            false => Ok(()),
        }
    }

    #[inline(always)]
    fn ask_only(&mut self, responder: &Arc<dyn Respond<R>>, waker: &Waker) -> Option<Outcome<R>> {
        let on_behalf = self.router.scope().is_some();
        match responder.ask(&mut self.call, self.lane, Patience::Policy, waker) {
            // The usual ones are moved by themselves, and not with all the room that an error would take: that costs
            // a call that is answered inline a third of its time.
            Answering::Answered(Ok(response)) => return Some(Ok(response)),
            Answering::Queued(reply, None) if !on_behalf => self.stage = Stage::Queued(reply),
            Answering::Running(running) if !on_behalf => self.stage = Stage::Running(running),
            other => return self.go_on(responder, other),
        }
        None
    }

    /// Asks by the route's policy; where none that may be asked has room, the overflow policy of one of them holds.
    fn ask_one_of(
        &mut self,
        route: &RequestRoute<R>,
        may: impl Fn(&Arc<dyn Respond<R>>) -> bool,
        waker: &Waker,
    ) -> Option<Outcome<R>> {
        let key = self.its_key();
        let mut outcome = None;
        let taken = route.choose(key, |responder, patience| {
            if !may(responder) {
                return Offered::Gone;
            }
            match responder.ask(&mut self.call, self.lane, patience, waker) {
                Answering::Full if patience == Patience::Room => return Offered::Full,
                Answering::Gone => return Offered::Gone,
                taken => outcome = self.go_on(responder, taken),
            }
            Offered::Taken
        });
        if taken { outcome } else { no_responder::<R>() }
    }

    #[inline(never)]
    fn go_on(&mut self, responder: &Arc<dyn Respond<R>>, answering: Answering<R>) -> Option<Outcome<R>> {
        if let (Some(scope), Answering::Queued(..) | Answering::Running(_)) =
            (self.router.scope(), &answering)
        {
            self.rare().on_behalf = Some(OnBehalf::new(scope, responder.part()));
        }
        match answering {
            Answering::Queued(reply, ticket) => {
                self.stage = Stage::Queued(reply);
                if let Some(ticket) = ticket {
                    self.rare().in_line = Some((Arc::clone(responder), ticket));
                }
            }
            Answering::Running(running) => self.stage = Stage::Running(running),
            Answering::Answered(outcome) => return Some(outcome),
            Answering::Full | Answering::Refused => return Some(Err(RequestError::Overloaded)),
            Answering::Gone => return no_responder::<R>(),
        }
        None
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

fn no_responder<R: Request>() -> Option<Outcome<R>> {
    Some(Err(RequestError::NoResponder { event: R::name() }))
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
