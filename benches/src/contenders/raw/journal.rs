//! The journal scenarios: records written behind each other into a file for which room was set aside.

use std::{fs::File, os::unix::fs::FileExt};

use rustix::fs::{FallocateFlags, fallocate};
use tempfile::TempDir;

use crate::{
    contender::Contender,
    measure::{Sample, Stopwatch},
    scenario::{RECORD, Scenario, WRITERS},
};

pub(crate) fn contenders() -> Vec<Contender> {
    use After::{Nothing, Sync};
    use Room::{SetAside, Written};

    vec![
        Contender::new(Scenario::JournalOne, "raw", |records| append(records, 1, Sync, SetAside)).base(),
        Contender::new(Scenario::JournalGroup, "raw", |records| append(records, WRITERS, Sync, SetAside))
            .base(),
        Contender::new(Scenario::JournalGroup, "raw-overwriting", |records| {
            append(records, WRITERS, Sync, Written)
        }),
        Contender::new(Scenario::JournalUnsynced, "raw", |records| append(records, 1, Nothing, SetAside))
            .base(),
        Contender::new(Scenario::JournalUnsynced, "raw-100-at-once", |records| {
            append(records, WRITERS, Nothing, SetAside)
        }),
    ]
}

/// What follows each write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Sync,
    Nothing,
}

/// What there is where records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// Nothing: the file system keeps room for it.
    SetAside,
    /// Something else, that was written before.
    Written,
}

fn append(records: u64, at_once: u64, after: After, room: Room) -> Sample {
    let directory = TempDir::new().expect("a temporary directory can be made");
    let file = File::create(directory.path().join("log")).expect("a file can be made");
    let bytes = records * RECORD as u64;
    match room {
        // Where this is not possible, it is measured without.
        Room::SetAside => drop(fallocate(&file, FallocateFlags::empty(), 0, bytes)),
        Room::Written => file.write_all_at(&vec![1; bytes as usize], 0).expect("there is room"),
    }
    file.sync_all().expect("the disk works");
    let record = [7_u8; RECORD];
    let mut group = Vec::with_capacity(RECORD * at_once as usize);

    let stopwatch = Stopwatch::start();
    let mut written = 0;
    while written < records {
        group.clear();
        let of_group = at_once.min(records - written);
        for _ in 0..of_group {
            group.extend_from_slice(&record);
        }
        file.write_all_at(&group, written * RECORD as u64).expect("there is room");
        written += of_group;
        if after == After::Sync {
            file.sync_data().expect("the disk works");
        }
    }
    let sample = stopwatch.stop(records);
    assert_eq!(file.metadata().expect("the file is open").len(), bytes, "not all was written");
    sample
}
