use std::sync::{Arc, Mutex, PoisonError};

use super::exit::Exit;

/// One of the routers behind a border, as its places on the routes know it.
pub(super) struct Side {
    /// Tells it from the others behind the same border.
    pub(super) number: u32,
    pub(super) exit: Arc<Exit>,
    /// What it is called.
    name: Mutex<Arc<str>>,
}

/// What it is called until it has a name.
const UNNAMED: &str = "another router";

impl Side {
    pub(super) fn new(number: u32, exit: Exit) -> Self {
        Self { number, exit: Arc::new(exit), name: Mutex::new(UNNAMED.into()) }
    }

    /// It has a name.
    pub(super) fn name(&self, name: &Arc<str>) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(name);
    }

    pub(super) fn called(&self) -> Arc<str> {
        Arc::clone(&self.name.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
