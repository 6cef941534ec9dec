use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::wire::Schema;

/// What a destination consumes, as far as is known: now, or when it was there last.
#[derive(Default)]
pub(super) struct Wants {
    all: HashMap<Arc<Schema>, Want>,
    /// What has a number, which is never given to anything else.
    numbers: Vec<Arc<Schema>>,
    /// Until when that is waited for which it has not said again; nothing before all that it wanted when it connected is known.
    informed_until: Option<Instant>,
}

struct Want {
    number: u32,
    said: Said,
    is_on_route: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    /// It has said so, and nothing else since.
    Now,
    /// It said so before it was lost, or has taken it back. It is waited for until then, if it is there.
    Before { until: Option<Instant> },
}

/// What becomes of what is kept of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Now,
    /// It may be wanted soon, or is not any more.
    Perhaps,
    Never,
}

/// So many kinds of event are kept for a destination at most.
const MOST: usize = 1024;

impl Wants {
    /// It was wanted when the destination was there last. Its number, to be put on a route under.
    pub(super) fn remember(&mut self, schema: Schema) -> Option<u32> {
        self.add(schema, Said::Before { until: None }, true).map(|(number, _)| number)
    }

    /// It is wanted: under which number, and whether it is to be put on a route. Nothing if there is no room for more.
    pub(super) fn wanted(&mut self, schema: Schema) -> Option<(u32, bool)> {
        self.add(schema, Said::Now, true)
    }

    fn add(&mut self, schema: Schema, said: Said, is_on_route: bool) -> Option<(u32, bool)> {
        if let Some(want) = self.all.get_mut(&schema) {
            want.said = said;
            let was_on_route = want.is_on_route;
            want.is_on_route |= is_on_route;
            return Some((want.number, is_on_route && !was_on_route));
        }
        let known = self.numbers.iter().position(|known| **known == schema);
        let (number, schema) = match known {
            Some(number) => (number, Arc::clone(&self.numbers[number])),
            None if self.numbers.len() >= MOST => return None,
            None => {
                let schema = Arc::new(schema);
                self.numbers.push(Arc::clone(&schema));
                (self.numbers.len() - 1, schema)
            }
        };
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.all.insert(schema, Want { number, said, is_on_route });
        Some((number, is_on_route))
    }

    /// It is taken back, and waited for until then.
    pub(super) fn taken_back(&mut self, schema: &Schema, until: Instant) {
        if let Some(want) = self.all.get_mut(schema) {
            want.said = Said::Before { until: Some(until) };
        }
    }

    /// The destination is lost, or is there anew: what it wants it has yet to say.
    pub(super) fn begin(&mut self) {
        self.informed_until = None;
        self.all.values_mut().for_each(|want| want.said = Said::Before { until: None });
    }

    /// All that it wanted when it connected is known; what else it wanted before it may want soon.
    pub(super) fn informed(&mut self, until: Instant) {
        self.informed_until = Some(until);
        for want in self.all.values_mut() {
            if want.said == (Said::Before { until: None }) {
                want.said = Said::Before { until: Some(until) };
            }
        }
    }

    /// The destination cannot be reached for now: nothing is waited for until all that it wants is known again.
    pub(super) fn pause(&mut self) {
        self.informed_until = None;
        for want in self.all.values_mut() {
            if let Said::Before { until } = &mut want.said {
                *until = None;
            }
        }
    }

    /// Those that are not wanted any more, with the numbers they had.
    pub(super) fn forget(&mut self, now: Instant) -> Vec<(u32, Arc<Schema>)> {
        let is_over = |want: &Want| matches!(want.said, Said::Before { until: Some(until) } if until <= now);
        let gone = self.all.extract_if(|_, want| is_over(want));
        gone.map(|(schema, want)| (want.number, schema)).collect()
    }

    /// When the next is to be forgotten.
    pub(super) fn next_forgotten(&self) -> Option<Instant> {
        let until = |want: &Want| match want.said {
            Said::Before { until } => until,
            Said::Now => None,
        };
        self.all.values().filter_map(until).min()
    }

    /// What becomes of something that was kept. Of what is not known at all its destination was lost before that could be
    /// written down.
    pub(super) fn find(&mut self, schema: &Schema) -> Wanted {
        match self.all.get(schema).map(|want| want.said) {
            Some(Said::Now) => Wanted::Now,
            Some(Said::Before { .. }) => Wanted::Perhaps,
            None if self.numbers.iter().any(|known| **known == *schema) => Wanted::Never,
            None => {
                let until = self.informed_until;
                match self.add(schema.clone(), Said::Before { until }, false) {
                    Some(_) => Wanted::Perhaps,
                    None => Wanted::Never,
                }
            }
        }
    }

    /// What has that number.
    pub(super) fn schema(&self, number: u64) -> Option<&Arc<Schema>> {
        self.numbers.get(usize::try_from(number).ok()?)
    }

    pub(super) fn number(&self, schema: &Schema) -> Option<u32> {
        self.all.get(schema).map(|want| want.number)
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Schema> {
        self.all.keys().map(|schema| Schema::clone(schema)).collect()
    }

    /// Of all of them.
    pub(super) fn numbers(&self) -> Vec<u32> {
        self.all.values().map(|want| want.number).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wire::Role;

    fn schema(name: &str) -> Schema {
        let (name, codec) = (name.to_owned(), "postcard".to_owned());
        Schema { name, version: 1, role: Role::Subscriber, codec, shapes: Vec::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_wanted_is_waited_for_while_its_destination_is_there_and_kept_while_it_is_not() {
        let mut wants = Wants::default();
        let now = Instant::now();
        assert_eq!(wants.wanted(schema("a")), Some((0, true)));
        assert_eq!(wants.remember(schema("b")), Some(1));
        assert_eq!((wants.find(&schema("a")), wants.find(&schema("b"))), (Wanted::Now, Wanted::Perhaps));
        wants.informed(now + Duration::from_secs(60));
        let soon = now + Duration::from_secs(10);
        wants.taken_back(&schema("a"), soon);
        assert_eq!(wants.next_forgotten(), Some(soon));
        // It was about to stop.
        wants.pause();
        assert_eq!((wants.next_forgotten(), wants.forget(soon).len()), (None, 0));
        assert_eq!(wants.wanted(schema("a")), Some((0, false)));
        wants.informed(now + Duration::from_secs(60));
        let gone = wants.forget(now + Duration::from_secs(60));
        assert_eq!(
            gone.iter().map(|(number, schema)| (*number, &*schema.name)).collect::<Vec<_>>(),
            [(1, "b")]
        );
        assert_eq!(wants.find(&schema("b")), Wanted::Never);
        assert_eq!(wants.wanted(schema("b")), Some((1, true)), "its number is its own");
        // One of which nothing was written down.
        assert_eq!(wants.find(&schema("c")), Wanted::Perhaps);
        assert_eq!(wants.wanted(schema("c")), Some((2, true)));
    }
}
