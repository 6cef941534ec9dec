use std::sync::Arc;

use crate::error::{Damage, JournalError};
use crate::format::{HEADER, Holds, Kind};
use crate::log::{List, Log, Recovered, Scan, Step, open_frames};
use crate::position::Position;
use crate::storage::FileSystem;

/// What was promised of a log.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    /// Every record that was written, by its position.
    written: Vec<Vec<u8>>,
    /// After how many records a batch ends.
    ends: Vec<usize>,
    /// How many of them are known to be synced.
    synced: usize,
    /// What was confirmed, for certain, and at most.
    confirmed: (usize, usize),
    /// The snapshot that is there, for certain, and those that may be there instead.
    snapshot: (Option<Summary>, Vec<Summary>),
    /// Numbers that make each record another.
    count: u64,
}

/// A snapshot: up to where it goes, and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) records: usize,
    pub(super) parts: Vec<Vec<u8>>,
}

impl Book {
    /// A record that was never there before, of so many bytes or a few more.
    pub(super) fn record(&mut self, bytes: usize) -> Vec<u8> {
        self.count += 1;
        let mut record = self.count.to_le_bytes().to_vec();
        record.resize(bytes.max(8), self.count as u8);
        record
    }

    /// These batches are being written: each is there from now on, or not.
    pub(super) fn writing(&mut self, batches: &[Vec<Vec<u8>>]) {
        for batch in batches {
            self.written.extend(batch.iter().cloned());
            self.ends.push(self.written.len());
        }
    }

    /// All but the first so many records are not there, for certain.
    pub(super) fn refused_from(&mut self, records: usize) {
        self.written.truncate(records);
        self.ends.retain(|&end| end <= records);
    }

    pub(super) fn synced(&mut self) {
        self.synced = self.written.len();
    }

    pub(super) fn written(&self) -> usize {
        self.written.len()
    }

    pub(super) fn synced_records(&self) -> usize {
        self.synced
    }

    pub(super) fn confirming(&mut self, records: usize) {
        self.confirmed.1 = self.confirmed.1.max(records);
    }

    pub(super) fn confirmed(&mut self) {
        self.confirmed.0 = self.confirmed.1;
    }

    pub(super) fn not_confirmed(&mut self) {
        self.confirmed.1 = self.confirmed.0;
    }

    pub(super) fn summing_up(&mut self, summary: Summary) {
        self.snapshot.1.push(summary);
    }

    /// The last of them is there.
    pub(super) fn summed_up(&mut self) {
        let (certain, possible) = &mut self.snapshot;
        if let Some(summary) = possible.pop() {
            possible.retain(|possible| possible.records > summary.records);
            *certain = Some(summary);
        }
    }

    pub(super) fn snapshot_records(&self) -> Option<usize> {
        self.snapshot.0.as_ref().map(|summary| summary.records)
    }

    /// Looks at what is there after a start, whatever happened before it, and takes that for what there is.
    pub(super) fn check(&mut self, files: &Arc<dyn FileSystem>, log: &Log, recovered: &Recovered) {
        let there = (recovered.next.get() - 1) as usize;
        assert!(there >= self.synced, "{} synced records, {there} are there", self.synced);
        assert!(
            there <= self.written.len(),
            "{} records were written, {there} are there",
            self.written.len()
        );
        assert!(
            there == 0 || self.ends.contains(&there),
            "{there} records are part of a batch: {:?}",
            self.ends
        );

        let confirmed = recovered.confirmed.map_or(0, |position| position.get() as usize);
        assert!(
            (self.confirmed.0..=self.confirmed.1).contains(&confirmed),
            "confirmed were {:?}, {confirmed} are",
            self.confirmed
        );
        self.confirmed = (confirmed, confirmed);

        let summary =
            recovered.snapshot.map(|position| read_snapshot(&**files, &log.list(), position).unwrap());
        let (certain, possible) = &self.snapshot;
        let is_possible = summary.as_ref().is_some_and(|summary| possible.contains(summary));
        assert!(summary == *certain || is_possible, "{summary:?}, {:?}", self.snapshot);
        self.snapshot = (summary, Vec::new());

        let first = recovered.first.get() as usize - 1;
        let needed = confirmed.max(self.snapshot_records().unwrap_or(0));
        assert!(
            first <= needed,
            "{needed} records are not needed, the first that is kept comes after {first}"
        );
        let records = read(&**files, &log.list(), recovered.next);
        assert_eq!(records.len(), there - first);
        assert!(records == self.written[first..there], "not what was written");

        self.refused_from(there);
        self.synced();
    }
}

/// All the records of a log, which has to be in order.
pub(super) fn read(files: &dyn FileSystem, list: &List, next: Position) -> Vec<Vec<u8>> {
    try_read(files, list, next).unwrap()
}

pub(super) fn try_read(
    files: &dyn FileSystem,
    list: &List,
    next: Position,
) -> Result<Vec<Vec<u8>>, JournalError> {
    let mut records = Vec::new();
    let mut at = list.first();
    while at < next {
        let (segment, end) = list.find(at).unwrap();
        let path = list.path(segment.base);
        let (file, header) = open_frames(files, &path, Holds::Segment, segment.base)?;
        let length = file.length().unwrap();
        let mut scan = Scan::new(file, header.salt, HEADER as u64, at);
        while at < end.unwrap_or(next) {
            let offset = scan.at();
            match scan.step(length).unwrap() {
                Step::Frame(frame, content) if frame.kind.is_record() => {
                    records.push(content.to_vec());
                    at = at.next();
                }
                Step::Frame(..) => {}
                Step::Nothing(why) => return Err(Damage::new(&path, offset, why).at(at).into()),
            }
        }
    }
    Ok(records)
}

pub(super) fn read_snapshot(
    files: &dyn FileSystem,
    list: &List,
    position: Position,
) -> Result<Summary, JournalError> {
    let path = list.snapshot_path(position);
    let (file, header) = open_frames(files, &path, Holds::Snapshot, position)?;
    let length = file.length().unwrap();
    let mut scan = Scan::new(file, header.salt, HEADER as u64, Position::FIRST);
    let mut parts = Vec::new();
    loop {
        let offset = scan.at();
        match scan.step(length).unwrap() {
            Step::Frame(frame, _) if frame.kind == Kind::End => break,
            Step::Frame(_, content) => parts.push(content.to_vec()),
            Step::Nothing(why) => return Err(Damage::new(&path, offset, why).into()),
        }
    }
    Ok(Summary { records: position.get() as usize, parts })
}
