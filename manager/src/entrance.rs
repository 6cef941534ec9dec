use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use edri_event::{Event, Failure, Meta, Notification, Priority, Request, Tunnel};
use edri_router::{
    Answer, Answering, Asked, Context, Deliver, Delivery, Envelope, EventInfo, EventKind, Handler,
    HandlerSpan, Inbox, Loss, Observable, Opening, Patience, Registration, Replay, RequestError, Respond,
    Router, Running, Shared, Ticket, ToInbox, Wait, caught_now, has_expired, is_traced,
};

use crate::handled::{Handled, Undone};
use crate::handling::{Lent, reason};
use crate::manager::Manager;
use crate::run::{Held, Seat, Slot};

/// Where a manager names the events it handles; see [`Manager::attach`].
pub struct Entrance<'r, M: Manager> {
    router: &'r Router,
    name: Arc<str>,
    inbox: Inbox<M::Inbox>,
    /// There if the manager runs inline.
    slot: Option<Arc<Slot<M>>>,
    /// There if the manager shares its notifications.
    group: Option<Arc<str>>,
    registrations: Vec<Registration>,
}

type Outcome<R> = Result<<R as Request>::Response, RequestError>;

/// How a request handler is called on the requester's task.
pub enum CallRequest<M: Manager, R: Request> {
    /// It never waits.
    Now(fn(&mut M, R, &Context) -> Result<R::Response, Failure>),
    /// It may wait, and has the manager meanwhile.
    Later(fn(Held<M>, R) -> Running<Outcome<R>>),
}

/// How a notification handler is called on the sender's task.
pub enum CallNotification<M: Manager, E> {
    /// It never waits.
    Now(fn(&mut M, &E, &Context) -> Result<(), Failure>),
    /// It may wait, and has the manager meanwhile.
    Later(fn(Held<M>, Shared<E>) -> Running<()>),
}

impl<'r, M: Manager> Entrance<'r, M> {
    pub(crate) fn new(
        router: &'r Router,
        name: Arc<str>,
        inbox: Inbox<M::Inbox>,
        slot: Option<Arc<Slot<M>>>,
        group: Option<Arc<str>>,
    ) -> Self {
        Self { router, name, inbox, slot, group, registrations: Vec::new() }
    }

    pub(crate) fn into_registrations(mut self) -> Vec<Registration> {
        self.registrations.shrink_to_fit();
        self.registrations
    }

    /// Handles a notification.
    pub fn notification<E: Notification>(
        &mut self,
        wrap: fn(Envelope<E>) -> M::Inbox,
        call: CallNotification<M, E>,
    ) {
        let subscriber = self.subscriber(EventKind::Notification, wrap, call);
        self.registrations.push(match &self.group {
            None => self.router.attach_subscriber::<E>(subscriber),
            Some(group) => self.router.attach_to_group::<E>(Arc::clone(group), subscriber),
        });
    }

    /// Handles a notification, and before it what is retained of it. In a group, as [`notification`](Self::notification).
    pub fn notification_from<E: Notification>(
        &mut self,
        from: Replay,
        wrap: fn(Envelope<E>) -> M::Inbox,
        call: CallNotification<M, E>,
    ) {
        if self.group.is_some() {
            return self.notification(wrap, call);
        }
        let subscriber = self.subscriber(EventKind::Notification, wrap, call);
        self.registrations.push(self.router.attach_subscriber_from::<E>(subscriber, from));
    }

    /// Sees the answers to a request.
    pub fn response<R: Observable>(
        &mut self,
        wrap: fn(Envelope<Answer<R>>) -> M::Inbox,
        call: CallNotification<M, Answer<R>>,
    ) {
        let observer = self.subscriber(EventKind::Response, wrap, call);
        self.registrations.push(self.router.attach_observer::<R>(observer));
    }

    /// Sees the answers to a request, and before them those that are retained.
    pub fn response_from<R: Observable>(
        &mut self,
        from: Replay,
        wrap: fn(Envelope<Answer<R>>) -> M::Inbox,
        call: CallNotification<M, Answer<R>>,
    ) {
        let observer = self.subscriber(EventKind::Response, wrap, call);
        self.registrations.push(self.router.attach_observer_from::<R>(observer, from));
    }

    /// Answers a request.
    pub fn request<R: Request>(&mut self, wrap: fn(Asked<R>) -> M::Inbox, call: CallRequest<M, R>) {
        let inbox = self.to_inbox(wrap);
        let responder: Arc<dyn Respond<R>> = match &self.slot {
            None => Arc::new(inbox),
            Some(slot) => {
                Arc::new(InlineRequest { tag: slot.tag(R::name()), slot: Arc::clone(slot), inbox, call })
            }
        };
        self.registrations.push(self.router.attach_responder(responder));
    }

    /// Accepts a tunnel; always from the inbox.
    pub fn tunnel<T: Tunnel>(&mut self, wrap: fn(Opening<T>) -> M::Inbox) {
        self.registrations.push(self.router.attach_acceptor::<T>(Arc::new(self.to_inbox(wrap))));
    }

