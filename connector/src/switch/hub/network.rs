use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use edri_event::RouterId;
use edri_link::wire::{
    Change, Consumer, Departure, Frame, Interest, Learned, Learner, Left, Lexicon, Permit, Role, Schema,
    write,
};
use parking_lot::{Mutex, RwLock};

use super::member::{Member, Newcomer};
use super::outgoing::{NumberHasher, Order};
use super::view::{Kept, Said, View, in_frames};
use super::violation::Violation;
use crate::switch::settings::{SwitchLimits, Verb};

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

#[derive(Debug, Default)]
struct State {
    members: BTreeMap<u32, Announced>,
    routers: HashMap<RouterId, u32>,
    lexicon: Lexicon,
    /// How many interests there are in each of the lexicon's schemas.
    types: HashMap<u32, u32>,
    /// How many numbers the lexicon has given to schemas and to groups.
    numbers: Numbers,
    /// What they take in the dictionaries of routers.
    weights: [Weights; 2],
    interests: usize,
    views: HashMap<Permit, Kept>,
    /// Loads that have changed since everybody was told: the latest counts.
    loads: BTreeMap<(u32, Interest), u32>,
    /// It has been given up, since nobody was in it.
    abandoned: bool,
    /// There is something of which not everybody has been told.
    untold: bool,
}

/// What has been said of the numbers of a lexicon, in bytes: those who know it keep the last of each.
#[derive(Debug, Default)]
struct Weights {
    of: Vec<u32>,
    all: usize,
}

impl Weights {
    /// How much there would be if a number meant something of this weight.
    fn with(&self, number: u32, weight: usize) -> usize {
        self.all + weight - self.of.get(number as usize).map_or(0, |before| *before as usize)
    }

    fn set(&mut self, number: u32, weight: usize) {
        self.all = self.with(number, weight);
        if self.of.len() <= number as usize {
            self.of.resize(number as usize + 1, 0);
        }
        self.of[number as usize] = u32::try_from(weight).unwrap_or(u32::MAX);
    }
}

/// How many numbers a lexicon has given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    pub(super) schemas: u32,
    pub(super) groups: u32,
}

/// A member, with what it consumes.
#[derive(Debug)]
pub(super) struct Announced {
    member: Arc<Member>,
    interests: BTreeMap<Interest, Consumed>,
    /// The lowest number that it may use next.
    next: u32,
    complete: bool,
}

