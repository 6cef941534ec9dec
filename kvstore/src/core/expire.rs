use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::clock::Deadline;
use super::pending::Why;
use super::shard::{Part, Shard};
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
    /// A key is to be kept until then. If that is before the sleeper wakes up, it is told.
    pub(super) fn schedule(&self, part: &Part, shard: &mut Shard, hash: u64, key: &str, deadline: Deadline) {
        if deadline.is_never() {
            return;
        }
        shard.schedule(hash, key);
        part.publish_due(shard);
        self.shared.wake_by(deadline);
    }

    /// What is over is gone before anything else happens to its key, with a version of its own. Nothing is done to a key that
    /// is being written: what is over is not seen, and will be replaced.
    pub(super) fn expire_if_over(&self, part: &Part, shard: &mut Shard, hash: u64, key: &str) {
        let Some(slot) = shard.find(hash, key) else { return };
        if slot.deadline.is_over(&self.shared.clock) && !shard.is_pending(key) {
            self.expirations.fetch_add(1, Ordering::Relaxed);
            self.remove_now(part, shard, hash, key, Why::Expired);
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
                self.expire_if_over(part, &mut shard, hash, &key);
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
