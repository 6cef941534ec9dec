use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::edit::Spot;
use super::pending::Why;
use super::slot::Stamp;
use super::space::Space;

/// How many keys are looked at, at the most, before one goes that was used since it was last looked at.
const LOOKS: usize = 64;

impl Space {
    /// Evicts the key that was used before all others; `false` if there is none that could go.
    ///
    /// A key that is used stays where it stands among the candidates, and is put where it belongs when it comes first: so
    /// using a key costs nothing but a mark.
    pub(super) fn evict(self: &Arc<Self>) -> bool {
        let mut looks = 0;
        loop {
            let first = self.parts.iter().min_by_key(|part| part.oldest.load(Ordering::Relaxed));
            let Some(part) = first.filter(|part| part.oldest.load(Ordering::Relaxed) != u64::MAX) else {
                return false;
            };
            let mut shard = part.shard.write();
            let Some((linked, key)) = shard.first_to_go() else {
                part.publish_oldest(&shard);
                continue;
            };
            let hash = self.hash(&key);
            let used = shard.find(hash, &key).map_or(linked, |slot| slot.used());
            looks += 1;
            let waits = shard.is_pending(&key);
            if waits && looks >= LOOKS {
                return false;
            }
            if waits {
                // It is being written: it is not old.
                let stamp = Stamp::read_after(self.version.load(Ordering::Relaxed));
                shard.relink(hash, &key, stamp.0);
            } else if used > linked && looks < LOOKS {
                shard.relink(hash, &key, used);
            } else {
                self.evictions.fetch_add(1, Ordering::Relaxed);
                self.remove_now(&mut Spot { part, shard: &mut shard, hash, key: &key }, Why::Evicted);
                return true;
            }
            part.publish_oldest(&shard);
        }
    }
}
