use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::queue::{Queue, Told};
use crate::error::{Refusal, StoreError};

/// Who watches keys of a namespace: those who watch a prefix are here, those who watch one key are with its shard.
#[derive(Default)]
pub(crate) struct Listeners {
    /// Of both.
    count: AtomicUsize,
    missed: AtomicU64,
    prefixes: RwLock<Vec<(String, Arc<Queue>)>>,
}

/// How many may watch keys of one namespace.
const MOST: usize = 1 << 16;

impl Listeners {
    /// Whether anybody has to be told of a change.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// How many changes could not be told.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// How many changes wait for the watcher of a prefix that is behind most.
    pub(crate) fn waiting(&self) -> usize {
        self.prefixes.read().iter().map(|(_, queue)| queue.waiting()).max().unwrap_or(0)
    }

    /// Makes room for one more.
    pub(crate) fn enter(&self) -> Result<(), StoreError> {
        let entered = |count: usize| (count < MOST).then_some(count + 1);
        match self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, entered) {
            Ok(_) => Ok(()),
            Err(_) => {
                let text = format!("{MOST} watch keys of this namespace, and there may be no more");
                Err(StoreError::refused(Refusal::Full, text))
            }
        }
    }

    pub(crate) fn leave(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn add_prefix(&self, prefix: &str, queue: Arc<Queue>) {
        self.prefixes.write().push((prefix.to_owned(), queue));
    }

    pub(crate) fn remove_prefix(&self, queue: &Arc<Queue>) {
        self.prefixes.write().retain(|(_, other)| !Arc::ptr_eq(other, queue));
    }

    /// Tells a change, under the lock of its key's shard: to those who watch that key, and those who watch a prefix of it.
    pub(crate) fn tell(&self, of_key: Option<&Vec<Arc<Queue>>>, change: &Arc<Told>) {
        let prefixes = self.prefixes.read();
        let of_prefix = prefixes.iter().filter(|(prefix, _)| change.key.starts_with(&**prefix));
        let all = of_key.into_iter().flatten().chain(of_prefix.map(|(_, queue)| queue));
        let missed = all.filter(|queue| !queue.tell(change)).count();
        if missed > 0 {
            self.missed.fetch_add(missed as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn close(&self) {
        self.prefixes.read().iter().for_each(|(_, queue)| queue.close());
    }
}
