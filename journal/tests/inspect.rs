//! What is said of a journal to people.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use edri_journal::{Inspection, Journal, JournalError, inspect};
use support::{at, fill, small};
use tempfile::TempDir;

/// A journal of 100 records, with 20 confirmed and 30 summed up.
async fn journal(directory: &Path) -> Journal {
    let (journal, _) = Journal::open(directory, small()).await.unwrap();
    fill(&journal, 1..=100).await;
    journal.confirm(at(20)).await.unwrap();
    let mut snapshot = journal.snapshot(at(30)).await.unwrap();
    snapshot.write("the sum").await.unwrap();
    snapshot.finish().await.unwrap();
    journal
}

fn segments(inspection: &Inspection) -> Vec<(u64, u64)> {
    inspection.segments.iter().map(|segment| (segment.position.get(), segment.records)).collect()
}

fn spoil(path: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[!byte[0]], offset).unwrap();
}

#[tokio::test]
async fn a_journal_that_is_well_is_said_to_be() {
    let directory = TempDir::new().unwrap();
    let open = journal(directory.path()).await;
    let while_open = inspect(directory.path()).await.unwrap();
    assert!(while_open.is_open);
    open.close().await.unwrap();

    let inspection = inspect(directory.path()).await.unwrap();
    assert!(!inspection.is_open);
    assert_eq!(segments(&while_open), segments(&inspection));
    assert_eq!(inspection.records(), 100);
    assert!(inspection.segments.len() > 1);
    assert_eq!((inspection.confirmed, inspection.cut.clone()), (Some(at(20)), None));
    assert_eq!(inspection.damage().next(), None);
    assert_eq!((inspection.snapshots[0].position, inspection.snapshots[0].records), (at(30), 1));
    let table = inspection.to_string();
    assert!(table.contains("100 records") && table.contains("confirmed up to 20"), "{table}");
    // Nothing was changed by it.
    assert_eq!(inspect(directory.path()).await.unwrap(), inspection);
}

#[tokio::test]
async fn damage_is_named_for_each_file_and_a_torn_end_is_none() {
    let directory = TempDir::new().unwrap();
    journal(directory.path()).await.close().await.unwrap();
    let well = inspect(directory.path()).await.unwrap();
    let (first, last) = (&well.segments[0], well.segments.last().unwrap());
    spoil(&first.path, first.bytes / 2);
    spoil(&well.snapshots[0].path, 70);
    // As after a crash: something is behind the end that is no record.
    let torn = OpenOptions::new().write(true).open(&last.path).unwrap();
    torn.write_all_at(&[9; 50], last.bytes).unwrap();
    fs::write(directory.path().join("00000000000000000200.segment.0.unfinished"), "of no use").unwrap();
    fs::write(directory.path().join("notes.txt"), "not the journal's").unwrap();

    let inspection = inspect(directory.path()).await.unwrap();
    let damage: Vec<_> = inspection.damage().map(|damage| &damage.path).collect();
    assert_eq!(damage, [&well.snapshots[0].path, &first.path]);
    assert!(inspection.segments[0].records < first.records);
    let cut = inspection.cut.as_ref().unwrap();
    assert_eq!((&cut.path, cut.offset, cut.bytes), (&last.path, last.bytes, 50));
    assert_eq!(inspection.leftovers.len(), 1);
    let table = inspection.to_string();
    assert!(table.contains("damaged at byte") && table.contains("to be removed"), "{table}");
}

#[tokio::test]
async fn a_journal_without_its_first_segment_is_damaged() {
    let directory = TempDir::new().unwrap();
    journal(directory.path()).await.close().await.unwrap();
    let well = inspect(directory.path()).await.unwrap();
    fs::remove_file(&well.segments[0].path).unwrap();
    let inspection = inspect(directory.path()).await.unwrap();
    assert!(
        inspection.damage().next().is_some_and(|damage| damage.what.contains("not there")),
        "{inspection}"
    );
    let refused = Journal::open(directory.path(), small()).await;
    assert!(matches!(refused, Err(JournalError::Damaged(damage)) if damage.path == well.segments[0].path));
}

#[tokio::test]
async fn what_is_no_journal_is_empty_and_what_is_not_there_is_an_error() {
    let directory = TempDir::new().unwrap();
    let inspection = inspect(directory.path()).await.unwrap();
    assert!(inspection.segments.is_empty() && !inspection.is_open);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing was made");
    let refused = inspect(directory.path().join("nowhere")).await;
    assert!(matches!(refused, Err(JournalError::Io { doing: "list", .. })), "{refused:?}");
}
