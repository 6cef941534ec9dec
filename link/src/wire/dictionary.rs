use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;
use std::sync::Arc;

use super::interest::{Change, Consumer, Interest, Schema};

/// The numbers of what is spoken of: events with all that they mean, and groups. Of whoever announces interests.
///
/// A number holds for as long as somebody [holds](Self::hold_schema) it, and is then given to something else. What of it has been
/// said in one connection is kept in a [`Told`], so that one lexicon serves many.
#[derive(Debug, Default)]
pub struct Lexicon {
    schemas: Numbers<Schema>,
    groups: Numbers<str>,
}

/// What of a [`Lexicon`] has been said in one direction of one connection.
#[derive(Debug, Default)]
pub struct Told {
    schemas: Vec<u32>,
    groups: Vec<u32>,
}

/// What the other end of a connection means by its numbers. Of whoever hears of interests.
#[derive(Debug)]
pub struct Learner {
    schemas: HashMap<u32, Arc<Schema>>,
    groups: HashMap<u32, Arc<str>>,
    bytes: usize,
    most_bytes: usize,
}

/// A change in what a router consumes, without numbers of a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is that of `Change`")]
pub enum Learned {
    /// It is consumed from here on.
    Announced { interest: Interest, schema: Arc<Schema>, group: Option<Arc<str>>, consumer: Consumer },
    /// It is consumed no longer.
    Withdrawn { interest: Interest },
    /// The consumer's load has changed.
    Loaded { interest: Interest, load: u32 },
    /// All has been said that there was when the connection began.
    Complete,
    /// A switch tells nobody of an interest.
    Denied { interest: Interest, reason: String },
}

/// What was said of interests breaks the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LexiconError {
    /// A number was used that means nothing.
    #[error("the {what} number {number} was used: expected one that was defined before, of {defined}")]
    Undefined {
        /// Which kind of number.
        what: &'static str,
        /// The number.
        number: u32,
        /// How many are defined.
        defined: usize,
    },
    /// Something is longer than anything may be that is spoken of.
    #[error("a {what} of {length} bytes was defined: expected at most {limit}")]
    TooLong {
        /// Which kind.
        what: &'static str,
        /// How long it is.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// All that is defined together takes more room than it may.
    #[error("the dictionary takes {bytes} bytes: expected at most {limit}")]
    TooLarge {
        /// How much it would take.
        bytes: usize,
        /// How much it may.
        limit: usize,
    },
}

impl Schema {
    /// How long it may be, in bytes, counted as [`weight`](Self::weight): a longer one cannot be spoken of.
    pub const LONGEST: usize = 4 * 1024;

    /// For how many bytes it counts: its texts, and 8 for each shape.
    pub fn weight(&self) -> usize {
        self.name.len() + self.codec.len() + size_of::<u64>() * self.shapes.len()
    }
}

/// How long the name of a group may be, in bytes.
const LONGEST_GROUP: usize = 1024;

#[derive(Debug)]
struct Numbers<T: ?Sized> {
    of: HashMap<Arc<T>, u32>,
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Entry<T: ?Sized> {
    value: Arc<T>,
    uses: usize,
    /// How often the number has been given.
    edition: u32,
}

impl Lexicon {
    /// The number of a schema; to be [released](Self::release_schema) as often as it was asked for.
    pub fn hold_schema(&mut self, schema: &Arc<Schema>) -> u32 {
        self.schemas.hold(schema)
    }

    /// The number is needed once less.
    pub fn release_schema(&mut self, number: u32) {
        self.schemas.release(number);
    }

    /// The number of a group; to be [released](Self::release_group) as often as it was asked for.
    pub fn hold_group(&mut self, group: &Arc<str>) -> u32 {
        self.groups.hold(group)
    }

    /// The number is needed once less.
    pub fn release_group(&mut self, number: u32) {
        self.groups.release(number);
    }

