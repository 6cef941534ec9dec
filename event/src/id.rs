use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// The identity of one event, unique within the process that sent it; together with the sender's [`RouterId`]
/// unique everywhere.
///
/// Shareable events get theirs when they are sent. It says nothing about equality: two events with the same
/// fields are equal and have two identities.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventId(NonZeroU64);

/// How many identities a thread takes at a time, so that threads do not contend for one counter.
const BLOCK: u64 = 1 << 16;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The next identity of this thread, and the end of its block.
    static MINE: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

impl EventId {
    /// A fresh identity.
    pub fn fresh() -> Self {
        MINE.with(|mine| {
            let (next, end) = mine.get();
            let (next, end) = if next == end {
                let start = NEXT_BLOCK.fetch_add(1, Ordering::Relaxed) * BLOCK;
                (start, start + BLOCK)
            } else {
                (next, end)
            };
            mine.set((next + 1, end));
            Self(NonZeroU64::MIN.saturating_add(next))
        })
    }

    /// The identity with that number, which another process gave; none has 0.
    pub const fn from_number(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number behind it.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:x}", self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EventId({self})")
    }
}

/// The identity of one router: 128 random bits, new for every router made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouterId(u128);

impl RouterId {
    /// A fresh identity. Its bits come from the standard library's seeded hasher: unique, not secret.
    pub fn fresh() -> Self {
        let half = |salt: u8| u128::from(RandomState::new().hash_one((EventId::fresh(), salt)));
        Self(half(0) << 64 | half(1))
    }

    /// A given identity, for a router that keeps its own across restarts.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The bits behind it.
    pub const fn to_bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for RouterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for RouterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RouterId({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn identities_are_unique_across_threads_and_blocks() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..BLOCK + 10).map(|_| EventId::fresh()).collect::<Vec<_>>()))
            .collect();
        let mut seen = HashSet::new();
        for thread in threads {
            for id in thread.join().unwrap() {
                assert!(seen.insert(id), "{id} was given twice");
            }
        }
    }

    #[test]
    fn routers_have_identities_of_their_own() {
        let ids: HashSet<_> = (0..1_000).map(|_| RouterId::fresh()).collect();
        assert_eq!(ids.len(), 1_000);
    }
}
