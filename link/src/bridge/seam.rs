use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use edri_router::{
    Border, ConsumerId, DeadLetterOffice, Description, Horizon, Load, Place, Registration, RouteKind, Router,
    Shareable, ShareableEvent as _,
};
use futures_util::task::AtomicWaker;

use super::filter::Filter;
use super::side::Side;
use crate::interest::{Consumer, Interest, Role, Schema};

/// A border as its router knows it: what those behind it want is on the routes from the moment on at which the event appears
/// there.
pub(super) struct Seam {
    horizon: Horizon,
    office: DeadLetterOffice,
    filter: Filter,
    table: Mutex<Table>,
    /// Those whose consumers here may have changed since the border's task has looked.
    changed: Mutex<HashSet<Shareable>>,
    task: AtomicWaker,
    /// Whether something was changed, or differs.
    has_news: AtomicBool,
}

/// What one of those behind the border wants: which of them, and as what he announced it.
type Wish = (u32, Interest);

/// What there is here, and what those behind the border want of it.
#[derive(Default)]
struct Table {
    by_name: HashMap<String, Named>,
    wanted: HashMap<Wish, Want>,
    /// What is another event here, and was not said to whoever wants it.
    differs: Vec<(Wish, Schema)>,
    /// The border has left the routes.
    left: bool,
}

/// All that has one name.
#[derive(Default)]
struct Named {
    /// Several if several types have it.
    events: Vec<Shareable>,
    wishes: BTreeSet<Wish>,
}

/// Something that somebody behind the border wants.
struct Want {
    side: Arc<Side>,
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
    pub(super) fn new(horizon: Horizon, office: DeadLetterOffice, filter: Filter) -> Self {
        Self {
            horizon,
            office,
            filter,
            table: Mutex::default(),
            changed: Mutex::default(),
            task: AtomicWaker::new(),
            has_news: AtomicBool::new(false),
        }
    }

    /// One behind the border wants something from here on.
    pub(super) fn wanted(
        &self,
        router: &Router,
        side: &Arc<Side>,
        (interest, address): (Interest, u64),
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
        let wish = (side.number, interest);
        let mut table = self.table();
        let mut want = Want {
            side: Arc::clone(side),
            address,
            schema,
            group,
            consumer,
            load,
            events: Vec::new(),
            places: Vec::new(),
        };
        let Table { by_name, differs, left, wanted } = &mut *table;
        if !*left && self.filter.allows(&want.schema.name) {
            let named = by_name.entry(want.schema.name.clone()).or_default();
            named.wishes.insert(wish);
            self.place(router, interest, &mut want, &named.events, differs);
            self.pass(router, &mut want, &named.events);
        }
        wanted.insert(wish, want);
    }

    /// It is wanted no more; the address it had.
    pub(super) fn unwanted(&self, side: &Side, interest: Interest) -> Option<u64> {
        let wish = (side.number, interest);
        let mut table = self.table();
        let want = table.wanted.remove(&wish)?;
        if let Some(named) = table.by_name.get_mut(&want.schema.name) {
            named.wishes.remove(&wish);
            if named.wishes.is_empty() && named.events.is_empty() {
                table.by_name.remove(&want.schema.name);
            }
        }
        drop(table);
        Some(want.address)
    }

    /// What was said of the load of whoever wants it, or of how far he is, has changed.
    pub(super) fn loaded(&self, router: &Router, side: &Side, interest: Interest, load: u32) {
        let table = self.table();
        let Some(want) = table.wanted.get(&(side.number, interest)) else { return };
        if want.consumer.id.is_some() {
            return want.load.tell(load as usize);
        }
        want.load.move_to(behind(load));
        let events = want.events.clone();
        drop(table);
        events.iter().for_each(|event| router.place_changed(event));
    }

    /// Whether there is something that was changed, or differs, since this was asked last; the task is woken for more.
    #[inline]
    pub(super) fn has_news(&self, cx: &Context<'_>) -> bool {
        self.task.register(cx.waker());
        self.has_news.load(Ordering::Relaxed) && self.has_news.swap(false, Ordering::AcqRel)
    }

    fn note_news(&self) {
        self.has_news.store(true, Ordering::Release);
        self.task.wake();
    }

    /// What is another event here, since this was asked last: of whom, as what, and what it is here.
    pub(super) fn take_differing(&self) -> Vec<((u32, Interest), Schema)> {
        std::mem::take(&mut self.table().differs)
    }

    /// The same of one of those behind the border.
    pub(super) fn take_differing_of(&self, side: u32) -> Vec<(Interest, Schema)> {
        let mut table = self.table();
        if table.differs.is_empty() {
            return Vec::new();
        }
        let its = table.differs.extract_if(.., |((number, _), _)| *number == side);
        its.map(|((_, interest), ours)| (interest, ours)).collect()
    }

    /// Those whose consumers here may have changed since this was asked last.
    pub(super) fn take_changed(&self) -> HashSet<Shareable> {
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
    }

    /// Puts places on the routes of those of `known` that are what is wanted.
    fn place(
        &self,
        router: &Router,
        interest: Interest,
        want: &mut Want,
        known: &[Shareable],
        differs: &mut Vec<(Wish, Schema)>,
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
            differs.push(((want.side.number, interest), ours));
            self.note_news();
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
        let exit = Arc::clone(&want.side.exit) as Arc<dyn edri_router::Exit>;
        let (name, load) = (want.side.called(), Arc::clone(&want.load));
        let mut place = Place::new(name, exit, want.address, self.horizon, load, self.office.clone());
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
        self.note_news();
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
        let Table { by_name, wanted, differs, left } = &mut *table;
        let named = by_name.entry(event.name().to_owned()).or_default();
        named.events.push(event.clone());
        if !*left {
            for wish in &named.wishes {
                if let Some(want) = wanted.get_mut(wish) {
                    self.place(router, wish.1, want, std::slice::from_ref(event), differs);
                }
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
