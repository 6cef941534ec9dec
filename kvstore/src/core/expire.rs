use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::clock::Deadline;
use super::edit::Spot;
use super::pending::Why;
use super::space::{Shared, Space};

/// How many keys are taken away under one lock.
const AT_ONCE: usize = 256;

/// What is left of a sweep.
pub(super) enum Swept {
    /// The next key is due then, in milliseconds; or none is.
    Next(Option<u64>),
    /// There is more to do now.
    More,
}

impl Space {
    /// A key may have another deadline. If that is before the sleeper wakes up, it is told.
    pub(super) fn schedule(&self, spot: &mut Spot<'_>) {
        if let Some(deadline) = spot.shard.schedule(spot.hash, spot.key) {
            spot.part.publish_due(spot.shard);
            self.shared.wake_by(deadline);
        }
    }

    /// What is over is gone before anything else happens to its key, with a version of its own. Nothing is done to a key that
    /// is being written: what is over is not seen, and will be replaced.
    pub(super) fn expire_if_over(&self, spot: &mut Spot<'_>) {
        let Some(slot) = spot.shard.find(spot.hash, spot.key) else { return };
        if slot.deadline.is_over(&self.shared.clock) && !spot.shard.is_pending(spot.key) {
            self.expirations.fetch_add(1, Ordering::Relaxed);
            self.remove_now(spot, Why::Expired);
        }
    }

    /// Takes away what is over; some of it, if it is much.
    pub(super) fn sweep(self: &Arc<Self>) -> Swept {
        let mut next = u64::MAX;
        for part in &self.parts {
            let now = self.shared.clock.now();
            if part.due.load(Ordering::SeqCst) > now {
                next = next.min(part.due.load(Ordering::SeqCst));
                continue;
            }
            let mut shard = part.shard.write();
            let mut left = AT_ONCE;
            while left > 0
                && let Some((hash, key)) = shard.pop_due(now, |key| self.hash(key))
            {
                left -= 1;
                self.expire_if_over(&mut Spot { part, shard: &mut shard, hash, key: &key });
            }
            part.publish_due(&shard);
            if left == 0 {
                return Swept::More;
            }
            next = next.min(part.due.load(Ordering::SeqCst));
        }
        Swept::Next((next != u64::MAX).then_some(next))
    }
}

impl Shared {
    /// The sleeper has to be awake by then.
    fn wake_by(&self, deadline: Deadline) {
        if deadline.get() < self.sleeps_until.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }
}
