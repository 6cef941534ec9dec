use std::collections::BTreeMap;

use crate::violation::Violation;
use crate::wire::{Interest, Mismatch, Role, Schema};

/// What the other end consumes.
#[derive(Debug)]
pub(crate) struct Wanted {
    theirs: BTreeMap<Interest, Theirs>,
    /// The lowest number that has not been used.
    next: u32,
    /// How many interests the other end may announce.
    limit: u32,
}

#[derive(Debug)]
struct Theirs {
    schema: Schema,
    /// It is another event here: it does not travel.
    differs: bool,
}

impl Wanted {
    pub(crate) fn new(limit: u32) -> Self {
        Self { theirs: BTreeMap::new(), next: 0, limit }
    }

    pub(crate) fn announced(&mut self, interest: Interest, schema: Schema) -> Result<(), Violation> {
        if interest.0 < self.next {
            return Err(Violation::InterestReused { number: interest.0, next: self.next });
        }
        if self.theirs.len() >= self.limit as usize {
            return Err(Violation::TooMany { what: "interests", limit: self.limit });
        }
        self.next =
            interest.0.checked_add(1).ok_or(Violation::TooMany { what: "interests", limit: u32::MAX })?;
        self.theirs.insert(interest, Theirs { schema, differs: false });
        Ok(())
    }

    /// Whether it was announced.
    pub(crate) fn withdrawn(&mut self, interest: Interest) -> bool {
        self.theirs.remove(&interest).is_some()
    }

    /// Whether it is announced.
    pub(crate) fn is_announced(&self, interest: Interest) -> bool {
        self.theirs.contains_key(&interest)
    }

    /// It is another event here, and does not travel.
    pub(crate) fn differs(&mut self, interest: Interest, ours: Schema) -> Option<Mismatch> {
        let theirs = self.theirs.get_mut(&interest)?;
        theirs.differs = true;
        Some(Mismatch { ours, theirs: theirs.schema.clone() })
    }

    /// Whether something may be sent to it, as one of those.
    pub(crate) fn wants(&self, interest: Interest, roles: &[Role]) -> bool {
        self.theirs
            .get(&interest)
            .is_some_and(|theirs| !theirs.differs && roles.contains(&theirs.schema.role))
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
    fn what_was_announced_is_wanted_as_that_until_it_is_withdrawn() {
        let mut wanted = Wanted::new(8);
        assert!(!wanted.wants(Interest(3), &[Role::Subscriber]));
        wanted.announced(Interest(3), schema("a", 1)).unwrap();
        assert!(wanted.wants(Interest(3), &[Role::Observer, Role::Subscriber]));
        assert!(!wanted.wants(Interest(3), &[Role::Responder]));
        assert!(wanted.withdrawn(Interest(3)) && !wanted.withdrawn(Interest(3)));
        assert!(!wanted.wants(Interest(3), &[Role::Subscriber]));
    }

    #[test]
    fn another_version_is_a_mismatch_that_names_both_and_stops_that_event_alone() {
        let mut wanted = Wanted::new(8);
        wanted.announced(Interest(0), schema("a", 2)).unwrap();
        wanted.announced(Interest(1), schema("b", 1)).unwrap();
        let text = wanted.differs(Interest(0), schema("a", 1)).unwrap().to_string();
        assert!(text.contains("here version 1") && text.contains("there version 2"), "{text}");
        assert!(!wanted.wants(Interest(0), &[Role::Subscriber]));
        assert!(wanted.wants(Interest(1), &[Role::Subscriber]));
    }

    #[test]
    fn numbers_are_not_given_twice_and_not_more_than_the_limit() {
        let mut wanted = Wanted::new(1);
        wanted.announced(Interest(0), schema("a", 1)).unwrap();
        let again = wanted.announced(Interest(0), schema("b", 1));
        assert_eq!(again, Err(Violation::InterestReused { number: 0, next: 1 }));
        let beyond = wanted.announced(Interest(1), schema("b", 1));
        assert_eq!(beyond, Err(Violation::TooMany { what: "interests", limit: 1 }));
    }
}
