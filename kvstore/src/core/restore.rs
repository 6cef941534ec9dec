use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::clock::Deadline;
use super::edit::Spot;
use super::slot::{Content, Slot, size};
use super::space::Space;
use crate::settings::WhenFull;
use crate::version::Version;

/// Before the store is open: what was written down comes back, whatever its bounds say now. Lines may be given that have
/// been given before in another form: the version says what is newer.
impl Space {
    pub(crate) fn restore(&self, key: &str, content: Content, version: Version, deadline: Deadline) {
        let hash = self.hash(key);
        let part = self.part(hash);
        let mut shard = part.shard.write();
        self.reached(version);
        let new = size(key, &content.bytes);
        let old = match shard.find_mut(hash, key) {
            Some(slot) if slot.version >= version => return,
            Some(slot) => {
                let old = size(key, &slot.content.bytes);
                (slot.content, slot.version, slot.deadline) = (content, version, deadline);
                old
            }
            None => {
                let slot = Slot::new(key.into(), content, version, deadline);
                shard.insert(&self.hasher, hash, slot, self.evicts());
                self.entries.fetch_add(1, Ordering::Relaxed);
                part.publish_oldest(&shard);
                0
            }
        };
        self.bytes.fetch_add(new, Ordering::Relaxed);
        self.bytes.fetch_sub(old, Ordering::Relaxed);
        self.schedule(&mut Spot { part, shard: &mut shard, hash, key });
    }

    pub(crate) fn restore_deadline(&self, key: &str, version: Version, deadline: Deadline) {
        let hash = self.hash(key);
        let part = self.part(hash);
        let mut shard = part.shard.write();
        if let Some(slot) = shard.find_mut(hash, key).filter(|slot| slot.version == version) {
            slot.deadline = deadline;
            self.schedule(&mut Spot { part, shard: &mut shard, hash, key });
        }
    }

    pub(crate) fn restore_gone(&self, key: &str, version: Version) {
        let hash = self.hash(key);
        let part = self.part(hash);
        let mut shard = part.shard.write();
        self.reached(version);
        if shard.find(hash, key).is_some_and(|slot| slot.version < version)
            && let Some(slot) = shard.remove(hash, key)
        {
            self.entries.fetch_sub(1, Ordering::Relaxed);
            self.bytes.fetch_sub(size(key, &slot.content.bytes), Ordering::Relaxed);
            part.publish_oldest(&shard);
        }
    }

    /// Changes had come as far as this.
    pub(crate) fn reached(&self, version: Version) {
        self.version.fetch_max(version.get(), Ordering::Relaxed);
    }

    /// What has come back has to fit into the bounds of today.
    pub(crate) fn fit(self: &Arc<Self>) {
        let is_over = || {
            self.entries.load(Ordering::Relaxed) > self.bounds.entries
                || self.bytes.load(Ordering::Relaxed) > self.bounds.bytes
        };
        match self.bounds.when_full {
            WhenFull::EvictLeastRecentlyUsed => while is_over() && self.evict() {},
            WhenFull::Refuse if is_over() => {
                tracing::warn!("{} holds more than it may: nothing is added until it is less", self.title());
            }
            WhenFull::Refuse => {}
        }
    }
}
