use std::any::{Any, TypeId};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::border::Shareable;
use crate::snapshot::RouteSnapshot;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, Snapshot};

/// The routes by event type.
///
/// The table is cut into shards, each an immutable list that is replaced whole when one of its routes changes:
/// a look-up takes no lock, and a change copies a short list. Readers see the routes before or after a change,
/// never in between.
pub(crate) struct Table {
    shards: [Shard; SHARDS],
}

/// So many that a shard of an ordinary program holds a route or two.
const SHARDS: usize = 64;

struct Shard {
    routes: Snapshot<Routes>,
    change: Mutex<()>,
}

/// The routes of a shard, as they stand at one moment.
#[derive(Default)]
struct Routes {
    /// Sorted by type; each with how it is described.
    list: Vec<(TypeId, Arc<dyn Any + Send + Sync>, Describe)>,
    /// Set before the next routes take the place of these: who keeps a route needs to look no further.
    superseded: Arc<AtomicBool>,
}

type Describe = fn(&(dyn Any + Send + Sync)) -> Option<RouteSnapshot>;

/// A route that was looked up, for as long as it is the current one.
pub(crate) struct Kept<R> {
    route: Option<Arc<R>>,
    superseded: Arc<AtomicBool>,
}

/// The route of one event type, as it stands at one moment: who is registered on it.
pub(crate) trait Route: Any + Clone + Default + Send + Sync {
    /// Nobody is registered; the table forgets it.
    fn is_empty(&self) -> bool;

    /// Its event, if that may leave the process.
    fn shareable() -> Option<Shareable>;

    /// Who is on it.
    fn describe(&self) -> RouteSnapshot;
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard {
                routes: Snapshot::new(Routes::default()),
                change: Mutex::new(()),
            }),
        }
    }

    /// Calls `read` with the route of `event`, if anybody is registered there.
    #[inline]
    pub(crate) fn with<R: Route, T>(&self, event: TypeId, read: impl FnOnce(Option<&R>) -> T) -> T {
        let routes = self.shard(event).routes.load();
        let route = routes.find(event).ok().map(|index| &routes.list[index].1);
        read(route.and_then(|route| route.downcast_ref::<R>()))
    }

    /// The route of `event` to keep.
    pub(crate) fn keep<R: Route>(&self, event: TypeId) -> Kept<R> {
        let routes = self.shard(event).routes.load();
        let route = routes.find(event).ok().map(|index| Arc::clone(&routes.list[index].1));
        let route = route.and_then(|route| route.downcast::<R>().ok());
        Kept { route, superseded: Arc::clone(&routes.superseded) }
    }

    pub(crate) fn change<R: Route>(&self, event: TypeId, change: impl FnOnce(&mut R)) {
        let shard = self.shard(event);
        let guard = shard.change.lock();
        let old = shard.routes.load();
        let mut list = old.list.clone();
        let place = old.find(event);
        let route = place.ok().and_then(|index| list[index].1.downcast_ref::<R>());
        let mut route = route.cloned().unwrap_or_default();
        change(&mut route);
        match (place, route.is_empty()) {
            (Ok(index), true) => drop(list.remove(index)),
            (Ok(index), false) => list[index].1 = Arc::new(route),
            (Err(_), true) => {}
            (Err(index), false) => {
                let describe: Describe = |route| route.downcast_ref::<R>().map(R::describe);
                list.insert(index, (event, Arc::new(route), describe));
            }
        }
        old.superseded.store(true, Ordering::Release);
        drop(old);
        let old = shard.routes.swap(Routes { list, superseded: Arc::default() });
        drop(guard);
        // Last of all: with it may go a subscriber, whose own code may change routes when it is dropped.
        drop(old);
    }

    /// All routes, by the names of their events.
    pub(crate) fn describe(&self) -> Vec<RouteSnapshot> {
        let mut routes: Vec<_> = self
            .shards
            .iter()
            .flat_map(|shard| {
                let routes = shard.routes.load();
                routes.list.iter().filter_map(|(_, route, describe)| describe(&**route)).collect::<Vec<_>>()
            })
            .collect();
        routes.sort_by(|one, other| one.event.cmp(&other.event));
        routes
    }

    fn shard(&self, event: TypeId) -> &Shard {
        let mut hasher = TypeIdHasher::default();
        event.hash(&mut hasher);
        &self.shards[hasher.finish() as usize % SHARDS]
    }
}

impl Routes {
    #[inline]
    fn find(&self, event: TypeId) -> Result<usize, usize> {
        match &self.list[..] {
            // The usual case, without a search.
            [(only, ..)] if *only == event => Ok(0),
            list => list.binary_search_by_key(&event, |(event, ..)| *event),
        }
    }
}

impl<R: Route> Kept<R> {
    /// The route as it stands now.
    #[inline]
    pub(crate) fn current(&mut self, table: &Table, event: TypeId) -> Option<&R> {
        if self.superseded.load(Ordering::Acquire) {
            *self = table.keep(event);
        }
        self.route.as_deref()
    }
}

impl<R> Clone for Kept<R> {
    fn clone(&self) -> Self {
        Self { route: self.route.clone(), superseded: Arc::clone(&self.superseded) }
    }
}

/// A `TypeId` is a hash already.
#[derive(Default)]
struct TypeIdHasher(u64);

impl Hasher for TypeIdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use edri_event::{Notification, Request, Tunnel};

    use super::*;
    use crate::route::{NotificationRoute, RequestRoute, ToInbox, TunnelRoute};
    use crate::{Inbox, InboxSettings, Router};

    #[derive(Notification)]
    struct Tell;

    #[derive(Request, Clone)]
    #[request(response = ())]
    struct Ask;

    #[derive(Tunnel)]
    #[tunnel(send = (), receive = ())]
    struct Pipe;

    fn routes(router: &Router) -> [bool; 3] {
        let table = router.table();
        [
            table.with::<NotificationRoute<Tell>, _>(TypeId::of::<Tell>(), |route| route.is_some()),
            table.with::<RequestRoute<Ask>, _>(TypeId::of::<Ask>(), |route| route.is_some()),
            table.with::<TunnelRoute<Pipe>, _>(TypeId::of::<Pipe>(), |route| route.is_some()),
        ]
    }

    #[test]
    fn when_all_have_left_the_table_is_empty() {
        let router = Router::new();
        assert_eq!(routes(&router), [false; 3]);
        for _ in 0..2 {
            let subscriptions: Vec<_> = (0..300).map(|_| router.subscribe::<Tell>()).collect();
            let responder = router.respond(|_: Ask| async { Ok(()) });
            let observer = router.responses::<Ask>();
            let (inbox, _openings) = Inbox::new(InboxSettings::default());
            let acceptor = ToInbox::plain_to("acceptor".into(), inbox);
            let acceptor = router.attach_acceptor::<Pipe>(Arc::new(acceptor));
            assert_eq!(routes(&router), [true; 3]);
            drop(responder);
            assert_eq!(routes(&router), [true; 3], "an observer is left");
            drop((subscriptions, observer, acceptor));
            assert_eq!(routes(&router), [false; 3]);
        }
    }
}
