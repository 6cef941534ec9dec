use std::fmt;

type Undo = Box<dyn FnOnce() + Send + Sync>;

/// A place on a route: dropping it takes it off. It does not keep the router alive.
#[must_use = "dropping a registration ends it"]
pub struct Registration {
    undo: Option<Undo>,
}

impl Registration {
    pub(crate) fn new(undo: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self { undo: Some(Box::new(undo)) }
    }

    /// Stays registered for as long as the router lives.
    pub fn keep(mut self) {
        self.undo = None;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(undo) = self.undo.take() {
            undo();
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Registration")
    }
}
