//! What the tests of the journal share.

#![allow(dead_code, reason = "each test file uses its own part of it")]
#![allow(clippy::unwrap_used, reason = "a test's own")]

use std::future::Future;

use edri_journal::testing::Disk;
use edri_journal::{Journal, JournalError, Position, Reader, Recovered, Settings};
use futures_util::FutureExt as _;

pub(crate) fn at(number: u64) -> Position {
    Position::new(number).unwrap()
}

/// Segments of about four kilobytes of records, so that there are several.
pub(crate) fn small() -> Settings {
    Settings::default().segment_size(8 << 10)
}

pub(crate) async fn open(disk: &Disk, settings: Settings) -> (Journal, Recovered) {
    disk.open("journal", settings).await.unwrap()
}

/// The records from there on, by their positions.
pub(crate) async fn all(mut reader: Reader) -> Vec<(u64, Vec<u8>)> {
    let mut records = Vec::new();
    while let Some(record) = reader.next().await {
        let record = record.unwrap();
        records.push((record.position.get(), record.content.to_vec()));
    }
    records
}

/// One that differs from others in what it says and in how long it is.
pub(crate) fn record(number: u64) -> Vec<u8> {
    format!("record {number} {}", "x".repeat(number as usize % 700)).into_bytes()
}

/// Whether it is not ready when it is asked.
pub(crate) fn waits<F: Future + Unpin>(future: &mut F) -> bool {
    future.now_or_never().is_none()
}

/// Appends records up to that number.
pub(crate) async fn fill(journal: &Journal, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        assert_eq!(journal.append(record(number)).await.unwrap(), at(number));
    }
}

/// Asks again and again, for what is done in the background.
pub(crate) async fn until(what: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if what() {
            return;
        }
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
    panic!("it does not come");
}

pub(crate) fn is_refused<T>(result: &Result<T, JournalError>) -> bool {
    matches!(
        result,
        Err(JournalError::NoSpace { .. } | JournalError::NotStored { .. } | JournalError::Full { .. })
    )
}
