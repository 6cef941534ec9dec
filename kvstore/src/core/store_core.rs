use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
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
    /// The one without a name.
    default: Arc<Space>,
    /// All, that one included; looked at with every event, without disturbing others who look.
    spaces: ArcSwap<HashMap<Arc<str>, Arc<Space>>>,
    /// To be held while one is added.
    adding: Mutex<()>,
    /// How namespaces are kept of which nothing else was said.
    settings: Namespace,
    shared: Arc<Shared>,
    log: Option<Arc<dyn Log>>,
}

/// How many namespaces a store has at the most.
const MOST_SPACES: usize = 1024;

/// The longest name of a namespace, in bytes.
const LONGEST_NAME: usize = 128;

fn new(name: &str, settings: Namespace, shared: &Arc<Shared>, log: Option<&Arc<dyn Log>>) -> Space {
    let log = log.filter(|_| settings.durability == Durability::Log).cloned();
    Space::new(name.into(), settings, Arc::clone(shared), log)
}

impl Core {
    /// With the namespaces of which something was said.
    pub(crate) fn new(
        settings: Namespace,
        named: &HashMap<Arc<str>, Namespace>,
        log: Option<Arc<dyn Log>>,
    ) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::new());
        let default = Arc::new(new("", settings, &shared, log.as_ref()));
        let spaces = HashMap::from([(Arc::clone(&default.name), Arc::clone(&default))]);
        let spaces = ArcSwap::from_pointee(spaces);
        let core = Self { default, spaces, adding: Mutex::new(()), settings, shared, log };
        for (name, settings) in named {
            core.add(name, *settings)?;
        }
        Ok(core)
    }

    /// The namespace of that name, which is made if there is none.
    pub(crate) fn space(&self, name: &str) -> Result<Arc<Space>, StoreError> {
        self.with_space(name, |space| Ok(Arc::clone(space)))
    }

    /// The same for a moment: nobody counts references.
    pub(crate) fn with_space<T>(
        &self,
        name: &str,
        take: impl FnOnce(&Arc<Space>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if name.is_empty() {
            return take(&self.default);
        }
        if let Some(space) = self.spaces.load().get(name) {
            return take(space);
        }
        take(&self.add(name, self.settings)?)
    }

    pub(crate) fn spaces(&self) -> Vec<Arc<Space>> {
        self.spaces.load().values().cloned().collect()
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
        let _adding = self.adding.lock();
        let spaces = self.spaces.load();
        if let Some(space) = spaces.get(name) {
            return Ok(Arc::clone(space));
        }
        if spaces.len() >= MOST_SPACES {
            let text = format!("there are {MOST_SPACES} namespaces, and {name:?} would be one more");
            return Err(StoreError::refused(Refusal::Full, text));
        }
        let space = Arc::new(new(name, settings, &self.shared, self.log.as_ref()));
        let mut spaces = HashMap::clone(&spaces);
        spaces.insert(Arc::clone(&space.name), Arc::clone(&space));
        self.spaces.store(Arc::new(spaces));
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
