//! The journal scenarios: one task that appends, a hundred, and one that does not wait for each.

use std::{collections::VecDeque, time::Instant};

use edri_journal::{Durability, Journal, Pending, Settings};
use tempfile::TempDir;

use crate::{
    contender::Contender,
    measure::{Latencies, Sample, Stopwatch},
    runtime::on_two_workers,
    scenario::{RECORD, Scenario, WRITERS},
};

/// Records of the one task that are on their way at a time.
const IN_FLIGHT: usize = 2048;

pub(crate) fn contenders() -> Vec<Contender> {
    use Durability::{Synced, Unsynced};

    vec![
        Contender::new(Scenario::JournalOne, "edri", |records| tasks(records, 1, Synced)),
        Contender::new(Scenario::JournalGroup, "edri-100-tasks", |records| tasks(records, WRITERS, Synced)),
        Contender::new(Scenario::JournalGroup, "edri-1-task", |records| one_task(records, Synced)),
        Contender::new(Scenario::JournalUnsynced, "edri-100-tasks", |records| {
            tasks(records, WRITERS, Unsynced)
        }),
        Contender::new(Scenario::JournalUnsynced, "edri-1-task", |records| one_task(records, Unsynced)),
    ]
}

async fn open() -> (TempDir, Journal) {
    let directory = TempDir::new().expect("a temporary directory can be made");
    let (journal, _) =
        Journal::open(directory.path(), Settings::default()).await.expect("an empty directory can be opened");
    (directory, journal)
}

/// So many tasks, each of which waits for its record before it appends the next.
fn tasks(records: u64, tasks: u64, durability: Durability) -> Sample {
    on_two_workers(async move {
        let (directory, journal) = open().await;
        let stopwatch = Stopwatch::start();
        let of_each = |task: u64| records / tasks + u64::from(task < records % tasks);
        let running: Vec<_> =
            (0..tasks).map(|task| tokio::spawn(append(journal.clone(), of_each(task), durability))).collect();
        let mut latencies = Latencies::of(0);
        for task in running {
            latencies.extend(task.await.expect("a task that appends does not panic"));
        }
        let sample = stopwatch.stop(records);
        finish(directory, journal, records).await;
        latencies.into_sample(sample)
    })
}

async fn append(journal: Journal, records: u64, durability: Durability) -> Latencies {
    let mut latencies = Latencies::of(records);
    let record = [7_u8; RECORD];
    for number in 0..records {
        let start = latencies.takes(number).then(Instant::now);
        let appended = match durability {
            Durability::Synced => journal.append(record).await,
            Durability::Unsynced => journal.append_unsynced(record).await,
        };
        appended.expect("there is room, and the disk works");
        if let Some(start) = start {
            latencies.take(start);
        }
    }
    latencies
}

/// One task that has many records on their way, and waits for the oldest.
fn one_task(records: u64, durability: Durability) -> Sample {
    on_two_workers(async move {
        let (directory, journal) = open().await;
        let stopwatch = Stopwatch::start();
        let record = [7_u8; RECORD];
        let mut in_flight: VecDeque<Pending> = VecDeque::with_capacity(IN_FLIGHT);
        for _ in 0..records {
            if in_flight.len() == IN_FLIGHT
                && let Some(oldest) = in_flight.pop_front()
            {
                oldest.await.expect("there is room, and the disk works");
            }
            in_flight.push_back(journal.enqueue([record], durability).await.expect("the journal is open"));
        }
        for pending in in_flight {
            pending.await.expect("there is room, and the disk works");
        }
        let sample = stopwatch.stop(records);
        finish(directory, journal, records).await;
        sample
    })
}

async fn finish(directory: TempDir, journal: Journal, records: u64) {
    journal.sync().await.expect("the disk works");
    assert_eq!(journal.next().get(), records + 1, "not all was written");
    journal.close().await.expect("the disk works");
    drop(directory);
}
