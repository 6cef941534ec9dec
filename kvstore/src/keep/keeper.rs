use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edri_journal::{Journal, JournalError, Settings};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::commit::Committer;
use super::gather::Gather;
use super::periodic::Periodic;
use super::recover::{RecoverError, Recovery};
use crate::core::{Core, Log};
use crate::settings::{Durability, Namespace};

/// What a store wants to be kept.
pub(crate) struct Wanted<'s> {
    pub(crate) settings: Namespace,
    pub(crate) named: &'s HashMap<Arc<str>, Namespace>,
    pub(crate) directory: Option<&'s Path>,
    /// After how many bytes the journal is compacted.
    pub(crate) compact_after: u64,
    pub(crate) disk: &'s Disk,
}

/// Where journals are.
#[derive(Clone, Debug, Default)]
pub(crate) enum Disk {
    #[default]
    Real,
    /// One that crashes when it is told to.
    #[cfg(test)]
    Model(edri_journal::testing::Disk),
}

impl Disk {
    async fn open(&self, directory: &Path) -> Result<Journal, JournalError> {
        let settings = Settings::default().segment_size(SEGMENT).limit(RECORD).waiting(RECORD);
        let (journal, recovered) = match self {
            Self::Real => Journal::open(directory, settings).await?,
            #[cfg(test)]
            Self::Model(disk) => disk.open(directory, settings.segment_size(16 << 10)).await?,
        };
        tracing::debug!(directory = %directory.display(), records = recovered.records(), "the store is read back");
        Ok(journal)
    }
}

/// A store that has been read back, and what keeps it from here on.
pub(crate) struct Opened {
    pub(crate) core: Arc<Core>,
    pub(crate) keeper: Keeper,
}

/// What keeps a store.
#[derive(Default)]
pub(crate) struct Keeper {
    log: Option<Logging>,
    periodic: Option<Picturing>,
}

struct Logging {
    gather: Arc<Gather>,
    journal: Journal,
    task: Task,
}

struct Picturing {
    end: Arc<Notify>,
    journal: Journal,
    task: Task,
}

/// Dropped, it ends all the same, and nobody waits for it.
impl Drop for Logging {
    fn drop(&mut self) {
        self.gather.close();
    }
}

impl Drop for Picturing {
    fn drop(&mut self) {
        self.end.notify_one();
    }
}

type Task = JoinHandle<Result<(), JournalError>>;

/// How large the files of the journal are, in bytes.
const SEGMENT: u64 = 16 << 20;

/// How large a record may be, in bytes: a batch is one, and may have a value of the largest size in it.
const RECORD: u64 = 512 << 20;

impl Wanted<'_> {
    async fn open_journal(&self, name: &str) -> Result<(String, Journal), RecoverError> {
        let directory = self.directory.ok_or(RecoverError::NoDirectory)?.join(name);
        let journal = self.disk.open(&directory).await?;
        Ok((directory.display().to_string(), journal))
    }

    fn durabilities(&self) -> impl Iterator<Item = Durability> {
        let named = self.named.values().map(|namespace| namespace.durability);
        named.chain([self.settings.durability])
    }

    /// Opens what is needed, and reads back what is there.
    pub(crate) async fn open(self) -> Result<Opened, RecoverError> {
        let is_logged = self.durabilities().any(|durability| durability == Durability::Log);
        let every = self.durabilities().filter_map(period).min();
        let gather = is_logged.then(|| Arc::new(Gather::new()));
        let log = gather.clone().map(|gather| gather as Arc<dyn Log>);
        let core = Arc::new(Core::new(self.settings, self.named, log)?);
        let mut keeper = Keeper::default();
        if let Some(gather) = gather {
            let (directory, journal) = self.open_journal("log").await?;
            let belongs = |durability| durability == Durability::Log;
            let recovery = Recovery { core: &core, directory: &directory, belongs, space: None };
            let since = recovery.read(&journal).await?;
            let committer = Committer {
                core: Arc::clone(&core),
                gather: Arc::clone(&gather),
                journal: journal.clone(),
                since,
                compact_after: self.compact_after,
            };
            keeper.log = Some(Logging { gather, journal, task: tokio::spawn(committer.run()) });
        }
        if let Some(every) = every {
            let (directory, journal) = self.open_journal("snapshots").await?;
            let belongs = |durability| period(durability).is_some();
            let recovery = Recovery { core: &core, directory: &directory, belongs, space: None };
            recovery.read(&journal).await?;
            let end = Arc::new(Notify::new());
            let periodic = Periodic::new(Arc::clone(&core), journal.clone(), every, Arc::clone(&end));
            keeper.periodic = Some(Picturing { end, journal, task: tokio::spawn(periodic.run()) });
        }
        for space in core.spaces() {
            space.fit();
        }
        Ok(Opened { core, keeper })
    }
}

fn period(durability: Durability) -> Option<Duration> {
    match durability {
        // No picture takes no time.
        Durability::Snapshot { every } => Some(every.max(Duration::from_millis(1))),
        _ => None,
    }
}

impl Keeper {
    /// How many bytes there are on the disk; `None` if nothing is kept there.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let log = self.log.as_ref().map(|log| log.journal.bytes());
        let periodic = self.periodic.as_ref().map(|periodic| periodic.journal.bytes());
        log.into_iter().chain(periodic).reduce(|one, other| one + other)
    }

    /// Why nothing is made durable at the moment, if so.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.log.as_ref().and_then(|log| log.gather.trouble())
    }

    /// Nothing more is taken in; what is on its way arrives, and a last picture is taken.
    pub(crate) async fn close(mut self) -> Result<(), JournalError> {
        let mut closed = Ok(());
        if let Some(log) = &mut self.log {
            log.gather.close();
            closed = (&mut log.task).await.unwrap_or(Err(JournalError::Closed));
        }
        if let Some(periodic) = &mut self.periodic {
            periodic.end.notify_one();
            closed = closed.and((&mut periodic.task).await.unwrap_or(Err(JournalError::Closed)));
        }
        closed
    }
}
