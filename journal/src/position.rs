use std::fmt;
use std::num::NonZeroU64;

/// Where a record stands in its journal: the first ever appended is at 1, and each later one at the next number.
///
/// A record keeps its position for ever: snapshots, the removal of segments, and new starts do not change it, and no
/// other record gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(NonZeroU64);

impl Position {
    /// That of the first record ever appended.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The position with this number, which [`get`](Self::get) gave; none for 0.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number: what can be stored elsewhere.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The one after it.
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// The one before it; none before the first.
    pub const fn previous(self) -> Option<Self> {
        Self::new(self.get() - 1)
    }

    /// The one that is `records` after it. A record each nanosecond would take 584 years to reach the last.
    pub(crate) const fn plus(self, records: u64) -> Self {
        Self(self.0.saturating_add(records))
    }

    /// How many records there are from `earlier` up to it; none if it comes before that.
    pub(crate) const fn since(self, earlier: Self) -> u64 {
        self.get().saturating_sub(earlier.get())
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
