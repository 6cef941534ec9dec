use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::queue::{Command, Patience, Work};
use crate::error::JournalError;
use crate::log::{Batch, Log, Recovered};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::storage::FileSystem;

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
        let writer =
            Writer { log, shared: shared.clone(), settings, last: Last::default(), unsynced_since: None };
        if let Err(unheard) = started.send(Ok((shared, recovered))) {
            // Whoever opened it has gone away meanwhile.
            if let Ok((shared, _)) = unheard {
                shared.queue.close(JournalError::Closed);
            }
        }
        writer.run();
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
#[derive(Default)]
struct Last {
    calls: usize,
    sync_took: Duration,
}

impl Writer {
    fn run(mut self) {
        let ending = Ending(self.shared.clone());
        let mut spare = Batch::default();
        loop {
            let mut work = self.shared.queue.next(spare, self.patience());
            self.write(&mut work);
            for command in std::mem::take(&mut work.commands) {
                self.obey(command);
            }
            if work.closing {
                break;
            }
            work.batch.clear();
            spare = std::mem::take(&mut work.batch);
        }
        let closed = self.log.close();
        self.shared.ended.complete(closed);
        drop(ending);
    }

    /// A group is held back while those who waited for the group before may be about to come back, but no longer than it
    /// takes to serve them in a group of their own.
    fn patience(&self) -> Patience {
        Patience {
            calls: self.last.calls,
            delay: self.settings.delay.min(self.last.sync_took),
            due: self.unsynced_since.map(|since| since + self.settings.unsynced_for),
        }
    }

    fn write(&mut self, work: &mut Work) {
        let mut records = self.log.write(&mut work.batch, !work.sync);
        if !work.sync {
            work.group.records.complete(records);
            self.unsynced_since =
                self.log.is_unsynced().then(|| self.unsynced_since.unwrap_or_else(Instant::now));
            return;
        }
        let mut flushed = match work.confirm {
            Some(confirmed) if self.log.confirmed() < Some(confirmed) => self.log.confirm(confirmed),
            _ => Ok(()),
        };
        let begun = Instant::now();
        if let Err(error) = self.log.sync() {
            records = records.and(Err(error.clone()));
            flushed = flushed.and(Err(error));
        }
        self.last = Last { calls: work.calls, sync_took: begun.elapsed() };
        self.unsynced_since = None;
        self.publish();
        work.group.records.complete(records);
        work.group.flush.complete(flushed);
        self.retire();
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
            Command::Adopt(position, reply) => {
                let adopted = self.log.adopt(position);
                if adopted.is_err() {
                    self.log.discard(position);
                }
                self.unsynced_since = None;
                self.publish();
                // Whoever waited for it may be gone: the snapshot is there all the same.
                let _ = reply.send(adopted);
                self.retire();
            }
            Command::Discard(position) => self.log.discard(position),
        }
    }

    fn publish(&self) {
        self.shared.publish(&self.log);
    }
}

/// However the thread ends, nobody waits for it any more.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end(JournalError::Poisoned {
            directory: self.0.list.directory().into(),
            reason: "the thread that writes it has panicked".into(),
        });
    }
}
