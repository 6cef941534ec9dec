use std::any::Any;
use std::collections::VecDeque;
use std::convert::identity;
use std::sync::Arc;
use std::task::Waker;

use edri_event::{Meta, Priority, Request};

use super::deliver::{Deliver, Delivery, Ticket, Wait};
use super::respond::{Answering, Patience, Respond};
use crate::dead_letter::Loss;
use crate::inbox::{Inbox, Message, Place, Pushed, Standing};
use crate::request::{Asked, Reply, RequestError};

/// An inbox behind a route: parcels of one type become its messages.
pub struct ToInbox<M: Message, P> {
    inbox: Inbox<M>,
    wrap: fn(P) -> M,
    /// Parcels are messages, and `wrap` does nothing: many are moved without a call for each.
    is_plain: bool,
    name: Arc<str>,
}

impl<M: Message, P> ToInbox<M, P> {
    /// Parcels become messages of `inbox` through `wrap`, which must be cheap: it runs under the inbox's lock.
    pub fn new(name: Arc<str>, inbox: Inbox<M>, wrap: fn(P) -> M) -> Self {
        Self { inbox, wrap, is_plain: false, name }
    }

    /// The same parcels as the inbox's messages, where they are.
    fn plain<'p>(&self, parcels: &'p mut VecDeque<P>) -> Option<&'p mut VecDeque<M>>
    where
        P: 'static,
    {
        if self.is_plain { (parcels as &mut dyn Any).downcast_mut() } else { None }
    }

    #[inline]
    fn push(&self, parcel: &mut Option<P>, lane: Priority, patience: Standing<'_>) -> Pushed<()> {
        self.inbox.push(lane, patience, || match parcel.take() {
            Some(parcel) => (self.wrap)(parcel),
            None => {
                unreachable!("a queue makes an event at most once, and is offered none that is not there")
            }
        })
    }
}

impl<M: Message> ToInbox<M, M> {
    /// Parcels are messages of `inbox` as they are.
    pub fn plain_to(name: Arc<str>, inbox: Inbox<M>) -> Self {
        Self { inbox, wrap: identity, is_plain: true, name }
    }
}

impl<M: Message, P> std::fmt::Debug for ToInbox<M, P> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ToInbox").field("name", &self.name).field("inbox", &self.inbox).finish()
    }
}

impl<M: Message, P: Send + 'static> Deliver<P> for ToInbox<M, P> {
    #[inline]
    fn deliver(&self, parcel: &mut Option<P>, lane: Priority, wait: Wait<'_>) -> Delivery {
        let patience = match wait {
            Wait::Room => Standing::Room,
            Wait::Never => Standing::None,
            Wait::Woken(waker) => Standing::Notify(waker),
        };
        match self.push(parcel, lane, patience) {
            Pushed::Accepted => Delivery::Accepted,
            Pushed::Displaced(()) => Delivery::Displaced,
            Pushed::Parked(ticket) => Delivery::Waiting(Ticket(ticket)),
            Pushed::Full => Delivery::Full,
            Pushed::Rejected => Delivery::Rejected,
            Pushed::Dropped(()) => Delivery::Dropped,
            Pushed::Closed => Delivery::Gone,
        }
    }

    fn deliver_many(&self, parcels: &mut VecDeque<P>, lane: Priority) -> bool {
        match self.plain(parcels) {
            Some(messages) => self.inbox.push_many(lane, messages, |message| message),
            None => self.inbox.push_many(lane, parcels, self.wrap),
        }
    }

    fn line_up(&self, parcels: &mut VecDeque<P>, lane: Priority, waker: &Waker) -> Option<Ticket> {
        let last = match self.plain(parcels) {
            Some(messages) => self.inbox.park_many(lane, messages, waker, |message| message),
            None => self.inbox.park_many(lane, parcels, waker, self.wrap),
        };
        last.map(Ticket)
    }

    fn replay(&self, parcels: &mut VecDeque<P>, lane: Priority) {
        self.inbox.push_past(lane, parcels.drain(..).map(self.wrap));
    }

    fn taken_in(&self, ticket: Ticket, waker: &Waker) -> bool {
        matches!(self.inbox.place(ticket.0, waker), Place::Gone)
    }

    fn withdraw(&self, ticket: Ticket) {
        self.inbox.unpark(ticket.0);
    }

    fn lose(&self, ticket: Ticket, loss: Loss) {
        self.inbox.lose(ticket.0, loss);
    }

    fn load(&self) -> usize {
        self.inbox.len()
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl<M: Message, R: Request> Respond<R> for ToInbox<M, Asked<R>> {
    fn ask(
        &self,
        call: &mut Option<(R, Meta)>,
        lane: Priority,
        patience: Patience,
        requester: &Waker,
    ) -> Answering<R> {
        let Some((event, meta)) = call.take() else { return Answering::Gone };
        let (asked, reply) = Asked::new(event, meta, Some(requester));
        let mut asked = Some(asked);
        // The requester learns of everything through its reply: nobody has to wake it when it leaves the line.
        let standing = match patience {
            Patience::Room => Standing::Room,
            Patience::Policy => Standing::Silent,
        };
        let pushed = self.push(&mut asked, lane, standing);
        // Before the other end, which would wake the requester: it is told here.
        let answering = answering(pushed, reply);
        if let Some(asked) = asked {
            *call = Some(asked.take_back());
        }
        answering
    }

    fn withdraw(&self, ticket: Ticket) {
        self.inbox.unpark(ticket.0);
    }

    fn load(&self) -> usize {
        self.inbox.len()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn part(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }
}

/// The reply goes with a request that was not kept.
#[inline]
fn answering<R: Request>(pushed: Pushed<()>, reply: Reply<R::Response>) -> Answering<R> {
    match pushed {
        Pushed::Accepted | Pushed::Displaced(()) => Answering::Queued(reply, None),
        Pushed::Dropped(()) => Answering::Answered(Err(RequestError::Overloaded)),
        Pushed::Parked(ticket) => Answering::Queued(reply, Some(Ticket(ticket))),
        Pushed::Full => Answering::Full,
        Pushed::Rejected => Answering::Refused,
        Pushed::Closed => Answering::Gone,
    }
}
