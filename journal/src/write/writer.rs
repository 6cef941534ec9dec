use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::group::Group;
use super::queue::{Command, Patience, Work};
use crate::error::JournalError;
use crate::log::{Batch, Log, Recovered};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::storage::FileSystem;

/// After how much time without work it is written down that all was synced.
const IDLE: Duration = Duration::from_secs(1);

/// What a start gives, or why there is none.
type Started = Result<(Arc<Shared>, Recovered), JournalError>;

/// Opens a log on a thread of its own, which writes it from then on, until its queue is closed.
pub(crate) fn start(
    files: Arc<dyn FileSystem>,
    directory: PathBuf,
    settings: Settings,
) -> Result<oneshot::Receiver<Started>, std::io::Error> {
    let (started, receiver) = oneshot::channel();
    thread::Builder::new().name("edri-journal".into()).spawn(move || {
        let opened = Log::open(files, &directory, settings.clone());
        let (log, recovered) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        let shared = Arc::new(Shared::new(&log, &settings));
        let writer = Writer {
            log,
            shared: shared.clone(),
            settings,
            last: Last { calls: 0, sync_took: Duration::ZERO, synced_at: Instant::now() },
            unsynced_since: None,
        };
        // Whoever opened it may have gone away meanwhile.
        if let Err(Ok((shared, _))) = started.send(Ok((shared.clone(), recovered))) {
            shared.queue.close(JournalError::Closed);
        }
        // Told last, when the log and its lock are gone, whichever way it ends.
        let mut ending = Ending { shared, group: Arc::default() };
        writer.run(&mut ending);
    })?;
    Ok(receiver)
}

struct Writer {
    log: Log,
    shared: Arc<Shared>,
    settings: Settings,
    last: Last,
    /// Since when something is written and not synced.
    unsynced_since: Option<Instant>,
}

/// The group before: what can be expected of the next.
struct Last {
    calls: usize,
    sync_took: Duration,
    synced_at: Instant,
}

impl Writer {
    fn run(mut self, ending: &mut Ending) {
        let mut spare = Batch::default();
        loop {
            let mut work = self.shared.queue.next(spare, self.patience());
            ending.group = work.group.clone();
            self.write(&mut work);
            for command in std::mem::take(&mut work.commands) {
                self.obey(command);
            }
            if work.closing {
                break;
            }
            spare = work.batch.emptied(self.settings.waiting as usize);
        }
        let closed = self.log.close();
        self.shared.ended.complete(closed);
    }

    /// A group is held back while those who waited for the group before may be about to come back, but no longer than it
    /// takes to serve them in a group of their own.
    fn patience(&self) -> Patience {
        Patience {
            calls: self.last.calls,
            delay: self.settings.delay.min(self.last.sync_took),
            due: match self.unsynced_since {
                Some(since) => Some(since + self.settings.unsynced_for),
                None => self.log.is_unproven().then(|| self.last.synced_at + IDLE),
            },
        }
    }

    fn write(&mut self, work: &mut Work) {
        let records = self.log.write(&mut work.batch, !work.sync);
        if work.sync {
            let confirmed = work.confirm.map_or(Ok(()), |position| self.log.confirm(position));
            self.last.calls = work.calls;
            let synced = self.sync();
            work.group.records.complete(records.and_then(|first| synced.clone().map(|()| first)));
            work.group.flush.complete(confirmed.and(synced.clone()));
            if synced.is_ok() {
                self.retire();
            }
            if work.is_idle() {
                self.log.prove();
                self.publish();
            }
            return;
        }
        // On the way to another segment, what was written before was synced.
        self.publish();
        work.group.records.complete(records);
        let since = self.unsynced_since.unwrap_or_else(Instant::now);
        self.unsynced_since = self.log.is_unsynced().then_some(since);
        if self.unsynced_since.is_some() && since.elapsed() >= self.settings.unsynced_for {
            // Nobody waits for it; what is wrong then is wrong for all who come.
            let _ = self.sync();
        }
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        let begun = Instant::now();
        let synced = self.log.sync();
        self.last.synced_at = Instant::now();
        self.last.sync_took = self.last.synced_at - begun;
        self.unsynced_since = None;
        self.publish();
        synced
    }

    fn retire(&mut self) {
        match self.log.retire() {
            Ok(()) => self.publish(),
            Err(error) => {
                tracing::warn!(journal = %self.log.directory().display(), %error, "what is not needed stays for now");
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Adopt(position, unfinished, reply) => {
                let adopted = self.log.adopt(position, &unfinished);
                self.unsynced_since = None;
                self.publish();
                // Whoever waited for it may be gone: the snapshot is there all the same.
                let _ = reply.send(adopted);
                self.retire();
            }
            Command::Discard(unfinished) => self.log.discard(&unfinished),
        }
    }

    fn publish(&self) {
        self.shared.publish(&self.log);
    }
}

/// However the thread ends, nobody waits for it any more.
struct Ending {
    shared: Arc<Shared>,
    /// What is being written.
    group: Arc<Group>,
}

impl Drop for Ending {
    /// After an end in order there is nobody left to be told.
    fn drop(&mut self) {
        let why = JournalError::Poisoned {
            directory: self.shared.list.directory().into(),
            reason: "the thread that writes it has panicked".into(),
        };
        self.group.fail(&why);
        self.shared.end(why);
    }
}

#[cfg(test)]
mod tests {
    use crate::error::JournalError;
    use crate::position::Position;
    use crate::settings::{Durability, Settings};
    use crate::testing::Disk;

    #[tokio::test]
    async fn nobody_waits_for_a_writer_that_has_panicked() {
        let disk = Disk::new(0);
        let (journal, _) = disk.open("journal", Settings::default().waiting(1024)).await.unwrap();
        let mut follower = journal.follow(Position::FIRST);
        let hold = disk.hold();
        disk.panic_at(disk.calls());
        let written = journal.enqueue([[0; 500]], Durability::Synced).await.unwrap();
        while hold.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        let gathered = journal.enqueue([[0; 1000]], Durability::Synced).await.unwrap();
        let in_line = tokio::spawn({
            let journal = journal.clone();
            async move { journal.append("no room").await }
        });
        tokio::task::yield_now().await;
        drop(hold);
        for outcome in
            [written.await.map(|_| ()), gathered.await.map(|_| ()), in_line.await.unwrap().map(|_| ())]
        {
            assert!(matches!(outcome, Err(JournalError::Poisoned { .. })), "{outcome:?}");
        }
        assert!(matches!(journal.sync().await, Err(JournalError::Poisoned { .. })));
        assert!(matches!(journal.close().await, Err(JournalError::Poisoned { .. })));
        assert!(follower.next().await.is_none());
        // The lock is free.
        disk.open("journal", Settings::default()).await.unwrap();
    }
}