    /// What the schemas are of these numbers, as far as somebody holds them: for whoever says all of it.
    pub fn schemas(&self, numbers: Range<u32>) -> impl Iterator<Item = (u32, &Arc<Schema>)> {
        self.schemas.held(numbers)
    }

    /// What the groups are of these numbers, as far as somebody holds them.
    pub fn groups(&self, numbers: Range<u32>) -> impl Iterator<Item = (u32, &Arc<str>)> {
        self.groups.held(numbers)
    }

    /// What to say so that `interest` is announced where `told` has been said: what its numbers mean, unless that is known
    /// there, and then the announcement.
    pub fn announce(
        &self,
        told: &mut Told,
        interest: Interest,
        (schema, group): (u32, Option<u32>),
        consumer: Consumer,
        changes: &mut Vec<Change>,
    ) {
        if let Some(value) = self.schemas.untold(schema, &mut told.schemas) {
            changes.push(Change::Schema { number: schema, schema: Schema::clone(value) });
        }
        if let Some(number) = group
            && let Some(value) = self.groups.untold(number, &mut told.groups)
        {
            changes.push(Change::Group { number, name: value.to_string() });
        }
        changes.push(Change::Announce { interest, schema, group, consumer });
    }
}

impl<T: ?Sized + Hash + Eq> Numbers<T> {
    fn hold(&mut self, value: &Arc<T>) -> u32 {
        if let Some(number) = self.of.get(value) {
            self.entries[*number as usize].uses += 1;
            return *number;
        }
        let number = match self.free.pop() {
            Some(number) => {
                let entry = &mut self.entries[number as usize];
                *entry = Entry {
                    value: Arc::clone(value),
                    uses: 1,
                    edition: entry.edition.wrapping_add(1).max(1),
                };
                number
            }
            None => {
                self.entries.push(Entry { value: Arc::clone(value), uses: 1, edition: 1 });
                (self.entries.len() - 1) as u32
            }
        };
        self.of.insert(Arc::clone(value), number);
        number
    }

    fn release(&mut self, number: u32) {
        let Some(entry) = self.entries.get_mut(number as usize).filter(|entry| entry.uses > 0) else {
            return;
        };
        entry.uses -= 1;
        if entry.uses == 0 {
            self.of.remove(&entry.value);
            self.free.push(number);
        }
    }

    fn held(&self, numbers: Range<u32>) -> impl Iterator<Item = (u32, &Arc<T>)> {
        let end = (numbers.end as usize).min(self.entries.len());
        let entries = self.entries.get(numbers.start as usize..end).unwrap_or_default();
        let numbered = (numbers.start..).zip(entries);
        numbered.filter(|(_, entry)| entry.uses > 0).map(|(number, entry)| (number, &entry.value))
    }

    /// What a number means, if that has not been said; it counts as said.
    fn untold(&self, number: u32, told: &mut Vec<u32>) -> Option<&Arc<T>> {
        let entry = self.entries.get(number as usize)?;
        if told.len() <= number as usize {
            told.resize(number as usize + 1, 0);
        }
        let said = &mut told[number as usize];
        (std::mem::replace(said, entry.edition) != entry.edition).then_some(&entry.value)
    }
}

impl Learner {
    /// What a router lets the dictionary of a network take, in bytes: a switch speaks of no more.
    pub const OF_A_NETWORK: usize = 16 * 1024 * 1024;

    /// What an entry counts for beside its texts, in bytes.
    pub const AROUND: usize = 64;

    /// Knows nothing yet. What it learns takes `most_bytes` at most.
    pub fn new(most_bytes: usize) -> Self {
        Self { schemas: HashMap::new(), groups: HashMap::new(), bytes: 0, most_bytes }
    }

