//! What a scheduler answers, and what it tells. All of it may come from, and go to, other processes.

use std::time::{Duration, SystemTime};

use edri_event::{Failure, Notification, Request};
use serde::{Deserialize, Serialize};

use crate::core::SkipReason;
use crate::id::ScheduleId;
use crate::info::{Page, ScheduleInfo};
use crate::schedule::Schedule;
use crate::tick::Tick;

/// Sets a schedule: needs what to send and when. Answered with its identifier.
#[derive(Request, Clone, Debug, Serialize, Deserialize)]
#[request(response = ScheduleId, shareable, name = "edri::scheduler::Set")]
pub struct Set(pub Schedule);

/// Changes a schedule: what is given, and nothing else. All of it, or nothing if a part is refused.
#[derive(Request, Clone, Debug, Serialize, Deserialize)]
#[request(response = (), shareable, name = "edri::scheduler::Update")]
pub struct Update(pub Schedule);

/// Changes a schedule if there is one of that identifier, and sets it otherwise.
#[derive(Request, Clone, Debug, Serialize, Deserialize)]
#[request(response = Stored, shareable, name = "edri::scheduler::SetOrUpdate")]
pub struct SetOrUpdate(pub Schedule);

/// What a [`SetOrUpdate`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stored {
    /// There was none.
    Set,
    /// There was one.
    Updated,
}

/// Takes a schedule out. Its runs that have not ended go on, those that wait are gone.
#[derive(Request, Clone, Debug, Serialize, Deserialize)]
#[request(response = (), shareable, name = "edri::scheduler::Cancel")]
pub struct Cancel(pub ScheduleId);

/// Nothing of a schedule begins until it is resumed. What falls due meanwhile is left out, and not missed.
#[derive(Request, Clone, Debug, Serialize, Deserialize)]
#[request(response = (), shareable, name = "edri::scheduler::Pause")]
pub struct Pause(pub ScheduleId);

/// Goes on with a schedule that was paused: an interval in the rhythm it had. One that was to be due once meanwhile is
/// handled as if it had been missed.
#[derive(Request, Clone, Debug, Serialize, Deserialize)]
#[request(response = (), shareable, name = "edri::scheduler::Resume")]
pub struct Resume(pub ScheduleId);

/// Begins with a run at once, beside the plan, also of a schedule that is paused. Answered with its number, when it has
/// begun or waits for another.
#[derive(Request, Clone, Debug, Serialize, Deserialize)]
#[request(response = u64, shareable, name = "edri::scheduler::RunNow")]
pub struct RunNow(pub ScheduleId);

/// Looks at one schedule.
#[derive(Request, Clone, Debug, Serialize, Deserialize)]
#[request(response = ScheduleInfo, shareable, name = "edri::scheduler::Get")]
pub struct Get(pub ScheduleId);

/// Looks at schedules, page by page.
#[derive(Request, Clone, Debug, Default, Serialize, Deserialize)]
#[request(response = Page, shareable, name = "edri::scheduler::List")]
pub struct List {
    /// Where the page begins: `None`, or what the page before it says.
    pub from: Option<u32>,
    /// How many at the most; 1,000 are given at most, and 100 if it is not said.
    pub limit: Option<u32>,
    /// Only those whose name begins so.
    pub prefix: Option<String>,
}

/// When a schedule will be due: the next so many times by its plan, 1,000 at most, without jitter.
#[derive(Request, Clone, Debug, Serialize, Deserialize)]
#[request(response = Vec<SystemTime>, shareable, name = "edri::scheduler::NextRuns")]
pub struct NextRuns {
    /// Of which one.
    pub id: ScheduleId,
    /// How many.
    pub count: u32,
}

/// News: a run has been begun with.
#[derive(Notification, Clone, Debug, Serialize, Deserialize)]
#[notification(shareable, name = "edri::scheduler::Fired")]
#[non_exhaustive]
pub struct Fired {
    /// The run.
    pub tick: Tick,
    /// The name of what is sent.
    pub event: String,
}

/// News: runs have been left out.
#[derive(Notification, Clone, Debug, Serialize, Deserialize)]
#[notification(shareable, name = "edri::scheduler::RunsSkipped")]
#[non_exhaustive]
pub struct RunsSkipped {
    /// Of which schedule.
    pub schedule: ScheduleId,
    /// When the last of them was due.
    pub due: SystemTime,
    /// How many.
    pub count: u64,
    /// Why.
    pub reason: SkipReason,
}

/// News: a run has failed. Its request was not answered with a response, or what it sent was refused.
#[derive(Notification, Clone, Debug, Serialize, Deserialize)]
#[notification(shareable, name = "edri::scheduler::RunFailed")]
#[non_exhaustive]
pub struct RunFailed {
    /// The run.
    pub tick: Tick,
    /// The name of what was sent.
    pub event: String,
    /// What went wrong.
    pub failure: Failure,
}

/// News: the clock was set, by more than it is adjusted by, or the machine slept.
#[derive(Notification, Clone, Debug, Serialize, Deserialize)]
#[notification(shareable, name = "edri::scheduler::ClockSet")]
#[non_exhaustive]
pub struct ClockSet {
    /// By how much.
    pub by: Duration,
    /// In which direction.
    pub direction: Direction,
}

/// In which direction a clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It shows more.
    Forward,
    /// It shows less.
    Back,
}
