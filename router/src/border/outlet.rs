use std::collections::VecDeque;
use std::marker::PhantomData;
use std::task::{Context, Poll, Waker};

use edri_event::{Failure, Meta, Notification, Priority, Request, Tunnel};
use tokio::time::Instant;

use super::departure::{Answered, Back, Departure};
use super::departures::Toward;
use super::ends::EncodedEnd;
use super::place::{InFlight, Place};
use super::row::Row;
use super::scratch;
use super::shareable::Shareable;
use super::typed::{self, encode, there};
use crate::dead_letter::{Loss, Reason};
use crate::envelope::Envelope;
use crate::inbox::Message as _;
use crate::request::{Asked, ReplyTo, RequestError};
use crate::route::{Answering, Deliver, Delivery, Patience, Respond, Ticket, Wait};
use crate::tunnel::Opening;

/// A place on the route of one type: what is handed to it is encoded, and departs.
pub(super) struct Outlet<P> {
    place: Place,
    parcel: PhantomData<fn(P)>,
}

impl<P> Outlet<P> {
    pub(super) fn new(place: Place) -> Self {
        Self { place, parcel: PhantomData }
    }

    fn departure(&self, event: Option<Shareable>, meta: Meta, back: Back) -> Departure {
        match event {
            Some(event) => self.place.departure(event, meta, back),
            None => unreachable!("there are places on the routes of shareable events only"),
        }
    }
}

/// So many are encoded at a time.
const TOGETHER: usize = 256;

impl<E: Notification> Deliver<Envelope<E>> for Outlet<Envelope<E>> {
    fn deliver(&self, parcel: &mut Option<Envelope<E>>, lane: Priority, wait: Wait<'_>) -> Delivery {
        let Some(envelope) = parcel else { return Delivery::Gone };
        let mut departure = None;
        let delivery = scratch::encoded(there(E::wire()), &*envelope.event, &envelope.meta, |payload| {
            if let (Some(event), Some(identity)) = (&typed::notification::<E>(), envelope.meta.plain())
                && payload.len() <= Row::LONGEST
                && self.place.exit.depart_plain((event, self.place.to), identity, &payload, lane)
            {
                return Delivery::Accepted;
            }
            departure =
                Some(self.departure(typed::notification::<E>(), envelope.meta.clone(), Back::Nothing));
            self.place.exit.depart(&mut departure, payload, lane, wait)
        });
        match delivery {
            Ok(delivery) => {
                if departure.is_none() {
                    *parcel = None;
                }
                delivery
            }
            Err(error) => {
                if let Some(envelope) = parcel.take() {
                    envelope.discard(Loss::unhandled(Reason::Failed(error.into())), &self.place.office);
                }
                Delivery::Dropped
            }
        }
    }

    fn deliver_many(&self, parcels: &mut VecDeque<Envelope<E>>, lane: Priority) -> bool {
        let Some(event) = typed::notification::<E>() else { return false };
        let (mut departures, wire) = (scratch::take_batch(), there(E::wire()));
        let to = self.place.to;
        let toward = Toward { event: &event, to, head: self.place.exit.head(to, lane) };
        let open = loop {
            for Envelope { event, meta } in parcels.iter().take(TOGETHER.min(self.place.exit.room(lane))) {
                let departure = || self.place.departure(toward.event.clone(), meta.clone(), Back::Nothing);
                let write = |out: &mut Vec<u8>| wire.encode(event, out);
                let pushed = match meta.plain() {
                    Some(identity) => departures.push_plain_with(toward, identity, departure, write),
                    None => departures.push_with(departure, write),
                };
                // One that cannot be encoded is found so by `deliver`.
                if pushed.is_err() {
                    break;
                }
            }
            let before = departures.len();
            let open = self.place.exit.depart_many(&mut departures, lane);
            let taken = before - departures.len();
            parcels.drain(..taken);
            if !open || taken == 0 || taken < before || parcels.is_empty() {
                break open;
            }
        };
        scratch::give_back(departures);
        open
    }

    fn taken_in(&self, ticket: Ticket, waker: &Waker) -> bool {
        self.place.exit.taken_in(ticket, waker)
    }

    fn withdraw(&self, ticket: Ticket) {
        self.place.exit.withdraw(ticket);
    }

    fn lose(&self, ticket: Ticket, loss: Loss) {
        self.place.exit.lose(ticket, loss);
    }

    fn load(&self) -> usize {
        self.place.load.get()
    }

    fn place(&self) -> Option<&Place> {
        Some(&self.place)
    }

