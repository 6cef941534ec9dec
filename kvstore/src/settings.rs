use std::time::Duration;

/// How much a namespace holds.
///
/// Without being told otherwise: values of 1 MiB, 1 GiB in all, any number of entries within that; when it is full, it
/// refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) value: usize,
    pub(crate) when_full: WhenFull,
}

/// What happens to a write for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// It is refused, with [`Full`](crate::Refusal::Full).
    #[default]
    Refuse,
    /// What was not used for the longest time makes room. Reading, writing and touching a key uses it.
    ///
    /// Time is counted in changes of the namespace, so that reads stay cheap: keys that were read after the same change count
    /// as equally old. Where very many keys were used since they were last looked at, the oldest of the first 64 goes.
    EvictLeastRecentlyUsed,
}

impl Bounds {
    /// What each entry counts for beside the bytes of its key and its value: about what it takes.
    pub const ENTRY_BYTES: usize = 128;

    /// The bounds that hold unless told otherwise.
    pub const fn new() -> Self {
        Self { entries: usize::MAX, bytes: 1 << 30, value: 1 << 20, when_full: WhenFull::Refuse }
    }

    /// At most so many entries, at least 1.
    pub const fn entries(self, entries: usize) -> Self {
        Self { entries: if entries == 0 { 1 } else { entries }, ..self }
    }

    /// At most so many bytes: of keys and values, and [`ENTRY_BYTES`](Self::ENTRY_BYTES) for each entry.
    pub const fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// No value is larger than so many bytes; at most 64 MiB.
    pub const fn value(self, bytes: usize) -> Self {
        Self { value: if bytes > MAX_VALUE { MAX_VALUE } else { bytes }, ..self }
    }

    /// When it is full, what was not used for the longest time makes room.
    pub const fn evict(self) -> Self {
        Self { when_full: WhenFull::EvictLeastRecentlyUsed, ..self }
    }

    /// What happens when it is full.
    pub const fn when_full(self, when_full: WhenFull) -> Self {
        Self { when_full, ..self }
    }
}

/// No value is larger, whatever is asked for: records on disk have a bound, too.
const MAX_VALUE: usize = 64 << 20;

impl Default for Bounds {
    fn default() -> Self {
        Self::new()
    }
}

/// What becomes of a namespace when its process ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// It is gone.
    #[default]
    Memory,
    /// It is written to disk now and then, and once more at an orderly end. A crash loses what was changed since.
    Snapshot {
        /// How often, if anything has changed.
        every: Duration,
    },
    /// Each change is written to a journal and synced before it is acknowledged. A crash loses nothing that was acknowledged.
    ///
    /// A change is visible to readers and watchers when it is durable, not before: nobody sees what a crash could take back.
    Log,
}

/// How one namespace is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "it is given to a store with `Store::namespace`"]
pub struct Namespace {
    pub(crate) bounds: Bounds,
    pub(crate) durability: Durability,
}

impl Namespace {
    /// In memory only, with the default bounds.
    pub const fn in_memory() -> Self {
        Self::kept(Durability::Memory)
    }

    /// In memory, and written to disk once in so long.
    pub const fn snapshots(every: Duration) -> Self {
        Self::kept(Durability::Snapshot { every })
    }

    /// With every change in a journal.
    pub const fn logged() -> Self {
        Self::kept(Durability::Log)
    }

    /// Kept so, with the default bounds.
    pub const fn kept(durability: Durability) -> Self {
        Self { bounds: Bounds::new(), durability }
    }

    /// The same with other bounds.
    pub const fn bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }
}
