use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};

use edri_event::{CodecError, Failure, Fingerprint, Meta, Priority};

use super::arrival::{Arrival, Arriving};
use super::demand::{ConsumerId, Demand, Role};
use super::departure::{Answered, Back, Departure};
use super::description::{Description, ShareableId};
use super::ends::EncodedEnd;
use super::exit::InLine;
use super::horizon::Horizon;
use super::place::{InFlight, Place};
use super::run::{Addressee, Run};
use super::shareable::{
    Ref, Sealed, Shareable, ShareableEvent, ShareableNotification, ShareableRequest, ShareableTunnel,
};
use crate::dead_letter::{DeadLetterOffice, Loss, Reason, lose_unseen};
use crate::inbox::Capacity;
use crate::registration::Registration;
use crate::request::{ReplyTo, RequestError, reply};
use crate::route::{Delivery, Wait};
use crate::router::Router;
use crate::snapshot::RouteKind;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::tunnel::tunnel;

/// An event that somebody behind a border consumes, and of which this router has no type: it is passed on from one border
/// to others as it came.
///
/// When the type appears, all that is known of it here is that: this is another name for it then.
pub(crate) struct Foreign {
    itself: Weak<Self>,
    number: u64,
    description: Arc<Description>,
    places: Mutex<Arc<Vec<Stand>>>,
    next: AtomicU64,
    known: OnceLock<Shareable>,
}

/// Somebody who consumes it.
struct Stand {
    id: u64,
    role: Role,
    place: Place,
}

/// The foreign events that are spoken of, as long as they are.
#[derive(Default)]
pub(super) struct Foreigners {
    by_description: HashMap<Arc<Description>, Weak<Foreign>>,
    next: u64,
}

impl Foreigners {
    /// The event of that description.
    pub(super) fn get(&mut self, description: Description) -> Arc<Foreign> {
        if let Some(foreign) = self.by_description.get(&description).and_then(Weak::upgrade) {
            return foreign;
        }
        // Those that are forgotten make room first, so that there are at most twice as many as are spoken of.
        if self.by_description.len() == self.by_description.capacity() {
            self.by_description.retain(|_, foreign| foreign.strong_count() > 0);
        }
        self.next += 1;
        let description = Arc::new(description);
        let foreign = Arc::new_cyclic(|itself| Foreign {
            itself: Weak::clone(itself),
            number: self.next,
            description: Arc::clone(&description),
            places: Mutex::default(),
            next: AtomicU64::new(0),
            known: OnceLock::new(),
        });
        self.by_description.insert(description, Arc::downgrade(&foreign));
        foreign
    }

    /// The event has a type here from now on.
    pub(super) fn become_known(&mut self, event: &Shareable) -> Option<Arc<Foreign>> {
        let foreign = self.by_description.remove(&event.description())?.upgrade()?;
        // It is introduced once.
        let _ = foreign.known.set(event.clone());
        Some(foreign)
    }
}

impl Foreign {
    pub(super) fn shareable(self: Arc<Self>) -> Shareable {
        if let Some(known) = self.known.get() {
            return known.clone();
        }
        match self.description.kind {
            RouteKind::Notification => Shareable::Notification(Ref::Passing(self)),
            RouteKind::Request => Shareable::Request(Ref::Passing(self)),
            RouteKind::Tunnel => Shareable::Tunnel(Ref::Passing(self)),
        }
    }

    fn itself(&self) -> Shareable {
        match self.itself.upgrade() {
            Some(itself) => itself.shareable(),
            None => unreachable!("whoever asks it holds it"),
        }
    }

    fn attach(&self, router: &Router, role: Role, place: Place) -> Registration {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.change(router, |places| places.push(Stand { id, role, place }));
        let (foreign, router) = (Weak::clone(&self.itself), router.downgrade());
        Registration::new(move || {
            if let (Some(foreign), Some(router)) = (foreign.upgrade(), router.upgrade()) {
                foreign.change(&router, |places| places.retain(|stand| stand.id != id));
            }
        })
    }

