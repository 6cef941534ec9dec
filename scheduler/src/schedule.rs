use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::action::{IntoScheduled, Scheduled};
use crate::id::ScheduleId;
use crate::options::{Keep, Missed, OptionChanges, Overlap};
use crate::when::{CronText, Every, When};

/// What to send, when, and under which conditions: all of it, to set a schedule, or a part, to change one.
///
/// ```
/// # use edri_event::Notification;
/// # use edri_scheduler::{Overlap, Schedule, ScheduleId, Schedules};
/// # use std::time::Duration;
/// #[derive(Notification, Clone)]
/// struct Remind { whom: String }
///
/// # async fn example(schedules: &mut Schedules) -> Result<(), edri_router::RequestError> {
/// let remind = Schedule::send(Remind { whom: "Ada".into() });
/// // Once, under a number that the scheduler gives.
/// let id: ScheduleId = schedules.set(remind.clone().after(Duration::from_secs(60))).await?;
/// // Every Monday, under a name; each time up to five minutes later, at random.
/// schedules.set(remind.id("weekly").cron("0 9 * * MON").jitter(Duration::from_secs(300))).await?;
/// // The time of one is changed, and nothing else.
/// schedules.update(Schedule::named("weekly").cron("0 9 * * TUE")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[must_use = "it has no effect until it is set"]
pub struct Schedule {
    pub(crate) id: Option<ScheduleId>,
    pub(crate) event: Option<Scheduled>,
    pub(crate) when: Option<When>,
    /// Boxed: few set any.
    pub(crate) options: Option<Box<OptionChanges>>,
}

impl Schedule {
    /// That something is sent: a notification, a closure that makes one of each [tick](crate::Tick), a request as
    /// [`Ask`](crate::Ask).
    pub fn send<M>(what: impl IntoScheduled<M>) -> Self {
        Self { event: Some(what.into_scheduled()), ..Self::default() }
    }

    /// Nothing yet, of the schedule of that identifier: to change parts of it.
    pub fn named(id: impl Into<ScheduleId>) -> Self {
        Self { id: Some(id.into()), ..Self::default() }
    }

    /// Under that name. Without one, the scheduler gives a number.
    pub fn id(self, id: impl Into<ScheduleId>) -> Self {
        Self { id: Some(id.into()), ..self }
    }

    /// Sends something else.
    pub fn sends<M>(self, what: impl IntoScheduled<M>) -> Self {
        Self { event: Some(what.into_scheduled()), ..self }
    }

    /// Once, when the clock shows that time.
    pub fn at(self, time: SystemTime) -> Self {
        self.when(time)
    }

    /// Once, after that time has passed.
    pub fn after(self, delay: Duration) -> Self {
        self.when(delay)
    }

    /// Again and again, from due time to due time. See [`Every`] for other intervals.
    pub fn every(self, interval: Duration) -> Self {
        self.when(Every::rate(interval))
    }

    /// Whenever the clock matches a pattern. Given as text, it is read by the scheduler, which refuses it if it is wrong.
    pub fn cron(self, pattern: impl Into<CronText>) -> Self {
        self.when(When::Cron(pattern.into()))
    }

    /// At such times.
    pub fn when(self, when: impl Into<When>) -> Self {
        Self { when: Some(when.into()), ..self }
    }

    /// Nothing is due before that time. Intervals are counted from it, also if it has passed: one of a day that starts at
    /// 03:00 is due at 03:00.
    pub fn start(self, start: SystemTime) -> Self {
        self.option(|options| options.start = Some(Some(start)))
    }

    /// It may begin at once.
    pub fn no_start(self) -> Self {
        self.option(|options| options.start = Some(None))
    }

    /// Nothing is due after that time.
    pub fn end(self, end: SystemTime) -> Self {
        self.option(|options| options.end = Some(Some(end)))
    }

    /// It does not end by itself.
    pub fn no_end(self) -> Self {
        self.option(|options| options.end = Some(None))
    }

    /// It is over after so many runs; those that are left out do not count.
    pub fn limit(self, runs: u64) -> Self {
        self.option(|options| options.limit = Some(Some(runs)))
    }

    /// Any number of runs.
    pub fn no_limit(self) -> Self {
        self.option(|options| options.limit = Some(None))
    }

    /// Each run is delayed by a random time, up to that long and never to the next run, so that not everything that is
    /// due at midnight comes at midnight. The plan does not move.
    pub fn jitter(self, most: Duration) -> Self {
        self.option(|options| options.jitter = Some(most))
    }

    /// What becomes of runs that were missed.
    pub fn missed(self, policy: Missed) -> Self {
        self.option(|options| options.missed = Some(policy))
    }

    /// What becomes of runs that fall due during another.
    pub fn overlap(self, policy: Overlap) -> Self {
        self.option(|options| options.overlap = Some(policy))
    }

    /// It outlives the program: see [`Scheduler::journal`](crate::Scheduler::journal).
    pub fn durable(self) -> Self {
        self.option(|options| options.keep = Some(Keep::Durable))
    }

    /// It is gone when the program ends.
    pub fn in_memory(self) -> Self {
        self.option(|options| options.keep = Some(Keep::InMemory))
    }

    fn option(mut self, set: impl FnOnce(&mut OptionChanges)) -> Self {
        set(self.options.get_or_insert_default());
        self
    }
}
