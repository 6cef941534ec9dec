use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::action::Kind;
use crate::id::ScheduleId;
use crate::options::Options;

/// A schedule, looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScheduleInfo {
    /// Which one it is.
    pub id: ScheduleId,
    /// What it sends.
    pub kind: Kind,
    /// The name of what it sends.
    pub event: String,
    /// When it is due, in words.
    pub when: String,
    /// What else holds for it.
    pub options: Options,
    /// When it is due next, with its jitter; `None` while it is paused, or waits for the end of a run.
    pub next: Option<SystemTime>,
    /// When its last run was begun with, since the program was started.
    pub last: Option<SystemTime>,
    /// How many runs have been begun with.
    pub runs: u64,
    /// How many of them have not ended.
    pub running: u32,
    /// How many wait for others to end.
    pub queued: u64,
    /// How many were left out because an earlier one had not ended, since the program was started.
    pub skipped: u64,
    /// How many were missed and not run themselves, since the program was started.
    pub missed: u64,
    /// How many have failed, since the program was started.
    pub failed: u64,
    /// Whether it is paused.
    pub paused: bool,
}

/// Some schedules, and where the next ones begin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Page {
    /// In the order of their places, which is that in which they were set where none has gone.
    pub schedules: Vec<ScheduleInfo>,
    /// To be given to the next [`List`](crate::List), if there are more.
    pub next: Option<u32>,
}
