use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use edri_link::wire::{Change, Departure, Frame, Learned, Left};
use parking_lot::{Mutex, RwLock};

use super::announced::Announced;
use super::member::{Member, Newcomer};
use super::outgoing::{NumberHasher, Order};
use super::state::State;
use super::view::Kept;
use super::violation::Violation;
use crate::switch::settings::SwitchLimits;

/// The routers of one network, and who of them consumes what. Nothing of it is seen from another.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) name: String,
    /// Who is there, for those who forward.
    pub(crate) table: RwLock<HashMap<u32, Arc<Member>, BuildHasherDefault<NumberHasher>>>,
    state: Mutex<State>,
    /// What the members that have left had to their account.
    pub(crate) gone: Gone,
}

/// Members by their numbers.
pub(super) type Table = HashMap<u32, Arc<Member>, BuildHasherDefault<NumberHasher>>;

/// Sums over those who have left.
#[derive(Debug, Default)]
pub(crate) struct Gone {
    pub(crate) relays_in: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) relays_out: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) dropped_bytes: AtomicU64,
    pub(crate) astray: AtomicU64,
    pub(crate) denied: AtomicU64,
    pub(crate) resent: AtomicU64,
}

/// A router that has just joined.
pub(crate) struct Joined {
    pub(crate) member: Arc<Member>,
    /// All that it is to be told first.
    pub(crate) snapshot: VecDeque<Bytes>,
}

/// Why a router cannot join.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotJoined {
    /// The network is being given up: ask for it again.
    Abandoned,
    /// Another connection is this router.
    Taken,
}

/// How much there is of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) members: usize,
    pub(crate) interests: usize,
    pub(crate) types: usize,
    /// Bytes of news that are kept until everybody has read them.
    pub(crate) log: u64,
}

impl Network {
    pub(crate) fn new(name: String) -> Self {
        Self { name, table: RwLock::default(), state: Mutex::default(), gone: Gone::default() }
    }

    /// A router joins, under a number that nobody had.
    pub(crate) fn join(&self, number: u32, newcomer: Newcomer) -> Result<Joined, NotJoined> {
        let mut state = self.state.lock();
        if state.abandoned {
            return Err(NotJoined::Abandoned);
        }
        let router = newcomer.identity.router;
        if let Some(before) = state.routers.get(&router).and_then(|before| state.members.get(before)) {
            let before = Arc::clone(&before.member);
            if !before.is_same(&newcomer) {
                // It may be dead, and nobody has noticed.
                before.order(Order::Prove);
                return Err(NotJoined::Taken);
            }
            let departure = if before.newcomer.identity.incarnation == newcomer.identity.incarnation {
                Departure::Replaced
            } else {
                Departure::Closed
            };
            self.remove(&mut state, before.number, departure);
            before.order(Order::Replaced);
        }
        let State { members, lexicon, numbers, views, .. } = &mut *state;
        let kept = views.entry(newcomer.permit.clone()).or_insert_with(|| Kept::new(newcomer.permit.clone()));
        kept.members += 1;
        let mut snapshot = VecDeque::new();
        kept.snapshot(members, lexicon, *numbers, &mut snapshot);
        let view = Arc::clone(&kept.view);
        let member = Arc::new(Member::new(number, newcomer, Arc::clone(&view), 0));
        let announced = Announced::new(Arc::clone(&member));
        let introduction = announced.introduction();
        for kept in views.values_mut() {
            kept.came(number, &introduction);
        }
        member.read.store(view.log.lock().here(), Ordering::Relaxed);
        state.members.insert(number, announced);
        state.routers.insert(router, number);
        state.untold = true;
        self.table.write().insert(number, Arc::clone(&member));
        Ok(Joined { member, snapshot })
    }

    /// A member has gone; nothing happens if it is known already.
    pub(crate) fn leave(&self, number: u32, departure: Departure) {
        let mut state = self.state.lock();
        self.remove(&mut state, number, departure);
    }

