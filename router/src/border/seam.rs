use std::collections::HashMap;
use std::sync::Arc;

use super::demand::ConsumerId;
use super::description::{Description, ShareableId};
use super::foreign::Foreigners;
use super::horizon::Horizon;
use super::shareable::{Shareable, ShareableEvent as _};
use super::ways::Ways;
use crate::registration::Registration;
use crate::router::{Router, WeakRouter};
use crate::sync::{Mutex, Snapshot};

/// A border of a router: what a link attaches to it, to carry events to another one and back.
///
/// It is told of every shareable event that appears on the router, before the first of its kind is sent to anybody, and
/// of every change in who consumes one. It puts [places](super::Place) on the routes for those on the other side
/// who want an event. Its methods are called on whatever task or thread the cause is on: they are to be quick, and
/// must not wait.
pub trait Border: Send + Sync {
    /// What is behind it.
    fn horizon(&self) -> Horizon;

    /// A shareable event has appeared on the router, or had when this border was attached. If the other side wants it,
    /// the border attaches its places before this returns, and with that the first event finds them.
    ///
    /// It is called once for each event. Types are finite, and so is what is introduced. It must neither attach a
    /// border nor send an event.
    fn introduce(&self, router: &Router, event: &Shareable);

    /// Who consumes `event` has changed: what is told of it by [`demands`](super::ShareableEvent::demands) may be other
    /// than it was. It is called after each change; several may have happened by the time it is looked at. Of an event
    /// that has not been introduced yet it means nothing.
    fn changed(&self, event: &Shareable);
}

/// The borders of a router, and the shareable events that have appeared on it.
pub(crate) struct Borders {
    known: Snapshot<Known>,
    /// Held while somebody is introduced to somebody; with the number of the next border.
    change: Mutex<u64>,
    foreigners: Mutex<Foreigners>,
    ways: Arc<Ways>,
}

#[derive(Clone, Default)]
struct Known {
    /// One entry for each type of the program at most.
    events: HashMap<ShareableId, Shareable>,
    borders: Vec<(u64, Arc<dyn Border>)>,
}

impl Borders {
    pub(crate) fn new() -> Self {
        Self {
            known: Snapshot::new(Known::default()),
            change: Mutex::new(0),
            foreigners: Mutex::default(),
            ways: Arc::default(),
        }
    }

    /// Has all borders know an event. `false` if they do already: whoever found nobody on its route need not look again.
    #[cold]
    pub(crate) fn introduce(&self, router: &Router, event: &Shareable) -> bool {
        if self.known.load().events.contains_key(&event.id()) {
            return false;
        }
        let guard = self.change.lock();
        let mut known = Known::clone(&self.known.load());
        if known.events.insert(event.id(), event.clone()).is_some() {
            // By somebody else in between.
            return true;
        }
        known.borders.iter().for_each(|(_, border)| border.introduce(router, event));
        // All who want it are on its route: what passed by itself goes there from here on.
        let foreign = self.foreigners.lock().become_known(event);
        let old = self.known.swap(known);
        drop(guard);
        drop((old, foreign));
        true
    }

    pub(super) fn ways(&self) -> &Arc<Ways> {
        &self.ways
    }

    fn foreign(&self, description: Description) -> Shareable {
        let is_it =
            |event: &&Shareable| event.name() == description.name && event.description() == description;
        if let Some(known) = self.known.load().events.values().find(is_it) {
            return known.clone();
        }
        let foreign = self.foreigners.lock().get(description);
        foreign.shareable()
    }

    /// Who consumes an event has changed.
    #[cold]
    pub(crate) fn changed(&self, event: &Shareable) {
        self.known.load().borders.iter().for_each(|(_, border)| border.changed(event));
    }

    fn attach(&self, router: &Router, border: Arc<dyn Border>) -> u64 {
        let mut next = self.change.lock();
        let id = *next;
        *next += 1;
        let mut known = Known::clone(&self.known.load());
        let events: Vec<Shareable> = known.events.values().cloned().collect();
        known.borders.push((id, Arc::clone(&border)));
        let old = self.known.swap(known);
        // It is told of changes already, so that none falls in between.
        events.iter().for_each(|event| border.introduce(router, event));
        drop(next);
        drop(old);
        id
    }

    fn detach(&self, id: u64) {
        let guard = self.change.lock();
        let mut known = Known::clone(&self.known.load());
        known.borders.retain(|(border, _)| *border != id);
        let old = self.known.swap(known);
        drop(guard);
        drop(old);
    }
}

impl Router {
    /// Attaches a border, which is told of all shareable events that have appeared so far and of those that will.
    /// Dropping the registration detaches it: it is told nothing more, and its places stay until it drops them.
    ///
    /// The router keeps the border; the border must not keep the router.
    pub fn attach_border(&self, border: Arc<dyn Border>) -> Registration {
        let id = self.borders().attach(self, border);
        let router: WeakRouter = self.downgrade();
        Registration::new(move || {
            if let Some(router) = router.upgrade() {
                router.borders().detach(id);
            }
        })
    }

    /// What a place says of him for whom it stands has changed: borders tell of it in turn.
    pub fn place_changed(&self, event: &Shareable) {
        self.borders().changed(event);
    }

    /// Whether that consumer is one of this router's own, of now or before.
    pub fn is_own(&self, consumer: ConsumerId) -> bool {
        self.registrations().contains(&consumer.to_bits())
    }

    /// The event of that description, for a border that hears of it before it was introduced: one that this router may
    /// never have itself, and passes on from one border to others. When it is introduced later, places have to be attached
    /// to that; of those that stand here then, nothing is asked any more. One that has been introduced is given as it is.
    pub fn foreign(&self, description: Description) -> Shareable {
        self.borders().foreign(description)
    }
}
