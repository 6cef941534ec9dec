use std::sync::Arc;

use edri_event::{Key, Request, RoutePolicy};

use super::deliver::{Deliver, Wait};
use super::respond::{Patience, Respond};
use super::roster::{Entry, Roster};
use crate::border::{ConsumerId, Place};
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Whose turn it is; versions of a route share it.
#[derive(Clone, Default)]
pub(crate) struct Turn(Arc<AtomicUsize>);

impl Turn {
    pub(crate) fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// One of several who could have it.
pub(crate) trait Candidate {
    fn load(&self) -> usize;
    fn is_local(&self) -> bool;

    /// Who it is that he stands for, if he is elsewhere.
    fn stands_for(&self) -> Option<ConsumerId>;
}

impl<R: Request> Candidate for Arc<dyn Respond<R>> {
    fn load(&self) -> usize {
        Respond::load(&**self)
    }

    fn is_local(&self) -> bool {
        Respond::is_local(&**self)
    }

    fn stands_for(&self) -> Option<ConsumerId> {
        self.place().and_then(Place::consumer)
    }
}

impl<P> Candidate for Arc<dyn Deliver<P>> {
    fn load(&self) -> usize {
        Deliver::load(&**self)
    }

    fn is_local(&self) -> bool {
        Deliver::is_local(&**self)
    }

    fn stands_for(&self) -> Option<ConsumerId> {
        self.place().and_then(Place::consumer)
    }
}

/// What came of offering it to one of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offered {
    Taken,
    /// There is no room; of those that are asked with [`Patience::Room`] only.
    Full,
    Gone,
}

impl Patience {
    /// The same for a taker, whose policy may have its sender wait.
    pub(crate) fn or(self, wait: Wait<'_>) -> Wait<'_> {
        match self {
            Self::Room => Wait::Room,
            Self::Policy => wait,
        }
    }
}

/// What came of offering it to all that may have it.
enum Chosen<'r, C> {
    Somebody,
    /// The one whose inbox's policy holds: none has room.
    Full(&'r C),
    Nobody,
}

/// Offers it to one after the other, in the order of the policy, until somebody takes it; `false` if nobody does.
/// Where none has room, one of them is asked once more with [`Patience::Policy`].
pub(crate) fn choose<'r, C: Candidate>(
    roster: &'r Roster<C>,
    policy: RoutePolicy,
    turn: &Turn,
    key: Option<Key>,
    mut offer: impl FnMut(&'r C, Patience) -> Offered,
) -> bool {
    loop {
        match offer_room(roster, policy, turn, key, |candidate| offer(candidate, Patience::Room)) {
            Chosen::Somebody => return true,
            Chosen::Nobody => return false,
            Chosen::Full(candidate) => {
                if offer(candidate, Patience::Policy) == Offered::Taken {
                    return true;
                }
                // It has left in between: another may be there still. Each round finds one fewer.
            }
        }
    }
}

fn offer_room<'r, C: Candidate>(
    roster: &'r Roster<C>,
    policy: RoutePolicy,
    turn: &Turn,
    key: Option<Key>,
    mut offer: impl FnMut(&'r C) -> Offered,
) -> Chosen<'r, C> {
    match (policy, key) {
        (RoutePolicy::ByKey, Some(key)) => by_key(roster, key, |_| true, offer),
        (RoutePolicy::LocalFirst, Some(key)) => match by_key(roster, key, C::is_local, &mut offer) {
            // A key stays where it is while anybody is there: only then do those behind a link get it.
            Chosen::Nobody => by_key(roster, key, |candidate| !candidate.is_local(), offer),
            chosen => chosen,
        },
        (RoutePolicy::LocalFirst, None) => near_first(roster, turn.next(), offer),
        (RoutePolicy::LeastLoaded, _) => {
            let first = turn.next() % roster.len().max(1);
            let least = roster.iter_from(first).enumerate().min_by_key(|(_, candidate)| candidate.load());
            let least = least.map_or(0, |(place, _)| first + place);
            in_order(roster.iter_from(least), offer)
        }
        // `RoundRobin`, and what has no key under `ByKey`.
        _ => in_order(roster.iter_from(turn.next()), offer),
    }
}

/// Whoever is first to have room.
fn in_order<'r, C: 'r>(
    candidates: impl Iterator<Item = &'r C>,
    mut offer: impl FnMut(&'r C) -> Offered,
) -> Chosen<'r, C> {
    let mut full = None;
    for candidate in candidates {
        match offer(candidate) {
            Offered::Taken => return Chosen::Somebody,
            Offered::Full => full = full.or(Some(candidate)),
            Offered::Gone => {}
        }
    }
    full.map_or(Chosen::Nobody, Chosen::Full)
}

