use std::fmt;
use std::sync::{Arc, Weak};

use crate::route::Table;
use crate::router::{Router, Shared};

type Undo = Box<dyn FnOnce(&Table) + Send + Sync>;

/// A place on a route: dropping it takes it off. It does not keep the router alive.
#[must_use = "dropping a registration ends it"]
pub struct Registration {
    router: Weak<Shared>,
    undo: Option<Undo>,
}

impl Registration {
    pub(crate) fn new(router: &Router, undo: impl FnOnce(&Table) + Send + Sync + 'static) -> Self {
        Self { router: Arc::downgrade(router.shared()), undo: Some(Box::new(undo)) }
    }

    /// Stays registered for as long as the router lives.
    pub fn keep(mut self) {
        self.undo = None;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let (Some(undo), Some(router)) = (self.undo.take(), self.router.upgrade()) {
            undo(router.table());
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Registration")
    }
}
