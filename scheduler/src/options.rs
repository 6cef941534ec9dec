use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// What becomes of runs that were missed, because the program did not run, was stalled or suspended, or because the
/// clock was set forward.
///
/// A run is missed if it is more than [so much](crate::Scheduler::on_time) late, or if a later one has fallen due as
/// well. Those that fall due while a schedule is paused are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Missed {
    /// They are left out.
    Skip,
    /// One run makes up for all; it has the due time of the last.
    #[default]
    Once,
    /// The last so many are made up for, one by one, in order; at least one. At most 1,000.
    All(u32),
}

/// What becomes of a run that falls due while an earlier one has not ended: while its request has not been answered, or
/// its notification waits for room in an inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Overlap {
    /// It is left out.
    #[default]
    Skip,
    /// Up to so many wait, and are begun with one by one; what comes beyond is left out. At most 1,000.
    Queue(u32),
    /// Up to so many run at a time; what comes beyond is left out. At most 1,000.
    Allow(u32),
}

/// Whether a schedule outlives the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Keep {
    /// It is gone when the program ends.
    #[default]
    InMemory,
    /// It is written to the scheduler's journal before the answer, with each of its runs.
    Durable,
}

/// What holds for a schedule beside what it sends and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Options {
    /// Nothing is due before it. Intervals are counted from it, also if it has passed.
    pub start: Option<SystemTime>,
    /// Nothing is due after it.
    pub end: Option<SystemTime>,
    /// After so many runs the schedule is over.
    pub limit: Option<u64>,
    /// Each run is delayed by a random time, up to this long, and never to the next one.
    pub jitter: Duration,
    /// What becomes of runs that were missed.
    pub missed: Missed,
    /// What becomes of runs that fall due during another.
    pub overlap: Overlap,
    /// Whether it outlives the program.
    pub keep: Keep,
}

/// Those options that are to be changed: `None` leaves one as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OptionChanges {
    pub(crate) start: Option<Option<SystemTime>>,
    pub(crate) end: Option<Option<SystemTime>>,
    pub(crate) limit: Option<Option<u64>>,
    pub(crate) jitter: Option<Duration>,
    pub(crate) missed: Option<Missed>,
    pub(crate) overlap: Option<Overlap>,
    pub(crate) keep: Option<Keep>,
}

impl OptionChanges {
    /// What makes one of the other.
    pub(crate) fn between(old: &Options, new: &Options) -> Self {
        fn change<T: Clone + PartialEq>(old: &T, new: &T) -> Option<T> {
            (old != new).then(|| new.clone())
        }
        Self {
            start: change(&old.start, &new.start),
            end: change(&old.end, &new.end),
            limit: change(&old.limit, &new.limit),
            jitter: change(&old.jitter, &new.jitter),
            missed: change(&old.missed, &new.missed),
            overlap: change(&old.overlap, &new.overlap),
            keep: change(&old.keep, &new.keep),
        }
    }

    pub(crate) fn apply(&self, options: &mut Options) {
        fn set<T: Clone>(option: &mut T, change: &Option<T>) {
            if let Some(changed) = change {
                option.clone_from(changed);
            }
        }
        set(&mut options.start, &self.start);
        set(&mut options.end, &self.end);
        set(&mut options.limit, &self.limit);
        set(&mut options.jitter, &self.jitter);
        set(&mut options.missed, &self.missed);
        set(&mut options.overlap, &self.overlap);
        set(&mut options.keep, &self.keep);
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip => formatter.pad("missed runs are left out"),
            Self::Once => formatter.pad("missed runs are made up for by one"),
            Self::All(most) => write!(formatter, "the last {most} missed runs are made up for"),
        }
    }
}

impl fmt::Display for Overlap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip => formatter.pad("a run during another is left out"),
            Self::Queue(most) => write!(formatter, "up to {most} runs wait for another"),
            Self::Allow(most) => write!(formatter, "up to {most} runs at a time"),
        }
    }
}
