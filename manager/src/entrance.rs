use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use edri_event::{Event, Failure, Meta, Notification, Priority, Request, Tunnel};
use edri_router::{
    Answer, Answering, Asked, Context, Deliver, Delivery, Envelope, Inbox, Observable, Opening, Patience,
    Registration, RequestError, Respond, Router, Running, Ticket, ToInbox, Wait, caught_now,
};

use crate::handling::{note, settle};
use crate::manager::Manager;
use crate::run::{Held, Slot};

/// Where a manager names the events it handles; see [`Manager::attach`].
pub struct Entrance<'r, M: Manager> {
    router: &'r Router,
    name: Arc<str>,
    inbox: Inbox<M::Inbox>,
    /// There if the manager runs inline.
    slot: Option<Arc<Slot<M>>>,
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
    Later(fn(Held<M>, Envelope<E>) -> Running<()>),
}

impl<'r, M: Manager> Entrance<'r, M> {
    pub(crate) fn new(
        router: &'r Router,
        name: Arc<str>,
        inbox: Inbox<M::Inbox>,
        slot: Option<Arc<Slot<M>>>,
    ) -> Self {
        Self { router, name, inbox, slot, registrations: Vec::new() }
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
        let subscriber = self.subscriber(wrap, call);
        self.registrations.push(self.router.attach_subscriber::<E>(subscriber));
    }

    /// Sees the answers to a request.
    pub fn response<R: Observable>(
        &mut self,
        wrap: fn(Envelope<Answer<R>>) -> M::Inbox,
        call: CallNotification<M, Answer<R>>,
    ) {
        let observer = self.subscriber(wrap, call);
        self.registrations.push(self.router.attach_observer::<R>(observer));
    }

    /// Answers a request.
    pub fn request<R: Request>(&mut self, wrap: fn(Asked<R>) -> M::Inbox, call: CallRequest<M, R>) {
        let inbox = self.to_inbox(wrap);
        let responder: Arc<dyn Respond<R>> = match &self.slot {
            None => Arc::new(inbox),
            Some(slot) => {
                Arc::new(InlineRequest { slot: Arc::clone(slot), inbox, call, tag: slot.tag(R::name()) })
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
        wrap: fn(Envelope<E>) -> M::Inbox,
        call: CallNotification<M, E>,
    ) -> Arc<dyn Deliver<Envelope<E>>> {
        let inbox = self.to_inbox(wrap);
        match &self.slot {
            None => Arc::new(inbox),
            Some(slot) => {
                Arc::new(InlineNotification { slot: Arc::clone(slot), inbox, call, tag: slot.tag(E::name()) })
            }
        }
    }

    fn to_inbox<P>(&self, wrap: fn(P) -> M::Inbox) -> ToInbox<M::Inbox, P> {
        ToInbox::new(Arc::clone(&self.name), self.inbox.clone(), wrap)
    }
}

struct InlineRequest<M: Manager, R: Request> {
    slot: Arc<Slot<M>>,
    inbox: ToInbox<M::Inbox, Asked<R>>,
    call: CallRequest<M, R>,
    tag: u16,
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
                let answered = self.slot.call(self.tag, |seat| {
                    let (event, meta) = call.take()?;
                    // All that is the user's code, what is dropped included, is within.
                    let outcome = caught_now(|| {
                        seat.cx.begin(meta);
                        handle(&mut seat.manager, event, &seat.cx)
                    });
                    note(&outcome, &seat.cx);
                    Some(outcome)
                });
                if let Some(Some(outcome)) = answered {
                    return Answering::Answered(outcome);
                }
            }
            CallRequest::Later(handle) => {
                if let Some((event, meta)) = call.take() {
                    match self.slot.take(self.tag, meta) {
                        Ok(held) => return Answering::Running(handle(held, event)),
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

    fn name(&self) -> &str {
        Respond::name(&self.inbox)
    }

    fn waiting(&self) -> usize {
        Respond::waiting(&self.inbox)
    }
}

struct InlineNotification<M: Manager, E> {
    slot: Arc<Slot<M>>,
    inbox: ToInbox<M::Inbox, Envelope<E>>,
    call: CallNotification<M, E>,
    tag: u16,
}

impl<M: Manager, E: Event + Sync> Deliver<Envelope<E>> for InlineNotification<M, E> {
    #[inline]
    fn deliver(&self, parcel: &mut Option<Envelope<E>>, lane: Priority, wait: Wait<'_>) -> Delivery {
        match (&self.call, wait) {
            (CallNotification::Now(handle), _) => {
                let delivered = self.slot.call(self.tag, |seat| {
                    let Envelope { event, meta } = parcel.take()?;
                    let outcome = caught_now(|| {
                        seat.cx.begin(meta);
                        let outcome = handle(&mut seat.manager, &event, &seat.cx);
                        drop(event);
                        outcome
                    });
                    settle::<E>(outcome, &seat.cx);
                    Some(())
                });
                if let Some(Some(())) = delivered {
                    return Delivery::Accepted;
                }
            }
            (CallNotification::Later(handle), Wait::Woken(_)) => {
                if let Some(envelope) = parcel.take() {
                    let Envelope { event, meta } = envelope;
                    match self.slot.take(self.tag, meta) {
                        Ok(held) => {
                            return Delivery::Running(handle(held, Envelope { event, meta: Meta::new() }));
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

    fn taken_in(&self, ticket: Ticket, waker: &Waker) -> bool {
        self.inbox.taken_in(ticket, waker)
    }

    fn withdraw(&self, ticket: Ticket) {
        Deliver::withdraw(&self.inbox, ticket);
    }

    fn name(&self) -> &str {
        Deliver::name(&self.inbox)
    }

    fn waiting(&self) -> usize {
        Deliver::waiting(&self.inbox)
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