    /// Takes in a change; `None` if it was a definition.
    ///
    /// # Errors
    /// The other end breaks the protocol.
    pub fn learn(&mut self, change: Change) -> Result<Option<Learned>, LexiconError> {
        Ok(Some(match change {
            Change::Schema { number, schema } => {
                let weight = check("schema", schema.weight(), Schema::LONGEST)?;
                let before = self.schemas.get(&number).map_or(0, |before| before.weight() + Self::AROUND);
                self.count(weight + Self::AROUND, before)?;
                self.schemas.insert(number, Arc::new(schema));
                return Ok(None);
            }
            Change::Group { number, name } => {
                let length = check("group", name.len(), LONGEST_GROUP)?;
                let before = self.groups.get(&number).map_or(0, |before| before.len() + Self::AROUND);
                self.count(length + Self::AROUND, before)?;
                self.groups.insert(number, name.into());
                return Ok(None);
            }
            Change::Announce { interest, schema, group, consumer } => {
                let schema = known("schema", &self.schemas, schema)?;
                let group = group.map(|group| known("group", &self.groups, group)).transpose()?;
                Learned::Announced { interest, schema, group, consumer }
            }
            Change::Withdraw { interest } => Learned::Withdrawn { interest },
            Change::Load { interest, load } => Learned::Loaded { interest, load },
            Change::Complete => Learned::Complete,
            Change::Denied { interest, reason } => Learned::Denied { interest, reason },
        }))
    }

