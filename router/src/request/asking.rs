use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use edri_event::{EventId, Key, Meta, Priority, Progress, ProgressSink, Request};
use tokio::task::coop;
use tokio::time::{Instant, Sleep};

use super::answer::{Answer, Observed};
use super::error::RequestError;
use super::reply::Reply;
use crate::envelope::Envelope;
use crate::notify::Outstanding;
use crate::route::{Answering, Patience, RequestRoute, Respond, Running, Ticket, Wait};
use crate::router::Router;

/// A request about to be made: await it. Made by [`Router::request`].
///
/// Dropping it cancels the request: one that still waits is taken back, and the responder that works on it
/// learns of it by [`Context::cancelled`](crate::Context::cancelled). (A responder that runs *inline*, on this
/// task, ends where it stands.) Dropped before its first poll, it has asked nobody.
#[must_use = "a request is made when it is awaited"]
pub struct Asking<'r, R: Request> {
    router: &'r Router,
    target: Target<'r, R>,
    call: Option<(R, Meta)>,
    lane: Priority,
    timeout: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
    observed: Option<Box<Observed<R>>>,
    /// Where it stood in line, if it did: it may have been let in since.
    in_line: Option<Box<InLine<R>>>,
    stage: Stage<R>,
}

type InLine<R> = (Arc<dyn Respond<R>>, Ticket);

/// Who is asked.
enum Target<'r, R: Request> {
    /// Whoever is registered for the event.
    Route,
    /// This one.
    Responder(&'r Arc<dyn Respond<R>>),
}

enum Stage<R: Request> {
    /// Nothing is under way: not yet, while the call is still here, or no longer.
    Idle,
    Running(Running<Result<R::Response, RequestError>>),
    Queued(Reply<R::Response>),
    /// The answer is known, and observers are being told.
    Telling(Box<Telling<R>>),
}

struct Telling<R: Request> {
    outcome: Option<Result<R::Response, RequestError>>,
    observers: Outstanding<Envelope<Answer<R>>>,
}

/// Nothing in it is ever pinned in place.
impl<R: Request> Unpin for Asking<'_, R> {}

impl<'r, R: Request> Asking<'r, R> {
    pub(crate) fn new(router: &'r Router, event: R) -> Self {
        Self::at(router, Target::Route, event)
    }

    /// As [`Router::request`], but asks `responder`, whatever is registered on the router.
    pub fn of(router: &'r Router, responder: &'r Arc<dyn Respond<R>>, event: R) -> Self {
        Self::at(router, Target::Responder(responder), event)
    }

    fn at(router: &'r Router, target: Target<'r, R>, event: R) -> Self {
        Self {
            router,
            target,
            call: Some((event, Meta::new())),
            lane: R::PRIORITY,
            timeout: None,
            sleep: None,
            observed: None,
            in_line: None,
            stage: Stage::Idle,
        }
    }

