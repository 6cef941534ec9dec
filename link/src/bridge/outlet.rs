use std::any::TypeId;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use edri_event::{Meta, Priority, Request};
use edri_router::{
    Answering, Asked, Deliver, Delivery, Inbox, Patience, Reply, RequestError, Respond, Ticket, ToInbox, Wait,
};

use super::departure::Departure;
use super::echo::{LinkId, is_echo, is_the_echo};

/// The inboxes of a link, one for each lane: a lane that has to wait for the other end holds up no other.
#[derive(Clone)]
pub(super) struct Inboxes {
    pub(super) lanes: [Inbox<Departure>; 3],
    pub(super) link: LinkId,
    pub(super) name: Arc<str>,
}

/// The link's place on the route of one event.
pub(super) struct Outlet<P> {
    lanes: [Arc<ToInbox<Departure, P>>; 3],
    link: LinkId,
    event: TypeId,
    name: Arc<str>,
}

pub(super) const LANES: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Control];

impl Inboxes {
    pub(super) fn outlet<P>(&self, event: TypeId, wrap: fn(P) -> Departure) -> Arc<Outlet<P>> {
        let lanes = self
            .lanes
            .each_ref()
            .map(|inbox| Arc::new(ToInbox::new(Arc::clone(&self.name), inbox.clone(), wrap)));
        Arc::new(Outlet { lanes, link: self.link, event, name: Arc::clone(&self.name) })
    }
}

impl<P> Outlet<P> {
    fn lane(&self, lane: Priority) -> &Arc<ToInbox<Departure, P>> {
        &self.lanes[lane as usize]
    }
}

/// A place in the line before one of the lanes. Tickets are told apart within a lane only: who holds one here waits
/// with the lane, and not with the outlet.
struct InLine<P: Send + 'static>(Arc<ToInbox<Departure, P>>, Ticket);

impl<P: Send + 'static> Drop for InLine<P> {
    /// After it was taken in, there is nothing to withdraw.
    fn drop(&mut self) {
        Deliver::withdraw(&*self.0, self.1);
    }
}

impl<P: Send + 'static> Deliver<P> for Outlet<P> {
    fn deliver(&self, parcel: &mut Option<P>, lane: Priority, wait: Wait<'_>) -> Delivery {
        if is_the_echo(self.link, self.event) {
            return Delivery::Declined;
        }
        let to = self.lane(lane);
        match to.deliver(parcel, lane, wait) {
            Delivery::Waiting(ticket) => {
                let in_line = InLine(Arc::clone(to), ticket);
                Delivery::Running(Box::pin(poll_fn(move |cx| {
                    if in_line.0.taken_in(in_line.1, cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
                })))
            }
            delivery => delivery,
        }
    }

    fn deliver_many(&self, parcels: &mut VecDeque<P>, lane: Priority) -> bool {
        self.lane(lane).deliver_many(parcels, lane)
    }

    /// Nobody has a ticket from here.
    fn taken_in(&self, _ticket: Ticket, _waker: &Waker) -> bool {
        true
    }

    fn withdraw(&self, _ticket: Ticket) {}

    fn name(&self) -> &str {
        &self.name
    }
}

impl<R: Request> Respond<R> for Outlet<Asked<R>> {
    fn ask(
        &self,
        call: &mut Option<(R, Meta)>,
        lane: Priority,
        patience: Patience,
        requester: &Waker,
    ) -> Answering<R> {
        if is_echo(self.link, self.event) {
            return Answering::Gone;
        }
        let to = self.lane(lane);
        match Respond::ask(&**to, call, lane, patience, requester) {
            Answering::Queued(reply, Some(ticket)) => {
                Answering::Running(Box::pin(Queueing { reply, _in_line: InLine(Arc::clone(to), ticket) }))
            }
            answering => answering,
        }
    }

    fn withdraw(&self, _ticket: Ticket) {}

    fn name(&self) -> &str {
        &self.name
    }
}

/// A request in line, until it is answered.
struct Queueing<R: Request> {
    reply: Reply<R::Response>,
    _in_line: InLine<Asked<R>>,
}

impl<R: Request> Future for Queueing<R> {
    type Output = Result<R::Response, RequestError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().reply.poll_answer(cx)
    }
}
