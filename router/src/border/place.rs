use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use edri_event::Meta;

use super::demand::ConsumerId;
use super::departure::{Back, Departure};
use super::exit::Exit;
use super::horizon::Horizon;
use super::shareable::Shareable;
use crate::dead_letter::DeadLetterOffice;

/// Somebody on the other side of a border, as he stands on a route here: what is sent to him departs.
#[derive(Clone)]
pub struct Place {
    pub(crate) exit: Arc<dyn Exit>,
    pub(crate) to: u64,
    pub(crate) horizon: Horizon,
    pub(crate) consumer: Option<ConsumerId>,
    pub(crate) load: Arc<Load>,
    pub(crate) office: DeadLetterOffice,
    name: Arc<str>,
}

impl Place {
    /// For somebody behind `horizon`, of that name, who has told of himself what is in `load`. What is for him is handed to
    /// `exit`, marked with `to`, which means something to the border alone. What cannot be encoded is handed in at
    /// `office`.
    pub fn new(
        name: Arc<str>,
        exit: Arc<dyn Exit>,
        to: u64,
        horizon: Horizon,
        load: Arc<Load>,
        office: DeadLetterOffice,
    ) -> Self {
        Self { exit, to, horizon, consumer: None, load, office, name }
    }

    /// The same for one of several, who is told from the others.
    #[must_use]
    pub fn of(self, consumer: ConsumerId) -> Self {
        Self { consumer: Some(consumer), ..self }
    }

    pub(crate) fn departure(&self, event: Shareable, meta: Meta, back: Back) -> Departure {
        Departure::new(event, self.to, meta, back)
    }

    /// What he is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much waits to go where he is.
    pub fn waiting(&self) -> usize {
        self.exit.waiting()
    }

    /// Behind which horizon he is.
    pub fn horizon(&self) -> Horizon {
        self.horizon
    }

    /// Who he is, if he is told from others.
    pub fn consumer(&self) -> Option<ConsumerId> {
        self.consumer
    }

    /// How many borders are between this router and him, at least 1.
    pub fn hops(&self) -> u8 {
        self.load.hops()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Place")
            .field("name", &self.name)
            .field("to", &self.to)
            .field("horizon", &self.horizon)
            .field("consumer", &self.consumer)
            .field("load", &self.load)
            .finish_non_exhaustive()
    }
}

/// How far away somebody is, and how loaded: as he has told, and with what has been sent to him since and is not done.
#[derive(Debug)]
pub struct Load {
    hops: AtomicU8,
    told: AtomicUsize,
    in_flight: AtomicUsize,
}

impl Load {
    /// Of somebody who is so many borders away, and has told how loaded he is.
    pub fn new(hops: u8, load: usize) -> Self {
        Self { hops: AtomicU8::new(hops), told: AtomicUsize::new(load), in_flight: AtomicUsize::new(0) }
    }

    /// He has told that he is so loaded.
    pub fn tell(&self, load: usize) {
        self.told.store(load, Ordering::Relaxed);
    }

    /// He is so many borders away now; see [`Router::place_changed`](crate::Router::place_changed).
    pub fn move_to(&self, hops: u8) {
        self.hops.store(hops, Ordering::Relaxed);
    }

    /// How many borders away he is.
    pub fn hops(&self) -> u8 {
        self.hops.load(Ordering::Relaxed)
    }

    /// How loaded he is, with what is under way to him.
    pub fn get(&self) -> usize {
        self.told.load(Ordering::Relaxed).saturating_add(self.in_flight.load(Ordering::Relaxed))
    }
}

/// Something that is under way to him, until this is dropped.
#[derive(Debug)]
pub struct InFlight(Arc<Load>);

impl InFlight {
    pub(crate) fn new(load: &Arc<Load>) -> Self {
        load.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(load))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
