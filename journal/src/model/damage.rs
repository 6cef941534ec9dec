use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::book::{read_snapshot, try_read};
use super::cases;
use super::program::{self, Step, Then};
use super::run::{DIRECTORY, Run, settings};
use crate::error::{Damage, JournalError};
use crate::log::{Log, Recovered};
use crate::testing::Disk;

/// All that is there, with every checksum looked at.
struct There {
    recovered: Recovered,
    records: Vec<Vec<u8>>,
}

fn look(run: &mut Run) -> Result<There, JournalError> {
    run.log = None;
    let (log, recovered) = Log::open(run.files.clone(), Path::new(DIRECTORY), settings())?;
    if let Some(position) = recovered.snapshot {
        read_snapshot(&*run.files, &log.list(), position)?;
    }
    let records = try_read(&*run.files, &log.list(), recovered.next)?;
    Ok(There { recovered, records })
}

fn damage(looked: Result<There, JournalError>) -> Damage {
    match looked {
        Err(JournalError::Damaged(damage)) => damage,
        Err(error) => panic!("{error}"),
        Ok(There { recovered, .. }) => panic!("nothing was noticed: {recovered:?}"),
    }
}

/// Appends synced groups of one record each.
fn groups(sizes: &[usize]) -> Run {
    let program: Vec<_> =
        sizes.iter().map(|&bytes| Step::Append { batches: vec![vec![bytes]], then: Then::Synced }).collect();
    let mut run = Run::new(Disk::new(7));
    let (_, error) = run.all(&program);
    assert!(error.is_none(), "{error:?}");
    run
}

fn segment(base: u64) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{base:020}.segment"))
}

#[test]
fn damage_before_the_last_group_is_told_with_its_place_even_in_the_segment_that_is_written() {
    // Of 24 bytes and a record of 50 each, behind the header.
    for (record, byte) in [(1, 0), (1, 23), (1, 24), (2, 10), (2, 73), (3, 4), (3, 30)] {
        let mut run = groups(&[50; 4]);
        run.log = None;
        let begin = 64 + (record - 1) * 74;
        run.disk.corrupt(segment(1), begin + byte, |byte| byte ^ 0x10).unwrap();
        let damage = damage(look(&mut run));
        assert_eq!((damage.path, damage.offset), (segment(1), begin));
        assert_eq!(damage.position.map(|position| position.get()), Some(record));
    }
}

#[test]
fn the_last_group_is_a_torn_tail_unless_the_log_was_closed_or_had_time() {
    for byte in [0, 23, 24, 73] {
        let mut run = groups(&[50; 4]);
        run.log = None;
        run.disk.corrupt(segment(1), 64 + 3 * 74 + byte, |byte| !byte).unwrap();
        let There { recovered, records } = look(&mut run).unwrap();
        assert_eq!((records.len(), recovered.next.get()), (3, 4));
        let cut = recovered.cut.unwrap();
        assert_eq!((cut.path, cut.offset, cut.bytes), (segment(1), 64 + 3 * 74, 74));

        for end in [Log::prove, |log: &mut Log| log.sync().unwrap()] {
            let mut run = groups(&[50; 4]);
            let mut log = run.log.take().unwrap();
            end(&mut log);
            if log.is_unproven() {
                log.close().unwrap();
            } else {
                drop(log);
            }
            run.disk.corrupt(segment(1), 64 + 3 * 74 + byte, |byte| !byte).unwrap();
            assert_eq!(damage(look(&mut run)).offset, 64 + 3 * 74);
        }
    }
}

#[test]
fn damage_in_an_earlier_segment_is_told_where_it_is_read() {
    let mut run = groups(&[300; 6]);
    run.log = None;
    assert_eq!(run.disk.files(DIRECTORY).len(), 6, "{:?}", run.disk.files(DIRECTORY));
    run.disk.corrupt(segment(3), 64 + 30, |byte| !byte).unwrap();
    let damage = damage(look(&mut run));
    assert_eq!((damage.path, damage.offset), (segment(3), 64));
}

#[test]
fn a_segment_that_is_missing_is_told() {
    use crate::storage::FileSystem as _;

    let mut run = groups(&[300; 6]);
    run.log = None;
    run.disk.remove(&segment(4)).unwrap();
    let damage_behind = damage(look(&mut run));
    assert_eq!(
        (damage_behind.path, damage_behind.position.map(|position| position.get())),
        (segment(3), Some(4))
    );

    run.disk.remove(&segment(1)).unwrap();
    assert_eq!(damage(look(&mut run)).path, segment(1));
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_changed_byte_of_a_log_that_was_closed_is_told_or_does_not_matter(
        program in program::any(),
        place in any::<prop::sample::Index>(),
        change in 1..=255_u8,
    ) {
        let mut run = Run::new(Disk::new(1));
        let (_, error) = run.all(&program);
        prop_assert!(error.is_none());
        run.log.take().unwrap().close().unwrap();
        let expected = look(&mut run).unwrap();
        run.log = None;

        let files: Vec<_> = run.disk.files(DIRECTORY).into_iter().filter(|(_, content)| !content.is_empty()).collect();
        let bytes: usize = files.iter().map(|(_, content)| content.len()).sum();
        let mut at = place.index(bytes);
        let (path, _) = files.iter().find(|(_, content)| {
            let is_there = at < content.len();
            if !is_there {
                at -= content.len();
            }
            is_there
        }).unwrap();
        run.disk.corrupt(path, at as u64, |byte| byte ^ change).unwrap();

        match look(&mut run) {
            Err(JournalError::Damaged(damage)) => prop_assert_eq!(&damage.path, path),
            Err(error) => prop_assert!(false, "{error}"),
            Ok(There { recovered, records }) => {
                prop_assert_eq!(records, expected.records);
                prop_assert_eq!(recovered.confirmed, expected.recovered.confirmed);
                prop_assert_eq!(recovered.snapshot, expected.recovered.snapshot);
            }
        }
    }
}
