use std::sync::Arc;

use super::{Consumer, Interest, Mismatch, Role, Schema};
use crate::numbers::ByNumber;
use crate::violation::Violation;
use crate::wire::Learned;

/// What another router consumes.
#[derive(Debug)]
pub(crate) struct Wanted {
    theirs: ByNumber<Interest, Theirs>,
    /// The lowest number that has not been used.
    next: u32,
    /// How many interests there may be.
    limit: u32,
    /// Counts the connections over which all was said anew.
    edition: u32,
}

#[derive(Debug)]
struct Theirs {
    schema: Arc<Schema>,
    group: Option<Arc<str>>,
    load: u32,
    role: Role,
    /// It is another event here: it does not travel.
    differs: bool,
    edition: u32,
}

/// What follows from a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Wanted {
        interest: Interest,
        schema: Arc<Schema>,
        group: Option<Arc<str>>,
        consumer: Consumer,
    },
    /// It is not wanted any more.
    Unwanted {
        interest: Interest,
    },
    Load {
        interest: Interest,
        load: u32,
    },
    /// All has been said that there was when the connection began.
    Complete,
}

impl Wanted {
    pub(crate) fn new(limit: u32) -> Self {
        Self { theirs: ByNumber::default(), next: 0, limit, edition: 0 }
    }

    /// Another connection: all will be said again, and what is not said is not wanted any more.
    pub(crate) fn begin(&mut self) {
        self.edition += 1;
    }

    /// Takes in a change.
    pub(crate) fn hear(&mut self, learned: Learned) -> Result<Vec<Heard>, Violation> {
        let heard = match learned {
            Learned::Announced { interest, schema, group, consumer } => {
                self.announced(interest, schema, group, consumer)?
            }
            Learned::Withdrawn { interest } => {
                self.theirs.remove(&interest).map(|_| Heard::Unwanted { interest })
            }
            Learned::Loaded { interest, load } => self.loaded(interest, load),
            Learned::Complete => return Ok(self.complete()),
            // A switch denies interests of the one it speaks to, and of nobody else.
            Learned::Denied { .. } => {
                let when = "about interests of another";
                return Err(Violation::Unexpected { frame: "denied", when });
            }
        };
        Ok(heard.into_iter().collect())
    }

    fn announced(
        &mut self,
        interest: Interest,
        schema: Arc<Schema>,
        group: Option<Arc<str>>,
        consumer: Consumer,
    ) -> Result<Option<Heard>, Violation> {
        let edition = self.edition;
        if let Some(known) = self.theirs.get_mut(&interest)
            && known.edition != edition
        {
            known.edition = edition;
            if known.schema == schema && known.group == group {
                return Ok(self.loaded(interest, consumer.load));
            }
            return Err(Violation::InterestReused { number: interest.0, next: self.next });
        }
        if interest.0 < self.next {
            return Err(Violation::InterestReused { number: interest.0, next: self.next });
        }
        if self.theirs.len() >= self.limit as usize {
            return Err(Violation::TooMany { what: "interests", limit: self.limit });
        }
        self.next =
            interest.0.checked_add(1).ok_or(Violation::TooMany { what: "interests", limit: u32::MAX })?;
        let heard = Heard::Wanted { interest, schema: Arc::clone(&schema), group: group.clone(), consumer };
        let (role, load) = (schema.role, consumer.load);
        self.theirs.insert(interest, Theirs { schema, group, load, role, differs: false, edition });
        Ok(Some(heard))
    }

    /// It is another event here, and does not travel.
    pub(crate) fn differs(&mut self, interest: Interest, ours: Schema) -> Option<Mismatch> {
        let theirs = self.theirs.get_mut(&interest)?;
        theirs.differs = true;
        Some(Mismatch { ours, theirs: Schema::clone(&theirs.schema) })
    }

    fn loaded(&mut self, interest: Interest, load: u32) -> Option<Heard> {
        let theirs = self.theirs.get_mut(&interest)?;
        let changed = std::mem::replace(&mut theirs.load, load) != load;
        changed.then_some(Heard::Load { interest, load })
    }

    /// What was not said again is not wanted any more.
    fn complete(&mut self) -> Vec<Heard> {
        let edition = self.edition;
        let gone = self.theirs.extract_if(|_, theirs| theirs.edition != edition);
        let mut gone: Vec<_> = gone.map(|(interest, _)| interest).collect();
        gone.sort_unstable();
        let heard = gone.into_iter().map(|interest| Heard::Unwanted { interest });
        heard.chain([Heard::Complete]).collect()
    }

    /// The other router is gone, and with it all that it wanted.
    pub(crate) fn clear(&mut self) -> Vec<Heard> {
        let mut gone: Vec<_> = self.theirs.drain().map(|(id, _)| id).collect();
        gone.sort_unstable();
        *self = Self::new(self.limit);
        gone.into_iter().map(|interest| Heard::Unwanted { interest }).collect()
    }