    /// Gives up after `timeout` with [`RequestError::TimedOut`]; the request is cancelled then. Without it, the
    /// request waits for as long as its responder lives.
    ///
    /// Needs tokio's timer.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
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
    fn ask(&mut self, waker: &Waker) -> Option<Result<R::Response, RequestError>> {
        if let Some((_, meta)) = &mut self.call {
            if R::SHAREABLE {
                meta.set_id(EventId::fresh());
            }
            // A time-out beyond all clocks is no deadline.
            if let Some(deadline) = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout)) {
                meta.set_deadline(deadline.into_std());
            }
        }
        match self.target {
            Target::Responder(responder) => self.ask_only(responder, waker),
            Target::Route => {
                let router = self.router;
                router.table().with(TypeId::of::<R>(), |route: Option<&RequestRoute<R>>| {
                    let Some(route) = route else { return no_responder::<R>() };
                    if let (false, Some((event, _))) = (route.observers.is_empty(), &self.call) {
                        self.observed = Observed::new(event, &route.observers);
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
    fn ask_only(
        &mut self,
        responder: &Arc<dyn Respond<R>>,
        waker: &Waker,
    ) -> Option<Result<R::Response, RequestError>> {
        match responder.ask(&mut self.call, self.lane, Patience::Policy, waker) {
            Answering::Answered(outcome) => Some(outcome),
            other => self.go_on(responder, other),
        }
    }

    /// Asks the first candidate that has room; where none has, the policy of the first that is still there holds.
    fn ask_one_of(
        &mut self,
        route: &RequestRoute<R>,
        waker: &Waker,
    ) -> Option<Result<R::Response, RequestError>> {
        let key = self.call.as_ref().and_then(|(event, meta)| meta.key().or_else(|| event.key()));
        let mut full = None;
        for responder in route.candidates(key) {
            match responder.ask(&mut self.call, self.lane, Patience::Room, waker) {
                Answering::Full => full = full.or(Some(responder)),
                Answering::Gone => {}
                taken => return self.go_on(responder, taken),
            }
        }
        match full {
            Some(responder) => self.ask_only(responder, waker),
            None => no_responder::<R>(),
        }
    }

    #[inline]
    fn go_on(
        &mut self,
        responder: &Arc<dyn Respond<R>>,
        answering: Answering<R>,
    ) -> Option<Result<R::Response, RequestError>> {
        match answering {
            Answering::Queued(reply, None) => self.stage = Stage::Queued(reply),
            Answering::Queued(reply, Some(ticket)) => {
                self.in_line = Some(Box::new((Arc::clone(responder), ticket)));
                self.stage = Stage::Queued(reply);
            }
            Answering::Running(running) => self.stage = Stage::Running(running),
            Answering::Answered(outcome) => return Some(outcome),
            Answering::Full | Answering::Refused => return Some(Err(RequestError::Overloaded)),
            Answering::Gone => return no_responder::<R>(),
        }
        None
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<RequestError> {
        let Some(after) = self.timeout else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(RequestError::TimedOut { event: R::name(), after })
    }

    /// Goes over to telling the observers; at once if there are none.
    #[inline]
    fn finish(
        &mut self,
        outcome: Result<R::Response, RequestError>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<R::Response, RequestError>> {
        // What the old stage holds cancels itself when it is dropped, if it has not been answered.
        self.give_up();
        match self.observed.take() {
            None => Poll::Ready(outcome),
            Some(observed) => self.tell(&observed, outcome, cx),
        }
    }

    #[cold]
    fn tell(
        &mut self,
        observed: &Observed<R>,
        outcome: Result<R::Response, RequestError>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<R::Response, RequestError>> {
        let observers = tell(observed, &outcome, Wait::Woken(cx.waker()));
        self.stage = Stage::Telling(Box::new(Telling { outcome: Some(outcome), observers }));
        self.poll_telling(cx)
    }

    fn poll_telling(&mut self, cx: &mut Context<'_>) -> Poll<Result<R::Response, RequestError>> {
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

    /// Drops what is under way, which cancels it unless it has been answered.
    #[inline]
    fn give_up(&mut self) {
        self.stage = Stage::Idle;
        if let Some(in_line) = self.in_line.take() {
            let (responder, ticket) = *in_line;
            responder.withdraw(ticket);
        }
    }

    #[cold]
    fn cancel(&mut self) {
        self.give_up();
        if let Some(observed) = self.observed.take() {
            // Nobody is left to wait for an observer without room.
            drop(tell(&observed, &Err(RequestError::Cancelled), Wait::Never));
        }
    }
}

fn no_responder<R: Request>() -> Option<Result<R::Response, RequestError>> {
    Some(Err(RequestError::NoResponder { event: R::name() }))
}

fn tell<R: Request>(
    observed: &Observed<R>,
    outcome: &Result<R::Response, RequestError>,
    wait: Wait<'_>,
) -> Outstanding<Envelope<Answer<R>>> {
    let mut outstanding = Outstanding::new();
    for (observer, answer) in observed.answers(outcome) {
        let delivery = observer.deliver(&mut Some(answer), R::PRIORITY, wait);
        outstanding.note(observer, delivery);
    }
    outstanding
}

impl<R: Request> Future for Asking<'_, R> {
    type Output = Result<R::Response, RequestError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.call.is_some() {
            ready!(coop::poll_proceed(cx)).made_progress();
            if let Some(outcome) = this.ask(cx.waker()) {
                this.call = None;
                return match this.observed.take() {
                    None => Poll::Ready(outcome),
                    Some(observed) => this.tell(&observed, outcome, cx),
                };
            }
            // A queued request wakes this task by itself.
            if let (Stage::Queued(_), None) = (&this.stage, this.timeout) {
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
        formatter.debug_struct("Asking").field("event", &R::name()).field("timeout", &self.timeout).finish()
    }
}
