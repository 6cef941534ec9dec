use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::record::Record;
use crate::refusal::{Refusal, Refused};

/// So much may wait to be written, in bytes: then nothing durable is taken on until it is.
const MOST: usize = 64 << 20;

/// Records in line for the disk.
pub(crate) struct Ledger {
    line: Mutex<Line>,
    /// Something is in line, or nothing will come any more.
    pub(super) wake: Notify,
    pub(super) progress: watch::Sender<Progress>,
}

#[derive(Default)]
struct Line {
    records: Vec<(Record, Vec<u8>)>,
    bytes: usize,
    /// The number of the next record.
    next: u64,
    closed: bool,
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
    pub(super) fn new() -> Self {
        Self {
            line: Mutex::default(),
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

    /// What is in the way of writing, if something is.
    pub(crate) fn trouble(&self) -> Option<Arc<str>> {
        self.progress.borrow().trouble.clone()
    }

    /// Puts a record in line: to be called where it is decided what happens.
    pub(crate) fn append(&self, record: Record) {
        let mut line = self.line.lock();
        match record.encode() {
            Ok(bytes) => {
                line.bytes += bytes.len();
                line.next += 1;
                line.records.push((record, bytes));
            }
            // Nothing in a record is of a kind that cannot be encoded.
            Err(error) => tracing::error!("a record of a schedule cannot be written: {error}"),
        }
        drop(line);
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

    /// All that is in line, and whether nothing more will come.
    pub(super) fn take(&self) -> (Vec<(Record, Vec<u8>)>, bool) {
        let mut line = self.line.lock();
        line.bytes = 0;
        (std::mem::take(&mut line.records), line.closed)
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
