use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edri_journal::{Durability, Journal, JournalError, Position, Settings};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::book::Book;
use super::ledger::{Ledger, Taken};
use super::record::Record;

/// How long to wait until a disk that is full is tried again.
const PATIENCE: Duration = Duration::from_secs(1);

/// A snapshot is made after so many records, and after four for each schedule.
const SNAPSHOT_AFTER: usize = 10_000;

/// How many bytes of records are written at a time, and one record more.
const GROUP: usize = 1 << 20;

/// So many bytes of records are a part of a snapshot.
const PART: usize = 64 << 10;

/// The task that writes a ledger. Dropping it ends it.
pub(crate) struct Writer(Option<JoinHandle<()>>);

struct Task {
    ledger: Arc<Ledger>,
    journal: Journal,
    /// What is on the disk comes to this.
    book: Book,
    /// How many records there are behind the snapshot.
    behind: usize,
    /// With how many it is made anew.
    sum_up_at: usize,
    last: Option<Position>,
}

/// Opens a journal: what its records come to, and a ledger for those to come.
pub(crate) async fn open(
    directory: &Path,
    settings: Settings,
) -> Result<(Arc<Ledger>, Book, Writer), String> {
    let told = |error: JournalError| error.to_string();
    let (journal, recovered) = Journal::open(directory, settings).await.map_err(told)?;
    if let Some(cut) = recovered.cut {
        tracing::warn!(
            "what a crash left half-written at the end of the schedules' journal was cut off: {cut:?}"
        );
    }
    let mut book = Book::default();
    let mut from = journal.first();
    if let Some(mut snapshot) = journal.read_snapshot().await.map_err(told)? {
        while let Some(part) = snapshot.next().await {
            read_part(&part.map_err(told)?, &mut book)?;
        }
        from = journal.snapshot_position().map_or(from, Position::next);
    }
    let mut behind = 0;
    let mut last = journal.snapshot_position();
    let mut records = journal.read_from(from);
    while let Some(record) = records.next().await {
        let record = record.map_err(told)?;
        let read = Record::decode(&record.content);
        book.apply(read.map_err(|error| format!("the record at {}: {error}", record.position))?);
        last = Some(record.position);
        behind += 1;
    }
    drop(records);
    let ledger = Arc::new(Ledger::new());
    let task = Task { ledger: Arc::clone(&ledger), journal, book: book.clone(), behind, sum_up_at: 0, last };
    Ok((ledger, book, Writer(Some(tokio::spawn(task.run())))))
}

/// Records one after the other, each after its length.
fn read_part(mut part: &[u8], book: &mut Book) -> Result<(), String> {
    while let Some((length, rest)) = part.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let record = rest.get(..length).ok_or("a part of the snapshot ends within a record")?;
        book.apply(Record::decode(record)?);
        part = &rest[length..];
    }
    if part.is_empty() { Ok(()) } else { Err("a part of the snapshot ends within a length".to_owned()) }
}

/// What is written at a time, each as a whole. That is no promise: what belongs together is in one record.
fn groups(records: &[(Record, Vec<u8>)]) -> impl Iterator<Item = &[(Record, Vec<u8>)]> {
    let mut bytes = 0;
    records.chunk_by(move |(_, record), _| {
        bytes += record.len();
        let is_room = bytes < GROUP;
        if !is_room {
            bytes = 0;
        }
        is_room
    })
}

impl Task {
    async fn run(mut self) {
        loop {
            self.ledger.wake.notified().await;
            loop {
                let Taken { records, merged, closed } = self.ledger.take();
                let is_empty = records.is_empty();
                if !is_empty && self.write(records).await.is_err() {
                    self.ledger.end();
                    return;
                }
                self.ledger.progress.send_modify(|progress| progress.written += merged);
                if is_empty && closed {
                    if let Err(error) = self.journal.close().await {
                        tracing::error!("the schedules' journal could not be closed: {error}");
                    }
                    return;
                }
                if is_empty {
                    break;
                }
            }
            if self.behind >= self.sum_up_at.max(SNAPSHOT_AFTER).max(4 * self.book.len()) {
                self.snapshot().await;
            }
        }
    }

    /// Writes records, all of them, however long it takes; fails if they never can be.
    async fn write(&mut self, records: Vec<(Record, Vec<u8>)>) -> Result<(), ()> {
        for group in groups(&records) {
            let positions = loop {
                let bytes = group.iter().map(|(_, bytes)| bytes);
                let pending = self.journal.enqueue(bytes, Durability::Synced).await;
                let written = match pending {
                    Ok(pending) => pending.await,
                    Err(error) => Err(error),
                };
                match written {
                    Ok(positions) => break positions,
                    // One that is full has room again when it is summed up.
                    Err(JournalError::Full { .. }) if self.behind > 0 && self.snapshot().await => {}
                    Err(error) => self.is_in_trouble(&error).await?,
                }
            };
            self.last = Some(positions.end).and_then(Position::previous).or(self.last);
            self.behind += group.len();
            group.iter().for_each(|(record, _)| self.book.apply(record.clone()));
            self.ledger.progress.send_modify(|progress| {
                progress.written += group.len() as u64;
                progress.trouble = None;
            });
        }
        Ok(())
    }

    /// Waits where it may get better; fails where it will not.
    async fn is_in_trouble(&self, error: &JournalError) -> Result<(), ()> {
        let may_pass = matches!(
            error,
            JournalError::NoSpace { .. } | JournalError::NotStored { .. } | JournalError::Full { .. }
        );
        let was_known = self.ledger.trouble().is_some();
        self.ledger.progress.send_modify(|progress| {
            progress.trouble = Some(error.to_string().into());
            progress.ended = !may_pass;
        });
        if !was_known {
            tracing::error!("schedules cannot be written to their journal: {error}");
        }
        if !may_pass {
            return Err(());
        }
        sleep(PATIENCE).await;
        Ok(())
    }

    /// Sums up all that was written, and says whether that was possible. Without it the journal is longer, and nothing is
    /// worse.
    async fn snapshot(&mut self) -> bool {
        let Some(last) = self.last else { return false };
        let summed_up = self.write_snapshot(last).await;
        match &summed_up {
            Ok(()) => (self.behind, self.sum_up_at) = (0, 0),
            Err(error) => {
                // Tried again after as many records, or when there is no room for more.
                self.sum_up_at = self.behind + SNAPSHOT_AFTER;
                tracing::warn!("the schedules' journal could not be summed up: {error}");
            }
        }
        summed_up.is_ok()
    }

    async fn write_snapshot(&self, last: Position) -> Result<(), JournalError> {
        let mut snapshot = self.journal.snapshot(last).await?;
        let mut part = Vec::with_capacity(PART);
        for record in self.book.records() {
            let Ok(bytes) = record.encode() else { continue };
            part.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            part.extend_from_slice(&bytes);
            if part.len() >= PART {
                snapshot.write(&part).await?;
                part.clear();
            }
        }
        snapshot.write(&part).await?;
        snapshot.finish().await
    }
}

impl Writer {
    /// Waits until all is written after the ledger was [closed](Ledger::close).
    pub(crate) async fn ended(mut self) {
        if let Some(task) = self.0.take() {
            // A panic of it has been told where it was.
            let _ = task.await;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}
