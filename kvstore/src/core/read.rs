use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::RwLockReadGuard;

use super::clock::Deadline;
use super::shard::Shard;
use super::slot::{Content, Slot, Stamp};
use super::space::Space;
use crate::entry::Entry;
use crate::event::{Page, Range};
use crate::version::Version;
use crate::watch::Queue;

/// Keys of a page and what is kept under them; see [`Space::page`].
pub(crate) struct Sheet {
    pub(crate) rows: Vec<Row>,
    /// The last key, if there may be more behind it.
    pub(crate) next: Option<Arc<str>>,
    /// What the queue said of itself at that moment.
    pub(crate) mark: u64,
}

/// A key, what is kept under it, and for how long.
pub(crate) struct Row {
    pub(crate) key: Arc<str>,
    pub(crate) content: Content,
    pub(crate) version: Version,
    pub(crate) deadline: Deadline,
}

impl Row {
    fn of(slot: &Slot) -> Self {
        let (key, content) = (Arc::clone(&slot.key), slot.content.clone());
        Self { key, content, version: slot.version, deadline: slot.deadline }
    }
}

/// A page ends when its keys and values have so many bytes.
const PAGE_BYTES: usize = 1 << 20;

impl Space {
    /// Shows what is seen under a key to `look`, under the lock of its shard.
    #[inline]
    pub(super) fn look<R>(&self, key: &str, look: impl FnOnce(&Slot) -> R) -> Option<R> {
        let hash = self.hash(key);
        let part = self.part(hash);
        let shard = part.shard.read();
        let Some(slot) = shard.find(hash, key).filter(|slot| !slot.deadline.is_over(&self.shared.clock))
        else {
            part.count(false);
            return None;
        };
        if self.evicts() {
            slot.mark_used(Stamp::read_after(self.version.load(Ordering::Relaxed)));
        }
        part.count(true);
        Some(look(slot))
    }

    /// The value under a key.
    #[inline]
    pub(crate) fn content(&self, key: &str) -> Option<Content> {
        self.look(key, |slot| slot.content.clone())
    }

    /// The value under a key and what is known of it.
    pub(crate) fn entry(&self, key: &str) -> Option<Entry> {
        let (content, version, deadline) =
            self.look(key, |slot| (slot.content.clone(), slot.version, slot.deadline))?;
        Some(Entry::new(self.types().value(&content), version, self.shared.clock.until(deadline)))
    }

    /// Keys of a range in order, from behind `after`, `limit` at the most.
    ///
    /// All shards are locked for reading meanwhile: it is a picture of one moment.
    /// What is told to watchers of these keys is told under one of these locks: where `queue` stands meanwhile says what is in
    /// the picture.
    pub(crate) fn page(
        &self,
        range: &Range,
        after: Option<&str>,
        limit: usize,
        queue: Option<&Queue>,
    ) -> Sheet {
        let shards: Vec<RwLockReadGuard<'_, Shard>> =
            self.parts.iter().map(|part| part.shard.read()).collect();
        let mut sheet = Sheet { rows: Vec::new(), next: None, mark: queue.map_or(0, Queue::mark) };
        let from = match after {
            Some(after) if after >= range.first() => Bound::Excluded(after),
            _ => Bound::Included(range.first()),
        };
        let mut keys: Vec<_> =
            shards.iter().map(|shard| shard.keys().range::<str, _>((from, Bound::Unbounded))).collect();
        // The next key of each shard; the first of them all comes next.
        let mut first: BinaryHeap<_> = keys
            .iter_mut()
            .enumerate()
            .filter_map(|(index, keys)| keys.next().map(|key| Reverse((key, index))))
            .collect();
        let mut bytes = 0;
        while let Some(Reverse((key, index))) = first.pop() {
            if range.is_before(key) {
                break;
            }
            if let Some(slot) = shards[index].find(self.hash(key), key)
                && !slot.deadline.is_over(&self.shared.clock)
            {
                if sheet.rows.len() == limit || bytes >= PAGE_BYTES {
                    sheet.next = sheet.rows.last().map(|row| Arc::clone(&row.key));
                    break;
                }
                bytes += key.len() + slot.content.bytes.len();
                sheet.rows.push(Row::of(slot));
            }
            if let Some(key) = keys[index].next() {
                first.push(Reverse((key, index)));
            }
        }
        sheet
    }

    /// A page of one key, for who watches it.
    pub(crate) fn page_of_key(&self, key: &str, queue: &Queue) -> Sheet {
        let hash = self.hash(key);
        let shard = self.part(hash).shard.read();
        let slot = shard.find(hash, key).filter(|slot| !slot.deadline.is_over(&self.shared.clock));
        Sheet { rows: slot.map(Row::of).into_iter().collect(), next: None, mark: queue.mark() }
    }

    /// The same to be given away.
    pub(crate) fn page_of_entries(&self, range: &Range, after: Option<&str>, limit: usize) -> Page {
        let sheet = self.page(range, after, limit, None);
        let entries = sheet.rows.into_iter().map(|row| {
            let expires_in = self.shared.clock.until(row.deadline);
            (
                row.key.as_ref().to_owned(),
                Entry::new(self.types().value(&row.content), row.version, expires_in),
            )
        });
        Page { entries: entries.collect(), next: sheet.next.map(|key| key.as_ref().to_owned()) }
    }
}
