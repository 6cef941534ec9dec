use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::hash::BuildHasher as _;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::RwLock;

use super::clock::Deadline;
use super::pending::{After, Pending};
use super::slot::{Content, Slot};
use crate::version::Version;
use crate::watch::Queue;

/// A part of a namespace's keys. A line of the cache holds nothing of two shards.
#[repr(align(128))]
pub(super) struct Part {
    pub(super) shard: RwLock<Shard>,
    /// When the first of its keys may expire, in milliseconds; `u64::MAX` if none does.
    pub(super) due: AtomicU64,
    /// No key that might make room was used before that; `u64::MAX` if there is none.
    pub(super) oldest: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What is under the lock.
#[derive(Default)]
pub(super) struct Shard {
    table: HashTable<Slot>,
    /// The same keys in order.
    order: BTreeSet<Arc<str>>,
    /// The same keys, those first that were used before others, so far as it is known; only where keys make room.
    recency: BTreeSet<(u64, Arc<str>)>,
    /// Keys that may expire, the next first. What is not true any more stays until its time, or until it is more than half.
    deadlines: BinaryHeap<Reverse<(Deadline, Arc<str>)>>,
    /// Of each key, changes that are not durable yet, in order.
    pub(super) pending: HashMap<Arc<str>, VecDeque<Pending>>,
    /// Those who watch a key.
    pub(super) watchers: HashMap<Arc<str>, Vec<Arc<Queue>>>,
}

/// What is there for who writes next.
#[derive(Clone, Copy)]
pub(crate) struct Current<'s> {
    pub(crate) content: &'s Content,
    pub(crate) version: Version,
    pub(crate) deadline: Deadline,
}

impl Part {
    pub(super) fn new() -> Self {
        let (due, oldest) = (AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX));
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { shard: RwLock::default(), due, oldest, hits, misses }
    }

    /// Counts a read, under the lock for reading. Of several at the same moment, one may not be counted: each is one of very
    /// many, and has no time to wait for the others.
    #[inline]
    pub(super) fn count(&self, is_hit: bool) {
        let count = if is_hit { &self.hits } else { &self.misses };
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    pub(super) fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// To be called under the lock after deadlines have changed.
    pub(super) fn publish_due(&self, shard: &Shard) {
        let due = shard.deadlines.peek().map_or(u64::MAX, |Reverse((deadline, _))| deadline.get());
        self.due.store(due, Ordering::SeqCst);
    }

    /// How many changes wait for the watcher of one of its keys that is behind most.
    pub(super) fn waiting(&self) -> usize {
        let shard = self.shard.read();
        shard.watchers.values().flatten().map(|queue| queue.waiting()).max().unwrap_or(0)
    }

    /// The same for what may make room.
    pub(super) fn publish_oldest(&self, shard: &Shard) {
        let oldest = shard.recency.first().map_or(u64::MAX, |(stamp, _)| *stamp);
        self.oldest.store(oldest, Ordering::Relaxed);
    }
}