#[derive(Debug)]
struct Consumed {
    schema: Arc<Schema>,
    number: u32,
    group: Option<u32>,
    consumer: Consumer,
}

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
        for kept in views.values() {
            kept.view.tell(number, &announced.introduction());
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
            kept.left(number);
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

impl State {
    fn learn(
        &mut self,
        member: &Member,
        learned: Learned,
        limits: &SwitchLimits,
        said: &mut Vec<Said>,
        denied: &mut Vec<Change>,
    ) -> Result<(), Violation> {
        let number = member.number;
        // It has been removed, and its connection does not know yet.
        let Some(announced) = self.members.get_mut(&number) else { return Ok(()) };
        match learned {
            Learned::Announced { interest, schema, group, consumer } => {
                if interest.number() < announced.next {
                    let next = announced.next;
                    return Err(Violation::InterestReused { number: interest.number(), next });
                }
                announced.next = interest.number().saturating_add(1);
                if announced.interests.len() >= limits.interests as usize {
                    return Err(Violation::TooManyInterests { limit: limits.interests });
                }
                let verb = match schema.role {
                    Role::Responder | Role::Acceptor => Verb::Answer,
                    _ => Verb::Subscribe,
                };
                if !member.newcomer.rights.allow(verb, &schema.name) {
                    let reason =
                        format!("the switch's access list does not let it {} {}", verb.name(), schema.name);
                    deny(member, interest, reason, denied);
                    return Ok(());
                }
                let schema_number = self.lexicon.hold_schema(&schema);
                let uses = self.types.entry(schema_number).or_default();
                *uses += 1;
                if *uses == 1 && self.types.len() > limits.types as usize {
                    self.types.remove(&schema_number);
                    self.lexicon.release_schema(schema_number);
                    let reason = format!("the network knows {} types of event, and no more", limits.types);
                    deny(member, interest, reason, denied);
                    return Ok(());
                }
                let weight = schema.weight() + Learner::AROUND;
                let group_weight = group.as_ref().map_or(0, |group| group.len() + Learner::AROUND);
                let group = group.map(|group| self.lexicon.hold_group(&group));
                let all = self.weights[0].with(schema_number, weight)
                    + group.map_or(self.weights[1].all, |group| self.weights[1].with(group, group_weight));
                if all > Learner::OF_A_NETWORK {
                    self.release(&Consumed { schema, number: schema_number, group, consumer });
                    let reason = format!(
                        "the names of the network's events take {all} bytes: expected at most {}",
                        Learner::OF_A_NETWORK
                    );
                    deny(member, interest, reason, denied);
                    return Ok(());
                }
                self.weights[0].set(schema_number, weight);
                if let Some(group) = group {
                    self.weights[1].set(group, group_weight);
                }
                self.numbers.schemas = self.numbers.schemas.max(schema_number + 1);
                self.numbers.groups = self.numbers.groups.max(group.map_or(0, |group| group + 1));
                said.push(Said::Announced {
                    interest,
                    schema: Arc::clone(&schema),
                    number: schema_number,
                    group,
                    consumer,
                });
                announced
                    .interests
                    .insert(interest, Consumed { schema, number: schema_number, group, consumer });
                self.interests += 1;
            }
            Learned::Withdrawn { interest } => {
                let Some(consumed) = announced.interests.remove(&interest) else { return Ok(()) };
                self.interests -= 1;
                self.loads.remove(&(number, interest));
                self.release(&consumed);
                // What nobody has been told of is not withdrawn. Its number may mean something else by now.
                let untold = said.iter().position(|said| said.announces(interest));
                match untold {
                    Some(index) => drop(said.remove(index)),
                    None => said.push(Said::Changed {
                        change: Change::Withdraw { interest },
                        schema: consumed.schema,
                    }),
                }
            }
            Learned::Loaded { interest, load } => {
                if let Some(consumed) = announced.interests.get_mut(&interest)
                    && consumed.consumer.load != load
                {
                    consumed.consumer.load = load;
                    self.loads.insert((number, interest), load);
                    self.untold = true;
                }
            }
            Learned::Complete => {
                announced.complete = true;
                said.push(Said::Complete);
            }
            // Nobody but a switch denies anything.
            Learned::Denied { .. } => {
                return Err(Violation::Unexpected { frame: "denied", when: "from a router" });
            }
        }
        Ok(())
    }

    fn release(&mut self, consumed: &Consumed) {
        self.lexicon.release_schema(consumed.number);
        if let Some(group) = consumed.group {
            self.lexicon.release_group(group);
        }
        if let Some(uses) = self.types.get_mut(&consumed.number) {
            *uses -= 1;
            if *uses == 0 {
                self.types.remove(&consumed.number);
            }
        }
    }

    fn say_loads(&mut self) {
        let mut of_one: Vec<Said> = Vec::new();
        let mut loads = std::mem::take(&mut self.loads).into_iter().peekable();
        while let Some(((number, interest), load)) = loads.next() {
            if let Some(consumed) =
                self.members.get(&number).and_then(|announced| announced.interests.get(&interest))
            {
                let schema = Arc::clone(&consumed.schema);
                of_one.push(Said::Changed { change: Change::Load { interest, load }, schema });
            }
            if loads.peek().is_none_or(|((next, _), _)| *next != number) {
                for kept in self.views.values_mut() {
                    kept.say(number, &of_one, &self.lexicon);
                }
                of_one.clear();
            }
        }
    }
}

fn deny(member: &Member, interest: Interest, reason: String, denied: &mut Vec<Change>) {
    let router = &member.newcomer.identity;
    tracing::warn!(network = router.network, router = router.name, id = %router.router, "an interest is not passed on: {reason}");
    member.sent.denied.fetch_add(1, Ordering::Relaxed);
    denied.push(Change::Denied { interest, reason });
}

impl Announced {
    fn new(member: Arc<Member>) -> Self {
        Self { member, interests: BTreeMap::new(), next: 0, complete: false }
    }

    fn introduction(&self) -> Frame {
        let newcomer = &self.member.newcomer;
        Frame::Member(edri_link::wire::Member {
            member: self.member.number,
            version: newcomer.version,
            identity: newcomer.identity.clone(),
            features: newcomer.features,
            limits: newcomer.limits,
            permit: newcomer.permit.clone(),
        })
    }

    /// All that is to be said of it to those who have that view, but for what numbers mean.
    pub(super) fn record(&self, view: &View) -> Bytes {
        let mut bytes = Vec::new();
        write(&mut bytes, &self.introduction());
        let shown = self.interests.iter().filter(|(_, consumed)| view.shows(&consumed.schema));
        let announced = shown.map(|(interest, consumed)| Change::Announce {
            interest: *interest,
            schema: consumed.number,
            group: consumed.group,
            consumer: consumed.consumer,
        });
        let complete = self.complete.then_some(Change::Complete);
        let changes = announced.chain(complete).collect();
        in_frames(self.member.number, changes, |frame| write(&mut bytes, &frame));
        bytes.into()
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