    fn name(&self) -> &str {
        self.place.name()
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
        let Some((event, meta)) = call else { return Answering::Gone };
        let (to, reply) = crate::request::reply(Some(requester));
        let awaiting = Awaiting::<R> {
            reply: to,
            watcher: None,
            asked: Instant::now(),
            _in_flight: InFlight::new(&self.place.load),
        };
        let key = meta.key().or_else(|| event.key());
        let mut meta = meta.clone();
        if let Some(key) = key {
            meta.set_key(key);
        }
        // The requester learns of everything through its reply.
        let wait = match patience {
            Patience::Room => Wait::Room,
            Patience::Policy => Wait::Woken(Waker::noop()),
        };
        let mut departure = None;
        let delivery = scratch::encoded(there(R::wire()), event, &Meta::new(), |payload| {
            let back = Back::Answer(Box::new(awaiting));
            departure = Some(self.departure(typed::request::<R>(), meta, back));
            self.place.exit.depart(&mut departure, payload, lane, wait)
        });
        let delivery = match delivery {
            Ok(delivery) => delivery,
            Err(error) => {
                *call = None;
                return Answering::Answered(Err(RequestError::Failed(error.into())));
            }
        };
        // Before the other end, which would wake the requester: it is told here.
        let answering = match delivery {
            Delivery::Accepted | Delivery::Displaced => Answering::Queued(reply, None),
            Delivery::Waiting(ticket) => Answering::Queued(reply, Some(ticket)),
            Delivery::Dropped | Delivery::Running(_) => Answering::Answered(Err(RequestError::Overloaded)),
            Delivery::Full => Answering::Full,
            Delivery::Rejected => Answering::Refused,
            Delivery::Gone => Answering::Gone,
        };
        if departure.is_none() {
            *call = None;
        }
        answering
    }

    fn withdraw(&self, ticket: Ticket) {
        self.place.exit.withdraw(ticket);
    }

    fn load(&self) -> usize {
        self.place.load.get()
    }

    fn place(&self) -> Option<&Place> {
        Some(&self.place)
    }

    fn name(&self) -> &str {
        self.place.name()
    }
}

/// A request that departed.
struct Awaiting<R: Request> {
    reply: ReplyTo<R::Response>,
    watcher: Option<u64>,
    asked: Instant,
    _in_flight: InFlight,
}

impl<R: Request> Answered for Awaiting<R> {
    fn answer(self: Box<Self>, outcome: Result<&[u8], RequestError>) {
        let outcome = match outcome {
            Ok(response) => {
                let decoded = there(R::response_wire()).decode(response);
                decoded.map_err(|error| RequestError::Failed(Failure::new("codec", error.to_string())))
            }
            // Of how long the requester waited, and not somebody on its behalf.
            Err(RequestError::TimedOut { event, .. }) => {
                Err(RequestError::TimedOut { event, after: self.asked.elapsed() })
            }
            Err(error) => Err(error),
        };
        self.reply.answer(outcome);
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_abandoned()
    }

    fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.reply.poll_cancelled(&mut self.watcher, cx)
    }
}

impl<T: Tunnel> Deliver<Opening<T>> for Outlet<Opening<T>> {
    fn deliver(&self, parcel: &mut Option<Opening<T>>, lane: Priority, wait: Wait<'_>) -> Delivery {
        let Some(opening) = parcel.take() else { return Delivery::Gone };
        let payload = match encode(T::wire(), &opening.event) {
            Ok(payload) => payload,
            Err(error) => {
                opening.discard(Loss::unhandled(Reason::Failed(error.into())), &self.place.office);
                // The opener finds it aborted.
                return Delivery::Accepted;
            }
        };
        let key = opening.key();
        let Opening { event, meta, tunnel } = opening;
        let mut beside = meta.clone();
        if let Some(key) = key {
            beside.set_key(key);
        }
        // As its acceptor sees it.
        let end = EncodedEnd::new(tunnel, there(T::receive_wire()), there(T::send_wire()));
        let back = Back::Tunnel(end, InFlight::new(&self.place.load));
        let mut departure = Some(self.departure(typed::tunnel::<T>(), beside, back));
        let delivery = self.place.exit.depart(&mut departure, payload[..].into(), lane, wait);
        if let Some(Departure { back: Back::Tunnel(end, _), .. }) = departure {
            *parcel = end.into_end().map(|tunnel| Opening { event, meta, tunnel });
        }
        delivery
    }

    fn deliver_many(&self, parcels: &mut VecDeque<Opening<T>>, lane: Priority) -> bool {
        while let Some(parcel) = parcels.pop_front() {
            let mut parcel = Some(parcel);
            let delivery = self.deliver(&mut parcel, lane, Wait::Room);
            if let Some(left) = parcel {
                parcels.push_front(left);
                return !matches!(delivery, Delivery::Gone);
            }
        }
        true
    }

    fn taken_in(&self, ticket: Ticket, waker: &Waker) -> bool {
        self.place.exit.taken_in(ticket, waker)
    }

    fn withdraw(&self, ticket: Ticket) {
        self.place.exit.withdraw(ticket);
    }

    fn lose(&self, ticket: Ticket, loss: Loss) {
        self.place.exit.lose(ticket, loss);
    }

    fn load(&self) -> usize {
        self.place.load.get()
    }

    fn place(&self) -> Option<&Place> {
        Some(&self.place)
    }

    fn name(&self) -> &str {
        self.place.name()
    }
}
