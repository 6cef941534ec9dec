use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use edri_router::{
    Border, ConsumerId, DeadLetterOffice, Description, Horizon, Load, Place, Registration, RouteKind, Router,
    Shareable, ShareableEvent as _,
};
use futures_util::task::AtomicWaker;

use super::exit::Exit;
use super::filter::Filter;
use crate::interest::{Consumer, Interest, Role, Schema};

/// A link as its router knows it: what the other end wants is on the routes from the moment on at which the event appears
/// there.
pub(super) struct Seam {
    horizon: Horizon,
    exit: Arc<Exit>,
    office: DeadLetterOffice,
    filter: Filter,
    table: Mutex<Table>,
    /// Those whose consumers here may have changed since the link's task has looked.
    changed: Mutex<HashSet<Shareable>>,
    task: AtomicWaker,
    /// What the router at the other end is called.
    peer: Mutex<Arc<str>>,
}

/// What there is here, and what the other end wants of it.
#[derive(Default)]
struct Table {
    /// By name; several if several types have one.
    events: HashMap<String, Vec<Shareable>>,
    wanted: BTreeMap<Interest, Want>,
    /// What is another event here, and was not said to the other end.
    differs: Vec<(Interest, Schema)>,
    /// The link has left the routes.
    left: bool,
}

/// What those at the other end are called until it has a name.
const UNNAMED: &str = "another router";

/// Something that the other end wants.
struct Want {
    address: u64,
    schema: Schema,
    group: Option<Arc<str>>,
    consumer: Consumer,
    load: Arc<Load>,
    /// What it is here, and its places.
    events: Vec<Shareable>,
    places: Vec<Registration>,
}

/// An interest that has come this far goes no further.
pub(super) const MOST_HOPS: u8 = 8;

impl Seam {
    pub(super) fn new(horizon: Horizon, exit: Arc<Exit>, office: DeadLetterOffice, filter: Filter) -> Self {
        Self {
            horizon,
            exit,
            office,
            filter,
            table: Mutex::default(),
            changed: Mutex::default(),
            task: AtomicWaker::new(),
            peer: Mutex::new(UNNAMED.into()),
        }
    }

    /// The router at the other end has a name.
    pub(super) fn name_peer(&self, name: &Arc<str>) {
        *self.peer.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(name);
    }