/// As [`in_order`], those of this process before the others.
fn near_first<'r, C: Candidate>(
    roster: &'r Roster<C>,
    first: usize,
    mut offer: impl FnMut(&'r C) -> Offered,
) -> Chosen<'r, C> {
    let (mut full, mut far) = (None, false);
    for candidate in roster.iter_from(first) {
        if !candidate.is_local() {
            far = true;
            continue;
        }
        match offer(candidate) {
            Offered::Taken => return Chosen::Somebody,
            Offered::Full => full = full.or(Some(candidate)),
            Offered::Gone => {}
        }
    }
    let nearest = full.map_or(Chosen::Nobody, Chosen::Full);
    if !far {
        return nearest;
    }
    let far = roster.iter_from(first).filter(|candidate| !candidate.is_local());
    match (nearest, in_order(far, offer)) {
        (Chosen::Full(near), Chosen::Full(_) | Chosen::Nobody) => Chosen::Full(near),
        (_, chosen) => chosen,
    }
}

/// The one of that key and no other, for as long as it is there: full or not, so that order is kept.
fn by_key<'r, C: Candidate>(
    roster: &'r Roster<C>,
    key: Key,
    may: impl Fn(&C) -> bool,
    mut offer: impl FnMut(&'r C) -> Offered,
) -> Chosen<'r, C> {
    let mut gone = None;
    while let Some((weight, candidate)) = heaviest(roster, key, gone, &may) {
        match offer(candidate) {
            Offered::Taken => return Chosen::Somebody,
            Offered::Full => return Chosen::Full(candidate),
            Offered::Gone => gone = Some(weight),
        }
    }
    Chosen::Nobody
}

/// Its id sets those apart that weigh the same.
type Weight = (u64, u64);

/// Rendezvous hashing (Thaler and Ravishankar, 1998): each candidate has a weight for each key, and the heaviest gets
/// it; when one leaves, only its own keys move.
fn heaviest<C: Candidate>(
    roster: &Roster<C>,
    key: Key,
    below: Option<Weight>,
    may: impl Fn(&C) -> bool,
) -> Option<(Weight, &C)> {
    // The same on all routers, so that all choose the same one.
    let weigh = |entry: &Entry<C>| {
        let id = entry.who.stands_for().map_or(entry.id, ConsumerId::to_bits);
        (mixed(key.get() ^ mixed(id)), entry.id)
    };
    roster
        .entries()
        .filter(|entry| may(&entry.who))
        .map(|entry| (weigh(entry), &entry.who))
        .filter(|(weight, _)| below.is_none_or(|below| *weight < below))
        .max_by_key(|(weight, _)| *weight)
}

