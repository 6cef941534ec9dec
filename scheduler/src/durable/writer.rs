use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edri_journal::{Durability, Journal, JournalError, Position, Recovered, Settings};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::book::Book;
use super::ledger::{Ledger, Taken};
use super::record::Record;

/// How long to wait until a disk that is full is tried again.
const PATIENCE: Duration = Duration::from_secs(1);

/// A snapshot is made after so many records, and after four for each schedule.
const SNAPSHOT_AFTER: usize = 10_000;

/// How many bytes of records are written at a time, if the journal takes as many.
const GROUP: usize = 1 << 20;

/// So many bytes of records are a part of a snapshot, if the journal takes as many.
const PART: usize = 64 << 10;

/// What a journal needs for each record beside its bytes, and a snapshot for each and its part, at the most.
const FRAME: usize = 32;

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
    let (journal, recovered) = Journal::open(directory, settings).await.map_err(|error| error.to_string())?;
    begin(journal, recovered).await
}

async fn begin(journal: Journal, recovered: Recovered) -> Result<(Arc<Ledger>, Book, Writer), String> {
    let told = |error: JournalError| error.to_string();
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
    let ledger = Arc::new(Ledger::new(usize::try_from(journal.limit()).unwrap_or(usize::MAX)));
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

/// What is written at a time: so many bytes at the most, or one record. That each is written as a whole is no promise: what
/// belongs together is in one record.
fn groups(records: &[(Record, Vec<u8>)], most: usize) -> impl Iterator<Item = &[(Record, Vec<u8>)]> {
    let size = |record: &(Record, Vec<u8>)| record.1.len() + FRAME;
    let mut bytes = records.first().map_or(0, size);
    records.chunk_by(move |_, record| {
        bytes += size(record);
        let is_room = bytes <= most;
        if !is_room {
            bytes = size(record);
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
        for group in groups(&records, GROUP.min(self.limit())) {
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

    /// How many bytes the journal takes at a time.
    fn limit(&self) -> usize {
        usize::try_from(self.journal.limit()).unwrap_or(usize::MAX)
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
        let most = PART.min(self.limit());
        let mut part = Vec::with_capacity(most);
        for record in self.book.records() {
            let Ok(bytes) = record.encode() else { continue };
            if !part.is_empty() && part.len() + bytes.len() + FRAME > most {
                snapshot.write(&part).await?;
                part.clear();
            }
            part.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            part.extend_from_slice(&bytes);
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

#[cfg(test)]
mod tests {
    use edri_event::{Postcard, Wire};
    use edri_journal::WhenFull;
    use edri_journal::testing::Disk;

    use super::*;
    use crate::action::{Encoded, Kind};
    use crate::core::Place;
    use crate::durable::record::{Definition, StoredTiming};
    use crate::options::Options;
    use crate::refusal::{Refusal, Refused};

    const KEY: u64 = 5;

    fn place(runs: u64) -> Place {
        Place { runs, next: Some(7), paused: false, over: false, queue: Vec::new() }
    }

    #[test]
    fn what_is_written_at_a_time_is_within_what_the_journal_takes() {
        let records: Vec<_> =
            [60, 10, 10, 10, 500, 1, 100, 1].map(|bytes| (Record::Removed { key: 0 }, vec![0; bytes])).into();
        let written: Vec<Vec<_>> =
            groups(&records, 132).map(|group| group.iter().map(|(_, bytes)| bytes.len()).collect()).collect();
        assert_eq!(written, [vec![60], vec![10, 10, 10], vec![500], vec![1], vec![100], vec![1]]);
        assert_eq!(groups(&[], 132).count(), 0);
    }

    /// A run begins and ends.
    async fn run(ledger: &Ledger, run: u64) -> Result<(), Refused> {
        ledger.append(Record::Moved { key: KEY, begun: vec![(run, 7)], place: place(run) });
        ledger.append(Record::Ended { key: KEY, run });
        ledger.ticket().written().await
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_summed_up_for_want_of_room_is_summed_up_when_there_is_some() {
        let disk = Disk::new(1);
        // Five segments, and not enough beside them for a snapshot.
        let room = 5 * 4_096 + 1_000;
        let settings = Settings::default().segment_size(4_096).limit(4_096);
        let settings = settings.capacity(room, WhenFull::Refuse);
        let (journal, recovered) = disk.open("schedules", settings.clone()).await.unwrap();
        let (ledger, _, writer) = begin(journal, recovered).await.unwrap();
        let event = Encoded {
            kind: Kind::Notification,
            name: "large".to_owned(),
            version: 1,
            codec: "none".to_owned(),
            fingerprint: Wire::<u8>::of::<Postcard>().fingerprint(),
            bytes: vec![7; 3_000],
            answer_to: None,
            timeout: None,
        };
        let definition = Definition {
            id: "often".into(),
            event: Some(event),
            timing: StoredTiming::Rate(7),
            options: Options::default(),
        };
        ledger.append(Record::Set { key: KEY, definition: Box::new(definition), place: place(0) });

        disk.set_room(room);
        let mut runs = 0;
        let refused = loop {
            runs += 1;
            if let Err(refused) = run(&ledger, runs).await {
                break refused;
            }
            assert!(runs < 10_000, "there is no end of room");
        };
        assert_eq!(refused.refusal, Refusal::Journal);
        // Runs go on, and are in line for as long as it takes.
        for _ in 0..100 {
            runs += 1;
            assert!(run(&ledger, runs).await.is_err());
            sleep(PATIENCE).await;
        }
        disk.set_room(u64::MAX);
        let mut tries = 0;
        while ledger.trouble().is_some() {
            tries += 1;
            assert!(tries < 1_000, "{:?}", ledger.trouble());
            sleep(PATIENCE / 10).await;
        }
        runs += 1;
        assert_eq!(run(&ledger, runs).await, Ok(()));
        ledger.close();
        writer.ended().await;

        let (journal, recovered) = disk.open("schedules", settings).await.unwrap();
        let (_, book, _writer) = begin(journal, recovered).await.unwrap();
        let (_, entry) = book.into_entries().next().expect("the schedule is there");
        assert_eq!((entry.place, entry.unfinished), (place(runs), Vec::new()));
    }
}
