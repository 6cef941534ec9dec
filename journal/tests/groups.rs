//! How records gather, and who waits for what.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::pin::pin;

use edri_journal::testing::{Disk, Hold, Loss};
use edri_journal::{Durability, Journal, JournalError, Pending, Position, Settings};
use futures_util::future::join_all;
use support::{all, at, open, record, waits};
use tokio::task::unconstrained;

/// A journal whose writer is on its way to the disk with one record, and is held up there.
async fn busy(disk: &Disk, settings: Settings) -> (Journal, Hold, Pending) {
    let (journal, _) = open(disk, settings).await;
    let hold = disk.hold();
    let first = journal.enqueue(["first"], Durability::Synced).await.unwrap();
    support::until(|| hold.waiting() == 1).await;
    (journal, hold, first)
}

#[tokio::test]
async fn what_gathers_while_a_sync_is_under_way_shares_the_next() {
    let disk = Disk::new(1);
    let (journal, hold, first) = busy(&disk, Settings::default()).await;
    let calls = disk.calls();
    let mut appends: Vec<_> =
        (0..500).map(|number| Box::pin(unconstrained(journal.append(record(number))))).collect();
    for append in &mut appends {
        assert!(waits(append));
    }
    drop(hold);
    assert_eq!(first.await.unwrap(), at(1)..at(2));
    let positions: Vec<_> = join_all(appends).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(positions, (2..502).map(at).collect::<Vec<_>>(), "in the order in which they got into line");
    // Two groups, each with a write and a sync; and two calls more after a while without work.
    assert!((4..=6).contains(&(disk.calls() - calls)), "{}", disk.calls() - calls);
}

#[tokio::test]
async fn those_who_find_no_room_wait_in_line_and_get_in_in_order() {
    let disk = Disk::new(1);
    let (journal, hold, first) = busy(&disk, Settings::default().waiting(1024)).await;
    let mut line: Vec<_> =
        (0..50).map(|number| Box::pin(unconstrained(journal.append(record(number))))).collect();
    for append in &mut line {
        assert!(waits(append));
    }
    let refused = journal.try_enqueue(["no room"], Durability::Synced);
    assert!(matches!(refused, Err(JournalError::Busy { waiting: 1024 })), "{refused:?}");
    drop(hold);
    first.await.unwrap();
    let positions: Vec<_> = join_all(line).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(positions, (2..52).map(at).collect::<Vec<_>>());
    let records: Vec<_> = all(journal.read_from(at(2))).await.into_iter().map(|(_, record)| record).collect();
    assert_eq!(records, (0..50).map(record).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_append_that_is_dropped_while_it_waits_for_room_appends_nothing() {
    let disk = Disk::new(1);
    let (journal, hold, first) = busy(&disk, Settings::default().waiting(1024)).await;
    let fills = journal.enqueue([[0; 1000]], Durability::Synced).await.unwrap();
    let mut dropped = Box::pin(journal.append("dropped"));
    assert!(waits(&mut dropped));
    drop(dropped);
    drop(hold);
    first.await.unwrap();
    fills.await.unwrap();
    assert_eq!(journal.append("last").await.unwrap(), at(3));
}

#[tokio::test]
async fn an_append_that_is_dropped_later_is_written_all_the_same() {
    let disk = Disk::new(1);
    let (journal, hold, first) = busy(&disk, Settings::default()).await;
    let mut dropped = Box::pin(journal.append("dropped"));
    assert!(waits(&mut dropped));
    drop(dropped);
    drop(hold);
    first.await.unwrap();
    journal.sync().await.unwrap();
    assert_eq!(all(journal.read_from(at(2))).await, [(2, b"dropped".to_vec())]);
}

#[tokio::test]
async fn a_batch_that_is_larger_than_all_the_room_there_is_gets_in_alone() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, Settings::default().waiting(1024)).await;
    let batch: Vec<_> = (0..100).map(record).collect();
    let positions = journal.append_all(&batch).await.unwrap();
    assert_eq!(positions, at(1)..at(101));
    assert_eq!(journal.append("another").await.unwrap(), at(101));
}

#[tokio::test]
async fn an_empty_batch_is_no_record() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, Settings::default()).await;
    let positions = journal.append_all::<&[u8]>([]).await.unwrap();
    assert_eq!(positions, at(1)..at(1));
    assert_eq!(journal.append(b"").await.unwrap(), at(1));
    assert_eq!(all(journal.read_from(Position::FIRST)).await, [(1, Vec::new())]);
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused_before_anything_else() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, Settings::default().limit(124)).await;
    assert_eq!(journal.append([0; 100]).await.unwrap(), at(1));
    let refused = journal.append([0; 101]).await;
    assert!(matches!(refused, Err(JournalError::TooLarge { bytes: 125, limit: 124 })), "{refused:?}");
    let refused = journal.append_all([[0; 50], [0; 50]]).await;
    assert!(matches!(refused, Err(JournalError::TooLarge { bytes: 148, limit: 124 })), "{refused:?}");
    assert_eq!(journal.append("goes on").await.unwrap(), at(2));
}

