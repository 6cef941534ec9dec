use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use edri_event::RouterId;
use edri_link::wire::{Change, Interest, Learned, Learner, Lexicon, Permit, Role};

use super::announced::{Announced, Consumed};
use super::member::Member;
use super::view::{Kept, Said};
use super::violation::Violation;
use crate::switch::settings::{SwitchLimits, Verb};

/// Who is in a network, and who of them consumes what: everything that changes under its lock.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) members: BTreeMap<u32, Announced>,
    pub(super) routers: HashMap<RouterId, u32>,
    pub(super) lexicon: Lexicon,
    /// How many interests there are in each of the lexicon's schemas.
    pub(super) types: HashMap<u32, u32>,
    /// How many numbers the lexicon has given to schemas and to groups.
    pub(super) numbers: Numbers,
    /// What they take in the dictionaries of routers.
    weights: [Weights; 2],
    pub(super) interests: usize,
    pub(super) views: HashMap<Permit, Kept>,
    /// Loads that have changed since everybody was told: the latest counts.
    pub(super) loads: BTreeMap<(u32, Interest), u32>,
    /// It has been given up, since nobody was in it.
    pub(super) abandoned: bool,
    /// There is something of which not everybody has been told.
    pub(super) untold: bool,
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

impl State {
    /// Takes in a change of what a member consumes. What others are to be told is added to `said`, and what itself is to
    /// `denied`.
    pub(super) fn learn(
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

    pub(super) fn release(&mut self, consumed: &Consumed) {
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

    pub(super) fn say_loads(&mut self) {
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
    // The first is enough to see that something is wrong; the status has the count.
    if member.sent.denied.fetch_add(1, Ordering::Relaxed) == 0 {
        tracing::warn!(
            network = router.network,
            router = router.name,
            id = %router.router,
            "an interest is not passed on: {reason}"
        );
    }
    denied.push(Change::Denied { interest, reason });
}
