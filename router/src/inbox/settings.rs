use std::fmt;
use std::num::NonZeroUsize;

/// How many events may wait in an inbox: at least one, counted until a handler begins with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capacity(NonZeroUsize);

impl Capacity {
    /// 1,024 events: what an inbox has unless it is told otherwise.
    pub const DEFAULT: Self = Self::new(1024);

    /// A capacity of `events`.
    ///
    /// # Panics
    /// If `events` is zero: an inbox that can hold nothing can deliver nothing.
    pub const fn new(events: usize) -> Self {
        match NonZeroUsize::new(events) {
            Some(events) => Self(events),
            None => panic!("an inbox needs a capacity of at least 1, not 0"),
        }
    }

    /// The number of events.
    pub const fn get(self) -> usize {
        self.0.get()
    }
}

impl Default for Capacity {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl From<usize> for Capacity {
    /// See [`Capacity::new`] for when this panics.
    fn from(events: usize) -> Self {
        Self::new(events)
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What happens to an event that arrives at a full inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Its sender waits for room: back-pressure. The sender's other events and all other subscribers go on.
    #[default]
    Wait,
    /// Its sender is told at once, and nothing is kept.
    Reject,
    /// The event that has waited longest in the lowest lane makes room; it is counted as dropped, and a
    /// notification is a [dead letter](crate::DeadLetter) then.
    DropOldest,
    /// The arriving event is dropped and counted; a notification is a dead letter then.
    DropNewest,
}

/// How an inbox is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboxSettings {
    /// How many events may wait.
    pub capacity: Capacity,
    /// What happens when that many wait.
    pub overflow: Overflow,
}

impl InboxSettings {
    /// The given capacity, and [`Overflow::Wait`].
    pub fn with_capacity(capacity: impl Into<Capacity>) -> Self {
        Self { capacity: capacity.into(), overflow: Overflow::Wait }
    }

    /// The same with another overflow policy.
    pub fn overflow(self, overflow: Overflow) -> Self {
        Self { overflow, ..self }
    }
}
