use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::id::ScheduleId;

/// One run of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tick {
    /// Whose run it is.
    pub schedule: ScheduleId,
    /// When it was due by its plan, without the jitter that was added.
    pub due: SystemTime,
    /// When it was begun with.
    pub actual: SystemTime,
    /// Which run it is, counted from 1. One that is repeated after a crash has the number it had.
    pub run: u64,
    /// How many others were missed since the last run and are made up for by this one, or not at all.
    pub missed: u64,
}

impl Tick {
    pub(crate) fn new(
        schedule: ScheduleId,
        due: SystemTime,
        actual: SystemTime,
        run: u64,
        missed: u64,
    ) -> Self {
        Self { schedule, due, actual, run, missed }
    }

    /// How long after its due time it was begun with; zero if the clock has been set back since.
    pub fn lateness(&self) -> Duration {
        self.actual.duration_since(self.due).unwrap_or_default()
    }
}

/// An event that has room for the [tick](Tick) by which it is sent.
///
/// ```
/// use edri_event::Notification;
/// use edri_scheduler::{Stamped, Tick};
///
/// #[derive(Notification, Clone)]
/// struct Heartbeat {
///     tick: Option<Tick>,
/// }
///
/// impl Stamped for Heartbeat {
///     fn stamp(&mut self, tick: &Tick) {
///         self.tick = Some(tick.clone());
///     }
/// }
/// ```
pub trait Stamped {
    /// Called before it is sent.
    fn stamp(&mut self, tick: &Tick);
}