    fn count(&mut self, more: usize, less: usize) -> Result<(), LexiconError> {
        let bytes = self.bytes + more - less;
        if bytes > self.most_bytes {
            return Err(LexiconError::TooLarge { bytes, limit: self.most_bytes });
        }
        self.bytes = bytes;
        Ok(())
    }
}

fn check(what: &'static str, length: usize, limit: usize) -> Result<usize, LexiconError> {
    if length > limit { Err(LexiconError::TooLong { what, length, limit }) } else { Ok(length) }
}

fn known<T: ?Sized>(
    what: &'static str,
    table: &HashMap<u32, Arc<T>>,
    number: u32,
) -> Result<Arc<T>, LexiconError> {
    table.get(&number).cloned().ok_or(LexiconError::Undefined { what, number, defined: table.len() })
}

impl<T: ?Sized> Default for Numbers<T> {
    fn default() -> Self {
        Self { of: HashMap::new(), entries: Vec::new(), free: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::interest::Role;
    use super::*;

    fn schema(name: &str) -> Arc<Schema> {
        Arc::new(Schema {
            name: name.to_owned(),
            version: 1,
            role: Role::Subscriber,
            codec: "postcard".to_owned(),
            shapes: Vec::new(),
        })
    }

    #[test]
    fn what_a_number_means_is_said_once_in_a_connection() {
        let mut lexicon = Lexicon::default();
        let (a, workers) = (lexicon.hold_schema(&schema("a")), lexicon.hold_group(&"workers".into()));
        let (mut told, mut changes) = (Told::default(), Vec::new());
        lexicon.announce(&mut told, Interest(0), (a, Some(workers)), Consumer::default(), &mut changes);
        lexicon.announce(&mut told, Interest(1), (a, Some(workers)), Consumer::default(), &mut changes);
        let kinds: Vec<_> = changes.iter().map(std::mem::discriminant).collect();
        assert_eq!((kinds.len(), kinds[2]), (4, kinds[3]), "{changes:?}");
        let mut elsewhere = Vec::new();
        lexicon.announce(&mut Told::default(), Interest(0), (a, None), Consumer::default(), &mut elsewhere);
        assert_eq!(elsewhere.len(), 2);
    }

    #[test]
    fn a_number_that_nobody_needs_is_given_again_and_said_again() {
        let mut lexicon = Lexicon::default();
        let (mut told, mut learner) = (Told::default(), Learner::new(1_000));
        for round in 0..100 {
            let schema = schema(&format!("event {round}"));
            let number = lexicon.hold_schema(&schema);
            assert_eq!(number, 0);
            let mut changes = Vec::new();
            lexicon.announce(&mut told, Interest(round), (number, None), Consumer::default(), &mut changes);
            let learned: Vec<_> =
                changes.into_iter().filter_map(|change| learner.learn(change).unwrap()).collect();
            assert_eq!(
                learned,
                [Learned::Announced {
                    interest: Interest(round),
                    schema,
                    group: None,
                    consumer: Consumer::default()
                }]
            );
            lexicon.release_schema(number);
        }
    }

    #[test]
    fn all_that_is_held_can_be_said_at_once() {
        let mut lexicon = Lexicon::default();
        let numbers = ["a", "b", "c"].map(|name| lexicon.hold_schema(&schema(name)));
        lexicon.release_schema(numbers[1]);
        lexicon.hold_group(&"workers".into());
        let names = |range| lexicon.schemas(range).map(|(_, schema)| schema.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(0..64), ["a", "c"]);
        assert_eq!(names(1..2), [""; 0]);
        assert_eq!(names(64..128), [""; 0]);
        assert!(lexicon.groups(0..64).eq([(0, &"workers".into())]));
    }

    #[test]
    fn what_was_never_defined_is_an_error_that_says_so() {
        let announce =
            Change::Announce { interest: Interest(0), schema: 7, group: None, consumer: Consumer::default() };
        let error = Learner::new(1_000).learn(announce).unwrap_err();
        assert_eq!(error, LexiconError::Undefined { what: "schema", number: 7, defined: 0 });
    }

    #[test]
    fn a_dictionary_is_bounded_in_all_its_entries_and_in_each() {
        let mut learner = Learner::new(10_000);
        let long = Change::Schema { number: 0, schema: Schema::clone(&schema(&"x".repeat(5_000))) };
        assert!(matches!(learner.learn(long), Err(LexiconError::TooLong { what: "schema", .. })));
        let long = Change::Group { number: 0, name: "x".repeat(5_000) };
        assert!(matches!(learner.learn(long), Err(LexiconError::TooLong { what: "group", .. })));
        let name = |number: u32| Change::Group { number, name: "x".repeat(100) };
        (0..1_000).for_each(|_| assert_eq!(learner.learn(name(3)), Ok(None)));
        let refused = (0..1_000).find_map(|number| learner.learn(name(number)).err());
        assert!(matches!(refused, Some(LexiconError::TooLarge { limit: 10_000, .. })), "{refused:?}");
    }

    proptest! {
        /// Whatever is held, released and announced in two connections: both learn what was meant.
        #[test]
        fn what_is_learned_is_what_was_meant(
            steps in prop::collection::vec((0..6_usize, 0..3_usize, 0..3_usize, any::<bool>()), 1..100),
        ) {
            let mut lexicon = Lexicon::default();
            let mut connections = [0, 1].map(|_| (Told::default(), Learner::new(100_000)));
            let mut held = Vec::new();
            for (index, (name, group, connection, release)) in steps.into_iter().enumerate() {
                let schema = schema(&format!("event {name}"));
                let group: Option<Arc<str>> = (group > 0).then(|| format!("group {group}").into());
                let numbers = (lexicon.hold_schema(&schema), group.as_ref().map(|group| lexicon.hold_group(group)));
                let interest = Interest(index as u32);
                let (told, learner) = &mut connections[connection % 2];
                let mut changes = Vec::new();
                let consumer = Consumer::own(Some(index as u64), 7);
                lexicon.announce(told, interest, numbers, consumer, &mut changes);
                let mut learned = None;
                for change in changes {
                    learned = learner.learn(change).unwrap();
                }
                prop_assert_eq!(learned, Some(Learned::Announced { interest, schema, group, consumer }));
                held.push(numbers);
                if release {
                    let (schema, group) = held.swap_remove(name % held.len());
                    lexicon.release_schema(schema);
                    group.into_iter().for_each(|group| lexicon.release_group(group));
                }
            }
        }
    }
}