    /// Whether something may be sent to it, as that.
    #[inline]
    pub(crate) fn wants(&self, interest: Interest, role: Role) -> bool {
        self.theirs.get(&interest).is_some_and(|theirs| !theirs.differs && theirs.role == role)
    }

    /// Whether notifications are wanted under a number, or answers.
    #[inline]
    pub(crate) fn listens(&self, interest: Interest) -> bool {
        self.theirs
            .get(&interest)
            .is_some_and(|theirs| !theirs.differs && matches!(theirs.role, Role::Subscriber | Role::Observer))
    }

    /// What it is that is wanted under a number, and by which group.
    pub(crate) fn find(&self, interest: Interest) -> Option<(&Arc<Schema>, Option<&Arc<str>>)> {
        let theirs = self.theirs.get(&interest).filter(|theirs| !theirs.differs)?;
        Some((&theirs.schema, theirs.group.as_ref()))
    }

    /// Under which number the same is wanted by the same group.
    pub(crate) fn number(&self, schema: &Schema, group: Option<&str>) -> Option<Interest> {
        let same = self.theirs.iter().filter(|(_, theirs)| {
            !theirs.differs && *theirs.schema == *schema && theirs.group.as_deref() == group
        });
        same.map(|(interest, _)| *interest).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(name: &str, version: u32) -> Arc<Schema> {
        Arc::new(Schema {
            name: name.to_owned(),
            version,
            role: Role::Subscriber,
            codec: "postcard".to_owned(),
            shapes: Vec::new(),
        })
    }

    fn announce(number: u32, schema: Arc<Schema>) -> Learned {
        Learned::Announced {
            interest: Interest(number),
            schema,
            group: None,
            consumer: Consumer::own(None, 7),
        }
    }

    #[test]
    fn what_was_announced_is_wanted_as_that_until_it_is_withdrawn() {
        let mut wanted = Wanted::new(8);
        assert!(!wanted.wants(Interest(3), Role::Subscriber));
        let heard = wanted.hear(announce(3, schema("a", 1))).unwrap();
        let (interest, group, consumer) = (Interest(3), None, Consumer::own(None, 7));
        assert_eq!(heard, [Heard::Wanted { interest, schema: schema("a", 1), group, consumer }]);
        assert!(wanted.wants(Interest(3), Role::Subscriber));
        assert!(!wanted.wants(Interest(3), Role::Responder));
        let withdrawn = wanted.hear(Learned::Withdrawn { interest });
        assert_eq!(withdrawn, Ok(vec![Heard::Unwanted { interest }]));
        assert!(!wanted.wants(Interest(3), Role::Subscriber));
    }

    #[test]
    fn another_version_is_a_mismatch_that_names_both_and_stops_that_event_alone() {
        let mut wanted = Wanted::new(8);
        wanted.hear(announce(0, schema("a", 2))).unwrap();
        wanted.hear(announce(1, schema("b", 1))).unwrap();
        let text = wanted.differs(Interest(0), Schema::clone(&schema("a", 1))).unwrap().to_string();
        assert!(text.contains("here version 1") && text.contains("there version 2"), "{text}");
        assert!(!wanted.wants(Interest(0), Role::Subscriber));
        assert!(wanted.wants(Interest(1), Role::Subscriber));
    }

    #[test]
    fn numbers_are_not_given_twice_and_not_more_than_the_limit() {
        let mut wanted = Wanted::new(1);
        wanted.hear(announce(0, schema("a", 1))).unwrap();
        let again = wanted.hear(announce(0, schema("b", 1)));
        assert_eq!(again, Err(Violation::InterestReused { number: 0, next: 1 }));
        let beyond = wanted.hear(announce(1, schema("b", 1)));
        assert_eq!(beyond, Err(Violation::TooMany { what: "interests", limit: 1 }));
    }

    #[test]
    fn over_another_connection_the_same_is_nothing_new_and_what_is_missing_is_not_wanted() {
        let mut wanted = Wanted::new(8);
        for (number, name) in [(0, "a"), (1, "b")] {
            wanted.hear(announce(number, schema(name, 1))).unwrap();
        }
        wanted.begin();
        assert_eq!(wanted.hear(announce(1, schema("b", 1))), Ok(vec![]));
        assert!(wanted.wants(Interest(0), Role::Subscriber), "it may still be said");
        let heard = wanted.hear(Learned::Complete).unwrap();
        assert_eq!(heard, [Heard::Unwanted { interest: Interest(0) }, Heard::Complete]);
        // Its numbers hold for as long as it lives.
        wanted.begin();
        let reused = wanted.hear(announce(1, schema("a", 1)));
        assert!(matches!(reused, Err(Violation::InterestReused { .. })));
    }
}
