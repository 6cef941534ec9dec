use std::pin::Pin;
use std::time::Duration;

use edri_journal::{Journal, JournalError};
use tokio::time::Instant;

use super::keeping::Keeping;
use super::reopen::{ReopenError, failed, reopen};

/// How it stands with a log that has failed, and is opened again.
pub(super) struct Mending {
    tries: u32,
    /// When it has failed last, or could not be opened.
    since: Instant,
    /// How long after that it is opened, and how long at least.
    delay: Duration,
    least: Duration,
    pub(super) opening: Option<Opening>,
}

pub(super) type Opening = Pin<Box<dyn Future<Output = Result<Reopened, ReopenError>> + Send>>;

/// A log that is open again.
pub(super) struct Reopened {
    journal: Journal,
    /// The last of the records that were being stored, if they are there.
    stored: Option<u64>,
}

impl Mending {
    /// When it is to be opened, if it is not being opened. Where it is waited for, it is not left for longer than need be.
    pub(super) fn due(&self, is_waited_for: bool) -> Option<Instant> {
        let delay = if is_waited_for { self.least } else { self.delay };
        self.opening.is_none().then(|| self.since + delay)
    }
}

impl Keeping {
    /// Nobody knows what is in the log. What is kept in memory is, and nothing more is stored before it is known.
    pub(super) fn begin_to_mend(&mut self, error: &JournalError) {
        self.releasing = None;
        if self.mending.is_some() {
            return;
        }
        let least = self.shop.settings.reopen.before(1);
        let trouble = failed(error, least, 0);
        tracing::error!(destination = %self.keep.router, trouble, "what is kept for another router has failed");
        self.shop.counts.troubled(self.place(), trouble);
        self.mending = Some(Mending { tries: 0, since: Instant::now(), delay: least, least, opening: None });
    }

    /// Begins to open it again when that is due, and all that was on its way has been told.
    pub(super) fn mend(&mut self) {
        let is_closing = self.keep.state().is_closing;
        let under_way = match &self.current {
            Some((_, Some(_))) => return,
            Some((batch, None)) => batch.records.clone(),
            None => Vec::new(),
        };
        let Some(mending) = &mut self.mending else { return };
        if mending.due(is_closing).is_none_or(|due| due > Instant::now()) {
            return;
        }
        let (settings, folder) = (self.shop.settings.clone(), self.log.folder.clone());
        let failed = self.log.journal.clone();
        mending.opening = Some(Box::pin(async move {
            let (journal, recovered) = reopen(&failed, settings.open_log(folder)).await?;
            let found = find(&failed, &journal, &under_way).await;
            match found {
                Ok(0) => Ok(Reopened { journal, stored: None }),
                Ok(_) => Ok(Reopened { journal, stored: Some(recovered.next.get() - 1) }),
                Err(error) => {
                    let _ = journal.close().await;
                    Err(error)
                }
            }
        }));
    }

    /// It is open again, or could not be opened.
    pub(super) fn reopened(&mut self, reopened: Result<Reopened, ReopenError>) {
        let delays = self.shop.settings.reopen;
        match reopened {
            Ok(Reopened { journal, stored }) => {
                tracing::info!(destination = %self.keep.router, "what is kept for another router is open again");
                self.log.journal = journal;
                (self.mending, self.retry, self.reader) = (None, None, None);
                self.shop.counts.reopened();
                self.shop.counts.untroubled(self.place());
                if let Some(last) = stored {
                    self.stored(Ok(last));
                }
                if let Some(number) = self.reading.filter(|_| self.held.is_none()) {
                    self.begin_to_read(number);
                }
                let acknowledged = self.keep.state().outbox.acknowledged();
                self.releasing = self.begin_to_release(acknowledged);
            }
            Err(error) => {
                let Some(mending) = &mut self.mending else { return };
                mending.opening = None;
                mending.tries += 1;
                (mending.since, mending.delay) = (Instant::now(), delays.before(mending.tries + 1));
                let trouble = failed(&error, mending.delay, mending.tries);
                tracing::error!(destination = %self.keep.router, trouble, "what is kept for another router could not be opened again");
                self.shop.counts.troubled(self.place(), trouble);
            }
        }
    }

    /// Waits for what has begun, so that nobody else has the folder afterwards.
    pub(super) async fn end_mending(&mut self) {
        if let Some(opening) = self.mending.as_mut().and_then(|mending| mending.opening.take()) {
            let reopened = opening.await;
            self.reopened(reopened);
        }
    }
}