impl Shard {
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &str) -> Option<&Slot> {
        self.table.find(hash, |slot| *slot.key == *key)
    }

    #[inline]
    pub(super) fn find_mut(&mut self, hash: u64, key: &str) -> Option<&mut Slot> {
        self.table.find_mut(hash, |slot| *slot.key == *key)
    }

    /// Its keys in order.
    pub(super) fn keys(&self) -> &BTreeSet<Arc<str>> {
        &self.order
    }

    /// The first of its keys that begin so, in order, those that are not seen yet among them.
    pub(super) fn keys_to_clear(&self, prefix: &str, after: Option<&str>, most: usize) -> Vec<Arc<str>> {
        let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let seen = self.order.range::<str, _>((from, Bound::Unbounded));
        let mut keys: Vec<_> =
            seen.take_while(|key| key.starts_with(prefix)).take(most).map(Arc::clone).collect();
        if !self.pending.is_empty() {
            let unseen = self.pending.keys().filter(|key| {
                key.starts_with(prefix)
                    && after.is_none_or(|after| ***key > *after)
                    && !self.order.contains(*key)
            });
            keys.extend(unseen.cloned());
            keys.sort_unstable();
            keys.truncate(most);
        }
        keys
    }

    /// What is there for who writes next: the last pending change, or what is seen.
    pub(super) fn current(&self, hash: u64, key: &str) -> Option<Current<'_>> {
        if !self.pending.is_empty()
            && let Some(last) = self.pending.get(key).and_then(VecDeque::back)
        {
            return match &last.after {
                After::Gone(_) => None,
                After::Put { content, deadline } | After::Touched { content, deadline } => {
                    Some(Current { content, version: last.version, deadline: *deadline })
                }
            };
        }
        self.find(hash, key).map(|slot| Current {
            content: &slot.content,
            version: slot.version,
            deadline: slot.deadline,
        })
    }

    pub(super) fn is_pending(&self, key: &str) -> bool {
        !self.pending.is_empty() && self.pending.contains_key(key)
    }

    /// Adds a key that is not there.
    pub(super) fn insert(&mut self, hasher: &DefaultHashBuilder, hash: u64, slot: Slot, may_make_room: bool) {
        self.order.insert(Arc::clone(&slot.key));
        if may_make_room {
            self.recency.insert((slot.linked, Arc::clone(&slot.key)));
        }
        self.table.insert_unique(hash, slot, |slot| hasher.hash_one(&*slot.key));
    }

    pub(super) fn remove(&mut self, hash: u64, key: &str) -> Option<Slot> {
        let entry = self.table.find_entry(hash, |slot| *slot.key == *key).ok()?;
        let (slot, _) = entry.remove();
        self.order.remove(key);
        if !self.recency.is_empty() {
            self.recency.remove(&(slot.linked, Arc::clone(&slot.key)));
        }
        Some(slot)
    }

    /// The key may have a new deadline: among the deadlines it stands for that, or for an earlier one. Answers with the
    /// deadline if it is put there.
    pub(super) fn schedule(&mut self, hash: u64, key: &str) -> Option<Deadline> {
        let slot = self.find_mut(hash, key)?;
        let deadline = slot.deadline;
        if deadline.is_never() || slot.scheduled <= deadline {
            return None;
        }
        slot.scheduled = deadline;
        let entry = Reverse((deadline, Arc::clone(&slot.key)));
        self.deadlines.push(entry);
        self.sift_deadlines();
        Some(deadline)
    }

    /// Without what is not true any more, once that is more than half.
    fn sift_deadlines(&mut self) {
        if self.deadlines.len() < 2 * self.table.len() + 64 {
            return;
        }
        let mut deadlines = std::mem::take(&mut self.deadlines).into_vec();
        // Of several entries of one key for one time, one is enough.
        deadlines.sort_unstable_by(|one, other| other.cmp(one));
        deadlines.dedup();
        let true_ones = self.order_scheduled();
        deadlines.retain(|Reverse((deadline, key))| true_ones.get(key) == Some(deadline));
        self.deadlines = deadlines.into();
    }

    /// For which time each key stands among the deadlines.
    fn order_scheduled(&self) -> HashMap<Arc<str>, Deadline> {
        let scheduled = self.table.iter().filter(|slot| !slot.scheduled.is_never());
        scheduled.map(|slot| (Arc::clone(&slot.key), slot.scheduled)).collect()
    }

    /// The next key whose time is over; what was not true is put right on the way.
    pub(super) fn pop_due(&mut self, now: u64, hash_of: impl Fn(&str) -> u64) -> Option<(u64, Arc<str>)> {
        while let Some(Reverse((deadline, _))) = self.deadlines.peek() {
            if deadline.get() > now {
                return None;
            }
            let Reverse((deadline, key)) = self.deadlines.pop()?;
            let hash = hash_of(&key);
            let Some(slot) = self.find_mut(hash, &key) else { continue };
            if slot.scheduled != deadline {
                continue;
            }
            slot.scheduled = Deadline::NEVER;
            if slot.deadline <= deadline {
                return Some((hash, key));
            }
            self.schedule(hash, &key);
        }
        None
    }

    /// The key that was used before all others, if it is known to be that: with its stamp, and when it was really used.
    pub(super) fn first_to_go(&self) -> Option<(u64, Arc<str>)> {
        self.recency.first().cloned()
    }

    /// The key has been used since it was put where it stands.
    pub(super) fn relink(&mut self, hash: u64, key: &Arc<str>, stamp: u64) {
        let Some(slot) = self.find_mut(hash, key) else { return };
        let old = std::mem::replace(&mut slot.linked, stamp);
        self.recency.remove(&(old, Arc::clone(key)));
        self.recency.insert((stamp, Arc::clone(key)));
    }
}
