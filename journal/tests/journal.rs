//! What a journal does on a real disk.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use edri_journal::{Durability, Journal, JournalError, Position, Reader, Recovered, Settings};
use tempfile::TempDir;

fn at(number: u64) -> Position {
    Position::new(number).unwrap()
}

async fn open(directory: &TempDir) -> (Journal, Recovered) {
    Journal::open(directory.path(), small()).await.unwrap()
}

/// Segments of a few records, so that there are several.
fn small() -> Settings {
    Settings::default().segment_size(8 << 10)
}

async fn all(mut reader: Reader) -> Vec<(u64, Vec<u8>)> {
    let mut records = Vec::new();
    while let Some(record) = reader.next().await {
        let record = record.unwrap();
        records.push((record.position.get(), record.content.to_vec()));
    }
    records
}

fn record(number: u64) -> Vec<u8> {
    format!("record {number} {}", "x".repeat(number as usize % 700)).into_bytes()
}

#[tokio::test]
async fn what_was_appended_is_there_when_it_is_opened_again() {
    let directory = TempDir::new().unwrap();
    let (journal, recovered) = open(&directory).await;
    assert_eq!((recovered.records(), recovered.next), (0, Position::FIRST));
    for number in 1..=200 {
        assert_eq!(journal.append(record(number)).await.unwrap(), at(number));
    }
    journal.close().await.unwrap();

    let (journal, recovered) = open(&directory).await;
    assert_eq!((recovered.first, recovered.next, recovered.cut), (at(1), at(201), None));
    let expected: Vec<_> = (1..=200).map(|number| (number, record(number))).collect();
    assert_eq!(all(journal.read_from(at(1))).await, expected);
    assert_eq!(all(journal.read_from(at(150))).await, expected[149..]);
    assert_eq!(all(journal.read_from(at(201))).await, []);
}

#[tokio::test]
async fn many_writers_each_get_their_own_position() {
    let directory = TempDir::new().unwrap();
    let (journal, _) = open(&directory).await;
    let writers: Vec<_> = (0..20_u64)
        .map(|writer| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                for number in 0..20_u64 {
                    let content = format!("{writer} {number}");
                    mine.push((journal.append(&content).await.unwrap().get(), content.into_bytes()));
                }
                mine
            })
        })
        .collect();
    let mut appended = Vec::new();
    for writer in writers {
        let mine = writer.await.unwrap();
        assert!(mine.is_sorted(), "one after the other");
        appended.extend(mine);
    }
    appended.sort_unstable();
    assert_eq!(all(journal.read_from(Position::FIRST)).await, appended);
}

#[tokio::test]
async fn what_is_confirmed_is_removed_by_whole_segments_and_remembered() {
    let directory = TempDir::new().unwrap();
    let (journal, _) = open(&directory).await;
    for number in 1..=100 {
        journal.append(record(number)).await.unwrap();
    }
    let bytes = journal.bytes();
    journal.confirm(at(80)).await.unwrap();
    // What is removed is removed behind the confirmation; the next sync comes after that.
    journal.sync().await.unwrap();
    assert!(journal.first() > at(1) && journal.first() <= at(81), "{}", journal.first());
    assert!(journal.bytes() < bytes);
    assert_eq!(journal.confirmed(), Some(at(80)));
    let gone = journal.read_from(at(1)).next().await.unwrap();
    assert!(matches!(gone, Err(JournalError::Gone { .. })), "{gone:?}");
    assert!(matches!(journal.confirm(at(101)).await, Err(JournalError::Beyond { .. })));
    journal.close().await.unwrap();

    let (journal, recovered) = open(&directory).await;
    assert_eq!((recovered.confirmed, recovered.next), (Some(at(80)), at(101)));
    assert_eq!(all(journal.read_from(at(81))).await.len(), 20);
}