    fn change(&self, router: &Router, change: impl FnOnce(&mut Vec<Stand>)) {
        let mut places = self.places.lock();
        let mut changed: Vec<Stand> = places.iter().map(Stand::copy).collect();
        change(&mut changed);
        let old = std::mem::replace(&mut *places, Arc::new(changed));
        drop(places);
        drop(old);
        router.borders().changed(&self.itself());
    }

    fn places(&self) -> Arc<Vec<Stand>> {
        Arc::clone(&self.places.lock())
    }

    /// The one who was chosen, in that role.
    fn chosen(&self, consumer: ConsumerId, is_his: impl Fn(&Role) -> bool) -> Option<Place> {
        let places = self.places();
        let mut his = places.iter().filter(|stand| is_his(&stand.role));
        his.find(|stand| stand.place.consumer == Some(consumer)).map(|stand| stand.place.clone())
    }
}

impl Stand {
    fn copy(&self) -> Self {
        Self { id: self.id, role: self.role.clone(), place: self.place.clone() }
    }
}

/// What an event is called in errors whose name nobody here knows.
const NAMELESS: &str = "an event of another program";

impl Sealed for Foreign {}

impl ShareableEvent for Foreign {
    fn name(&self) -> &str {
        &self.description.name
    }

    fn known_name(&self) -> &'static str {
        self.known.get().map_or(NAMELESS, |known| known.known_name())
    }

    fn version(&self) -> u32 {
        self.description.version
    }

    fn codec(&self) -> &str {
        &self.description.codec
    }

    fn shapes(&self) -> Vec<Fingerprint> {
        self.description.shapes.clone()
    }

    fn id(&self) -> ShareableId {
        ShareableId::Foreign(self.number)
    }

    fn known(&self) -> Option<Shareable> {
        self.known.get().cloned()
    }

    fn demands(&self, router: &Router, horizon: Horizon) -> Vec<Demand> {
        if let Some(known) = self.known.get() {
            return known.demands(router, horizon);
        }
        let mut demands: Vec<Demand> = Vec::new();
        for Stand { role, place, .. } in self.places().iter().filter(|stand| stand.place.horizon != horizon) {
            let demand = Demand {
                role: role.clone(),
                consumer: place.consumer,
                hops: place.hops(),
                load: place.load.get(),
            };
            match demands.iter_mut().find(|known| known.role == *role && known.consumer == place.consumer) {
                Some(known) => known.hops = known.hops.min(demand.hops),
                None => demands.push(demand),
            }
        }
        demands
    }
}

impl ShareableNotification for Foreign {
    fn attach(&self, router: &Router, place: Place) -> Registration {
        Self::attach(self, router, Role::Subscriber, place)
    }

    fn attach_to_group(&self, router: &Router, group: &Arc<str>, place: Place) -> Registration {
        Self::attach(self, router, Role::Member(Arc::clone(group)), place)
    }

    fn run(&self) -> Box<dyn Run> {
        match (self.known.get(), self.itself.upgrade()) {
            (Some(Shareable::Notification(known)), _) => known.run(),
            (_, Some(foreign)) => Box::new(Passing { foreign, passing: Vec::new() }),
            (_, None) => unreachable!("whoever asks it holds it"),
        }
    }

    fn lose(&self, payload: &[u8], meta: Meta, loss: Loss, office: &DeadLetterOffice) {
        match self.known.get() {
            Some(Shareable::Notification(known)) => known.lose(payload, meta, loss, office),
            _ => office.hand_in_unseen(&self.description.name, &meta, loss),
        }
    }
}

/// Notifications on their way from one border to others.
struct Passing {
    foreign: Arc<Foreign>,
    passing: Vec<(Vec<u8>, Meta)>,
}

impl Run for Passing {
    fn add(&mut self, payload: &[u8], meta: Meta) -> Result<(), CodecError> {
        self.passing.push((payload.to_vec(), meta));
        Ok(())
    }

    fn len(&self) -> usize {
        self.passing.len()
    }