    fn peer(&self) -> Arc<str> {
        Arc::clone(&self.peer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The other end wants something from here on.
    pub(super) fn wanted(
        &self,
        router: &Router,
        interest: Interest,
        address: u64,
        (schema, group): (Schema, Option<Arc<str>>),
        consumer: Consumer,
    ) {
        // One of this router's own, of whom others have heard.
        if consumer.id.is_some_and(|id| router.is_own(ConsumerId::from_bits(id))) {
            return;
        }
        let load = Arc::new(match consumer.id {
            Some(_) => Load::new(consumer.hops.saturating_add(1), consumer.load as usize),
            None => Load::new(behind(consumer.load), 0),
        });
        let mut table = self.table();
        let mut want =
            Want { address, schema, group, consumer, load, events: Vec::new(), places: Vec::new() };
        let Table { events, differs, left, .. } = &mut *table;
        if !*left && self.filter.allows(&want.schema.name) {
            let known = events.get(&*want.schema.name).map_or(&[][..], |known| known);
            self.place(router, interest, &mut want, known, differs);
            self.pass(router, &mut want, known);
        }
        table.wanted.insert(interest, want);
    }

    /// The other end wants it no more; the address it had.
    pub(super) fn unwanted(&self, interest: Interest) -> Option<u64> {
        let want = self.table().wanted.remove(&interest);
        want.map(|want| want.address)
    }

    /// What was said of the load of whoever wants it, or of how far he is, has changed.
    pub(super) fn loaded(&self, router: &Router, interest: Interest, load: u32) {
        let table = self.table();
        let Some(want) = table.wanted.get(&interest) else { return };
        if want.consumer.id.is_some() {
            return want.load.tell(load as usize);
        }
        want.load.move_to(behind(load));
        let events = want.events.clone();
        drop(table);
        events.iter().for_each(|event| router.place_changed(event));
    }

    /// What is another event here, since this was asked last.
    pub(super) fn take_differing(&self) -> Vec<(Interest, Schema)> {
        std::mem::take(&mut self.table().differs)
    }

    /// Those whose consumers here may have changed since this was asked last; the task is woken for more.
    pub(super) fn take_changed(&self, cx: &mut Context<'_>) -> HashSet<Shareable> {
        self.task.register(cx.waker());
        std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn horizon(&self) -> Horizon {
        self.horizon
    }

    /// Takes nothing more; what waits still goes out.
    pub(super) fn leave_routes(&self) {
        let mut table = self.table();
        table.left = true;
        let places: Vec<_> = table.wanted.values_mut().flat_map(|want| want.places.drain(..)).collect();
        drop(table);
        drop(places);
        self.exit.close();
    }

    /// Puts places on the routes of those of `known` that are what is wanted.
    fn place(
        &self,
        router: &Router,
        interest: Interest,
        want: &mut Want,
        known: &[Shareable],
        differs: &mut Vec<(Interest, Schema)>,
    ) {
        let (mut same, mut other) = (false, None);
        for event in known {
            let Some(ours) = schema_of(event, want.schema.role) else { continue };
            if ours == want.schema {
                same = true;
                want.events.push(event.clone());
                want.places.extend(self.attach(router, want, event));
            } else {
                other = Some(ours);
            }
        }
        if let Some(ours) = other.filter(|_| !same) {
            // What means something else here is not passed on either.
            want.events.clear();
            want.places.clear();
            differs.push((interest, ours));
        }
    }

    /// Has it passed on from other borders, if it is of no event that is `known` here.
    fn pass(&self, router: &Router, want: &mut Want, known: &[Shareable]) {
        if known.iter().any(|event| schema_of(event, want.schema.role).is_some()) {
            return;
        }
        let event = router.foreign(description_of(&want.schema));
        want.places.extend(self.attach(router, want, &event));
        want.events.push(event);
    }

    fn attach(&self, router: &Router, want: &Want, event: &Shareable) -> Option<Registration> {
        let exit = Arc::clone(&self.exit) as Arc<dyn edri_router::Exit>;
        let load = Arc::clone(&want.load);
        let mut place = Place::new(self.peer(), exit, want.address, self.horizon, load, self.office.clone());
        if let Some(id) = want.consumer.id {
            place = place.of(ConsumerId::from_bits(id));
        }
        match (event, want.schema.role, &want.group) {
            (Shareable::Notification(event), Role::Subscriber, None) => Some(event.attach(router, place)),
            (Shareable::Notification(event), Role::Subscriber, Some(group)) => {
                Some(event.attach_to_group(router, group, place))
            }
            (Shareable::Request(event), Role::Responder, _) => Some(event.attach(router, place)),
            (Shareable::Request(event), Role::Observer, _) => Some(event.attach_observer(router, place)),
            (Shareable::Tunnel(event), Role::Acceptor, _) => Some(event.attach(router, place)),
            _ => None,
        }
    }

    /// No code of others runs under the lock, so that it cannot be poisoned.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_change(&self, event: &Shareable) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(event.clone());
        self.task.wake();
    }
}

impl Border for Seam {
    fn horizon(&self) -> Horizon {
        self.horizon
    }

    fn introduce(&self, router: &Router, event: &Shareable) {
        if !self.filter.allows(event.name()) {
            return;
        }
        let mut table = self.table();
        let Table { events, wanted, differs, left } = &mut *table;
        events.entry(event.name().to_owned()).or_default().push(event.clone());
        if !*left {
            for (interest, want) in wanted.iter_mut().filter(|(_, want)| want.schema.name == event.name()) {
                self.place(router, *interest, want, std::slice::from_ref(event), differs);
            }
        }
        drop(table);
        self.note_change(event);
    }

    fn changed(&self, event: &Shareable) {
        if self.filter.allows(event.name()) {
            self.note_change(event);
        }
    }
}

/// How many borders away somebody is who is so many links behind the other router.
fn behind(hops: u32) -> u8 {
    u8::try_from(hops).unwrap_or(u8::MAX).saturating_add(1)
}

/// What an event is called where it is consumed in that role; `None` if it is of a kind that cannot be.
pub(super) fn schema_of(event: &Shareable, role: Role) -> Option<Schema> {
    let Description { name, kind, version, codec, shapes } = event.description();
    (kind_of(role) == kind).then_some(Schema { name, version, role, codec, shapes })
}

pub(super) fn description_of(schema: &Schema) -> Description {
    let Schema { name, version, role, codec, shapes } = schema.clone();
    Description { name, kind: kind_of(role), version, codec, shapes }
}

/// Of which kind an event is that is consumed in that role.
fn kind_of(role: Role) -> RouteKind {
    match role {
        Role::Subscriber => RouteKind::Notification,
        Role::Responder | Role::Observer => RouteKind::Request,
        Role::Acceptor => RouteKind::Tunnel,
    }
}
