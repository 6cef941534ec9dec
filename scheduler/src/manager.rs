use std::sync::Arc;
use std::time::SystemTime;

use edri_event::Failure;
use edri_manager::manager;
use edri_router::{Context, Health};

use crate::builder::Beginning;
use crate::driver::Driver;
use crate::durable::{Ticket, Writer};
use crate::event::{Cancel, Get, List, NextRuns, Pause, Resume, RunNow, Set, SetOrUpdate, Stored, Update};
use crate::id::ScheduleId;
use crate::info::{Page, ScheduleInfo};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::time::SECOND;

/// The manager that a [`Scheduler`](crate::Scheduler) becomes.
pub struct SchedulerManager {
    beginning: Option<Beginning>,
    running: Option<Running>,
}

struct Running {
    shared: Arc<Shared>,
    driver: Driver,
    /// There if some may be durable.
    writer: Option<Writer>,
}

impl SchedulerManager {
    pub(crate) const fn new(beginning: Beginning) -> Self {
        Self { beginning: Some(beginning), running: None }
    }

    fn shared(&self) -> Result<&Shared, Failure> {
        match &self.running {
            Some(running) => Ok(&running.shared),
            None => Err(Refusal::Full.because("the scheduler does not run").into()),
        }
    }
}

/// Waits until it is on the disk, if it has to be.
async fn written(ticket: Option<Ticket>) -> Result<(), Failure> {
    match ticket {
        None => Ok(()),
        Some(ticket) => Ok(ticket.written().await?),
    }
}

#[manager(name = "scheduler")]
impl SchedulerManager {
    #[started]
    async fn begin(&mut self, cx: &Context) -> Result<(), Failure> {
        let Some(beginning) = self.beginning.take() else { return Ok(()) };
        let patience = beginning.patience;
        let (shared, writer) = beginning.begin().await?;
        let shared = Arc::new(shared);
        let driver = Driver::start(Arc::clone(&shared), cx.router().clone(), patience);
        self.running = Some(Running { shared, driver, writer });
        Ok(())
    }

    /// Nothing more begins. What has begun ends, and is written.
    #[stopping]
    async fn end(&mut self) -> Result<(), Failure> {
        let Some(running) = &mut self.running else { return Ok(()) };
        running.driver.stop().await?;
        running.shared.close_ledger();
        if let Some(writer) = running.writer.take() {
            writer.ended().await;
        }
        Ok(())
    }

    #[health]
    fn health(&self) -> Health {
        let Some(Running { shared, driver, .. }) = &self.running else {
            return Health::failed("it has not begun");
        };
        let (counts, schedules, running, latest) = {
            let mut state = shared.state.lock();
            let latest = state.core.take_latest();
            (state.core.counts(), state.core.len(), state.core.running(), latest)
        };
        let health = match shared.trouble() {
            _ if !driver.is_running() => Health::failed("nothing is begun with any more: its task has ended"),
            Some(trouble) => Health::degraded(format!("durable schedules cannot be written: {trouble}")),
            None => Health::ok(),
        };
        health
            .with("schedules", schedules)
            .with("running", running)
            .with("fired", counts.begun)
            .with("failed", counts.failed)
            .with("skipped", counts.skipped)
            .with("missed", counts.missed)
            .with("late", counts.late)
            .with("lateness_ms", latest as f64 * 1e3 / SECOND as f64)
    }

    #[request]
    async fn set(&self, event: Set) -> Result<ScheduleId, Failure> {
        let (id, ticket) = self.shared()?.set(event.0)?;
        written(ticket).await?;
        Ok(id)
    }

    #[request]
    async fn update(&self, event: Update) -> Result<(), Failure> {
        written(self.shared()?.update(event.0)?).await
    }

    #[request]
    async fn set_or_update(&self, event: SetOrUpdate) -> Result<Stored, Failure> {
        let (is_new, ticket) = self.shared()?.set_or_update(event.0)?;
        written(ticket).await?;
        Ok(if is_new { Stored::Set } else { Stored::Updated })
    }

    #[request]
    async fn cancel(&self, event: Cancel) -> Result<(), Failure> {
        written(self.shared()?.cancel(&event.0)?).await
    }

    #[request]
    async fn pause(&self, event: Pause) -> Result<(), Failure> {
        written(self.shared()?.pause(&event.0)?).await
    }

    #[request]
    async fn resume(&self, event: Resume) -> Result<(), Failure> {
        written(self.shared()?.resume(&event.0)?).await
    }

    #[request]
    async fn run_now(&self, event: RunNow) -> Result<u64, Failure> {
        let (run, ticket) = self.shared()?.run_now(&event.0)?;
        written(ticket).await?;
        Ok(run)
    }

    #[request]
    fn get(&self, event: Get) -> Result<ScheduleInfo, Failure> {
        Ok(self.shared()?.get(&event.0)?)
    }

    #[request]
    fn list(&self, event: List) -> Result<Page, Failure> {
        Ok(self.shared()?.list(event.from, event.limit, event.prefix.as_deref()))
    }

    #[request]
    fn next_runs(&self, event: NextRuns) -> Result<Vec<SystemTime>, Failure> {
        Ok(self.shared()?.next_runs(&event.id, event.count)?)
    }
}

impl std::fmt::Debug for SchedulerManager {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SchedulerManager").field("running", &self.running.is_some()).finish()
    }
}
