use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use edri_event::{Event, Priority, RoutePolicy};

use super::choose::{Offered, Turn, choose};
use super::deliver::{Deliver, Delivery, Ticket, Wait};
use super::respond::Patience;
use super::roster::{Entry, Roster};
use crate::border::ConsumerId;
use crate::dead_letter::Loss;
use crate::envelope::Envelope;
use crate::inbox::Message as _;
use crate::sync::Mutex;

/// Subscribers that share a name: to their route they are one, and each event goes to one of them.
///
/// A version of a group belongs to a version of its route, as immutable as that.
pub(crate) struct Group<E> {
    /// As its members give it.
    pub(crate) label: Arc<str>,
    /// As errors give it.
    name: Arc<str>,
    members: Roster<Member<E>>,
    /// Shared by all versions, as is the line.
    turn: Turn,
    line: Arc<Line<E>>,
}

type Member<E> = Arc<dyn Deliver<Envelope<E>>>;

/// The events that stand in line before a member, under tickets of the group's own.
struct Line<E>(Mutex<Waiting<E>>);

struct Waiting<E> {
    next: u64,
    places: HashMap<u64, (Member<E>, Ticket)>,
}

impl<E: Event + Sync> Group<E> {
    pub(crate) fn new(label: &Arc<str>) -> Self {
        Self {
            label: Arc::clone(label),
            name: format!("the group {label:?}").into(),
            members: Roster::default(),
            turn: Turn::default(),
            line: Arc::new(Line(Mutex::new(Waiting { next: 0, places: HashMap::new() }))),
        }
    }

    /// The next version, with one member more.
    pub(crate) fn with(&self, id: u64, member: Member<E>) -> Self {
        let mut next = self.clone();
        next.members.add(id, member);
        next
    }

    /// The next version, without that member; `None` if he is none.
    pub(crate) fn without(&self, id: u64) -> Option<Self> {
        let mut next = self.clone();
        next.members.remove(id);
        (next.members.len() < self.members.len()).then_some(next)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Entry<Member<E>>> {
        self.members.entries()
    }

    /// As [`deliver`](Deliver::deliver), of what another router has chosen that member for. Without a key, it is for
    /// another one of this router if he has no room; and with one, too, if he has left.
    pub(crate) fn deliver_to(
        &self,
        member: ConsumerId,
        parcel: &mut Option<Envelope<E>>,
        lane: Priority,
        wait: Wait<'_>,
    ) -> Delivery {
        let key = parcel.as_ref().and_then(Envelope::key);
        if let Some(member) = self.members.of(member, |member| member.place()) {
            let (stays, wait) = match key {
                None if member.is_local() => (false, Wait::Room),
                _ => (true, wait),
            };
            match member.deliver(parcel, lane, wait) {
                Delivery::Full if !stays => {}
                Delivery::Gone => {}
                delivery => return self.noted(member, delivery),
            }
        }
        self.deliver_among(|member| member.is_local(), parcel, lane, wait)
    }

    fn deliver_among(
        &self,
        may: impl Fn(&Member<E>) -> bool,
        parcel: &mut Option<Envelope<E>>,
        lane: Priority,
        wait: Wait<'_>,
    ) -> Delivery {
        let key = parcel.as_ref().and_then(Envelope::key);
        let mut delivery = Delivery::Gone;
        choose(&self.members, RoutePolicy::ByKey, &self.turn, key, |member, patience| {
            if !may(member) {
                return Offered::Gone;
            }
            match member.deliver(parcel, lane, patience.or(wait)) {
                Delivery::Full if patience == Patience::Room => return Offered::Full,
                Delivery::Gone => return Offered::Gone,
                taken => delivery = self.noted(member, taken),
            }
            Offered::Taken
        });
        delivery
    }

    /// A place in a member's line becomes one in the group's.
    fn noted(&self, member: &Member<E>, delivery: Delivery) -> Delivery {
        let Delivery::Waiting(ticket) = delivery else { return delivery };
        let mut waiting = self.line.0.lock();
        waiting.next += 1;
        let place = waiting.next;
        waiting.places.insert(place, (Arc::clone(member), ticket));
        Delivery::Waiting(Ticket(place))
    }
}

impl<E: Event + Sync> Deliver<Envelope<E>> for Group<E> {
    /// With a key, to the member of that key, full or not; without one in turn, and a full one is passed over.
    fn deliver(&self, parcel: &mut Option<Envelope<E>>, lane: Priority, wait: Wait<'_>) -> Delivery {
        if let Some(only) = self.members.only() {
            return self.noted(only, only.deliver(parcel, lane, wait));
        }
        self.deliver_among(|_| true, parcel, lane, wait)
    }

    fn deliver_many(&self, parcels: &mut VecDeque<Envelope<E>>, lane: Priority) -> bool {
        if let Some(only) = self.members.only() {
            return only.deliver_many(parcels, lane);
        }
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
        let place = self.line.0.lock().places.get(&ticket.0).cloned();
        let Some((member, place)) = place else { return true };
        let taken_in = member.taken_in(place, waker);
        if taken_in {
            self.line.0.lock().places.remove(&ticket.0);
        }
        taken_in
    }

    fn withdraw(&self, ticket: Ticket) {
        let place = self.line.0.lock().places.remove(&ticket.0);
        if let Some((member, place)) = place {
            member.withdraw(place);
        }
    }

    fn lose(&self, ticket: Ticket, loss: Loss) {
        let place = self.line.0.lock().places.remove(&ticket.0);
        if let Some((member, place)) = place {
            member.lose(place, loss);
        }
    }

    fn load(&self) -> usize {
        self.members.iter().map(|member| member.load()).min().unwrap_or(0)
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl<E> Clone for Group<E> {
    fn clone(&self) -> Self {
        Self {
            label: Arc::clone(&self.label),
            name: Arc::clone(&self.name),
            members: self.members.clone(),
            turn: self.turn.clone(),
            line: Arc::clone(&self.line),
        }
    }
}
