use std::sync::{Arc, Weak};

use super::part::Part;
use crate::sync::Mutex;

/// All parts of a router, in the order in which they were attached. It keeps none of them.
#[derive(Default)]
pub(crate) struct Parts(Mutex<List>);

#[derive(Default)]
struct List {
    parts: Vec<Weak<dyn Part>>,
    /// How many of them have ended, at least.
    ended: usize,
}

impl Parts {
    pub(crate) fn add(&self, part: &Arc<dyn Part>) {
        let mut list = self.0.lock();
        // Before it grows: those who have ended make room.
        if list.parts.len() == list.parts.capacity() {
            list.sweep();
        }
        list.parts.push(Arc::downgrade(part));
    }

    /// One of them has ended. Its memory is free when it has left the list: they leave together, so that each costs
    /// a few steps.
    pub(crate) fn note_end(&self) {
        let mut list = self.0.lock();
        list.ended += 1;
        if list.ended > list.parts.len() / 2 {
            list.sweep();
        }
    }

    pub(crate) fn alive(&self) -> Vec<Arc<dyn Part>> {
        self.0.lock().parts.iter().filter_map(Weak::upgrade).collect()
    }
}

impl List {
    fn sweep(&mut self) {
        self.parts.retain(|part| part.strong_count() > 0);
        self.ended = 0;
    }
}
