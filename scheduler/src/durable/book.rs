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
                self.entries.insert(key, Entry { definition: *definition, place, unfinished });
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

    /// The runs of a schedule that have not ended, if it is there.
    #[cfg(test)]
    pub(super) fn unfinished(&self, key: u64) -> Option<&[(u64, Nanoseconds)]> {
        self.entries.get(&key).map(|entry| &*entry.unfinished)
    }

    /// The least records that come to the same.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        self.entries.iter().flat_map(|(&key, entry)| {
            let Entry { definition, place, unfinished } = entry.clone();
            // One that is over is gone unless it is told of its runs, which is done next.
            let first = Place { over: place.over && unfinished.is_empty(), ..place.clone() };
            let set = Record::Set { key, definition: Box::new(definition), place: first };
            let moved = (!unfinished.is_empty()).then_some(Record::Moved { key, begun: unfinished, place });
            [Some(set), moved].into_iter().flatten()
        })
    }

    pub(crate) fn into_entries(self) -> impl Iterator<Item = (u64, Entry)> {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::durable::record::StoredTiming;
    use crate::options::Options;

    fn definition(number: u64) -> Definition {
        let id = format!("s{number}").into();
        Definition { id, event: None, timing: StoredTiming::Rate(1), options: Options::default() }
    }

    fn place() -> impl Strategy<Value = Place> {
        let next = prop::option::of(any::<i64>());
        let queue = prop::collection::vec(any::<i64>(), 0..3);
        (any::<u64>(), next, any::<bool>(), any::<bool>(), queue)
            .prop_map(|(runs, next, paused, over, queue)| Place { runs, next, paused, over, queue })
    }

    fn record() -> impl Strategy<Value = Record> {
        let key = 0_u64..4;
        let begun = prop::collection::vec((0_u64..6, any::<i64>()), 0..3);
        prop_oneof![
            2 => (key.clone(), place())
                .prop_map(|(key, place)| Record::Set { key, definition: Box::new(definition(key)), place: Place { over: false, ..place } }),
            3 => (key.clone(), begun, place()).prop_map(|(key, begun, place)| Record::Moved { key, begun, place }),
            3 => (key.clone(), 0_u64..6).prop_map(|(key, run)| Record::Ended { key, run }),
            1 => key.prop_map(|key| Record::Removed { key }),
        ]
    }

    fn book(records: impl IntoIterator<Item = Record>) -> Book {
        let mut book = Book::default();
        records.into_iter().for_each(|record| book.apply(record));
        book
    }

    proptest! {
        #[test]
        fn a_book_is_what_its_own_records_come_to(records in prop::collection::vec(record(), 0..60)) {
            let book = book(records);
            prop_assert_eq!(&super::tests::book(book.records()), &book);
        }

        #[test]
        fn records_read_back_as_they_were_written(record in record()) {
            let bytes = record.encode().unwrap();
            prop_assert_eq!(Record::decode(&bytes), Ok(record));
            prop_assert!(Record::decode(&bytes[..bytes.len() - 1]).is_err());
        }
    }

    #[test]
    fn a_schedule_that_is_over_stays_until_its_runs_have_ended() {
        let place = |over| Place { runs: 1, next: None, paused: false, over, queue: Vec::new() };
        let set = Record::Set { key: 1, definition: Box::new(definition(1)), place: place(false) };
        let begun = Record::Moved { key: 1, begun: vec![(1, 7)], place: place(true) };
        let mut book = book([set, begun]);
        assert_eq!(
            book.clone().into_entries().map(|(_, entry)| entry.unfinished).collect::<Vec<_>>(),
            [[(1, 7)]]
        );
        book.apply(Record::Ended { key: 1, run: 1 });
        assert_eq!(book.len(), 0);
    }

    #[test]
    fn another_version_is_told() {
        let bytes = [9, 0];
        assert_eq!(Record::decode(&bytes), Err("it was written in version 9; 1 is expected".to_owned()));
        assert!(Record::decode(&[]).is_err());
    }
}