    fn subscriber<E: Event + Sync>(
        &self,
        kind: EventKind,
        wrap: fn(Envelope<E>) -> M::Inbox,
        call: CallNotification<M, E>,
    ) -> Arc<dyn Deliver<Envelope<E>>> {
        let inbox = self.to_inbox(wrap);
        match &self.slot {
            None => Arc::new(inbox),
            Some(slot) => {
                let tag = slot.tag(E::name());
                Arc::new(InlineNotification { kind, tag, slot: Arc::clone(slot), inbox, wrap, call })
            }
        }
    }

    fn to_inbox<P>(&self, wrap: fn(P) -> M::Inbox) -> ToInbox<M::Inbox, P> {
        ToInbox::new(Arc::clone(&self.name), self.inbox.clone(), wrap)
    }
}

struct InlineRequest<M: Manager, R: Request> {
    tag: u16,
    slot: Arc<Slot<M>>,
    inbox: ToInbox<M::Inbox, Asked<R>>,
    call: CallRequest<M, R>,
}

/// What came of a call. Each kind of outcome has a place of its own: a response that is moved together with the room
/// that an error would take is copied at once after it was written, which costs as much as the call.
struct Outcomes<R: Request> {
    response: Option<R::Response>,
    error: Option<RequestError>,
}

impl<M: Manager, R: Request> InlineRequest<M, R> {
    /// `None` if there is nothing to be asked.
    #[inline(always)]
    fn handle(
        &self,
        handle: fn(&mut M, R, &Context) -> Result<R::Response, Failure>,
        call: &mut Option<(R, Meta)>,
        seat: &mut Seat<M>,
        outcomes: &mut Outcomes<R>,
    ) -> Option<()> {
        let (event, meta) = call.take()?;
        // All that is the user's code, what is dropped included, is within.
        let handled = caught_now(|| {
            seat.cx.begin(meta);
            outcomes.response = Some(handle(&mut seat.manager, event, &seat.cx)?);
            Ok(())
        });
        if let Err(error) = handled {
            outcomes.error = Some(self.ended_badly(error, seat));
        }
        Some(())
    }

    /// The requester is told: there is nothing else to be done.
    #[cold]
    fn ended_badly(&self, error: RequestError, seat: &mut Seat<M>) -> RequestError {
        self.slot.note(Box::new(Undone { message: None, reason: reason(error.clone()) }), seat);
        error
    }

    /// The same within a span.
    #[cold]
    fn call_traced(
        &self,
        handle: fn(&mut M, R, &Context) -> Result<R::Response, Failure>,
        call: &mut Option<(R, Meta)>,
        outcomes: &mut Outcomes<R>,
    ) -> Option<Option<()>> {
        self.slot.call(self.tag, |seat| {
            let (_, meta) = call.as_ref()?;
            let info = || EventInfo::new::<R>(EventKind::Request, meta);
            let span = HandlerSpan::nested(info, Handler::Manager(seat.cx.name()));
            let within = span.enter();
            let handled = self.handle(handle, call, seat, outcomes);
            within.left();
            handled
        })
    }
}

impl<M: Manager, R: Request> Respond<R> for InlineRequest<M, R> {
    #[inline]
    fn ask(
        &self,
        call: &mut Option<(R, Meta)>,
        lane: Priority,
        patience: Patience,
        requester: &Waker,
    ) -> Answering<R> {
        match self.call {
            CallRequest::Now(handle) => {
                let mut outcomes = Outcomes { response: None, error: None };
                let called = match is_traced() {
                    false => self.slot.call(self.tag, |seat| self.handle(handle, call, seat, &mut outcomes)),
                    true => self.call_traced(handle, call, &mut outcomes),
                };
                if called.flatten().is_some() {
                    if let Some(response) = outcomes.response {
                        return Answering::Answered(Ok(response));
                    }
                    return Answering::Answered(Err(outcomes.error.unwrap_or(RequestError::Cancelled)));
                }
            }
            CallRequest::Later(handle) => {
                if let Some((event, meta)) = call.take() {
                    match self.slot.take(self.tag, meta) {
                        Ok(held) => {
                            return Answering::Running(traced::<M, R, _>(EventKind::Request, held, |held| {
                                handle(held, event)
                            }));
                        }
                        Err(meta) => *call = Some((event, meta)),
                    }
                }
            }
        }
        self.inbox.ask(call, lane, patience, requester)
    }

    fn withdraw(&self, ticket: Ticket) {
        Respond::withdraw(&self.inbox, ticket);
    }

    fn load(&self) -> usize {
        Respond::load(&self.inbox)
    }

    fn name(&self) -> &str {
        Respond::name(&self.inbox)
    }

    fn part(&self) -> Arc<str> {
        self.inbox.part()
    }
}

struct InlineNotification<M: Manager, E> {
    tag: u16,
    kind: EventKind,
    slot: Arc<Slot<M>>,
    inbox: ToInbox<M::Inbox, Envelope<E>>,
    wrap: fn(Envelope<E>) -> M::Inbox,
    call: CallNotification<M, E>,
}

type GivenUp<M> = Option<Box<Undone<<M as Manager>::Inbox>>>;

