//! What those get who read.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use edri_journal::testing::{Disk, Loss};
use edri_journal::{JournalError, Settings};
use futures_util::TryStreamExt as _;
use support::{all, at, fill, open, record, small, waits};

#[tokio::test]
async fn records_are_read_from_anywhere_while_others_are_appended() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, Settings::default().segment_size(2 << 20)).await;
    let contents: Vec<_> = (1..=8_000).map(record).collect();
    for chunk in contents.chunks(500) {
        journal.append_all(chunk).await.unwrap();
    }
    let appending = journal.clone();
    let appending = tokio::spawn(async move {
        for number in 8_001..8_100 {
            appending.append(record(number)).await.unwrap();
        }
    });
    for from in [1, 2, 700, 1_999, 2_000, 3_333, 5_000, 7_999, 8_000] {
        let records = all(journal.read_from(at(from))).await;
        assert!(records.len() as u64 > 8_000 - from);
        for (expected, (position, content)) in (from..).zip(records) {
            assert_eq!((position, content), (expected, record(expected)));
        }
    }
    appending.await.unwrap();
}

#[tokio::test]
async fn a_record_larger_than_a_block_is_read_whole() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, Settings::default()).await;
    let large: Vec<_> = (0..3_000_000_u32).map(|number| number as u8).collect();
    journal.append("small").await.unwrap();
    journal.append(&large).await.unwrap();
    journal.append("small again").await.unwrap();
    let records: Vec<_> = journal.read_from(at(1)).try_collect().await.unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!(records[1].content, large);
}

#[tokio::test]
async fn a_start_and_those_who_read_hold_one_block_of_a_segment() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, Settings::default()).await;
    let records: Vec<_> = (0..1_000).map(record).collect();
    for _ in 0..10 {
        journal.append_all(&records).await.unwrap();
    }
    let disk = disk.crash(Loss::Nothing);
    let (journal, recovered) = open(&disk, Settings::default()).await;
    assert_eq!(recovered.next, at(10_001));
    assert_eq!(all(journal.read_from(at(1))).await.len(), 10_000);
    assert_eq!(disk.largest_read(), 256 << 10);
}

#[tokio::test]
async fn reading_ends_at_the_end_as_it_was_and_following_goes_on() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small()).await;
    fill(&journal, 1..=30).await;
    let reader = journal.read_from(at(1));
    let mut follower = journal.follow(at(25));
    fill(&journal, 31..=60).await;
    assert_eq!(all(reader).await.len(), 30);
    for number in 25..=60 {
        assert_eq!(follower.next().await.unwrap().unwrap().position, at(number));
    }
    let mut next = Box::pin(follower.next());
    assert!(waits(&mut next));
    // What is dropped has taken nothing.
    drop(next);
    fill(&journal, 61..=61).await;
    assert_eq!(follower.next().await.unwrap().unwrap().content, record(61));
    journal.close().await.unwrap();
    assert!(follower.next().await.is_none());
    assert!(follower.next().await.is_none());
}

#[tokio::test]
async fn who_falls_behind_what_is_removed_is_told() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small()).await;
    fill(&journal, 1..=300).await;
    let mut follower = journal.follow(at(1));
    assert_eq!(follower.next().await.unwrap().unwrap().position, at(1));
    journal.confirm(at(290)).await.unwrap();
    journal.sync().await.unwrap();
    let mut last = 1;
    let error = loop {
        match follower.next().await.unwrap() {
            Ok(record) => {
                last += 1;
                assert_eq!(record.position, at(last));
            }
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, JournalError::Gone { position, first } if position == at(last + 1) && first == journal.first()),
        "{error}"
    );
    assert!(follower.next().await.is_none());
}

#[tokio::test]
async fn damage_is_told_with_its_place_after_the_records_before_it() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small()).await;
    fill(&journal, 1..=100).await;
    let files = disk.files("journal");
    let (path, content) = &files[1];
    // Somewhere in the middle of the first segment, which is not written any more.
    let middle = content.len() as u64 / 2;
    disk.corrupt(path, middle, |byte| byte.wrapping_add(1)).unwrap();

    let mut reader = journal.read_from(at(1));
    let mut read = 0;
    let damage = loop {
        match reader.next().await.unwrap() {
            Ok(found) => {
                read += 1;
                assert_eq!(found.content, record(read));
            }
            Err(JournalError::Damaged(damage)) => break damage,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(read > 10);
    assert_eq!((&damage.path, damage.position), (path, Some(at(read + 1))));
    assert!(damage.offset <= middle && middle - damage.offset < 800, "{damage}");
    assert!(reader.next().await.is_none());
}
