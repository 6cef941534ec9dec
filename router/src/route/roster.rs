use std::sync::Arc;

use crate::border::{ConsumerId, Place};

/// Who is registered on a route, in order of arrival: an immutable list that shares most of itself with the
/// next version.
///
/// A change copies one chunk and the list of chunks, so that a route with a hundred thousand subscribers can
/// still gain and lose them quickly.
pub(crate) struct Roster<T> {
    /// No chunk is empty, and ids rise through all of them.
    chunks: Vec<Arc<Vec<Entry<T>>>>,
    len: usize,
}

#[derive(Clone)]
pub(crate) struct Entry<T> {
    pub(crate) id: u64,
    pub(crate) who: T,
}

const CHUNK: usize = 256;

impl<T> Roster<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(crate) fn only(&self) -> Option<&T> {
        match self.len {
            1 => Some(&self.chunks[0][0].who),
            _ => None,
        }
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry<T>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries().map(|entry| &entry.who)
    }

    /// All of them, beginning with the one at `first` (modulo the length) and going round.
    pub(crate) fn iter_from(&self, first: usize) -> impl Iterator<Item = &T> {
        let skip = if self.len == 0 { 0 } else { first % self.len };
        self.iter().skip(skip).chain(self.iter().take(skip))
    }
}

impl<T: Clone> Roster<T> {
    /// Ids must rise from call to call.
    pub(crate) fn add(&mut self, id: u64, who: T) {
        let entry = Entry { id, who };
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => Arc::make_mut(last).push(entry),
            _ => self.chunks.push(Arc::new(vec![entry])),
        }
        self.len += 1;
    }

    /// Puts somebody else in the place of the one with this id.
    pub(crate) fn replace(&mut self, id: u64, who: T) {
        if let Some((index, position)) = self.find(id) {
            Arc::make_mut(&mut self.chunks[index])[position].who = who;
        }
    }

    /// The one that is known by that identity: his own, or that of whom he stands for.
    pub(crate) fn of(&self, consumer: ConsumerId, place: impl Fn(&T) -> Option<&Place>) -> Option<&T> {
        if let Some((index, position)) = self.find(consumer.to_bits()) {
            return Some(&self.chunks[index][position].who);
        }
        self.iter().find(|who| place(who).is_some_and(|place| place.consumer() == Some(consumer)))
    }

    fn find(&self, id: u64) -> Option<(usize, usize)> {
        let index = self.chunks.partition_point(|chunk| chunk.last().is_some_and(|entry| entry.id < id));
        let position = self.chunks.get(index)?.binary_search_by_key(&id, |entry| entry.id);
        position.ok().map(|position| (index, position))
    }

    pub(crate) fn remove(&mut self, id: u64) {
        let Some((index, position)) = self.find(id) else { return };
        let chunk = &mut self.chunks[index];
        self.len -= 1;
        if chunk.len() == 1 {
            self.chunks.remove(index);
        } else {
            Arc::make_mut(chunk).remove(position);
        }
    }

    pub(crate) fn remove_where(&mut self, leaves: impl Fn(&T) -> bool) {
        let leaving: Vec<u64> =
            self.entries().filter(|entry| leaves(&entry.who)).map(|entry| entry.id).collect();
        leaving.into_iter().for_each(|id| self.remove(id));
    }
}

impl<T> Default for Roster<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T> Clone for Roster<T> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_an_ordered_set_and_old_versions_stay_as_they_were(
            steps in prop::collection::vec((any::<bool>(), 0..2_000u64), 0..2_000),
        ) {
            let mut roster = Roster::default();
            let mut model = Vec::new();
            let mut next = 0;
            for (adds, pick) in steps {
                let before: Vec<u64> = model.clone();
                let old = roster.clone();
                if adds || model.is_empty() {
                    roster.add(next, next);
                    model.push(next);
                    next += 1;
                } else {
                    let id = if pick % 7 == 0 { pick } else { model[pick as usize % model.len()] };
                    roster.remove(id);
                    model.retain(|&other| other != id);
                }
                prop_assert_eq!(roster.len(), model.len());
                prop_assert!(old.iter().eq(before.iter()));
            }
            prop_assert!(roster.iter().eq(model.iter()));
        }
    }

    #[test]
    fn going_round_begins_where_it_is_told_and_visits_all() {
        let mut roster = Roster::default();
        (0..5).for_each(|id| roster.add(id, id));
        assert_eq!(roster.iter_from(8).copied().collect::<Vec<_>>(), [3, 4, 0, 1, 2]);
        assert_eq!(Roster::<u64>::default().iter_from(3).count(), 0);
    }
}
