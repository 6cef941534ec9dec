use std::any::TypeId;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use edri_event::Progress;
use edri_router::{
    DeadLetterOffice, Inbox, InboxSettings, Loss, Message as _, Reason, Receiver, Registration, Router,
};
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;

use super::calls::Pending;
use super::departure::{Departed, Departure, Gone};
use super::echo::LinkId;
use super::events::Departs;
use super::incoming::next;
use super::outlet::{Inboxes, LANES};
use super::pumps::Pumps;
use crate::call::CallId;
use crate::drive::Happened;
use crate::endpoint::Endpoint;
use crate::interest::{Interest, Schema};
use crate::message::AnswerError;

/// What goes out: the link's places on the router's routes, what waits there, and the requests that are under way.
pub(super) struct Outgoing {
    router: Router,
    events: Vec<Box<dyn Departs>>,
    /// What the other end wants, and the link's place on the route for it.
    wanted: HashMap<Interest, (TypeId, Registration)>,
    /// Under which of the other end's interests an event goes there.
    under: HashMap<TypeId, Interest>,
    inboxes: Inboxes,
    receivers: [Receiver<Departure>; 3],
    /// The first of each lane, while the link has no room for it.
    first: [Option<Departure>; 3],
    office: DeadLetterOffice,
    calls: HashMap<CallId, (Pending, AbortHandle)>,
    cancelled: FuturesUnordered<Abortable<Cancelled>>,
}

/// Ready when nobody waits for the answer any more.
type Cancelled = Pin<Box<dyn Future<Output = CallId> + Send>>;

impl Outgoing {
    pub(super) fn new(
        router: &Router,
        link: LinkId,
        name: Arc<str>,
        inbox: InboxSettings,
        events: Vec<Box<dyn Departs>>,
        endpoint: &mut Endpoint,
    ) -> Self {
        let office = DeadLetterOffice::new(router, Arc::clone(&name));
        let [normal, high, control] = LANES.map(|_| Inbox::reporting(inbox, office.clone()));
        for event in &events {
            endpoint.declare(event.schema().clone());
        }
        Self {
            router: router.clone(),
            events,
            wanted: HashMap::new(),
            under: HashMap::new(),
            inboxes: Inboxes { lanes: [normal.0, high.0, control.0], link, name },
            receivers: [normal.1, high.1, control.1],
            first: [None, None, None],
            office,
            calls: HashMap::new(),
            cancelled: FuturesUnordered::new(),
        }
    }

    /// The other end wants something. A second announcement of the same changes nothing.
    pub(super) fn wanted(&mut self, interest: Interest, schema: &Schema) {
        let event = self.events.iter().find(|event| event.schema() == schema);
        if let Some(event) = event
            && !self.under.contains_key(&event.event())
        {
            self.under.insert(event.event(), interest);
            let place = event.attach(&self.router, &self.inboxes);
            self.wanted.insert(interest, (event.event(), place));
        }
    }

    pub(super) fn unwanted(&mut self, interest: Interest) {
        if let Some((event, place)) = self.wanted.remove(&interest) {
            drop(place);
            self.under.remove(&event);
        }
    }

    pub(super) fn answer(&mut self, call: CallId, outcome: Result<Bytes, AnswerError>) {
        if let Some((pending, watch)) = self.calls.remove(&call) {
            watch.abort();
            pending.answer(outcome);
        }
    }

    pub(super) fn report(&self, call: CallId, progress: Progress) {
        if let Some((pending, _)) = self.calls.get(&call) {
            pending.report(progress);
        }
    }

    /// Sends what waits in the inboxes, as far as there is room, and takes back what nobody waits for any more.
    pub(super) fn poll(
        &mut self,
        endpoint: &mut Endpoint,
        pumps: &mut Pumps,
        cx: &mut Context<'_>,
    ) -> Happened {
        let mut happened = Happened::Nothing;
        while let Some(ended) = next(&mut self.cancelled, cx) {
            if let Ok(call) = ended
                && self.calls.remove(&call).is_some()
            {
                endpoint.cancel(call);
            }
            happened = Happened::Something;
        }
        for lane in LANES {
            while endpoint.has_room(lane) {
                let index = lane as usize;
                let departure = match self.first[index].take() {
                    Some(first) => first,
                    None => match self.receivers[index].poll_recv(cx) {
                        Poll::Ready(Some(departure)) => departure,
                        Poll::Ready(None) | Poll::Pending => break,
                    },
                };
                let Some(to) = self.under.get(&departure.event()) else {
                    departure.discard(Loss::unhandled(Reason::NoSubscriber), &self.office);
                    continue;
                };
                match departure.depart(*to, lane, endpoint, &self.router, &self.office) {
                    Departed::Waits(departure) => {
                        self.first[index] = Some(departure);
                        break;
                    }
                    Departed::Discarded | Departed::Gone(Gone::Notification) => {}
                    Departed::Gone(Gone::Request(call, pending)) => self.await_answer(call, pending),
                    Departed::Gone(Gone::Tunnel(tunnel, ends)) => pumps.opening(tunnel, ends),
                }
                happened = Happened::Something;
            }
        }
        happened
    }

    fn await_answer(&mut self, call: CallId, mut pending: Pending) {
        let (watch, registration) = AbortHandle::new_pair();
        if let Some(cancelled) = pending.cancelled.take() {
            let cancelled: Cancelled = Box::pin(async move {
                cancelled.await;
                call
            });
            self.cancelled.push(Abortable::new(cancelled, registration));
        }
        self.calls.insert(call, (pending, watch));
    }

    /// Takes nothing more in; what waits still goes out.
    pub(super) fn leave_routes(&mut self) {
        self.wanted.clear();
        self.inboxes.lanes.iter().for_each(Inbox::close);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.receivers.iter().all(Receiver::is_empty) && self.first.iter().all(Option::is_none)
    }

    /// The link has ended: what waits is discarded, and its senders are told.
    pub(super) fn end(&mut self) {
        self.leave_routes();
        self.under.clear();
        let first = self.first.iter_mut().filter_map(Option::take);
        let waiting =
            self.receivers.iter_mut().flat_map(|receiver| std::iter::from_fn(|| receiver.try_recv()));
        for departure in first.chain(waiting) {
            departure.discard(Loss::unhandled(Reason::Stopped), &self.office);
        }
    }
}
