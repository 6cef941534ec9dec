use std::collections::BTreeMap;

use super::record::{Definition, Record};
use crate::core::Place;
use crate::time::Nanoseconds;

/// What all records come to: the schedules there are, where each is, and the runs that have not ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Book {
    entries: BTreeMap<u64, Entry>,
}

/// One schedule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) definition: Definition,
    pub(crate) place: Place,
    /// The runs that have been begun with and have not ended, and when they were due.
    pub(crate) unfinished: Vec<(u64, Nanoseconds)>,
}

impl Book {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn apply(&mut self, record: Record) {
        let key = record.key();
        match record {
            Record::Set { definition, place, .. } => {
                let unfinished = self.entries.remove(&key).map(|entry| entry.unfinished).unwrap_or_default();
                self.entries.insert(key, Entry { definition, place, unfinished });
            }
            Record::Moved { begun, place, .. } => {
                let Some(entry) = self.entries.get_mut(&key) else { return };
                entry.place = place;
                entry.unfinished.extend(begun);
            }
            Record::Ended { run, .. } => {
                let Some(entry) = self.entries.get_mut(&key) else { return };
                entry.unfinished.retain(|(unfinished, _)| *unfinished != run);
            }
            Record::Removed { .. } => drop(self.entries.remove(&key)),
        }
        if self.entries.get(&key).is_some_and(|entry| entry.place.over && entry.unfinished.is_empty()) {
            self.entries.remove(&key);
        }
    }

    /// The least records that come to the same.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        self.entries.iter().flat_map(|(&key, entry)| {
            let Entry { definition, place, unfinished } = entry.clone();
            let set = Record::Set { key, definition, place: place.clone() };
            // One that is over is gone unless it is told of its runs.
            let first = Place { over: false, ..place.clone() };
            let set = match set {
                Record::Set { key, definition, .. } if place.over => Record::Set { key, definition, place: first },
                set => set,
            };
            let moved = (!unfinished.is_empty()).then_some(Record::Moved { key, begun: unfinished, place });
            [Some(set), moved].into_iter().flatten()
        })
    }

    pub(crate) fn into_entries(self) -> impl Iterator<Item = (u64, Entry)> {
        self.entries.into_iter()
    }
}
