use std::sync::{Arc, OnceLock};

use edri_router::Router;

use crate::core::Core;
use crate::handle::Flights;

/// The way from a handle to its store: open from the store's start on.
#[derive(Default)]
pub(crate) struct Door(OnceLock<Arc<Inside>>);

/// What is behind it.
pub(crate) struct Inside {
    pub(crate) core: Arc<Core>,
    /// Values that are being computed.
    pub(crate) flights: Arc<Flights>,
    /// The store's own.
    pub(crate) router: Router,
}

impl Door {
    #[inline]
    pub(crate) fn inside(&self) -> Option<&Arc<Inside>> {
        self.0.get()
    }

    /// Opens it, once.
    pub(super) fn open(&self, inside: Arc<Inside>) -> Result<(), Arc<Inside>> {
        self.0.set(inside)
    }
}
