use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use edri_event::{EventId, Key, Meta, Priority, Progress, ProgressSink, Request};
use tokio::time::{Instant, Sleep};

use super::answer::{Answer, Observed};
use super::error::RequestError;
use super::reply::Reply;
use crate::budget::poll_share;
use crate::envelope::Envelope;
use crate::notify::Outstanding;
use crate::route::{Answering, Offered, Patience, RequestRoute, Respond, Running, Ticket, Wait};
use crate::router::Router;

/// Requests for a unit of tokio's budget. Those that are queued wait for their answer, and yield thereby; those
/// that are answered inline are calls.
const PER_UNIT: u32 = 16;

/// A request about to be made: await it. Made by [`Router::request`].
///
/// Dropping it cancels the request: one that still waits is taken back, and the responder that works on it
/// learns of it by [`Context::cancelled`](crate::Context::cancelled). (A responder that runs *inline*, on this
/// task, ends where it stands.) Dropped before its first poll, it has asked nobody.
#[must_use = "a request is made when it is awaited"]
pub struct Asking<'r, R: Request> {
    router: &'r Router,
    /// Who is asked, if not whoever is registered for the event.
    responder: Option<&'r Arc<dyn Respond<R>>>,
    /// Until it has been asked.
    call: Option<(R, Meta)>,
    lane: Priority,
    stage: Stage<R>,
    /// What few requests need.
    rare: Option<Box<Rare<R>>>,
}

type Outcome<R> = Result<<R as Request>::Response, RequestError>;

struct Rare<R: Request> {
    timeout: Option<Timeout>,
    observed: Option<Observed<R>>,
    /// Where it stood in line, if it did: it may have been let in since.
    in_line: Option<(Arc<dyn Respond<R>>, Ticket)>,
}

