//! The manager: how a store is kept, and how it answers.
//!
//! ```text
//! mod       the store: how it is kept
//! manager   its life as a manager: start, watchers, health, end
//! answer    answering requests on the requester's own task
//! answers   what each request is answered with
//! door      the way from a handle to the store
//! ```

mod answer;
mod answers;
mod door;
mod manager;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use edri_router::Registration;
use tokio::task::{AbortHandle, JoinSet};

pub(crate) use self::answer::Reach;
pub(crate) use self::door::{Door, Inside};
use crate::handle::StoreHandle;
use crate::keep::{Disk, Keeper};
use crate::settings::{Bounds, Namespace};

/// A store of keys, as a manager that answers the events of this crate: [`Get`](crate::Get), [`Set`](crate::Set),
/// [`Watch`](crate::Watch) and the others.
///
/// ```
/// use std::time::Duration;
///
/// use edri_kvstore::{Bounds, Get, Namespace, Store, StoreHandle};
/// use edri_manager::Host;
/// use edri_router::Router;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = Router::new();
/// let pages = Namespace::in_memory().bounds(Bounds::new().entries(10_000).evict());
/// let store = Store::in_memory().namespace("pages", pages);
/// let _running = Host::new(store).start(&router).await?;
///
/// // By a handle, as any manager or child process may.
/// let store = StoreHandle::on(&router);
/// store.set("user:7", &"Ada".to_owned()).ttl(Duration::from_secs(60)).await?;
/// assert_eq!(store.get::<String>("user:7").await?.as_deref(), Some("Ada"));
///
/// // By an event: the same.
/// let entry = router.request(Get::new("user:7")).await?.expect("it is there");
/// assert_eq!(entry.decode::<String>()?, "Ada");
/// # Ok(())
/// # }
/// ```
///
/// There is one store on a router: namespaces divide it. It goes on with what it has whatever happens, so it is given to
/// its host as a value. Requests are answered on the requester's own task, any number at a time; a store that has stopped
/// answers none.
///
/// What uses it until the end says so with [`Host::needs("store")`](edri_manager::Host::needs).
#[must_use = "a store keeps keys when it is started"]
pub struct Store {
    settings: Namespace,
    named: HashMap<Arc<str>, Namespace>,
    directory: Option<PathBuf>,
    compact_after: u64,
    disk: Disk,
    door: Arc<Door>,
    running: Option<Running>,
}

/// When the journal is compacted, in bytes.
const COMPACT_AFTER: u64 = 64 << 20;

/// What there is while it runs.
struct Running {
    inside: Arc<Inside>,
    keeper: Keeper,
    /// Those who answer.
    registrations: Vec<Registration>,
    sleeper: AbortHandle,
    /// Those who tell watchers elsewhere.
    tellers: JoinSet<()>,
}

impl Store {
    /// All in memory; it is gone with its process.
    pub fn in_memory() -> Self {
        Self::kept(Namespace::in_memory())
    }

    /// On disk, in this directory, which is made if it is not there: every change is in a journal and synced before it is
    /// acknowledged.
    ///
    /// A process has a directory for itself. What is damaged there is found when the store starts, which it does not do
    /// then; the error names the file and the place.
    pub fn durable(directory: impl Into<PathBuf>) -> Self {
        Self::kept(Namespace::logged()).directory(directory)
    }

    /// In memory, and once in so long on disk, in this directory; a crash loses what was changed since. Namespaces that are
    /// kept so are written together, as often as the one with the shortest time asks for.
    pub fn snapshots(directory: impl Into<PathBuf>, every: Duration) -> Self {
        Self::kept(Namespace::snapshots(every)).directory(directory)
    }

    fn kept(settings: Namespace) -> Self {
        Self {
            settings,
            named: HashMap::new(),
            directory: None,
            compact_after: COMPACT_AFTER,
            disk: Disk::Real,
            door: Arc::default(),
            running: None,
        }
    }

    /// Where those namespaces are kept that are to outlive the process.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// After how many bytes in the journal a picture of what there is takes their place, while writes go on: 64 MiB unless
    /// told otherwise; not before they are twice what there is.
    pub fn compact_after(mut self, bytes: u64) -> Self {
        self.compact_after = bytes;
        self
    }

    /// Bounds each namespace of which nothing else is said.
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.settings.bounds = bounds;
        self
    }

    /// On a disk that crashes when it is told to.
    #[cfg(test)]
    pub(crate) fn on(self, disk: &edri_journal::testing::Disk) -> Self {
        Self { disk: Disk::Model(disk.clone()), ..self }
    }

    /// Says how a namespace is kept; the empty one is the default. A namespace of which nothing is said is made when it is
    /// first used, and kept as the store is.
    pub fn namespace(mut self, name: impl Into<Cow<'static, str>>, settings: Namespace) -> Self {
        let name = name.into();
        match &*name {
            "" => self.settings = settings,
            name => drop(self.named.insert(name.into(), settings)),
        }
        self
    }

    /// A handle on this store, for before it is started as well: what is asked before is refused with
    /// [`Closed`](crate::Refusal::Closed).
    pub fn handle(&self) -> StoreHandle {
        StoreHandle::of(Arc::clone(&self.door))
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::in_memory()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Store")
            .field("settings", &self.settings)
            .field("namespaces", &self.named)
            .field("directory", &self.directory)
            .field("is_running", &self.running.is_some())
            .finish()
    }
}
