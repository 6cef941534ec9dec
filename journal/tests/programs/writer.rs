//! What `tests/kill.rs` kills: appends, confirms and sums up without end, and says what has been acknowledged.

#![allow(clippy::print_stdout, reason = "the test listens")]

use std::fmt::Display;

use edri_journal::{Journal, JournalError, Position, Settings};
use tokio::try_join;

/// Small segments, so that some begin and go in each run.
const SEGMENT: u64 = 48 << 10;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(directory), Some(run)) = (arguments.next(), arguments.next()) else {
        return Err("expected a directory and the number of the run".into());
    };
    let (journal, _) = Journal::open(directory, Settings::default().segment_size(SEGMENT)).await?;
    let appending = |task: u64| append(journal.clone(), run.clone(), task);
    try_join!(
        appending(0),
        appending(1),
        appending(2),
        append_batches(journal.clone(), run.clone()),
        append_unsynced(journal.clone(), run.clone()),
        confirm(journal.clone()),
        sum_up(journal.clone()),
    )?;
    Ok(())
}

/// One line in one piece, whoever else has something to say.
fn acknowledged(what: impl Display) {
    println!("{what}");
}

fn record(run: &str, task: impl Display, number: u64) -> String {
    format!("{run} {task} {number} {}", "x".repeat(number as usize % 900))
}

async fn append(journal: Journal, run: String, task: u64) -> Result<(), JournalError> {
    for number in 0.. {
        let record = record(&run, task, number);
        let position = journal.append(&record).await?;
        acknowledged(format_args!("record {position} {record}"));
    }
    Ok(())
}

async fn append_batches(journal: Journal, run: String) -> Result<(), JournalError> {
    for number in 0.. {
        let records: Vec<_> =
            (0..number % 5 + 1).map(|part| record(&run, format_args!("batch-{part}"), number)).collect();
        let positions = journal.append_all(&records).await?;
        for (position, record) in (positions.start.get()..).zip(records) {
            acknowledged(format_args!("record {position} {record}"));
        }
    }
    Ok(())
}

/// What the operating system has survives the end of the process.
async fn append_unsynced(journal: Journal, run: String) -> Result<(), JournalError> {
    for number in 0.. {
        let record = record(&run, "unsynced", number);
        let position = journal.append_unsynced(&record).await?;
        acknowledged(format_args!("record {position} {record}"));
        if number % 16 == 0 {
            journal.sync().await?;
        }
    }
    Ok(())
}

async fn confirm(journal: Journal) -> Result<(), JournalError> {
    let mut follower = journal.follow(journal.next());
    while let Some(record) = follower.next().await {
        let position = match record {
            Ok(record) => record.position,
            // The snapshots have gone ahead.
            Err(JournalError::Gone { first, .. }) => {
                follower = journal.follow(first);
                continue;
            }
            Err(error) => return Err(error),
        };
        // Far enough behind for something to be left that can be looked at.
        if let Some(behind) = Position::new(position.get().saturating_sub(200))
            && position.get() % 8 == 0
        {
            journal.confirm(behind).await?;
            acknowledged(format_args!("confirmed {behind}"));
        }
    }
    Ok(())
}

async fn sum_up(journal: Journal) -> Result<(), JournalError> {
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let Some(last) = journal.next().get().checked_sub(150).and_then(Position::new) else {
            continue;
        };
        match sum_up_to(&journal, last).await {
            // What is confirmed has gone ahead.
            Err(JournalError::SnapshotOutdated { .. } | JournalError::Gone { .. }) => continue,
            summed_up => summed_up?,
        }
        acknowledged(format_args!("summed-up {last}"));
    }
}

async fn sum_up_to(journal: &Journal, last: Position) -> Result<(), JournalError> {
    let mut snapshot = journal.snapshot(last).await?;
    for part in 0..50 {
        snapshot.write(format!("{last} {part} {}", "y".repeat(500))).await?;
    }
    snapshot.finish().await
}
