//! What happens when the disk is full, or fails, or the journal has reached its size.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::io::ErrorKind;

use edri_journal::testing::{Disk, Loss};
use edri_journal::{Durability, JournalError, Settings, WhenFull};
use support::{all, at, fill, is_refused, open, record, small};

#[tokio::test]
async fn a_full_disk_refuses_and_recovers_when_there_is_room() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small()).await;
    fill(&journal, 1..=20).await;
    disk.set_room(0);
    let mut stored = 20;
    loop {
        match journal.append(record(stored + 1)).await {
            // Room had been set aside.
            Ok(position) => {
                stored += 1;
                assert_eq!(position, at(stored));
            }
            Err(JournalError::NoSpace { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    let refused = journal.append_all([record(stored + 1), record(1)]).await;
    assert!(matches!(refused, Err(JournalError::NoSpace { .. })), "{refused:?}");
    // What was stored can be read, and confirmed, which makes room.
    assert_eq!(all(journal.read_from(at(1))).await.len() as u64, stored);
    journal.confirm(at(stored)).await.unwrap();
    journal.sync().await.unwrap();

    disk.set_room(u64::MAX);
    assert_eq!(journal.append("there is room").await.unwrap(), at(stored + 1));
    drop(journal);
    let (journal, recovered) = open(&disk.crash(Loss::Everything), small()).await;
    assert_eq!((recovered.next, recovered.confirmed), (at(stored + 2), Some(at(stored))));
    assert_eq!(all(journal.read_from(at(stored + 1))).await, [(stored + 1, b"there is room".to_vec())]);
}

#[tokio::test]
async fn a_group_that_fails_is_told_to_all_of_it_and_leaves_nothing() {
    for call in [0, 1] {
        let disk = Disk::new(call);
        let (journal, _) = open(&disk, Settings::default()).await;
        journal.append("before").await.unwrap();
        disk.fail_at(disk.calls() + call, ErrorKind::Other);
        let group = ["a", "b", "c"].map(|record| journal.try_enqueue([record], Durability::Synced).unwrap());
        let mut refused = 0;
        for pending in group {
            refused += usize::from(is_refused(&pending.await));
        }
        assert!(refused > 0);
        let next = journal.next();
        assert_eq!(next, at(5 - refused as u64));
        assert_eq!(journal.append("after").await.unwrap(), next);
        let (_, recovered) = open(&disk.crash(Loss::Nothing), Settings::default()).await;
        assert_eq!((recovered.next, recovered.cut), (next.next(), None));
    }
}

#[tokio::test]
async fn a_failure_that_cannot_be_undone_poisons_the_journal_until_it_is_opened_again() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, Settings::default()).await;
    journal.append("before").await.unwrap();
    // The sync, and what would undo the write.
    disk.fail_at(disk.calls() + 1, ErrorKind::Other);
    disk.fail_at(disk.calls() + 2, ErrorKind::Other);
    for _ in 0..2 {
        let refused = journal.append("lost").await;
        assert!(matches!(refused, Err(JournalError::Poisoned { .. })), "{refused:?}");
    }
    assert!(matches!(journal.confirm(at(1)).await, Err(JournalError::Poisoned { .. })));
    assert!(matches!(journal.sync().await, Err(JournalError::Poisoned { .. })));
    assert_eq!(all(journal.read_from(at(1))).await.len(), 1);
    assert!(matches!(journal.close().await, Err(JournalError::Poisoned { .. })));

    let (journal, recovered) = open(&disk, Settings::default()).await;
    assert!(recovered.next >= at(2));
    assert_eq!(journal.append("after").await.unwrap(), recovered.next);
}

#[tokio::test]
async fn a_sync_that_fails_after_records_were_acknowledged_without_is_told_to_everybody() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, Settings::default()).await;
    journal.append_unsynced("acknowledged").await.unwrap();
    disk.fail_at(disk.calls(), ErrorKind::Other);
    assert!(matches!(journal.sync().await, Err(JournalError::Poisoned { .. })));
    assert!(matches!(journal.append("later").await, Err(JournalError::Poisoned { .. })));
}

#[tokio::test]
async fn a_journal_that_has_reached_its_capacity_refuses_until_something_is_confirmed() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small().capacity(24 << 10, WhenFull::Refuse)).await;
    let mut stored = 0;
    let refused = loop {
        match journal.append(record(500)).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, JournalError::Full { capacity: 24_576, .. }), "{refused}");
    assert!(stored > 10);
    assert!(journal.bytes() <= 24 << 10);
    journal.confirm(at(stored)).await.unwrap();
    for _ in 0..5 {
        journal.append(record(500)).await.unwrap();
    }
    assert!(journal.first() > at(1));
}

#[tokio::test]
async fn a_journal_that_may_remove_the_oldest_does_when_it_has_reached_its_capacity() {
    let disk = Disk::new(1);
    let settings = small().capacity(24 << 10, WhenFull::RemoveOldest);
    let (journal, _) = open(&disk, settings.clone()).await;
    for _ in 0..200 {
        journal.append(record(500)).await.unwrap();
        assert!(journal.bytes() <= 24 << 10);
    }
    let first = journal.first();
    assert!(first > at(150), "{first}");
    let gone = journal.read_from(at(1)).next().await.unwrap();
    assert!(
        matches!(gone, Err(JournalError::Gone { position, first: kept }) if position == at(1) && kept == first)
    );
    let (journal, recovered) = open(&disk.crash(Loss::Everything), settings).await;
    assert_eq!((recovered.first, recovered.next), (first, at(201)));
    assert_eq!(all(journal.read_from(first)).await.len() as u64, recovered.records());
}

#[tokio::test]
async fn what_is_confirmed_is_retained_as_long_as_there_is_room_for_it() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small().retain(32 << 10)).await;
    for number in 1..=200 {
        journal.append(record(500)).await.unwrap();
        journal.confirm(at(number)).await.unwrap();
    }
    journal.sync().await.unwrap();
    assert!(journal.bytes() <= 32 << 10);
    let retained = journal.next().get() - journal.first().get();
    assert!(retained > 30, "{retained}");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_with_what_is_expected() {
    let disk = Disk::new(1);
    let wrong = [
        Settings::default().segment_size(100),
        Settings::default().limit(2 << 30),
        Settings::default().waiting(0),
        Settings::default().company(0),
        Settings::default().capacity(1 << 20, WhenFull::Refuse),
    ];
    for settings in wrong {
        let refused = disk.open("journal", settings).await.unwrap_err();
        assert!(matches!(refused, JournalError::Setting { .. }), "{refused}");
        assert!(refused.to_string().contains("at least"), "{refused}");
    }
    assert_eq!(disk.files("journal"), []);
}
