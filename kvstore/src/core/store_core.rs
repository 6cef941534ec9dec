use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::RwLock;
use tokio::time::sleep_until;

use super::clock::Clock;
use super::expire::Swept;
use super::pending::Log;
use super::space::{Gauge, Shared, Space};
use super::types::Types;
use crate::error::{Refusal, StoreError};
use crate::settings::{Durability, Namespace};

/// All namespaces of a store.
pub(crate) struct Core {
    spaces: RwLock<HashMap<Arc<str>, Arc<Space>>>,
    /// How namespaces are kept of which nothing else was said.
    settings: Namespace,
    shared: Arc<Shared>,
    log: Option<Arc<dyn Log>>,
}

/// How many namespaces a store has at the most.
const MOST_SPACES: usize = 1024;

/// The longest name of a namespace, in bytes.
const LONGEST_NAME: usize = 128;

impl Core {
    /// With the namespaces of which something was said.
    pub(crate) fn new(
        settings: Namespace,
        named: &HashMap<Arc<str>, Namespace>,
        log: Option<Arc<dyn Log>>,
    ) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::new());
        let core = Self { spaces: RwLock::default(), settings, shared, log };
        core.add("", settings)?;
        for (name, settings) in named {
            core.add(name, *settings)?;
        }
        Ok(core)
    }

    /// The namespace of that name, which is made if there is none.
    pub(crate) fn space(&self, name: &str) -> Result<Arc<Space>, StoreError> {
        if let Some(space) = self.spaces.read().get(name) {
            return Ok(Arc::clone(space));
        }
        self.add(name, self.settings)
    }

    pub(crate) fn spaces(&self) -> Vec<Arc<Space>> {
        self.spaces.read().values().cloned().collect()
    }

    /// Those whose changes are made durable one by one.
    pub(crate) fn logged(&self) -> impl Iterator<Item = Arc<Space>> {
        self.spaces().into_iter().filter(|space| space.is_logged())
    }

    fn add(&self, name: &str, settings: Namespace) -> Result<Arc<Space>, StoreError> {
        if name.len() > LONGEST_NAME {
            let text = format!("a namespace of {} bytes: expected {LONGEST_NAME} at most", name.len());
            return Err(StoreError::refused(Refusal::TooLarge, text));
        }
        let mut spaces = self.spaces.write();
        if let Some(space) = spaces.get(name) {
            return Ok(Arc::clone(space));
        }
        if spaces.len() >= MOST_SPACES {
            let text = format!("there are {MOST_SPACES} namespaces, and {name:?} would be one more");
            return Err(StoreError::refused(Refusal::Full, text));
        }
        let log = self.log.clone().filter(|_| settings.durability == Durability::Log);
        let name: Arc<str> = name.into();
        let space = Arc::new(Space::new(Arc::clone(&name), settings, Arc::clone(&self.shared), log));
        spaces.insert(name, Arc::clone(&space));
        Ok(space)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    pub(crate) fn types(&self) -> &Types {
        &self.shared.types
    }

    /// All namespaces together, and how many there are.
    pub(crate) fn gauge(&self) -> (Gauge, usize) {
        let spaces = self.spaces();
        let all = spaces.iter().map(|space| space.gauge()).fold(Gauge::default(), Gauge::with);
        (all, spaces.len())
    }

    /// Nothing is written from here on.
    pub(crate) fn close_to_writers(&self) {
        self.shared.open.store(false, Ordering::SeqCst);
    }

    /// The same, and watchers come to their end.
    pub(crate) fn close(&self) {
        self.close_to_writers();
        for space in self.spaces() {
            space.close_watchers();
        }
    }

    /// Takes away what is over, when it is over. It sleeps until the next key is due, and for as long as none is.
    pub(crate) async fn see_to_what_expires(self: Arc<Self>) {
        loop {
            let mut next = u64::MAX;
            for space in self.spaces() {
                loop {
                    match space.sweep() {
                        // Others have something to do, too.
                        Swept::More => tokio::task::yield_now().await,
                        Swept::Next(due) => break next = next.min(due.unwrap_or(u64::MAX)),
                    }
                }
            }
            self.shared.sleeps_until.store(next, Ordering::SeqCst);
            // What was scheduled before that could be seen has to be seen now.
            if self.next_due() < next {
                continue;
            }
            let woken = self.shared.wake.notified();
            if next == u64::MAX {
                woken.await;
            } else {
                tokio::select! {
                    () = woken => {}
                    () = sleep_until(self.shared.clock.instant(next)) => {}
                }
            }
        }
    }

    fn next_due(&self) -> u64 {
        self.spaces().iter().map(|space| space.next_due()).min().unwrap_or(u64::MAX)
    }
}
