use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::available_parallelism;

use hashbrown::DefaultHashBuilder;
use tokio::sync::Notify;

use super::clock::Clock;
use super::pending::Log;
use super::shard::Part;
use super::types::Types;
use crate::error::StoreError;
use crate::settings::{Bounds, Durability, Namespace, WhenFull};
use crate::version::Version;
use crate::watch::{Listeners, Queue};

/// One namespace.
pub(crate) struct Space {
    pub(super) name: Arc<str>,
    pub(super) bounds: Bounds,
    pub(super) durability: Durability,
    pub(super) parts: Box<[Part]>,
    pub(super) hasher: DefaultHashBuilder,
    /// The number of the newest change.
    pub(super) version: AtomicU64,
    pub(super) entries: AtomicUsize,
    pub(super) bytes: AtomicUsize,
    /// How often a time to live was changed and nothing else.
    pub(super) touches: AtomicU64,
    pub(super) evictions: AtomicU64,
    pub(super) expirations: AtomicU64,
    pub(crate) listeners: Listeners,
    pub(super) shared: Arc<Shared>,
    /// Where changes are made durable before they are seen, if they are.
    pub(super) log: Option<Arc<dyn Log>>,
}

/// What all namespaces of a store have in common.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) types: Types,
    /// Whether anything may be written.
    pub(super) open: AtomicBool,
    /// For when the sleeper sleeps, in milliseconds.
    pub(super) sleeps_until: AtomicU64,
    pub(super) wake: Notify,
}

/// What a namespace can be told by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gauge {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) evictions: u64,
    pub(crate) expirations: u64,
    pub(crate) watchers: usize,
    /// How many changes wait for the watcher that is behind most.
    pub(crate) waiting: usize,
    /// How many changes watchers have missed.
    pub(crate) missed: u64,
}

impl Gauge {
    pub(super) fn with(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            bytes: self.bytes + other.bytes,
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            evictions: self.evictions + other.evictions,
            expirations: self.expirations + other.expirations,
            watchers: self.watchers + other.watchers,
            waiting: self.waiting.max(other.waiting),
            missed: self.missed + other.missed,
        }
    }
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            clock: Clock::new(),
            types: Types::default(),
            open: AtomicBool::new(true),
            sleeps_until: AtomicU64::new(u64::MAX),
            wake: Notify::new(),
        }
    }

    pub(super) fn check_open(&self) -> Result<(), StoreError> {
        if self.open.load(Ordering::Relaxed) { Ok(()) } else { Err(StoreError::closed()) }
    }
}

impl Space {
    pub(super) fn new(
        name: Arc<str>,
        settings: Namespace,
        shared: Arc<Shared>,
        log: Option<Arc<dyn Log>>,
    ) -> Self {
        let parts = (4 * available_parallelism().map_or(4, usize::from)).next_power_of_two().clamp(8, 128);
        Self {
            name,
            bounds: settings.bounds,
            durability: settings.durability,
            parts: (0..parts).map(|_| Part::new()).collect(),
            hasher: DefaultHashBuilder::default(),
            version: AtomicU64::new(0),
            entries: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            touches: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            expirations: AtomicU64::new(0),
            listeners: Listeners::default(),
            shared,
            log,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn types(&self) -> &Types {
        &self.shared.types
    }

    /// Whether anything can be written.
    pub(crate) fn is_open(&self) -> bool {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// How it is kept.
    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// How often anything in it has changed.
    pub(crate) fn changes(&self) -> u64 {
        self.version.load(Ordering::Relaxed) + self.touches.load(Ordering::Relaxed)
    }

    /// The newest change.
    pub(crate) fn version(&self) -> Version {
        Version::new(self.version.load(Ordering::SeqCst))
    }

    pub(crate) fn gauge(&self) -> Gauge {
        Gauge {
            entries: self.entries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            hits: self.parts.iter().map(Part::hits).sum(),
            misses: self.parts.iter().map(Part::misses).sum(),
            evictions: self.evictions.load(Ordering::Relaxed),
            expirations: self.expirations.load(Ordering::Relaxed),
            watchers: self.listeners.count(),
            waiting: self.listeners.waiting().max(self.parts.iter().map(Part::waiting).max().unwrap_or(0)),
            missed: self.listeners.missed(),
        }
    }

    /// When the first of its keys may expire, in milliseconds.
    pub(super) fn next_due(&self) -> u64 {
        self.parts.iter().map(|part| part.due.load(Ordering::SeqCst)).min().unwrap_or(u64::MAX)
    }

    /// All who watch come to their end.
    pub(super) fn close_watchers(&self) {
        self.listeners.close();
        for part in &self.parts {
            part.shard.read().watchers.values().flatten().for_each(|queue| queue.close());
        }
    }

    /// Adds who watches one key.
    pub(crate) fn add_watcher(&self, key: &str, queue: Arc<Queue>) {
        let mut shard = self.part(self.hash(key)).shard.write();
        shard.watchers.entry(key.into()).or_default().push(queue);
    }

    pub(crate) fn remove_watcher(&self, key: &str, queue: &Arc<Queue>) {
        let mut shard = self.part(self.hash(key)).shard.write();
        if let Some(watchers) = shard.watchers.get_mut(key) {
            watchers.retain(|watcher| !Arc::ptr_eq(watcher, queue));
            if watchers.is_empty() {
                shard.watchers.remove(key);
            }
        }
    }

    #[inline]
    pub(super) fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    /// By the upper bits: the table goes by the lower ones and the uppermost seven.
    #[inline]
    pub(super) fn part(&self, hash: u64) -> &Part {
        &self.parts[(hash >> 40) as usize & (self.parts.len() - 1)]
    }

    #[inline]
    pub(super) fn evicts(&self) -> bool {
        self.bounds.when_full == WhenFull::EvictLeastRecentlyUsed
    }

    /// To be called under the lock of the shard of the key that is changed.
    pub(super) fn next_version(&self) -> Version {
        Version::new(self.version.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Takes room, if there is any.
    pub(super) fn reserve(&self, entries: isize, bytes: isize) -> bool {
        if !take(&self.entries, entries, self.bounds.entries) {
            return false;
        }
        if !take(&self.bytes, bytes, self.bounds.bytes) {
            give(&self.entries, entries);
            return false;
        }
        true
    }

    /// Gives back room, or what was reserved.
    pub(super) fn release(&self, entries: isize, bytes: isize) {
        give(&self.entries, entries);
        give(&self.bytes, bytes);
    }
}

/// Changes a count unless it would go beyond a bound. That it becomes less is always possible.
fn take(count: &AtomicUsize, by: isize, bound: usize) -> bool {
    if by <= 0 {
        give(count, -by);
        return true;
    }
    let more = |count: usize| count.checked_add_signed(by).filter(|count| *count <= bound);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

fn give(count: &AtomicUsize, by: isize) {
    if by != 0 {
        count.fetch_sub(by as usize, Ordering::Relaxed);
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Space").field("name", &self.name).finish()
    }
}
