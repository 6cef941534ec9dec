use std::time::Duration;

/// What a router keeps of a notification's past, per event type: whichever bound is reached first counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// How many of the newest events, at the most.
    pub events: Option<usize>,
    /// For how long.
    pub age: Option<Duration>,
}

impl Retention {
    /// Nothing is kept, and nothing is paid for.
    pub const NOTHING: Self = Self { events: None, age: None };

    /// The newest `events`.
    pub const fn last(events: usize) -> Self {
        Self { events: Some(events), age: None }
    }

    /// Everything younger than `age`.
    pub const fn within(age: Duration) -> Self {
        Self { events: None, age: Some(age) }
    }
}
