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

#[cfg(all(test, not(shuttle)))]
mod tests {
    use crate::{DeadLetterOffice, Envelope, HealthChanged, Inbox, InboxSettings, Router};

    #[test]
    fn those_who_have_ended_leave_the_list() {
        let router = Router::new();
        let start = || {
            let office = DeadLetterOffice::new(&router, "part".into());
            let ends = Inbox::<Envelope<HealthChanged>>::reporting(InboxSettings::default(), office);
            router.attach_part(&ends.0.part());
            ends
        };
        let mut alive: Vec<_> = (0..1_000).map(|_| start()).collect();
        alive.truncate(10);
        assert!(router.parts().0.lock().parts.len() <= 20);
        for _ in 0..1_000 {
            drop(start());
            assert!(router.parts().0.lock().parts.len() <= 21);
        }
        assert_eq!(router.parts().alive().len(), 10);
    }
}
