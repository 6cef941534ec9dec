use std::collections::BTreeMap;

use edri_router::PartKind;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use super::figures::{Count, Figures, PartFigures, Workers};

const DEAD_LETTERS: &str = "edri_dead_letters_total";
const WAITING: &str = "edri_events_waiting";
const BUSY: &str = "edri_workers_busy";
const LIMIT: &str = "edri_workers";

/// Which part: those of one name are added up.
type Part = (String, PartKind);

/// Tells the facade `metrics` what has changed from one reading to the next.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    counted: BTreeMap<(Part, Count), u64>,
    dead_letters: BTreeMap<&'static str, u64>,
    /// Whose gauges stand somewhere, those of workers included or not.
    parts: BTreeMap<Part, Option<Workers>>,
}

impl Publisher {
    /// With a word on what each metric means.
    pub(super) fn new() -> Self {
        for (name, meaning) in Count::ALL.map(Count::metric) {
            describe_counter!(name, Unit::Count, meaning);
        }
        describe_counter!(DEAD_LETTERS, Unit::Count, "Events that nobody handled, by the reason why.");
        describe_gauge!(WAITING, Unit::Count, "Events or jobs that wait.");
        describe_gauge!(BUSY, Unit::Count, "Workers, or handlers, that are at work.");
        describe_gauge!(LIMIT, Unit::Count, "Workers, or handlers, that can be at work at the same time.");
        Self::default()
    }

    pub(super) fn publish(&mut self, figures: Figures) {
        let parts = added_up(figures.parts);
        // Nothing waits any more for a part that has ended.
        for (gone, workers) in self.parts.iter().filter(|(part, _)| !parts.contains_key(part)) {
            set(gone, 0, workers.map(|_| Workers::default()));
        }
        self.parts = parts.iter().map(|(part, figures)| (part.clone(), figures.workers)).collect();
        for (part, PartFigures { counts, waiting, workers, .. }) in parts {
            set(&part, waiting, workers);
            for (count, now) in counts {
                let labels = [("part", part.0.clone()), ("kind", part.1.to_string())];
                let more = rise(self.counted.entry((part.clone(), count)).or_default(), now);
                counter!(count.metric().0, &labels).increment(more);
            }
        }
        for (reason, now) in figures.dead_letters {
            let more = rise(self.dead_letters.entry(reason).or_default(), now);
            counter!(DEAD_LETTERS, "reason" => reason).increment(more);
        }
    }
}

fn set((name, kind): &Part, waiting: usize, workers: Option<Workers>) {
    let labels = [("part", name.clone()), ("kind", kind.to_string())];
    gauge!(WAITING, &labels).set(waiting as f64);
    if let Some(Workers { busy, limit }) = workers {
        gauge!(BUSY, &labels).set(busy as f64);
        gauge!(LIMIT, &labels).set(limit as f64);
    }
}

/// How much has been counted since; one that stands lower than before has begun anew.
fn rise(before: &mut u64, now: u64) -> u64 {
    let before = std::mem::replace(before, now);
    now.checked_sub(before).unwrap_or(now)
}

fn added_up(parts: Vec<PartFigures>) -> BTreeMap<Part, PartFigures> {
    let mut sums: BTreeMap<Part, PartFigures> = BTreeMap::new();
    for part in parts {
        match sums.get_mut(&(part.name.clone(), part.kind)) {
            None => drop(sums.insert((part.name.clone(), part.kind), part)),
            Some(sum) => {
                for (count, number) in part.counts {
                    *sum.counts.entry(count).or_default() += number;
                }
                sum.waiting += part.waiting;
                if let Some(Workers { busy, limit }) = part.workers {
                    let workers = sum.workers.get_or_insert_default();
                    workers.busy += busy;
                    workers.limit += limit;
                }
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

    use super::*;

    fn part(name: &str, kind: PartKind, processed: u64, waiting: usize) -> PartFigures {
        let counts = BTreeMap::from([(Count::Processed, processed)]);
        let workers = (kind == PartKind::Pool).then_some(Workers { busy: 1, limit: 2 });
        PartFigures { name: name.to_owned(), kind, counts, waiting, workers }
    }

    /// All metrics as text, sorted; taking them sets counters back.
    fn told(snapshotter: &Snapshotter) -> Vec<String> {
        let metrics = snapshotter.snapshot().into_vec().into_iter();
        let mut told: Vec<String> = metrics
            .map(|(key, _, _, value)| {
                let labels: Vec<_> = key.key().labels().map(|label| label.value()).collect();
                let value = match value {
                    DebugValue::Counter(count) => count as f64,
                    DebugValue::Gauge(gauge) => gauge.0,
                    DebugValue::Histogram(_) => f64::NAN,
                };
                format!("{} {} {value}", key.key().name(), labels.join(" "))
            })
            .collect();
        told.sort();
        told
    }

    #[test]
    fn counters_tell_what_has_risen_and_parts_of_one_name_are_added_up() {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        metrics::with_local_recorder(&recorder, || {
            let mut publisher = Publisher::new();
            let manager = |processed| part("desk", PartKind::Manager, processed, 3);
            let pool = part("hash", PartKind::Pool, 7, 0);
            let dead_letters = BTreeMap::from([("overflow", 4)]);
            let parts = vec![manager(10), manager(5), pool.clone()];
            publisher.publish(Figures { parts, dead_letters: dead_letters.clone() });
            assert_eq!(
                told(&snapshotter),
                [
                    "edri_dead_letters_total overflow 4",
                    "edri_events_processed_total desk manager 15",
                    "edri_events_processed_total hash pool 7",
                    "edri_events_waiting desk manager 6",
                    "edri_events_waiting hash pool 0",
                    "edri_workers hash pool 2",
                    "edri_workers_busy hash pool 1",
                ]
            );
            // One desk is gone, the other has begun anew; the pool has ended.
            publisher.publish(Figures { parts: vec![manager(2)], dead_letters });
            assert_eq!(
                told(&snapshotter),
                [
                    "edri_dead_letters_total overflow 0",
                    "edri_events_processed_total desk manager 2",
                    "edri_events_processed_total hash pool 0",
                    "edri_events_waiting desk manager 3",
                    "edri_events_waiting hash pool 0",
                    "edri_workers hash pool 0",
                    "edri_workers_busy hash pool 0",
                ]
            );
        });
    }
}