impl<M: Manager, E: Event + Sync> InlineNotification<M, E> {
    /// With what is left to be done with the event, once the manager has been given back.
    #[inline(always)]
    fn handle(
        &self,
        handle: fn(&mut M, &E, &Context) -> Result<(), Failure>,
        parcel: &mut Option<Envelope<E>>,
        seat: &mut Seat<M>,
    ) -> Option<GivenUp<M>> {
        let Envelope { event, meta } = parcel.take()?;
        let mut event = Lent::new(event);
        let outcome = caught_now(|| {
            seat.cx.begin(meta);
            let outcome = handle(&mut seat.manager, event.get(), &seat.cx);
            event.end(outcome)
        });
        match event.settle(outcome, &seat.cx, self.wrap) {
            Handled::Done => Some(None),
            Handled::Undone(undone) => Some(self.slot.note(undone, seat)),
        }
    }

    /// The same within a span.
    #[cold]
    fn call_traced(
        &self,
        handle: fn(&mut M, &E, &Context) -> Result<(), Failure>,
        parcel: &mut Option<Envelope<E>>,
    ) -> Option<Option<GivenUp<M>>> {
        self.slot.call(self.tag, |seat| {
            let meta = &parcel.as_ref()?.meta;
            let info = || EventInfo::new::<E>(self.kind, meta);
            let span = HandlerSpan::nested(info, Handler::Manager(seat.cx.name()));
            let within = span.enter();
            let handled = self.handle(handle, parcel, seat);
            within.left();
            handled
        })
    }
}

/// A handler that may wait, on the sender's task; within a span if somebody listens.
fn traced<M: Manager, E: Event, T: 'static>(
    kind: EventKind,
    mut held: Held<M>,
    handle: impl FnOnce(Held<M>) -> Running<T>,
) -> Running<T> {
    if !is_traced() {
        return handle(held);
    }
    let (_, cx) = held.parts();
    let info = || EventInfo::new::<E>(kind, cx.meta());
    let span = HandlerSpan::nested(info, Handler::Manager(cx.name()));
    Box::pin(span.around(handle(held)))
}

impl<M: Manager, E: Event + Sync> Deliver<Envelope<E>> for InlineNotification<M, E> {
    #[inline]
    fn deliver(&self, parcel: &mut Option<Envelope<E>>, lane: Priority, wait: Wait<'_>) -> Delivery {
        // One that has expired is lost where all others are, that is from the inbox.
        if parcel.as_ref().is_some_and(|envelope| has_expired(&envelope.meta)) {
            return self.inbox.deliver(parcel, lane, wait);
        }
        match (&self.call, wait) {
            (CallNotification::Now(handle), _) => {
                let delivered = match is_traced() {
                    false => self.slot.call(self.tag, |seat| self.handle(*handle, parcel, seat)),
                    true => self.call_traced(*handle, parcel),
                };
                if let Some(Some(given_up)) = delivered {
                    if let Some(undone) = given_up {
                        undone.give_up(1, self.slot.office());
                    }
                    return Delivery::Accepted;
                }
            }
            (CallNotification::Later(handle), Wait::Woken(_)) => {
                if let Some(Envelope { event, meta }) = parcel.take() {
                    match self.slot.take(self.tag, meta) {
                        Ok(held) => {
                            let running = traced::<M, E, _>(self.kind, held, |held| handle(held, event));
                            return Delivery::Running(running);
                        }
                        Err(meta) => *parcel = Some(Envelope { event, meta }),
                    }
                }
            }
            (CallNotification::Later(_), Wait::Never | Wait::Room) => {}
        }
        self.inbox.deliver(parcel, lane, wait)
    }

    fn deliver_many(&self, parcels: &mut VecDeque<Envelope<E>>, lane: Priority) -> bool {
        self.inbox.deliver_many(parcels, lane)
    }

    fn line_up(&self, parcels: &mut VecDeque<Envelope<E>>, lane: Priority, waker: &Waker) -> Option<Ticket> {
        self.inbox.line_up(parcels, lane, waker)
    }

    fn replay(&self, parcels: &mut VecDeque<Envelope<E>>, lane: Priority) {
        self.inbox.replay(parcels, lane);
    }

    fn taken_in(&self, ticket: Ticket, waker: &Waker) -> bool {
        self.inbox.taken_in(ticket, waker)
    }

    fn withdraw(&self, ticket: Ticket) {
        Deliver::withdraw(&self.inbox, ticket);
    }

    fn lose(&self, ticket: Ticket, loss: Loss) {
        self.inbox.lose(ticket, loss);
    }

    fn load(&self) -> usize {
        Deliver::load(&self.inbox)
    }

    fn name(&self) -> &str {
        Deliver::name(&self.inbox)
    }
}

impl<M: Manager> fmt::Debug for Entrance<'_, M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Entrance").field("manager", &self.name).finish()
    }
}

impl<M: Manager, R: Request> fmt::Debug for CallRequest<M, R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Now(_) => "Now",
            Self::Later(_) => "Later",
        })
    }
}

impl<M: Manager, E> fmt::Debug for CallNotification<M, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Now(_) => "Now",
            Self::Later(_) => "Later",
        })
    }
}
