use std::time::SystemTime;

use crate::id::{Key, ScheduleId};
use crate::options::Keep;
use crate::tick::Tick;
use crate::time::Nanoseconds;

/// A run that has been begun with and has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flight(pub(super) Key);

/// What the caller has to do.
#[derive(Debug)]
pub(crate) enum Output<A> {
    /// Begin with a run, and tell when it has [ended](super::Core::ended).
    Run(Run<A>),
    /// Tell that runs are left out.
    Skipped(Skipped),
    /// Write down where a durable schedule is.
    Moved(Moved),
    /// Write down that a run of a durable schedule has ended.
    Ended(Key, u64),
    /// Tell that the clock was set, by so much.
    Stepped(Nanoseconds),
}

/// A run to begin with.
#[derive(Debug)]
pub(crate) struct Run<A> {
    pub(crate) flight: Flight,
    pub(crate) action: A,
    pub(crate) tick: Tick,
    /// Of a durable schedule: it is to be on the disk that it has begun, before it is sent.
    pub(crate) keep: Keep,
}

/// Runs that were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) id: ScheduleId,
    /// When the last of them was due.
    pub(crate) due: SystemTime,
    pub(crate) count: u64,
    pub(crate) reason: SkipReason,
}

/// Why runs are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// They were missed, and the policy is not to make up for each.
    Missed,
    /// An earlier run had not ended.
    Overlap,
    /// As many runs as the scheduler may have at a time had not ended.
    Overload,
}

/// Where a durable schedule is, after it has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) key: Key,
    /// The runs that have just been begun with, and when they were due.
    pub(crate) begun: Vec<(u64, Nanoseconds)>,
    pub(crate) place: Place,
}

/// Where a schedule is in its plan; times are the wall clock's.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Place {
    /// How many runs have been begun with.
    pub(crate) runs: u64,
    /// When it is due next by its plan, if something is planned.
    pub(crate) next: Option<Nanoseconds>,
    pub(crate) paused: bool,
    /// Nothing is due any more, and nothing waits.
    pub(crate) over: bool,
    /// The due times of runs that wait.
    pub(crate) queue: Vec<Nanoseconds>,
}
