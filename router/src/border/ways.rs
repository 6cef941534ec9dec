use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use edri_event::{Origin, RouterId};

use crate::router::Router;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

/// By which of its borders a router takes the events of each other router: by one of them, so that it takes each once,
/// however many ways there are to it.
///
/// This is reverse path forwarding, as of old for multicast (Dalal and Metcalfe, 1978), with the way learned from what
/// comes first.
#[derive(Default)]
pub(crate) struct Ways(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Those that are directly at the end of a way, or of several, of which the first is taken.
    direct: HashMap<RouterId, Vec<(u64, Arc<AtomicBool>)>>,
    /// Those of which something came over others.
    learned: HashMap<RouterId, u64>,
    next: u64,
}

/// So many routers are known by what came of them. Of more, everything is taken, as often as it comes.
const MOST: usize = 1 << 16;

/// What has come over more borders than this goes in circles, and is taken no more.
const MOST_HOPS: u8 = 16;

/// One of the ways by which events come to a router: a border's. Dropped, what came by it is taken from others.
pub struct Way {
    ways: Arc<Ways>,
    here: RouterId,
    number: u64,
}

/// A router that is directly at the end of a way, for as long as this is kept.
#[must_use = "dropping it says that the router is not there any more"]
pub struct Direct {
    ways: Arc<Ways>,
    router: RouterId,
    number: u64,
    is_taken: Arc<AtomicBool>,
}

impl Router {
    /// A way for what comes over a border.
    pub fn open_way(&self) -> Way {
        let ways = Arc::clone(self.borders().ways());
        let mut known = ways.0.lock();
        known.next += 1;
        let number = known.next;
        drop(known);
        Way { ways, here: self.id(), number }
    }
}

impl Way {
    /// That router is directly at its end: what it sends itself is taken from here, or from another way at whose end it is,
    /// and from nowhere else, for as long as this is kept.
    pub fn leads_to(&self, router: RouterId) -> Direct {
        let mut known = self.ways.0.lock();
        known.learned.remove(&router);
        known.next += 1;
        let number = known.next;
        let to = known.direct.entry(router).or_default();
        let is_taken = Arc::new(AtomicBool::new(to.is_empty()));
        to.push((number, Arc::clone(&is_taken)));
        Direct { ways: Arc::clone(&self.ways), router, number, is_taken }
    }

    /// Whether an event that came this way, and was passed on by others before, is taken; or has come by another way, or will.
    pub fn takes(&self, origin: Origin) -> bool {
        if origin.router == self.here || origin.hops > MOST_HOPS {
            return false;
        }
        let mut known = self.ways.0.lock();
        if known.direct.contains_key(&origin.router) {
            return false;
        }
        match known.learned.get(&origin.router) {
            Some(way) => *way == self.number,
            None => {
                if known.learned.len() < MOST {
                    known.learned.insert(origin.router, self.number);
                }
                true
            }
        }
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        let mut known = self.ways.0.lock();
        known.learned.retain(|_, way| *way != self.number);
    }
}

impl Direct {
    /// Whether what that router sends itself is taken from here.
    #[inline]
    pub fn is_taken(&self) -> bool {
        self.is_taken.load(Ordering::Relaxed)
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        let mut known = self.ways.0.lock();
        let Some(to) = known.direct.get_mut(&self.router) else { return };
        to.retain(|(number, _)| *number != self.number);
        match to.first() {
            Some((_, next)) => next.store(true, Ordering::Relaxed),
            None => drop(known.direct.remove(&self.router)),
        }
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Direct").field(&self.router).finish()
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Way").field(&self.number).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(router: u128, hops: u8) -> Origin {
        Origin { router: RouterId::from_bits(router), hops }
    }

    #[test]
    fn what_comes_by_several_ways_is_taken_by_one_of_them() {
        let router = Router::new();
        let (one, other) = (router.open_way(), router.open_way());
        assert!(one.takes(origin(7, 2)) && !other.takes(origin(7, 2)));
        assert!(other.takes(origin(8, 3)) && !one.takes(origin(8, 2)));
        drop(one);
        assert!(other.takes(origin(7, 2)), "its way is gone");
    }

    #[test]
    fn what_is_at_the_end_of_a_way_is_taken_from_there_alone() {
        let router = Router::new();
        let (one, other) = (router.open_way(), router.open_way());
        assert!(other.takes(origin(7, 2)));
        let direct = one.leads_to(RouterId::from_bits(7));
        assert!(direct.is_taken() && !other.takes(origin(7, 2)));
        let second = other.leads_to(RouterId::from_bits(7));
        assert!(!second.is_taken());
        drop(direct);
        assert!(second.is_taken());
        drop(second);
        assert!(other.takes(origin(7, 2)));
    }

    #[test]
    fn what_comes_back_or_goes_in_circles_is_not_taken() {
        let router = Router::new();
        let way = router.open_way();
        assert!(!way.takes(origin(router.id().to_bits(), 3)));
        assert!(!way.takes(origin(7, MOST_HOPS + 1)));
    }

    #[test]
    fn more_routers_than_can_be_known_are_taken_as_they_come() {
        let router = Router::new();
        let (one, other) = (router.open_way(), router.open_way());
        (0..MOST as u128).for_each(|number| assert!(one.takes(origin(1_000 + number, 2))));
        assert!(one.takes(origin(7, 2)) && other.takes(origin(7, 2)));
        assert!(!other.takes(origin(1_000, 2)));
    }
}
