//! Snapshots: what takes the place of many records.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use edri_journal::testing::{Disk, Loss};
use edri_journal::{Journal, JournalError, Settings, SnapshotReader};
use futures_util::TryStreamExt as _;
use support::{all, at, fill, open, small, until, waits};

async fn sum_up(journal: &Journal, position: u64, parts: u32) -> Result<(), JournalError> {
    let mut snapshot = journal.snapshot(at(position)).await?;
    for part in 0..parts {
        snapshot.write(part.to_le_bytes().repeat(500)).await?;
    }
    snapshot.finish().await
}

async fn parts(snapshot: Option<SnapshotReader>) -> usize {
    let parts: Vec<_> = snapshot.unwrap().try_collect().await.unwrap();
    for (number, part) in (0_u32..).zip(&parts) {
        assert_eq!(*part, number.to_le_bytes().repeat(500));
    }
    parts.len()
}

fn names(disk: &Disk) -> Vec<String> {
    let files = disk.files("journal").into_iter();
    files.map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_journal_with_snapshots_does_not_grow() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small()).await;
    for round in 0..20 {
        fill(&journal, round * 50 + 1..=round * 50 + 50).await;
        sum_up(&journal, round * 50 + 50, 3).await.unwrap();
        journal.sync().await.unwrap();
        assert!(journal.bytes() <= 2 * (8 << 10), "{}", journal.bytes());
        assert_eq!(names(&disk).iter().filter(|name| name.ends_with("snapshot")).count(), 1);
    }
    let (journal, recovered) = open(&disk.crash(Loss::Everything), small()).await;
    assert_eq!((recovered.snapshot, recovered.next), (Some(at(1_000)), at(1_001)));
    assert_eq!(parts(journal.read_snapshot().await.unwrap()).await, 3);
}

#[tokio::test]
async fn records_are_appended_while_a_snapshot_is_written_and_come_after_it() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small()).await;
    fill(&journal, 1..=50).await;
    let mut snapshot = journal.snapshot(at(50)).await.unwrap();
    snapshot.write(0_u32.to_le_bytes().repeat(500)).await.unwrap();
    fill(&journal, 51..=80).await;
    snapshot.write(1_u32.to_le_bytes().repeat(500)).await.unwrap();
    snapshot.finish().await.unwrap();
    assert_eq!(parts(journal.read_snapshot().await.unwrap()).await, 2);
    assert_eq!(all(journal.read_from(at(51))).await.len(), 30);
}

#[tokio::test]
async fn a_snapshot_that_is_given_up_leaves_nothing() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small()).await;
    fill(&journal, 1..=10).await;
    let mut snapshot = journal.snapshot(at(10)).await.unwrap();
    snapshot.write("something").await.unwrap();
    let busy = journal.snapshot(at(10)).await;
    assert!(matches!(busy, Err(JournalError::SnapshotUnderWay)), "{busy:?}");
    drop(snapshot);
    // In the background.
    until(|| names(&disk) == ["00000000000000000001.segment"]).await;
    assert!(journal.read_snapshot().await.unwrap().is_none());

    // One that is begun right after is not taken for it.
    drop(journal.snapshot(at(10)).await.unwrap());
    sum_up(&journal, 10, 1).await.unwrap();
    assert_eq!(parts(journal.read_snapshot().await.unwrap()).await, 1);
}

#[tokio::test]
async fn a_snapshot_whose_end_nobody_waits_for_harms_none_that_follows() {
    for polls in 0..40 {
        let disk = Disk::new(polls);
        let (journal, _) = open(&disk, small()).await;
        fill(&journal, 1..=10).await;
        let mut first = journal.snapshot(at(10)).await.unwrap();
        first.write(0_u32.to_le_bytes().repeat(500)).await.unwrap();
        let mut finish = Box::pin(first.finish());
        // Given up anywhere on its way.
        for _ in 0..polls {
            if !waits(&mut finish) {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(finish);

        sum_up(&journal, 10, 2).await.unwrap();
        assert_eq!(parts(journal.read_snapshot().await.unwrap()).await, 2);
        let (journal, recovered) = open(&disk.crash(Loss::Everything), small()).await;
        assert_eq!(recovered.snapshot, Some(at(10)));
        assert_eq!(parts(journal.read_snapshot().await.unwrap()).await, 2);
    }
}

#[tokio::test]
async fn a_snapshot_of_what_is_not_there_or_summed_up_already_is_refused() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small()).await;
    assert!(matches!(sum_up(&journal, 1, 1).await, Err(JournalError::Beyond { .. })));
    fill(&journal, 1..=10).await;
    sum_up(&journal, 8, 1).await.unwrap();
    let refused = sum_up(&journal, 5, 1).await;
    assert!(
        matches!(refused, Err(JournalError::SnapshotOutdated { newest, .. }) if newest == at(8)),
        "{refused:?}"
    );
    // The same once more is the same.
    sum_up(&journal, 8, 2).await.unwrap();
    assert_eq!(parts(journal.read_snapshot().await.unwrap()).await, 2);
}

#[tokio::test]
async fn a_snapshot_that_would_leave_a_gap_is_refused() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small()).await;
    fill(&journal, 1..=100).await;
    let mut begun = journal.snapshot(at(5)).await.unwrap();
    begun.write("something").await.unwrap();
    journal.confirm(at(90)).await.unwrap();
    journal.sync().await.unwrap();
    let first = journal.first();
    assert!(first > at(6));
    let is_gap = |refused: &JournalError| matches!(refused, JournalError::Gone { position, first: kept } if *position == at(6) && *kept == first);
    assert!(begun.finish().await.is_err_and(|refused| is_gap(&refused)));
    assert!(journal.snapshot(at(5)).await.is_err_and(|refused| is_gap(&refused)));
    sum_up(&journal, 90, 1).await.unwrap();
}

#[tokio::test]
async fn a_snapshot_for_which_there_is_no_room_harms_nobody() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, Settings::default()).await;
    fill(&journal, 1..=10).await;
    disk.set_room(1_000);
    let refused = sum_up(&journal, 10, 1_000).await;
    assert!(matches!(refused, Err(JournalError::Io { doing: "write", .. })), "{refused:?}");
    fill(&journal, 11..=20).await;
    disk.set_room(u64::MAX);
    sum_up(&journal, 20, 1_000).await.unwrap();
    assert_eq!(parts(journal.read_snapshot().await.unwrap()).await, 1_000);
}

#[tokio::test]
async fn a_damaged_snapshot_is_told() {
    let disk = Disk::new(1);
    let (journal, _) = open(&disk, small()).await;
    fill(&journal, 1..=10).await;
    sum_up(&journal, 10, 3).await.unwrap();
    disk.corrupt("journal/00000000000000000010.snapshot", 3_000, |byte| !byte).unwrap();
    let read: Result<Vec<_>, _> = journal.read_snapshot().await.unwrap().unwrap().try_collect().await;
    assert!(matches!(read, Err(JournalError::Damaged(damage)) if damage.offset == 64 + 2024), "told where");
    journal.close().await.unwrap();

    disk.corrupt("journal/00000000000000000010.snapshot", 3, |byte| !byte).unwrap();
    let refused = disk.open("journal", small()).await;
    assert!(matches!(refused, Err(JournalError::Damaged(damage)) if damage.offset == 0));
}