    fn hand_over(
        &mut self,
        router: &Router,
        horizon: Horizon,
        to: &Addressee,
        lane: Priority,
    ) -> Option<Arriving<()>> {
        if let Some(Shareable::Notification(known)) = self.foreign.known.get() {
            let mut run = known.run();
            for (payload, meta) in self.passing.drain(..) {
                if let Err(error) = run.add(&payload, meta) {
                    tracing::error!(%error, "a notification that came over a link cannot be read");
                }
            }
            return run.hand_over(router, horizon, to, lane);
        }
        let places: Vec<Place> = match to {
            Addressee::Subscribers => {
                let places = self.foreign.places();
                let all = places.iter().filter(|stand| stand.role == Role::Subscriber);
                all.map(|stand| stand.place.clone()).filter(|place| place.horizon != horizon).collect()
            }
            Addressee::Member(group, member) => {
                let is_his = |role: &Role| matches!(role, Role::Member(his) if his == group);
                self.foreign.chosen(*member, is_his).into_iter().collect()
            }
        };
        let event = Arc::clone(&self.foreign).shareable();
        let mut waiting = InLine::default();
        for (payload, meta) in self.passing.drain(..) {
            let mut somebodys = false;
            for place in &places {
                let departure = place.departure(event.clone(), meta.clone(), Back::Nothing);
                somebodys |= pass(place, departure, &payload, lane, &mut waiting);
            }
            if !somebodys {
                let loss = Loss::unhandled(Reason::NoSubscriber);
                lose_unseen(router, &self.foreign.description.name, &meta, None, loss);
            }
        }
        waits(waiting)
    }
}

/// Ready when all has been taken in. Dropped before, it stays in line: its sender is far away and cannot take it back.
fn waits(mut waiting: InLine) -> Option<Arriving<()>> {
    if waiting.is_empty() { None } else { Some(Box::pin(poll_fn(move |cx| waiting.poll_taken_in(cx)))) }
}

/// Whether the place has taken it, or it is lost there.
fn pass(place: &Place, departure: Departure, payload: &[u8], lane: Priority, waiting: &mut InLine) -> bool {
    let mut departure = Some(departure);
    match place.exit.depart(&mut departure, payload.into(), lane, Wait::Woken(Waker::noop())) {
        Delivery::Waiting(ticket) => waiting.stand(&place.exit, ticket),
        Delivery::Full | Delivery::Rejected => {
            if let Some(refused) = departure {
                refused.discard(payload, Loss::unhandled(Reason::Overflow), &place.office);
            }
        }
        Delivery::Accepted | Delivery::Displaced | Delivery::Dropped | Delivery::Running(_) => {}
        Delivery::Gone => return false,
    }
    true
}

impl ShareableRequest for Foreign {
    fn attach(&self, router: &Router, place: Place) -> Registration {
        Self::attach(self, router, Role::Responder, place)
    }

    /// Of one that nobody here knows, that is not known.
    fn is_idempotent(&self) -> bool {
        self.known
            .get()
            .is_some_and(|known| matches!(known, Shareable::Request(known) if known.is_idempotent()))
    }

    fn attach_observer(&self, router: &Router, place: Place) -> Registration {
        Self::attach(self, router, Role::Observer, place)
    }

    fn ask(
        &self,
        router: &Router,
        responder: ConsumerId,
        request: &[u8],
        arrival: Arrival,
    ) -> Arriving<Result<Vec<u8>, RequestError>> {
        if let Some(Shareable::Request(known)) = self.known.get() {
            return known.ask(router, responder, request, arrival);
        }
        let Some(place) = self.chosen(responder, |role| *role == Role::Responder) else {
            return Box::pin(std::future::ready(Err(RequestError::NoResponder { event: NAMELESS })));
        };
        let (to, mut reply) = reply::<Vec<u8>>(None);
        let lane = arrival.priority;
        let back = Back::Answer(Box::new(Relayed {
            reply: to,
            watcher: None,
            _in_flight: InFlight::new(&place.load),
        }));
        let departure = place.departure(self.itself(), arrival.into_meta(), back);
        let in_line = match stand(&place, departure, request, lane) {
            Ok(in_line) => in_line,
            Err(_) => return Box::pin(std::future::ready(Err(RequestError::Overloaded))),
        };
        Box::pin(async move {
            let answer = poll_fn(|cx| reply.poll_answer(cx)).await;
            drop(in_line);
            answer
        })
    }

