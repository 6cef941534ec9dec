use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::merge::merge;
use super::record::Record;
use crate::refusal::{Refusal, Refused};

/// So much may wait to be written, in bytes: then nothing durable is taken on until it is, and what waits is merged.
const MOST: usize = 64 << 20;

/// The longest event of a durable schedule, in bytes, if the journal takes as much.
const LONGEST: usize = 4 << 20;

/// What a record has beside its event, at the most: a name, a pattern, options, and where it is in its plan.
const BESIDE: usize = 2 << 10;

/// Records in line for the disk.
pub(crate) struct Ledger {
    line: Mutex<Line>,
    /// Something is in line, or nothing will come any more.
    pub(super) wake: Notify,
    pub(super) progress: watch::Sender<Progress>,
    /// The longest event of a durable schedule, in bytes.
    longest: usize,
}

struct Line {
    records: Vec<(Record, Vec<u8>)>,
    bytes: usize,
    /// With so many bytes they are merged.
    merge_at: usize,
    /// How many have been merged into others.
    merged: u64,
    /// The number of the next record.
    next: u64,
    closed: bool,
    /// Nobody will write what comes from here on.
    is_over: bool,
}

/// What is in line, to be written.
pub(super) struct Taken {
    pub(super) records: Vec<(Record, Vec<u8>)>,
    /// How many more there were that have been merged into these.
    pub(super) merged: u64,
    /// Whether nothing more will come.
    pub(super) closed: bool,
}

/// How far writing has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// All records of lesser numbers are on the disk.
    pub(super) written: u64,
    /// Why not more are, if something is in the way.
    pub(super) trouble: Option<Arc<str>>,
    /// It will not be better until the program is started again.
    pub(super) ended: bool,
}

/// What is to be on the disk before an answer is given.
#[must_use = "it has to be waited for"]
pub(crate) struct Ticket {
    progress: watch::Receiver<Progress>,
    /// The number behind the last record.
    until: u64,
}

impl Ledger {
    /// For a journal that takes so many bytes at a time.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            longest: LONGEST.min(limit.saturating_sub(BESIDE)),
            line: Mutex::new(Line::new(MOST)),
            wake: Notify::new(),
            progress: watch::Sender::new(Progress::default()),
        }
    }

    /// Whether something durable can be taken on.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        let waiting = self.line.lock().bytes;
        let Progress { trouble, ended, .. } = self.progress.borrow().clone();
        match trouble {
            Some(trouble) if ended => {
                Err(Refusal::Journal.because(format!("the journal has failed: {trouble}")))
            }
            _ if waiting >= MOST => {
                Err(Refusal::Journal.because(format!("{waiting} bytes wait to be written")))
            }
            _ => Ok(()),
        }
    }

    /// How many bytes an event may have that is to be written down.
    pub(crate) const fn longest(&self) -> usize {
        self.longest
    }

    /// What is in the way of writing, if something is.
    pub(crate) fn trouble(&self) -> Option<Arc<str>> {
        self.progress.borrow().trouble.clone()
    }

    /// Puts a record in line: to be called where it is decided what happens.
    pub(crate) fn append(&self, record: Record) {
        self.line.lock().push(record);
        self.wake.notify_one();
    }

    /// For all that has been put in line so far.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket { progress: self.progress.subscribe(), until: self.line.lock().next }
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.line.lock().closed = true;
        self.wake.notify_one();
    }

    /// Nobody will write any more: what is in line is let go, and what comes is not kept.
    pub(super) fn end(&self) {
        let mut line = self.line.lock();
        *line = Line { next: line.next, closed: line.closed, is_over: true, ..Line::new(MOST) };
    }

    /// All that is in line.
    pub(super) fn take(&self) -> Taken {
        let mut line = self.line.lock();
        let left = Line { next: line.next, closed: line.closed, ..Line::new(MOST) };
        let Line { records, merged, closed, .. } = std::mem::replace(&mut *line, left);
        Taken { records, merged, closed }
    }
}

impl Line {
    fn new(merge_at: usize) -> Self {
        Self { records: Vec::new(), bytes: 0, merge_at, merged: 0, next: 0, closed: false, is_over: false }
    }

    fn push(&mut self, record: Record) {
        self.next += 1;
        if self.is_over {
            return;
        }
        self.add(record);
        if self.bytes < self.merge_at {
            return;
        }
        // The disk has taken nothing for long, and runs go on.
        let records = std::mem::take(&mut self.records);
        let before = records.len();
        self.bytes = 0;
        merge(records.into_iter().map(|(record, _)| record)).for_each(|record| self.add(record));
        self.merged += before.saturating_sub(self.records.len()) as u64;
        // Where little could be merged, the next time is far enough that it costs little.
        self.merge_at = self.merge_at.max(2 * self.bytes);
    }

    fn add(&mut self, record: Record) {
        match record.encode() {
            Ok(bytes) => {
                self.bytes += bytes.len();
                self.records.push((record, bytes));
            }
            // Nothing in a record is of a kind that cannot be encoded.
            Err(error) => {
                tracing::error!("a record of a schedule cannot be written: {error}");
                self.merged += 1;
            }
        }
    }
}

impl Ticket {
    /// Waits until it is on the disk.
    ///
    /// Cancel safe: it will be all the same.
    pub(crate) async fn written(mut self) -> Result<(), Refused> {
        let until = self.until;
        let decided = |progress: &Progress| progress.written >= until || progress.trouble.is_some();
        let trouble = match self.progress.wait_for(decided).await {
            Ok(progress) if progress.written >= until => return Ok(()),
            Ok(progress) => progress.trouble.clone(),
            Err(_) => None,
        };
        let trouble = trouble.unwrap_or_else(|| "it was closed".into());
        Err(Refusal::Journal.because(format!("it is in effect, and not on the disk: {trouble}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Place;

    fn moved(run: u64) -> Record {
        let place = Place { runs: run, next: Some(7), paused: false, over: false, queue: Vec::new() };
        Record::Moved { key: run % 3, begun: vec![(run, 7)], place }
    }

    #[test]
    fn what_waits_for_a_disk_that_takes_nothing_is_bounded_and_none_of_it_is_lost() {
        let most = 4_096;
        let mut line = Line::new(most);
        for run in 0..100_000 {
            line.push(moved(run));
            line.push(Record::Ended { key: run % 3, run });
            assert!(line.bytes <= most && line.records.len() <= most, "{} bytes", line.bytes);
        }
        assert_eq!(line.merged + line.records.len() as u64, line.next);
        assert_eq!(line.next, 200_000);
        let kept = merge(line.records.into_iter().map(|(record, _)| record)).collect::<Vec<_>>();
        assert_eq!(kept.len(), 3, "{kept:?}");
        assert!(
            matches!(&kept[0], Record::Moved { begun, place, .. } if begun.is_empty() && place.runs == 99_999)
        );
    }

    #[test]
    fn nothing_is_kept_for_a_writer_that_has_ended() {
        let ledger = Ledger::new(1 << 20);
        ledger.append(moved(1));
        ledger.end();
        (2..1_000).for_each(|run| ledger.append(moved(run)));
        let Taken { records, merged, closed } = ledger.take();
        assert_eq!((records.len(), merged, closed), (0, 0, false));
    }
    #[test]
    fn an_event_has_as_many_bytes_as_the_journal_has_room_for() {
        assert_eq!(Ledger::new(16 << 20).longest(), LONGEST);
        assert_eq!(Ledger::new(4_096).longest(), 2_048);
        assert_eq!(Ledger::new(100).longest(), 0);
    }
}
