use std::fmt;
use std::sync::Arc;

use edri_event::{Event, Meta};

use super::lose::{lose, lose_unseen};
use super::reason::Loss;
use crate::envelope::Shared;
use crate::router::{Router, WeakRouter};

/// Where the losses of one consumer are handed in: a router's dead letters, under the consumer's name.
///
/// The default belongs to no router, and forgets what it is handed.
#[derive(Clone, Default)]
pub struct DeadLetterOffice(Option<Arc<Counter>>);

struct Counter {
    router: WeakRouter,
    consumer: Arc<str>,
}

impl DeadLetterOffice {
    /// For the losses of `consumer`. It does not keep the router alive.
    pub fn new(router: &Router, consumer: Arc<str>) -> Self {
        Self(Some(Arc::new(Counter { router: router.downgrade(), consumer })))
    }

    /// The consumer's name.
    pub(crate) fn consumer(&self) -> Option<&str> {
        self.0.as_ref().map(|counter| &*counter.consumer)
    }

    /// The consumer was a part of the router's program, and has ended.
    pub(crate) fn note_end(&self) {
        if let Some(router) = self.0.as_ref().and_then(|counter| counter.router.upgrade()) {
            router.parts().note_end();
        }
    }

    /// Hands in an event that was lost. Never waits; to be called outside of locks, since subscribers to
    /// dead letters may run here and now.
    #[cold]
    pub fn hand_in<E: Event + Sync>(&self, event: Shared<E>, meta: Meta, loss: Loss) {
        let Some(counter) = &self.0 else { return };
        if let Some(router) = counter.router.upgrade() {
            lose(&router, event, &meta, Some(Arc::clone(&counter.consumer)), loss);
        }
    }
}

impl DeadLetterOffice {
    /// The same for an event that is not to be had any more: those who ask for it by type do not get it.
    #[cold]
    pub(crate) fn hand_in_unseen(&self, event: &str, meta: &Meta, loss: Loss) {
        let Some(counter) = &self.0 else { return };
        if let Some(router) = counter.router.upgrade() {
            lose_unseen(&router, event, meta, Some(Arc::clone(&counter.consumer)), loss);
        }
    }
}

impl fmt::Debug for DeadLetterOffice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let consumer = self.0.as_ref().map(|counter| &counter.consumer);
        formatter.debug_tuple("DeadLetterOffice").field(&consumer).finish()
    }
}