    fn observe(
        &self,
        router: &Router,
        horizon: Horizon,
        request: &[u8],
        outcome: Result<&[u8], RequestError>,
        arrival: Arrival,
    ) -> Result<Arriving<()>, CodecError> {
        if let Some(Shareable::Request(known)) = self.known.get() {
            return known.observe(router, horizon, request, outcome, arrival);
        }
        let (lane, meta) = (arrival.priority, arrival.into_meta());
        let mut waiting = InLine::default();
        for Stand { role, place, .. } in self.places().iter() {
            if *role == Role::Observer && place.horizon != horizon {
                let back = Back::Outcome(Box::new(outcome.clone().map(<[u8]>::to_vec)));
                pass(place, place.departure(self.itself(), meta.clone(), back), request, lane, &mut waiting);
            }
        }
        Ok(waits(waiting).unwrap_or_else(|| Box::pin(std::future::ready(()))))
    }
}

/// A request that departed for another router.
struct Relayed {
    reply: ReplyTo<Vec<u8>>,
    watcher: Option<u64>,
    _in_flight: InFlight,
}

impl Answered for Relayed {
    fn answer(self: Box<Self>, outcome: Result<&[u8], RequestError>) {
        self.reply.answer(outcome.map(<[u8]>::to_vec));
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_abandoned()
    }

    fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.reply.poll_cancelled(&mut self.watcher, cx)
    }
}

/// Something in line before an exit, that is given up when this is dropped.
struct Standing(InLine);

impl Drop for Standing {
    fn drop(&mut self) {
        self.0.withdraw();
    }
}

/// Hands it to the exit, or puts it in line there.
///
/// # Errors
/// If it was not taken: whoever waits for it is gone with it.
fn stand(place: &Place, departure: Departure, payload: &[u8], lane: Priority) -> Result<Standing, Delivery> {
    let mut standing = Standing(InLine::default());
    match place.exit.depart(&mut Some(departure), payload.into(), lane, Wait::Woken(Waker::noop())) {
        Delivery::Accepted | Delivery::Displaced | Delivery::Dropped => Ok(standing),
        Delivery::Waiting(ticket) => {
            standing.0.stand(&place.exit, ticket);
            Ok(standing)
        }
        refused => Err(refused),
    }
}

/// So many items of a tunnel are between two borders, in each direction.
const BETWEEN: Capacity = Capacity::new(16);

impl ShareableTunnel for Foreign {
    fn attach(&self, router: &Router, place: Place) -> Registration {
        Self::attach(self, router, Role::Acceptor, place)
    }

    fn open(
        &self,
        router: &Router,
        acceptor: ConsumerId,
        event: &[u8],
        arrival: Arrival,
    ) -> Arriving<Result<EncodedEnd, Failure>> {
        if let Some(Shareable::Tunnel(known)) = self.known.get() {
            return known.open(router, acceptor, event, arrival);
        }
        let nobody = |code, message| Box::pin(std::future::ready(Err(Failure::new(code, message))));
        let Some(place) = self.chosen(acceptor, |role| *role == Role::Acceptor) else {
            return nobody("no acceptor", "nobody accepts it any more");
        };
        let (here, there) = tunnel::<Vec<u8>, Vec<u8>>(BETWEEN);
        let lane = arrival.priority;
        let back = Back::Tunnel(EncodedEnd::passing(there), InFlight::new(&place.load));
        let departure = place.departure(self.itself(), arrival.into_meta(), back);
        let Ok(mut standing) = stand(&place, departure, event, lane) else {
            return nobody("overloaded", "a link on the way takes no more");
        };
        Box::pin(async move {
            poll_fn(|cx| standing.0.poll_taken_in(cx)).await;
            Ok(EncodedEnd::passing(here))
        })
    }
}
