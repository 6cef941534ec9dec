use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use edri_event::Key;
use edri_router::{DeadLetterOffice, Loss, Message, Reason};

use super::life::Life;
use crate::handled::discard;

/// The keys that are being handled, with the events that wait for theirs.
pub(super) struct Keys<I: Message> {
    busy: HashMap<Option<Key>, VecDeque<I>>,
    held_back: usize,
    life: Arc<Life>,
    office: DeadLetterOffice,
}

impl<I: Message> Keys<I> {
    pub(super) fn new(life: Arc<Life>, office: DeadLetterOffice) -> Self {
        Self { busy: HashMap::new(), held_back: 0, life, office }
    }

    /// How many events wait for their key.
    pub(super) fn held_back(&self) -> usize {
        self.held_back
    }

    /// The message itself if its key is free, which is busy from now on.
    pub(super) fn begin(&mut self, key: Option<Key>, message: I) -> Option<I> {
        match self.busy.get_mut(&key) {
            Some(waiting) => {
                waiting.push_back(message);
                self.held_back += 1;
                None
            }
            None => {
                self.busy.insert(key, VecDeque::new());
                Some(message)
            }
        }
    }

    /// The next of that key, which is free if there is none.
    pub(super) fn next(&mut self, key: Option<Key>) -> Option<I> {
        let next = self.busy.get_mut(&key).and_then(VecDeque::pop_front);
        match next {
            Some(_) => self.held_back -= 1,
            None => drop(self.busy.remove(&key)),
        }
        next
    }
}

impl<I: Message> Drop for Keys<I> {
    /// With events left, this is an end from outside: whoever waits for them is told.
    fn drop(&mut self) {
        self.life.add_cut_short(self.held_back);
        for message in self.busy.drain().flat_map(|(_, waiting)| waiting) {
            discard(message, Loss::unhandled(Reason::Stopped), &self.office);
        }
    }
}