#[tokio::test]
async fn a_snapshot_takes_the_place_of_what_it_sums_up() {
    let directory = TempDir::new().unwrap();
    let (journal, _) = open(&directory).await;
    for number in 1..=100 {
        journal.append(record(number)).await.unwrap();
    }
    let mut snapshot = journal.snapshot(at(70)).await.unwrap();
    assert!(matches!(journal.snapshot(at(71)).await, Err(JournalError::SnapshotUnderWay)));
    for part in 0..300_u32 {
        snapshot.write(part.to_le_bytes().repeat(1_000)).await.unwrap();
    }
    snapshot.finish().await.unwrap();
    journal.close().await.unwrap();

    let (journal, recovered) = open(&directory).await;
    assert_eq!((recovered.snapshot, recovered.next), (Some(at(70)), at(101)));
    assert!(recovered.first > at(1) && recovered.first <= at(71));
    let mut snapshot = journal.read_snapshot().await.unwrap().unwrap();
    assert_eq!(snapshot.position(), at(70));
    for part in 0..300_u32 {
        assert_eq!(snapshot.next().await.unwrap().unwrap(), part.to_le_bytes().repeat(1_000));
    }
    assert!(snapshot.next().await.is_none());
    assert_eq!(all(journal.read_from(at(71))).await.len(), 30);
}

#[tokio::test]
async fn a_follower_gets_each_new_record_until_the_journal_is_closed() {
    let directory = TempDir::new().unwrap();
    let (journal, _) = open(&directory).await;
    journal.append("1").await.unwrap();
    let follower = tokio::spawn(all(journal.follow(Position::FIRST)));
    for number in 2..=50 {
        journal.append(number.to_string()).await.unwrap();
    }
    journal.close().await.unwrap();
    let expected: Vec<_> = (1..=50).map(|number: u64| (number, number.to_string().into_bytes())).collect();
    assert_eq!(follower.await.unwrap(), expected);
}

#[tokio::test]
async fn a_journal_that_is_opened_and_closed_stays_as_it_is() {
    let directory = TempDir::new().unwrap();
    let (journal, _) = open(&directory).await;
    journal.append("something").await.unwrap();
    journal.close().await.unwrap();
    let files = || {
        let files = std::fs::read_dir(directory.path()).unwrap();
        let files =
            files.map(|file| file.unwrap().path()).map(|path| (path.clone(), std::fs::read(path).unwrap()));
        files.collect::<std::collections::BTreeMap<_, _>>()
    };
    let before = files();
    for _ in 0..3 {
        open(&directory).await.0.close().await.unwrap();
        assert!(files() == before);
    }
}

#[tokio::test]
async fn there_is_one_writer() {
    let directory = TempDir::new().unwrap();
    let (journal, _) = open(&directory).await;
    let second = Journal::open(directory.path(), small()).await;
    assert!(matches!(second, Err(JournalError::Locked { .. })), "{second:?}");
    journal.close().await.unwrap();
    open(&directory).await;
}

#[tokio::test]
async fn what_is_put_in_line_is_written_in_that_order() {
    let directory = TempDir::new().unwrap();
    let (journal, _) = open(&directory).await;
    let mut pending = Vec::new();
    for number in 0..1_000_u64 {
        let durability = if number % 3 == 0 { Durability::Unsynced } else { Durability::Synced };
        pending
            .push(journal.enqueue([number.to_le_bytes(), number.to_le_bytes()], durability).await.unwrap());
    }
    for (number, pending) in (0_u64..).zip(pending) {
        assert_eq!(pending.await.unwrap(), at(2 * number + 1)..at(2 * number + 3));
    }
}

#[tokio::test]
async fn a_journal_of_another_version_is_refused_and_stays_as_it_is() {
    let directory = TempDir::new().unwrap();
    let (journal, _) = open(&directory).await;
    journal.append("of a later program").await.unwrap();
    journal.close().await.unwrap();
    let path = directory.path().join(format!("{:020}.segment", 1));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();

    let error = Journal::open(directory.path(), small()).await.unwrap_err();
    let JournalError::Version { path: named, found, expected } = error else { panic!("{error}") };
    assert_eq!((named, found, expected), (path.clone(), 2, 1));
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing was done to it");
}
