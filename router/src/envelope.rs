use std::ops::Deref;
use std::sync::Arc;

use edri_event::{Event, Meta};

use crate::dead_letter::{DeadLetterOffice, Loss};
use crate::history::History;
use crate::trace::{EventInfo, EventKind};

/// A notification as one subscriber gets it: its own if it is the only one, shared among them otherwise.
#[derive(Debug)]
pub enum Shared<E> {
    /// The only subscriber's.
    Own(E),
    /// One of several subscribers'.
    Of(Arc<E>),
}

impl<E> Shared<E> {
    /// The event itself: moved out where nobody else has it, cloned otherwise.
    pub fn into_owned(self) -> E
    where
        E: Clone,
    {
        match self {
            Self::Own(event) => event,
            Self::Of(shared) => Arc::try_unwrap(shared).unwrap_or_else(|shared| E::clone(&shared)),
        }
    }
}

impl<E> Shared<E> {
    /// For several.
    pub(crate) fn into_shared(self) -> Arc<E> {
        match self {
            Self::Own(event) => Arc::new(event),
            Self::Of(shared) => shared,
        }
    }
}

impl<E> Deref for Shared<E> {
    type Target = E;

    fn deref(&self) -> &E {
        match self {
            Self::Own(event) => event,
            Self::Of(shared) => shared,
        }
    }
}

impl<E> AsRef<E> for Shared<E> {
    fn as_ref(&self) -> &E {
        self
    }
}

/// A notification on its way to one subscriber, with what travels beside it.
#[derive(Debug)]
pub struct Envelope<E> {
    /// The event.
    pub event: Shared<E>,
    /// What travels beside it.
    pub meta: Meta,
}

impl<E> Envelope<E> {
    /// As a route that is retained delivers it: recorded, numbered, and shared with its history; and whether it is kept
    /// there.
    pub(crate) fn recorded(self, history: &History<E>, measure: impl Fn(&E) -> usize) -> (Self, bool) {
        let Self { event, mut meta } = self;
        let event = event.into_shared();
        let is_kept = history.record(&event, &mut meta, measure);
        (Self { event: Shared::Of(event), meta }, is_kept)
    }
}

impl<E: Event + Sync> crate::Message for Envelope<E> {
    fn key(&self) -> Option<edri_event::Key> {
        self.meta.key().or_else(|| self.event.key())
    }

    fn info(&self) -> Option<EventInfo<'_>> {
        Some(EventInfo::new::<E>(EventKind::Notification, &self.meta))
    }

    fn name_of(_tag: u16) -> &'static str {
        E::name()
    }

    fn discard(self, loss: Loss, office: &DeadLetterOffice) {
        office.hand_in(self.event, self.meta, loss);
    }
}
