use std::time::SystemTime;

use edri_router::{RequestError, Router};

use crate::event::{Cancel, Get, List, NextRuns, Pause, Resume, RunNow, Set, SetOrUpdate, Stored, Update};
use crate::id::ScheduleId;
use crate::info::{Page, ScheduleInfo};
use crate::schedule::Schedule;

/// The schedules of whichever scheduler answers on a router, here or elsewhere. A handle: each call is one of the
/// requests, [`Set`] and those beside it.
///
/// # Errors
/// Each call fails as its request does: with a [`Refusal`](crate::Refusal) where the scheduler refuses it, and with
/// [`NoResponder`](RequestError::NoResponder) and others where it is not there.
///
/// # Cancel safety
/// A call that is dropped may have had its effect.
///
/// ```
/// # use edri_event::Notification;
/// # use edri_manager::IntoHost as _;
/// # use edri_router::Router;
/// # use edri_scheduler::{Refusal, Schedule, Scheduler, Schedules};
/// # use std::time::Duration;
/// # #[derive(Notification, Clone)]
/// # struct Remind;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let router = Router::new();
/// # let _scheduler = Scheduler::new().into_host().start(&router).await?;
/// let schedules = Schedules::on(&router);
/// let id = schedules.set(Schedule::send(Remind).after(Duration::from_secs(60))).await?;
/// assert_eq!(schedules.get(&id).await?.runs, 0);
/// schedules.cancel(&id).await?;
/// let error = schedules.cancel(&id).await.unwrap_err();
/// assert_eq!(Refusal::of(&error), Some(Refusal::Unknown));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Schedules {
    router: Router,
}

impl Schedules {
    /// Those that can be reached from a router.
    pub fn on(router: &Router) -> Self {
        Self { router: router.clone() }
    }

    /// See [`Set`].
    pub async fn set(&self, schedule: Schedule) -> Result<ScheduleId, RequestError> {
        self.router.request(Set(schedule)).await
    }

    /// See [`Update`].
    pub async fn update(&self, changes: Schedule) -> Result<(), RequestError> {
        self.router.request(Update(changes)).await
    }

    /// See [`SetOrUpdate`].
    pub async fn set_or_update(&self, schedule: Schedule) -> Result<Stored, RequestError> {
        self.router.request(SetOrUpdate(schedule)).await
    }

    /// See [`Cancel`].
    pub async fn cancel(&self, id: impl Into<ScheduleId>) -> Result<(), RequestError> {
        self.router.request(Cancel(id.into())).await
    }

    /// See [`Pause`].
    pub async fn pause(&self, id: impl Into<ScheduleId>) -> Result<(), RequestError> {
        self.router.request(Pause(id.into())).await
    }

    /// See [`Resume`].
    pub async fn resume(&self, id: impl Into<ScheduleId>) -> Result<(), RequestError> {
        self.router.request(Resume(id.into())).await
    }

    /// See [`RunNow`].
    pub async fn run_now(&self, id: impl Into<ScheduleId>) -> Result<u64, RequestError> {
        self.router.request(RunNow(id.into())).await
    }

    /// See [`Get`].
    pub async fn get(&self, id: impl Into<ScheduleId>) -> Result<ScheduleInfo, RequestError> {
        self.router.request(Get(id.into())).await
    }

    /// See [`List`].
    pub async fn list(&self, page: List) -> Result<Page, RequestError> {
        self.router.request(page).await
    }

    /// See [`NextRuns`].
    pub async fn next_runs(
        &self,
        id: impl Into<ScheduleId>,
        count: u32,
    ) -> Result<Vec<SystemTime>, RequestError> {
        self.router.request(NextRuns { id: id.into(), count }).await
    }
}
