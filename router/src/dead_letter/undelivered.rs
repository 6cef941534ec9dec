use edri_event::{Event, Key, Notification};

use super::letter::DeadLetter;
use crate::envelope::Shared;

/// A dead letter with the event itself, for those who ask for it by type: see
/// [`Router::dead_letters`](crate::Router::dead_letters).
///
/// A notification too: a manager handles it with `#[notification] fn(&mut self, lost: &Undelivered<E>)`. It
/// is made only if somebody subscribes to it. Its own loss is counted, as that of a [`DeadLetter`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Undelivered<E> {
    /// The event: this one's own, or shared with those subscribers who got it.
    pub event: Shared<E>,
    /// What became of it.
    pub letter: DeadLetter,
}

impl<E: Event + Sync> Event for Undelivered<E> {
    const TELLS_OF_LOSS: bool = true;

    /// The name of the event.
    fn name() -> &'static str {
        E::name()
    }

    /// The key of the event.
    fn key(&self) -> Option<Key> {
        self.event.key()
    }
}

// Not what is meant where another type is missing the trait.
#[diagnostic::do_not_recommend]
impl<E: Event + Sync> Notification for Undelivered<E> {}
