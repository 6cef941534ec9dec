use std::time::Duration;

/// What a router keeps of a notification's past, per event type: whichever bound is reached first counts.
///
/// ```
/// use std::time::Duration;
/// use edri_event::Retention;
///
/// let recent = Retention::last(1_000).and_within(Duration::from_secs(30)).and_sized(1_000_000);
/// assert_eq!(recent.events, Some(1_000));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// How many of the newest events, at the most; [`MOST`](Self::MOST) where only another bound is given.
    pub events: Option<usize>,
    /// For how long.
    pub age: Option<Duration>,
    /// How many bytes they may take together, as
    /// [`Notification::retained_bytes`](crate::Notification::retained_bytes) counts them. An event that is larger than
    /// that is not kept at all.
    pub bytes: Option<usize>,
}

impl Retention {
    /// Nothing is kept, and nothing is paid for.
    pub const NOTHING: Self = Self { events: None, age: None, bytes: None };

    /// How many events are kept at the most where their number is not said: an age alone bounds no memory.
    pub const MOST: usize = 65_536;

    /// The newest `events`.
    pub const fn last(events: usize) -> Self {
        Self::NOTHING.and_last(events)
    }

    /// Everything younger than `age`.
    pub const fn within(age: Duration) -> Self {
        Self::NOTHING.and_within(age)
    }

    /// The newest that take up to `bytes` together.
    pub const fn sized(bytes: usize) -> Self {
        Self::NOTHING.and_sized(bytes)
    }

    /// The same, and of it the newest `events` only.
    pub const fn and_last(mut self, events: usize) -> Self {
        self.events = Some(events);
        self
    }

    /// The same, and of it only what is younger than `age`.
    pub const fn and_within(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// The same, and of it only the newest that take up to `bytes` together.
    pub const fn and_sized(mut self, bytes: usize) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Whether it keeps nothing, ever.
    pub const fn is_nothing(&self) -> bool {
        self.events.is_none() && self.age.is_none() && self.bytes.is_none()
    }

    /// How many events it keeps at the most.
    pub const fn most_events(&self) -> usize {
        match self.events {
            Some(events) => events,
            None if self.is_nothing() => 0,
            None => Self::MOST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_bounded_is_bounded_in_number_too() {
        assert_eq!(Retention::NOTHING.most_events(), 0);
        assert_eq!(Retention::within(Duration::MAX).most_events(), Retention::MOST);
        assert_eq!(Retention::sized(usize::MAX).most_events(), Retention::MOST);
        assert_eq!(Retention::within(Duration::MAX).and_last(7).most_events(), 7);
    }
}
