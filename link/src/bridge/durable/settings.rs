use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use edri_event::RouterId;
use edri_journal::{Journal, JournalError, Recovered, Settings as JournalSettings, WhenFull};
use edri_router::{Backoff, Jitter, Router};

use super::error::DurableError;
use super::folder::identity_in;
use crate::durable::Interrupted;

/// Where a router keeps what lasts, and how much of it.
///
/// ```
/// use std::time::Duration;
///
/// use edri_link::DurableSettings;
///
/// let settings = DurableSettings::in_folder("state/orders")
///     .bytes(1 << 30)
///     .events(5_000_000)
///     .keep_for(Duration::from_secs(7 * 24 * 3600));
/// ```
#[derive(Clone)]
pub struct DurableSettings {
    pub(super) folder: PathBuf,
    pub(super) bytes: u64,
    pub(super) events: u64,
    pub(super) destinations: usize,
    pub(super) keep: Duration,
    pub(super) resubscribe: Duration,
    pub(super) interrupted: Interrupted,
    /// How long it takes until a journal is opened again after the disk has failed.
    pub(super) reopen: Backoff,
    pub(super) opener: Arc<Opener>,
}

type Opening = Pin<Box<dyn Future<Output = Result<(Journal, Recovered), JournalError>> + Send>>;
type Opener = dyn Fn(PathBuf, JournalSettings) -> Opening + Send + Sync;

impl DurableSettings {
    /// In this folder, which is made if it is not there. It belongs to one router, and to one process at a time.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            bytes: 256 << 20,
            events: 1_000_000,
            destinations: 64,
            keep: Duration::from_secs(24 * 3600),
            resubscribe: Duration::from_secs(60),
            interrupted: Interrupted::DeadLetter,
            reopen: Backoff::doubling(Duration::from_secs(1), Duration::from_secs(60)).jitter(Jitter::Off),
            opener: Arc::new(|folder, settings| Box::pin(Journal::open(folder, settings))),
        }
    }

    /// How many bytes on the disk what is kept for one destination may have: 256 MiB unless told otherwise, 1 MiB at least.
    /// When it is full, the policy of the link's inbox holds.
    pub fn bytes(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }

    /// How many events may be kept for one destination, about: 1,000,000 unless told otherwise.
    pub fn events(self, events: u64) -> Self {
        Self { events, ..self }
    }

    /// For how many destinations something is kept: 64 unless told otherwise. What goes to others does not last.
    pub fn destinations(self, destinations: usize) -> Self {
        Self { destinations, ..self }
    }

    /// How long something is kept for a destination that does not come back, counted from when it was lost, or from the start
    /// of this program: a day unless told otherwise. Then it becomes dead letters.
    pub fn keep_for(self, keep: Duration) -> Self {
        Self { keep, ..self }
    }

    /// How long a destination that is there may take until it wants again what it wanted before: a minute unless told otherwise,
    /// counted from when it has come back. Until then what is kept for it waits, in order; then what it does not want
    /// becomes dead letters.
    pub fn resubscribe_within(self, time: Duration) -> Self {
        Self { resubscribe: time, ..self }
    }

    /// What becomes of events that were handed over here when this router was killed, and are not known to be handled:
    /// [dead letters](Interrupted::DeadLetter) at their source unless told otherwise.
    pub fn interrupted(self, interrupted: Interrupted) -> Self {
        Self { interrupted, ..self }
    }

    /// The identity of the router that the folder belongs to: one that is to use it has to be made
    /// [with](edri_router::Router::with_id) that. The folder is made if it is not there.
    ///
    /// It reads and writes a small file, and blocks while it does.
    ///
    /// # Errors
    /// [`Io`](DurableError::Io) and [`Identity`](DurableError::Identity).
    pub fn router_id(&self) -> Result<RouterId, DurableError> {
        identity_in(&self.folder)
    }

    /// A router that the folder belongs to.
    ///
    /// # Errors
    /// As [`router_id`](Self::router_id).
    pub fn router(&self) -> Result<Router, DurableError> {
        self.router_id().map(Router::with_id)
    }

    /// Where it is kept.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    #[cfg(test)]
    pub(super) fn on(self, disk: edri_journal::testing::Disk) -> Self {
        let opener: Arc<Opener> = Arc::new(move |folder, settings| {
            let disk = disk.clone();
            Box::pin(async move { disk.open(folder, settings).await })
        });
        Self { opener, ..self }
    }

    #[cfg(test)]
    pub(super) fn reopened_after(self, reopen: Backoff) -> Self {
        Self { reopen, ..self }
    }

    pub(super) fn check(&self) -> Result<(), DurableError> {
        let wrong = |setting, value, expected| Err(DurableError::Setting { setting, value, expected });
        if self.bytes < LEAST_BYTES {
            return wrong("bytes", self.bytes, "at least 1 MiB (1048576)");
        }
        if self.events == 0 {
            return wrong("events", 0, "at least 1");
        }
        if self.destinations == 0 {
            return wrong("destinations", 0, "at least 1");
        }
        Ok(())
    }

    /// The journal of what is kept for one destination.
    pub(super) async fn open_log(&self, folder: PathBuf) -> Result<(Journal, Recovered), JournalError> {
        let segment = (self.bytes / 16).clamp(LEAST_BYTES / 16, 16 << 20);
        let settings = JournalSettings::default()
            .segment_size(segment)
            .limit(32 << 20)
            .waiting(8 << 20)
            .delay(Duration::ZERO)
            .capacity(self.bytes, WhenFull::Refuse);
        (self.opener)(folder, settings).await
    }

    /// The journal of all else.
    pub(super) async fn open_book(&self) -> Result<(Journal, Recovered), JournalError> {
        let settings = JournalSettings::default().segment_size(1 << 20).delay(Duration::ZERO);
        (self.opener)(self.folder.join("book"), settings).await
    }
}

const LEAST_BYTES: u64 = 1 << 20;

impl<T: Into<PathBuf>> From<T> for DurableSettings {
    fn from(folder: T) -> Self {
        Self::in_folder(folder)
    }
}

impl fmt::Debug for DurableSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DurableSettings")
            .field("folder", &self.folder)
            .field("bytes", &self.bytes)
            .field("events", &self.events)
            .field("destinations", &self.destinations)
            .field("keep", &self.keep)
            .field("resubscribe", &self.resubscribe)
            .field("interrupted", &self.interrupted)
            .finish_non_exhaustive()
    }
}
