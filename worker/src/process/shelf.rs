use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

/// What was made at some cost, and is kept for a while for whoever needs the like of it next.
pub(super) struct Shelf<K: 'static, T: 'static> {
    kept: Mutex<Kept<K, T>>,
    bounds: Bounds,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// So many are kept at most.
    pub(super) count: usize,
    /// And of so many bytes together.
    pub(super) bytes: usize,
}

struct Kept<K, T> {
    /// Those that came last are behind.
    things: Vec<Thing<K, T>>,
    bytes: usize,
    /// Somebody sees to it that nothing is kept for long.
    is_swept: bool,
}

struct Thing<K, T> {
    key: K,
    thing: T,
    bytes: usize,
    since: Instant,
}

/// What nobody has needed for that time is given up; it may take as long again until that is seen.
pub(super) const KEPT_FOR: Duration = Duration::from_millis(500);

impl<K: PartialEq + Send, T: Send> Shelf<K, T> {
    pub(super) const fn new(bounds: Bounds) -> Self {
        Self { kept: Mutex::new(Kept { things: Vec::new(), bytes: 0, is_swept: false }), bounds }
    }

    /// One of that kind, if there is one: that which was put back last.
    pub(super) fn take(&self, key: &K) -> Option<T> {
        let mut kept = self.kept.lock();
        let at = kept.things.iter().rposition(|thing| thing.key == *key)?;
        Some(kept.remove(at))
    }

    /// Keeps it, for which others may be given up. Outside of a runtime nothing is kept.
    pub(super) fn put(&'static self, key: K, bytes: usize, thing: T) {
        let Ok(runtime) = Handle::try_current() else { return };
        if bytes > self.bounds.bytes {
            return;
        }
        let mut kept = self.kept.lock();
        let mut given_up = Vec::new();
        while kept.things.len() >= self.bounds.count || kept.bytes + bytes > self.bounds.bytes {
            given_up.push(kept.remove(0));
        }
        kept.bytes += bytes;
        kept.things.push(Thing { key, thing, bytes, since: Instant::now() });
        if !std::mem::replace(&mut kept.is_swept, true) {
            let sweeping = Sweeping(self);
            drop(runtime.spawn(async move { sweeping.sweep().await }));
        }
        drop(kept);
        // Which may take its time, and not under the lock.
        drop(given_up);
    }

    /// Gives up what nobody has needed for a while; whether anything is left.
    fn sweep(&self) -> bool {
        let mut kept = self.kept.lock();
        let mut given_up = Vec::new();
        // They lie in the order in which they were put there.
        while kept.things.first().is_some_and(|thing| thing.since.elapsed() >= KEPT_FOR) {
            given_up.push(kept.remove(0));
        }
        kept.is_swept = !kept.things.is_empty();
        let is_swept = kept.is_swept;
        drop(kept);
        drop(given_up);
        is_swept
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.kept.lock().things.len()
    }
}

impl<K, T> Kept<K, T> {
    fn remove(&mut self, at: usize) -> T {
        let Thing { thing, bytes, .. } = self.things.remove(at);
        self.bytes -= bytes;
        thing
    }
}

/// Dropped with its runtime, another does it.
struct Sweeping<K: 'static, T: 'static>(&'static Shelf<K, T>);

impl<K: PartialEq + Send, T: Send> Sweeping<K, T> {
    async fn sweep(self) {
        loop {
            sleep(KEPT_FOR).await;
            if !self.0.sweep() {
                // From here on whoever puts something there has it swept.
                return std::mem::forget(self);
            }
        }
    }
}

impl<K, T> Drop for Sweeping<K, T> {
    fn drop(&mut self) {
        self.0.kept.lock().is_swept = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { count: 3, bytes: 100 };

    #[tokio::test(start_paused = true)]
    async fn what_is_put_there_is_found_again_by_its_kind_for_a_while() {
        static SHELF: Shelf<u8, &str> = Shelf::new(BOUNDS);
        SHELF.put(1, 10, "one");
        SHELF.put(1, 10, "another");
        SHELF.put(2, 10, "two");
        assert_eq!((SHELF.take(&1), SHELF.take(&3)), (Some("another"), None));
        sleep(KEPT_FOR / 2).await;
        SHELF.put(1, 10, "another");
        sleep(KEPT_FOR * 3 / 4).await;
        assert_eq!(SHELF.count(), 1, "what was put back later is there");
        sleep(2 * KEPT_FOR).await;
        assert_eq!(SHELF.count(), 0);
        // And again, after there was nothing.
        SHELF.put(4, 10, "four");
        sleep(3 * KEPT_FOR).await;
        assert_eq!(SHELF.take(&4), None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_is_kept_than_may_be() {
        static SHELF: Shelf<u8, u8> = Shelf::new(BOUNDS);
        for number in 0..5 {
            SHELF.put(number, 10, number);
        }
        assert_eq!((SHELF.count(), SHELF.take(&1), SHELF.take(&2)), (3, None, Some(2)));
        SHELF.put(9, 95, 9);
        assert_eq!((SHELF.count(), SHELF.take(&9)), (1, Some(9)));
        SHELF.put(9, 101, 9);
        assert_eq!(SHELF.count(), 0);
    }

    #[test]
    fn a_runtime_that_ends_leaves_the_sweeping_to_the_next() {
        static SHELF: Shelf<u8, u8> = Shelf::new(BOUNDS);
        SHELF.put(1, 1, 1);
        assert_eq!(SHELF.count(), 0, "nobody would give it up");
        let runtime = || {
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
        };
        runtime().block_on(async { SHELF.put(1, 1, 1) });
        assert_eq!(SHELF.count(), 1);
        runtime().block_on(async {
            SHELF.put(2, 1, 2);
            sleep(3 * KEPT_FOR).await;
        });
        assert_eq!(SHELF.count(), 0);
    }
}