struct Timeout {
    after: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<R: Request> Default for Rare<R> {
    fn default() -> Self {
        Self { timeout: None, observed: None, in_line: None }
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
    observers: Outstanding<Envelope<Answer<R>>>,
}

/// Nothing in it is ever pinned in place.
impl<R: Request> Unpin for Asking<'_, R> {}

impl<'r, R: Request> Asking<'r, R> {
    pub(crate) fn new(router: &'r Router, event: R) -> Self {
        Self::at(router, None, event)
    }

    /// As [`Router::request`], but asks `responder`, whatever is registered on the router.
    pub fn of(router: &'r Router, responder: &'r Arc<dyn Respond<R>>, event: R) -> Self {
        Self::at(router, Some(responder), event)
    }

    #[inline]
    fn at(router: &'r Router, responder: Option<&'r Arc<dyn Respond<R>>>, event: R) -> Self {
        let call = Some((event, Meta::new()));
        Self { router, responder, call, lane: R::PRIORITY, stage: Stage::Idle, rare: None }
    }

    /// Gives up after `timeout` with [`RequestError::TimedOut`]; the request is cancelled then. Without it, the
    /// request waits for as long as its responder lives.
    ///
    /// Needs tokio's timer.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.rare().timeout = Some(Timeout { after: timeout, sleep: None });
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

    fn meta(mut self, set: impl FnOnce(&mut Meta)) -> Self {
        if let Some((_, meta)) = &mut self.call {
            set(meta);
        }
        self
    }

    /// Asks, and moves on to the stage that follows; with an outcome if there is one at once.
    fn ask(&mut self, waker: &Waker) -> Option<Outcome<R>> {
        if let Some((_, meta)) = &mut self.call {
            if R::SHAREABLE {
                meta.set_id(EventId::fresh());
            }
            // A time-out beyond all clocks is no deadline.
            let timeout = self.rare.as_ref().and_then(|rare| rare.timeout.as_ref());
            if let Some(deadline) = timeout.and_then(|timeout| Instant::now().checked_add(timeout.after)) {
                meta.set_deadline(deadline.into_std());
            }
        }
        match self.responder {
            Some(responder) => self.ask_only(responder, waker),
            None => {
                let router = self.router;
                router.table().with(TypeId::of::<R>(), |route: Option<&RequestRoute<R>>| {
                    let Some(route) = route else { return no_responder::<R>() };
                    if let (true, Some((event, _))) = (route.is_observed(), &self.call) {
                        let observed = Observed::new(event, route);
                        self.rare().observed = observed;
                    }
                    match route.responders.only() {
                        Some(only) => self.ask_only(only, waker),
                        None => self.ask_one_of(route, waker),
                    }
                })
            }
        }
    }

    #[inline]
    fn ask_only(&mut self, responder: &Arc<dyn Respond<R>>, waker: &Waker) -> Option<Outcome<R>> {
        match responder.ask(&mut self.call, self.lane, Patience::Policy, waker) {
            Answering::Answered(outcome) => Some(outcome),
            other => self.go_on(responder, other),
        }
    }

    /// Asks by the route's policy; where none that may be asked has room, the overflow policy of one of them holds.
    fn ask_one_of(&mut self, route: &RequestRoute<R>, waker: &Waker) -> Option<Outcome<R>> {
        let key = self.call.as_ref().and_then(|(event, meta)| meta.key().or_else(|| event.key()));
        let mut outcome = None;
        let taken = route.choose(key, |responder, patience| {
            match responder.ask(&mut self.call, self.lane, patience, waker) {
                Answering::Full if patience == Patience::Room => return Offered::Full,
                Answering::Gone => return Offered::Gone,
                taken => outcome = self.go_on(responder, taken),
            }
            Offered::Taken
        });
        if taken { outcome } else { no_responder::<R>() }
    }

    #[inline]
    fn go_on(&mut self, responder: &Arc<dyn Respond<R>>, answering: Answering<R>) -> Option<Outcome<R>> {
        match answering {
            Answering::Queued(reply, None) => self.stage = Stage::Queued(reply),
            Answering::Queued(reply, Some(ticket)) => {
                self.rare().in_line = Some((Arc::clone(responder), ticket));
                self.stage = Stage::Queued(reply);
            }
            Answering::Running(running) => self.stage = Stage::Running(running),
            Answering::Answered(outcome) => return Some(outcome),
            Answering::Full | Answering::Refused => return Some(Err(RequestError::Overloaded)),
            Answering::Gone => return no_responder::<R>(),
        }
        None
    }

    fn rare(&mut self) -> &mut Rare<R> {
        self.rare.get_or_insert_default()
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<RequestError> {
        let Some(Timeout { after, sleep }) = self.rare.as_mut().and_then(|rare| rare.timeout.as_mut()) else {
            return Poll::Pending;
        };
        let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(*after)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(RequestError::TimedOut { event: R::name(), after: *after })
    }

    /// Goes over to telling the observers; at once if there are none.
    #[inline]
    fn finish(&mut self, outcome: Outcome<R>, cx: &mut Context<'_>) -> Poll<Outcome<R>> {
        // What the old stage holds cancels itself when it is dropped, if it has not been answered.
        self.stage = Stage::Idle;
        self.hand_out(outcome, cx)
    }

    #[inline]
    fn hand_out(&mut self, outcome: Outcome<R>, cx: &mut Context<'_>) -> Poll<Outcome<R>> {
        match self.rare.is_some() {
            false => Poll::Ready(outcome),
            true => self.finish_rare(outcome, cx),
        }
    }

    fn finish_rare(&mut self, outcome: Outcome<R>, cx: &mut Context<'_>) -> Poll<Outcome<R>> {
        self.leave_line();
        match self.rare().observed.take() {
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
            if let Some(outcome) = this.ask(cx.waker()) {
                this.call = None;
                return this.hand_out(outcome, cx);
            }
            // A queued request wakes this task by itself.
            if let (Stage::Queued(_), None) = (&this.stage, &this.rare) {
                return Poll::Pending;
            }
        }
        let answered = match &mut this.stage {
            Stage::Running(running) => running.as_mut().poll(cx),
            Stage::Queued(reply) => reply.poll_answer(cx),
            Stage::Telling(_) => return this.poll_telling(cx),
            Stage::Idle => return Poll::Pending,
        };
        match answered {
            Poll::Ready(outcome) => this.finish(outcome, cx),
            Poll::Pending => match this.poll_timeout(cx) {
                Poll::Ready(timed_out) => this.finish(Err(timed_out), cx),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl<R: Request> Drop for Asking<'_, R> {
    #[inline]
    fn drop(&mut self) {
        if let Stage::Running(_) | Stage::Queued(_) = self.stage {
            self.cancel();
        }
    }
}

impl<R: Request> fmt::Debug for Asking<'_, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Asking").field("event", &R::name()).field("priority", &self.lane).finish()
    }
}