/// How many records there are beyond those that were known to be synced: all that were being stored, or none.
async fn find(failed: &Journal, journal: &Journal, under_way: &[Vec<u8>]) -> Result<u64, ReopenError> {
    let synced = failed.next();
    let more = journal.next().get() - synced.get();
    if more != 0 && more != under_way.len() as u64 {
        let expected = under_way.len();
        return Err(ReopenError::Record(format!(
            "there are {more} records from {synced} on: expected {expected}, which were being stored, or none"
        )));
    }
    let mut reader = journal.read_from(synced);
    for expected in under_way.iter().take(more as usize) {
        let Some(record) = reader.next().await.transpose()? else {
            return Err(ReopenError::Record(format!("the records from {synced} on cannot be read")));
        };
        if record.content != expected[..] {
            let position = record.position;
            return Err(ReopenError::Record(format!(
                "that at {position} is not the one that was being stored"
            )));
        }
    }
    Ok(more)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use edri_journal::testing::{Broken, Disk, Loss};
    use edri_journal::{Durability, Settings};

    use super::*;

    fn records(numbers: std::ops::Range<u8>) -> Vec<Vec<u8>> {
        numbers.map(|number| vec![number; 50]).collect()
    }

    /// A journal with three records, and then five that nobody knows of: the sync has failed, and so has cutting them off.
    async fn failed(disk: &Disk) -> Journal {
        let (journal, _) = disk.open("log", Settings::default()).await.unwrap();
        journal.append_all(records(0..3)).await.unwrap();
        let calls = disk.calls();
        disk.fail_at(calls + 1, ErrorKind::Other);
        disk.fail_at(calls + 2, ErrorKind::Other);
        let stored = journal.append_all(records(3..8)).await;
        assert!(matches!(stored, Err(JournalError::Poisoned { .. })), "{stored:?}");
        let again = journal.try_enqueue(records(3..8), Durability::Synced).unwrap().await;
        assert!(matches!(again, Err(JournalError::Poisoned { .. })), "{again:?}");
        journal
    }

    #[tokio::test]
    async fn what_was_being_stored_when_a_log_failed_is_found_and_lasts_from_then_on() {
        let disk = Disk::new(1);
        let failed = failed(&disk).await;
        let (journal, _) = reopen(&failed, disk.open("log", Settings::default())).await.unwrap();
        assert_eq!(find(&failed, &journal, &records(3..8)).await.unwrap(), 5);
        // Though the system believes that it had been synced, which it had not.
        let disk = disk.crash(Loss::Everything);
        let (journal, recovered) = disk.open("log", Settings::default()).await.unwrap();
        assert_eq!(recovered.records(), 8);
        let mut reader = journal.read_from(recovered.first);
        for expected in records(0..8) {
            assert_eq!(reader.next().await.unwrap().unwrap().content, expected);
        }
    }

    #[tokio::test]
    async fn or_none_of_it_is_there() {
        let disk = Disk::new(1);
        let (journal, _) = disk.open("log", Settings::default()).await.unwrap();
        journal.append_all(records(0..3)).await.unwrap();
        disk.break_down(Broken::All, ErrorKind::Other);
        let stored = journal.append_all(records(3..8)).await;
        assert!(matches!(stored, Err(JournalError::Poisoned { .. })), "{stored:?}");
        let refused = reopen(&journal, disk.open("log", Settings::default())).await;
        assert!(matches!(refused, Err(ReopenError::Journal(JournalError::Io { .. }))), "{refused:?}");
        disk.repair();
        let (again, _) = reopen(&journal, disk.open("log", Settings::default())).await.unwrap();
        // A part of it may be: then it is cut off.
        assert_eq!(find(&journal, &again, &records(3..8)).await.unwrap(), 0);
        again.append("goes on").await.unwrap();
    }

    #[tokio::test]
    async fn a_log_that_is_not_as_it_was_is_not_gone_on_with() {
        let disk = Disk::new(1);
        let failed = failed(&disk).await;
        let missing =
            reopen(&failed, disk.open("another", Settings::default())).await.unwrap_err().to_string();
        assert!(
            missing.contains("the next record would be 1, and all before 4 had been synced"),
            "{missing}"
        );
        let (journal, _) = reopen(&failed, disk.open("log", Settings::default())).await.unwrap();
        let others = find(&failed, &journal, &records(4..9)).await.unwrap_err().to_string();
        assert!(others.contains("that at 4 is not the one that was being stored"), "{others}");
        let fewer = find(&failed, &journal, &records(3..5)).await.unwrap_err().to_string();
        assert!(fewer.contains("there are 5 records from 4 on: expected 2"), "{fewer}");
    }

    #[test]
    fn a_journal_is_opened_again_after_a_second_and_then_after_twice_as_long_up_to_a_minute() {
        let delays = crate::DurableSettings::in_folder("state").reopen;
        let seconds: Vec<_> = (1..=9).map(|attempt| delays.before(attempt).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