/// The finalizer of MurmurHash3 (Appleby, public domain): every bit of the input sways every bit of the output, which
/// a key's own hash does not promise.
fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let value = (value ^ (value >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ (value >> 33)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::HashMap;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;

    struct One {
        id: u64,
        load: Cell<usize>,
        room: bool,
        local: bool,
        stands_for: Option<u64>,
    }

    impl Candidate for One {
        fn load(&self) -> usize {
            self.load.get()
        }

        fn is_local(&self) -> bool {
            self.local
        }

        fn stands_for(&self) -> Option<ConsumerId> {
            self.stands_for.map(ConsumerId::from_bits)
        }
    }

    fn roster(of: impl IntoIterator<Item = One>) -> Roster<Rc<One>> {
        let mut roster = Roster::default();
        of.into_iter().for_each(|one| roster.add(one.id, Rc::new(one)));
        roster
    }

    impl Candidate for Rc<One> {
        fn load(&self) -> usize {
            One::load(self)
        }

        fn is_local(&self) -> bool {
            One::is_local(self)
        }

        fn stands_for(&self) -> Option<ConsumerId> {
            One::stands_for(self)
        }
    }

    fn steady(id: u64) -> One {
        One { id, load: Cell::new(0), room: true, local: true, stands_for: None }
    }

    /// Who gets it, if anybody has room; negative if it waits there.
    fn chosen(roster: &Roster<Rc<One>>, policy: RoutePolicy, turn: &Turn, key: Option<u64>) -> i64 {
        let mut chosen = 0;
        let offer = |one: &Rc<One>, patience| {
            match patience {
                Patience::Room if one.room => chosen = one.id as i64,
                Patience::Room => return Offered::Full,
                Patience::Policy => chosen = -(one.id as i64),
            }
            Offered::Taken
        };
        choose(roster, policy, turn, key.map(|key| Key::of(&key)), offer);
        chosen
    }

    proptest! {
        #[test]
        fn when_one_leaves_only_its_keys_move(
            ids in prop::collection::btree_set(1..1_000_u64, 2..20),
            leaves in any::<prop::sample::Index>(),
        ) {
            let turn = Turn::default();
            let before = roster(ids.iter().copied().map(steady));
            let gone = *leaves.get(&ids.iter().copied().collect::<Vec<_>>());
            let mut after = before.clone();
            after.remove(gone);
            for policy in [RoutePolicy::ByKey, RoutePolicy::LocalFirst] {
                for key in 0..200 {
                    let was = chosen(&before, policy, &turn, Some(key));
                    let is = chosen(&after, policy, &turn, Some(key));
                    prop_assert_eq!(was, chosen(&before, policy, &turn, Some(key)), "the same key, the same one");
                    if was == gone as i64 {
                        prop_assert_ne!(is, was);
                    } else {
                        prop_assert_eq!(is, was);
                    }
                }
            }
        }

        #[test]
        fn the_least_loaded_gets_it_and_loads_grow_together(loads in prop::collection::vec(0..5_usize, 1..10)) {
            let turn = Turn::default();
            let all = roster((1..).zip(&loads).map(|(id, load)| One { load: Cell::new(*load), ..steady(id) }));
            for _ in 0..100 {
                let least = all.iter().map(|one| one.load()).min().unwrap();
                let id = chosen(&all, RoutePolicy::LeastLoaded, &turn, Some(7));
                let one = all.iter().find(|one| one.id as i64 == id).unwrap();
                prop_assert_eq!(one.load(), least);
                one.load.set(least + 1);
            }
            let (least, most) = (all.iter().map(|one| one.load()).min(), all.iter().map(|one| one.load()).max());
            prop_assert!(most.unwrap() - least.unwrap() <= 1);
        }
    }

    #[test]
    fn keys_are_spread_evenly() {
        let all = roster((1..=4).map(steady));
        let mut counts: HashMap<i64, usize> = HashMap::new();
        for key in 0..4_000 {
            *counts.entry(chosen(&all, RoutePolicy::ByKey, &Turn::default(), Some(key))).or_default() += 1;
        }
        assert!(counts.values().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_key_goes_to_the_same_one_whichever_router_chooses() {
        // Three consumers on two routers, each of which has places for those of the other.
        let place = |id, stands_for| One { local: false, stands_for: Some(stands_for), ..steady(id) };
        let one = roster([steady(100), place(101, 900), place(102, 901)]);
        let other = roster([place(899, 100), steady(900), steady(901)]);
        let who = |roster: &Roster<Rc<One>>, key| {
            let chosen = chosen(roster, RoutePolicy::ByKey, &Turn::default(), Some(key)) as u64;
            let one = roster.iter().find(|one| one.id == chosen).unwrap();
            one.stands_for.unwrap_or(chosen)
        };
        for key in 0..500 {
            assert_eq!(who(&one, key), who(&other, key));
        }
    }

    #[test]
    fn equally_loaded_ones_take_turns() {
        let (all, turn) = (roster((1..=3).map(steady)), Turn::default());
        let order: Vec<_> = (0..6).map(|_| chosen(&all, RoutePolicy::LeastLoaded, &turn, None)).collect();
        assert_eq!(order, [1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn those_behind_a_link_are_asked_when_all_here_are_full() {
        let (turn, far) = (Turn::default(), |id| One { local: false, ..steady(id) });
        let all = roster([far(1), steady(2), far(3)]);
        for key in [None, Some(1), Some(2), Some(3)] {
            assert_eq!(chosen(&all, RoutePolicy::LocalFirst, &turn, key), 2);
        }
        let all = roster([far(1), One { room: false, ..steady(2) }]);
        assert_eq!(chosen(&all, RoutePolicy::LocalFirst, &turn, None), 1);
        assert_eq!(chosen(&all, RoutePolicy::LocalFirst, &turn, Some(1)), -2, "a key waits for its own");
        let all = roster([far(1)]);
        assert_eq!(chosen(&all, RoutePolicy::LocalFirst, &turn, Some(1)), 1);
        let all = roster([far(1), steady(2), far(3)]);
        let order: Vec<_> = (0..3).map(|_| chosen(&all, RoutePolicy::RoundRobin, &turn, Some(1))).collect();
        assert!((1..=3).all(|id| order.contains(&id)), "{order:?}");
    }

    #[test]
    fn one_that_leaves_after_it_was_full_is_passed_over() {
        let (turn, all) = (Turn::default(), roster([steady(1), steady(2)]));
        for (policy, key) in [(RoutePolicy::RoundRobin, None), (RoutePolicy::ByKey, Some(Key::of("tea")))] {
            let (left, mut chosen) = (Cell::new(None), None);
            let offer = |one: &Rc<One>, patience| match patience {
                _ if left.get() == Some(one.id) => Offered::Gone,
                Patience::Room => Offered::Full,
                Patience::Policy if left.get().is_none() => {
                    left.set(Some(one.id));
                    Offered::Gone
                }
                Patience::Policy => {
                    chosen = Some(one.id);
                    Offered::Taken
                }
            };
            assert!(choose(&all, policy, &turn, key, offer), "{policy:?}");
            assert!(chosen.is_some() && chosen != left.get(), "{policy:?}");
        }
    }

    #[test]
    fn a_full_one_is_passed_over_unless_the_key_is_its_own() {
        let (turn, full) = (Turn::default(), |id| One { room: false, ..steady(id) });
        let all = roster([full(1), steady(2)]);
        for policy in
            [RoutePolicy::LocalFirst, RoutePolicy::RoundRobin, RoutePolicy::LeastLoaded, RoutePolicy::ByKey]
        {
            assert!((0..4).all(|_| chosen(&all, policy, &turn, None) == 2), "{policy:?}");
        }
        assert!((0..50).any(|key| chosen(&all, RoutePolicy::ByKey, &turn, Some(key)) == -1));
        let all = roster([full(1), full(2)]);
        assert!(chosen(&all, RoutePolicy::LeastLoaded, &turn, None) < 0);
    }
}
