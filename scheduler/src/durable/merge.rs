//! Fewer records that come to the same: for when the disk takes none, and time goes on.

use std::collections::BTreeMap;

use super::record::{Definition, Record};
use crate::core::Place;
use crate::time::Nanoseconds;

/// What the records of one schedule come to, whatever there was before them.
#[derive(Default)]
struct Sum {
    removed: bool,
    set: Option<(Box<Definition>, Place)>,
    moved: Option<Place>,
    /// Runs that have been begun with and have not ended since.
    begun: Vec<(u64, Nanoseconds)>,
    /// Runs that have ended and had been begun with before.
    ended: Vec<u64>,
}

/// The least records that come to the same as those do, one after the other: a few for each schedule, and one for each run
/// that has not ended.
pub(super) fn merge(records: impl IntoIterator<Item = Record>) -> impl Iterator<Item = Record> {
    let mut sums: BTreeMap<u64, Sum> = BTreeMap::new();
    for record in records {
        sums.entry(record.key()).or_default().add(record);
    }
    sums.into_iter().flat_map(|(key, sum)| sum.into_records(key))
}

impl Sum {
    fn add(&mut self, record: Record) {
        match record {
            Record::Removed { .. } => *self = Self { removed: true, ..Self::default() },
            Record::Set { definition, place, .. } => {
                self.set = Some((definition, place));
                self.moved = None;
            }
            // Of one that is gone, nothing is remembered.
            _ if self.removed && self.set.is_none() => {}
            Record::Moved { begun, place, .. } => {
                self.begun.extend(begun);
                self.moved = Some(place);
            }
            Record::Ended { run, .. } => match self.begun.iter().position(|(begun, _)| *begun == run) {
                Some(index) => drop(self.begun.remove(index)),
                None => self.ended.push(run),
            },
        }
    }

    fn into_records(self, key: u64) -> impl Iterator<Item = Record> {
        let Self { removed, set, moved, begun, ended } = self;
        let was_set = set.as_ref().filter(|_| !begun.is_empty()).map(|(_, place)| place.clone());
        let moved = moved.or(was_set).map(|place| Record::Moved { key, begun, place });
        let set = set.map(|(definition, place)| Record::Set { key, definition, place });
        let removed = removed.then_some(Record::Removed { key });
        let ended = ended.into_iter().map(move |run| Record::Ended { key, run });
        removed.into_iter().chain(set).chain(moved).chain(ended)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::durable::Book;
    use crate::durable::record::StoredTiming;
    use crate::options::Options;

    fn place(runs: u64, over: bool) -> Place {
        Place { runs, next: Some(7), paused: false, over, queue: Vec::new() }
    }

    fn set(key: u64, turn: u64) -> Record {
        let timing = StoredTiming::After(turn as Nanoseconds);
        let definition =
            Definition { id: format!("s{key}").into(), event: None, timing, options: Options::default() };
        Record::Set { key, definition: Box::new(definition), place: place(turn, false) }
    }

    /// What may happen to some schedules, one thing after the other: kinds and keys, from which records are made.
    fn history() -> impl Strategy<Value = Vec<(u8, u64, u64)>> {
        prop::collection::vec((0_u8..10, 0_u64..4, 0_u64..3), 0..60)
    }

    /// Those that a scheduler writes: nothing but `Set` is written of a schedule that is not there.
    fn records(history: Vec<(u8, u64, u64)>) -> Vec<Record> {
        let mut book = Book::default();
        let mut records = Vec::new();
        for (turn, (kind, key, runs)) in (1_u64..).zip(history) {
            let unfinished = book.unfinished(key);
            let record = match (kind, unfinished) {
                (0, _) => set(key, turn),
                (_, None) => continue,
                (1, _) => Record::Removed { key },
                (2..=5, Some(unfinished)) if !unfinished.is_empty() => {
                    Record::Ended { key, run: unfinished[runs as usize % unfinished.len()].0 }
                }
                (6, _) => Record::Moved { key, begun: Vec::new(), place: place(turn, true) },
                _ => {
                    let begun = (0..runs).map(|run| (10 * turn + run, turn as Nanoseconds)).collect();
                    Record::Moved { key, begun, place: place(turn, false) }
                }
            };
            book.apply(record.clone());
            records.push(record);
        }
        records
    }

    proptest! {
        #[test]
        fn less_is_written_and_it_comes_to_the_same(history in history(), split in 0_usize..60) {
            let records = records(history);
            let (before, line) = records.split_at(split.min(records.len()));
            let mut disk = Book::default();
            before.iter().cloned().for_each(|record| disk.apply(record));
            let mut expected = disk.clone();
            line.iter().cloned().for_each(|record| expected.apply(record));

            let merged: Vec<_> = merge(line.to_vec()).collect();
            prop_assert!(merged.len() <= line.len() + 4);
            // Merged once more, it stays as it is.
            prop_assert_eq!(&merge(merged.clone()).collect::<Vec<_>>(), &merged);
            merged.into_iter().for_each(|record| disk.apply(record));
            prop_assert_eq!(disk, expected);
        }
    }

    #[test]
    fn however_often_a_schedule_runs_there_is_one_record_of_it() {
        let runs = (1..10_000).flat_map(|run| {
            let begun = vec![(run, run as Nanoseconds)];
            [Record::Moved { key: 5, begun, place: place(run, false) }, Record::Ended { key: 5, run }]
        });
        let merged: Vec<_> = merge([set(5, 1)].into_iter().chain(runs)).collect();
        let moved = Record::Moved { key: 5, begun: Vec::new(), place: place(9_999, false) };
        assert_eq!(merged, [set(5, 1), moved]);
    }
}