#[tokio::test]
async fn what_is_not_synced_is_not_read_and_what_is_read_is_there_after_a_crash() {
    let disk = Disk::new(1);
    let settings = Settings::default().unsynced_for(std::time::Duration::from_secs(3600));
    let (journal, _) = open(&disk, settings.clone()).await;
    journal.append("synced").await.unwrap();
    assert_eq!(journal.append_unsynced("not synced").await.unwrap(), at(2));
    assert_eq!(all(journal.read_from(at(1))).await.len(), 1);
    let refused = journal.confirm(at(2)).await;
    assert!(matches!(refused, Err(JournalError::Beyond { next, .. }) if next == at(2)), "{refused:?}");

    let (_, after) = open(&disk.copy().crash(Loss::Everything), settings.clone()).await;
    assert_eq!(after.next, at(2));
    journal.sync().await.unwrap();
    assert_eq!(all(journal.read_from(at(1))).await.len(), 2);
    let (_, after) = open(&disk.copy().crash(Loss::Everything), settings).await;
    assert_eq!(after.next, at(3));
}

#[tokio::test]
async fn what_is_not_synced_is_synced_after_a_while_by_itself() {
    let disk = Disk::new(1);
    let settings = Settings::default().unsynced_for(std::time::Duration::from_millis(1));
    let (journal, _) = open(&disk, settings).await;
    let mut follower = pin!(journal.follow(at(1)));
    journal.append_unsynced("soon").await.unwrap();
    assert_eq!(follower.next().await.unwrap().unwrap().position, at(1));
}

#[tokio::test]
async fn what_is_not_synced_is_synced_after_a_while_however_much_comes() {
    let disk = Disk::new(1);
    let settings = Settings::default().unsynced_for(std::time::Duration::from_millis(1));
    let (journal, _) = open(&disk, settings).await;
    // The writer never runs out of work meanwhile.
    let mut appended = 0;
    while journal.next() == Position::FIRST {
        drop(journal.enqueue(["more and more"], Durability::Unsynced).await.unwrap());
        appended += 1;
        assert!(appended < 5_000_000, "none of them was synced");
    }
}

#[tokio::test]
async fn after_a_while_without_work_damage_in_the_last_group_is_told() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, Settings::default()).await;
    journal.append("the last").await.unwrap();
    let calls = disk.calls();
    // In real time, about a second: the thread that writes has no other clock.
    let begun = std::time::Instant::now();
    while disk.calls() < calls + 2 {
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "it was not written down");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let disk = disk.crash(Loss::Everything);
    disk.corrupt("journal/00000000000000000001.segment", 64 + 24, |byte| !byte).unwrap();
    let refused = disk.open("journal", Settings::default()).await;
    assert!(matches!(refused, Err(JournalError::Damaged(damage)) if damage.position == Some(at(1))));
}

#[tokio::test]
async fn what_was_appended_is_written_when_all_handles_are_gone() {
    let disk = Disk::new(1);
    let (journal, hold, first) = busy(&disk, Settings::default()).await;
    for number in 0..100 {
        drop(journal.enqueue([record(number)], Durability::Unsynced).await.unwrap());
    }
    drop(journal);
    drop(hold);
    first.await.unwrap();
    // The lock is given back at the end.
    let mut opened = disk.open("journal", Settings::default()).await;
    while let Err(JournalError::Locked { .. }) = opened {
        tokio::task::yield_now().await;
        opened = disk.open("journal", Settings::default()).await;
    }
    assert_eq!(opened.unwrap().1.next, at(102));
}

#[tokio::test]
async fn a_closed_journal_says_so() {
    let disk = Disk::new(1);
    let (journal, hold, first) = busy(&disk, Settings::default().waiting(1024)).await;
    let fills = journal.enqueue([[0; 1000]], Durability::Synced).await.unwrap();
    let mut in_line = Box::pin(journal.append("waits for room"));
    assert!(waits(&mut in_line));
    let other = journal.clone();
    let closing = tokio::spawn(async move { other.close().await });
    support::until(|| matches!(journal.try_enqueue(["x"], Durability::Synced), Err(JournalError::Closed)))
        .await;
    assert!(matches!(in_line.await, Err(JournalError::Closed)));
    drop(hold);
    closing.await.unwrap().unwrap();
    assert_eq!(first.await.unwrap(), at(1)..at(2));
    assert_eq!(fills.await.unwrap(), at(2)..at(3));

    assert!(matches!(journal.append("late").await, Err(JournalError::Closed)));
    assert!(matches!(journal.sync().await, Err(JournalError::Closed)));
    assert!(matches!(journal.confirm(at(1)).await, Err(JournalError::Closed)));
    journal.close().await.unwrap();
    // What is there can still be read.
    assert_eq!(all(journal.read_from(at(1))).await.len(), 2);
}
