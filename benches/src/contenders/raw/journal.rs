//! The journal scenarios: records written behind each other into a file for which room was set aside.

use std::{fs::File, io::Write};

use rustix::fs::{FallocateFlags, fallocate};

use crate::{
    contender::Contender,
    measure::{Sample, Stopwatch},
    scenario::{RECORD, Scenario, WRITERS},
};

pub(crate) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::JournalOne, "raw", |records| append(records, 1, After::Sync)).base(),
        Contender::new(Scenario::JournalGroup, "raw", |records| append(records, WRITERS, After::Sync)).base(),
        Contender::new(Scenario::JournalUnsynced, "raw", |records| append(records, 1, After::Nothing)).base(),
        Contender::new(Scenario::JournalUnsynced, "raw-100-at-once", |records| {
            append(records, WRITERS, After::Nothing)
        }),
    ]
}

/// What follows each write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Sync,
    Nothing,
}

fn append(records: u64, at_once: u64, after: After) -> Sample {
    let mut file = tempfile::tempfile().expect("a temporary file can be made");
    set_aside(&file, records * RECORD as u64);
    let record = [7_u8; RECORD];
    let mut group = Vec::with_capacity(RECORD * at_once as usize);

    let stopwatch = Stopwatch::start();
    let mut left = records;
    while left > 0 {
        group.clear();
        for _ in 0..at_once.min(left) {
            group.extend_from_slice(&record);
        }
        left -= at_once.min(left);
        file.write_all(&group).expect("there is room");
        if after == After::Sync {
            file.sync_data().expect("the disk works");
        }
    }
    let sample = stopwatch.stop(records);
    let written = file.metadata().expect("the file is open").len();
    assert_eq!(written, records * RECORD as u64, "not all was written");
    sample
}

fn set_aside(file: &File, bytes: u64) {
    // Where this is not possible, it is measured without.
    let _ = fallocate(file, FallocateFlags::empty(), 0, bytes);
    file.sync_all().expect("the disk works");
}
