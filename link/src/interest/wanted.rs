use std::collections::{BTreeMap, HashMap};

use crate::violation::Violation;
use crate::wire::{Interest, Mismatch, Role, Schema};

/// What the other end consumes, matched with what this end may send.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// What this end may send.
    declared: HashMap<(String, Role), Schema>,
    /// What the other end consumes, whether or not this end has any of it.
    theirs: BTreeMap<Interest, Theirs>,
    /// The lowest number that has not been used.
    next: u32,
    /// How many interests the other end may announce.
    limit: u32,
}

#[derive(Debug)]
struct Theirs {
    schema: Schema,
    load: u32,
    matched: bool,
}

/// What follows from a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Something that this end may send is wanted.
    Wanted {
        interest: Interest,
        schema: Schema,
        load: u32,
    },
    /// It is not wanted any more.
    Unwanted {
        interest: Interest,
    },
    Load {
        interest: Interest,
        load: u32,
    },
    /// The other end announced an event that is another one here: it has to be told.
    Differs {
        interest: Interest,
        mismatch: Mismatch,
    },
}

impl Wanted {
    pub(crate) fn new(limit: u32) -> Self {
        Self { declared: HashMap::new(), theirs: BTreeMap::new(), next: 0, limit }
    }

    /// This end may send it from here on; what the other end has announced already is gone through.
    pub(crate) fn declare(&mut self, schema: Schema) -> Vec<Heard> {
        let key = (schema.name.clone(), schema.role);
        self.declared.insert(key, schema.clone());
        let waiting = self.theirs.iter_mut().filter(|(_, theirs)| {
            !theirs.matched && theirs.schema.name == schema.name && theirs.schema.role == schema.role
        });
        waiting.map(|(interest, theirs)| theirs.compare(*interest, &schema)).collect()
    }

    pub(crate) fn announced(
        &mut self,
        interest: Interest,
        schema: Schema,
        load: u32,
    ) -> Result<Option<Heard>, Violation> {
        if interest.0 < self.next {
            return Err(Violation::InterestReused { number: interest.0, next: self.next });
        }
        if self.theirs.len() >= self.limit as usize {
            return Err(Violation::TooMany { what: "interests", limit: self.limit });
        }
        self.next =
            interest.0.checked_add(1).ok_or(Violation::TooMany { what: "interests", limit: u32::MAX })?;
        let mut theirs = Theirs { schema, load, matched: false };
        let key = (theirs.schema.name.clone(), theirs.schema.role);
        let heard = self.declared.get(&key).map(|ours| theirs.compare(interest, ours));
        self.theirs.insert(interest, theirs);
        Ok(heard)
    }

    pub(crate) fn withdrawn(&mut self, interest: Interest) -> Option<Heard> {
        let theirs = self.theirs.remove(&interest)?;
        theirs.matched.then_some(Heard::Unwanted { interest })
    }

    pub(crate) fn loaded(&mut self, interest: Interest, load: u32) -> Option<Heard> {
        let theirs = self.theirs.get_mut(&interest)?;
        theirs.load = load;
        theirs.matched.then_some(Heard::Load { interest, load })
    }

    /// Whether something may be sent to it, as that.
    pub(crate) fn wants(&self, interest: Interest, role: Role) -> bool {
        self.theirs.get(&interest).is_some_and(|theirs| theirs.matched && theirs.schema.role == role)
    }
}

impl Theirs {
    fn compare(&mut self, interest: Interest, ours: &Schema) -> Heard {
        if self.schema == *ours {
            self.matched = true;
            Heard::Wanted { interest, schema: ours.clone(), load: self.load }
        } else {
            let mismatch = Mismatch { ours: ours.clone(), theirs: self.schema.clone() };
            Heard::Differs { interest, mismatch }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(name: &str, version: u32) -> Schema {
        Schema {
            name: name.to_owned(),
            version,
            role: Role::Subscriber,
            codec: "postcard".to_owned(),
            shapes: Vec::new(),
        }
    }

    #[test]
    fn what_was_announced_before_it_was_declared_is_matched_then() {
        let mut wanted = Wanted::new(8);
        assert_eq!(wanted.announced(Interest(3), schema("a", 1), 7), Ok(None));
        assert!(!wanted.wants(Interest(3), Role::Subscriber));
        let heard = wanted.declare(schema("a", 1));
        assert_eq!(heard, [Heard::Wanted { interest: Interest(3), schema: schema("a", 1), load: 7 }]);
        assert!(wanted.wants(Interest(3), Role::Subscriber));
        assert!(!wanted.wants(Interest(3), Role::Responder));
        assert_eq!(wanted.withdrawn(Interest(3)), Some(Heard::Unwanted { interest: Interest(3) }));
    }

    #[test]
    fn another_version_is_a_mismatch_that_names_both_and_stops_that_event_alone() {
        let mut wanted = Wanted::new(8);
        wanted.declare(schema("a", 1));
        wanted.declare(schema("b", 1));
        let heard = wanted.announced(Interest(0), schema("a", 2), 0).unwrap();
        let Some(Heard::Differs { mismatch, .. }) = heard else { panic!("{heard:?}") };
        let text = mismatch.to_string();
        assert!(text.contains("here version 1") && text.contains("there version 2"), "{text}");
        assert!(!wanted.wants(Interest(0), Role::Subscriber));
        assert!(matches!(wanted.announced(Interest(1), schema("b", 1), 0), Ok(Some(Heard::Wanted { .. }))));
    }

    #[test]
    fn numbers_are_not_given_twice_and_not_more_than_the_limit() {
        let mut wanted = Wanted::new(1);
        wanted.announced(Interest(0), schema("a", 1), 0).unwrap();
        let again = wanted.announced(Interest(0), schema("b", 1), 0);
        assert_eq!(again, Err(Violation::InterestReused { number: 0, next: 1 }));
        let beyond = wanted.announced(Interest(1), schema("b", 1), 0);
        assert_eq!(beyond, Err(Violation::TooMany { what: "interests", limit: 1 }));
    }
}