    fn remove(&self, state: &mut State, number: u32, departure: Departure) {
        let Some(announced) = state.members.remove(&number) else { return };
        self.table.write().remove(&number);
        for consumed in announced.interests.values() {
            state.release(consumed);
        }
        state.interests -= announced.interests.len();
        state.loads.retain(|(member, _), _| *member != number);
        let member = &announced.member;
        let router = member.newcomer.identity.router;
        if state.routers.get(&router) == Some(&number) {
            state.routers.remove(&router);
        }
        let permit = &member.newcomer.permit;
        if let Some(kept) = state.views.get_mut(permit) {
            kept.members -= 1;
            if kept.members == 0 {
                state.views.remove(permit);
            }
        }
        for kept in state.views.values_mut() {
            kept.forget(number);
            kept.view.tell(number, &Frame::Left(Left { member: number, departure }));
        }
        state.untold = true;
        self.gone.add(member);
    }

    /// Gives the network up if nobody is in it. Whether it is given up.
    pub(crate) fn abandon(&self) -> bool {
        let mut state = self.state.lock();
        state.abandoned |= state.members.is_empty();
        state.abandoned
    }

    /// What a member consumes changes. What it has to be told itself is added to `denied`.
    pub(crate) fn change(
        &self,
        member: &Member,
        changes: impl IntoIterator<Item = Learned>,
        limits: &SwitchLimits,
        denied: &mut Vec<Change>,
    ) -> Result<(), Violation> {
        let mut state = self.state.lock();
        let mut said = Vec::new();
        for learned in changes {
            state.learn(member, learned, limits, &mut said, denied)?;
        }
        if said.is_empty() {
            return Ok(());
        }
        let State { lexicon, views, untold, .. } = &mut *state;
        for kept in views.values_mut() {
            kept.say(member.number, &said, lexicon);
        }
        *untold = true;
        Ok(())
    }

    /// Wakes those who have not been told everything, and sees who is too far behind. How many members were woken.
    pub(crate) fn broadcast(&self, backlog: u64) -> usize {
        let mut state = self.state.lock();
        if !std::mem::take(&mut state.untold) {
            return 0;
        }
        state.say_loads();
        for kept in state.views.values() {
            kept.view.low.store(kept.view.log.lock().end(), Ordering::Relaxed);
        }
        let mut woken = 0;
        for announced in state.members.values() {
            let member = &announced.member;
            let (read, end) = (member.read.load(Ordering::Relaxed), member.view.log.lock().end());
            member.view.low.fetch_min(read, Ordering::Relaxed);
            if end - read > backlog {
                member.order(Order::TooFarBehind);
            } else if read < end {
                member.wake();
                woken += 1;
            }
        }
        for kept in state.views.values() {
            kept.view.log.lock().forget(kept.view.low.load(Ordering::Relaxed));
        }
        woken
    }

    pub(crate) fn sizes(&self) -> Sizes {
        let state = self.state.lock();
        Sizes {
            members: state.members.len(),
            interests: state.interests,
            types: state.types.len(),
            log: state.views.values().map(|kept| kept.view.log.lock().held()).sum(),
        }
    }

    /// How many interests each member has.
    pub(crate) fn interests(&self) -> HashMap<u32, usize> {
        let state = self.state.lock();
        state.members.iter().map(|(number, announced)| (*number, announced.interests.len())).collect()
    }

    pub(crate) fn members(&self) -> Vec<Arc<Member>> {
        self.state.lock().members.values().map(|announced| Arc::clone(&announced.member)).collect()
    }
}

impl Gone {
    fn add(&self, member: &Member) {
        let counts = member.outgoing.lock().counts;
        let sent = &member.sent;
        let add = |sum: &AtomicU64, more: u64| sum.fetch_add(more, Ordering::Relaxed);
        add(&self.relays_in, sent.relays.load(Ordering::Relaxed));
        add(&self.bytes_in, sent.bytes.load(Ordering::Relaxed));
        add(&self.relays_out, counts.relays);
        add(&self.bytes_out, counts.bytes);
        add(&self.dropped, counts.dropped);
        add(&self.dropped_bytes, counts.dropped_bytes);
        add(&self.astray, sent.astray.load(Ordering::Relaxed));
        add(&self.denied, sent.denied.load(Ordering::Relaxed));
        add(&self.resent, sent.resent.load(Ordering::Relaxed));
    }
}
