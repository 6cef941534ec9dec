//! The scheduler of EDRI: a manager that sends events at set times.
//!
//! ```text
//! builder    a scheduler about to be started              handle     a handle to its schedules
//! event      what it answers, and what it tells           refusal    what it refuses
//! schedule   what to send, when, under which conditions   info       one, looked at
//! when       at, after, every, cron                       options    start, end, limit, jitter, policies
//! action     what is sent: events, closures, requests     tick       one run
//! cron       patterns                                     zone       by whose clocks
//!
//! manager    the handlers     driver     the task that sleeps until something is due
//! shared     what these have in common
//! core       what is due when: a state machine without a clock
//! durable    schedules that outlive the program
//! clock      what shows the time
//! ```
//!
//! ```
//! use std::time::Duration;
//!
//! use edri_event::Notification;
//! use edri_manager::IntoHost as _;
//! use edri_router::Router;
//! use edri_scheduler::{Every, Schedule, Scheduler, Schedules, Tick};
//!
//! #[derive(Notification, Clone)]
//! struct Remind { whom: &'static str }
//!
//! #[derive(Notification)]
//! struct Beat { run: u64 }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::new();
//! let (mut beats, mut reminders) = (router.subscribe::<Beat>(), router.subscribe::<Remind>());
//! let scheduler = Scheduler::new()
//!     .job("beat", Every::rate(Duration::from_secs(10)), |tick: &Tick| Beat { run: tick.run });
//! let _scheduler = scheduler.into_host().start(&router).await?;
//!
//! let remind = Schedule::send(Remind { whom: "Ada" }).after(Duration::from_secs(15));
//! Schedules::on(&router).set(remind).await?;
//! assert_eq!(beats.recv().await.map(|beat| beat.run), Some(1));
//! assert_eq!(reminders.recv().await.map(|remind| remind.whom), Some("Ada"));
//! assert_eq!(beats.recv().await.map(|beat| beat.run), Some(2));
//! # Ok(())
//! # }
//! ```

extern crate self as edri_scheduler;

mod action;
mod builder;
mod clock;
mod core;
mod cron;
mod driver;
mod durable;
mod event;
mod handle;
mod id;
mod info;
mod manager;
mod options;
mod refusal;
mod schedule;
mod shared;
mod tick;
mod time;
mod when;
mod zone;

pub use crate::action::{Answered, Ask, IntoScheduled, Kind, Scheduled, Stamp};
#[doc(hidden)]
pub use crate::action::{AsAsk, AsClosure, AsEvent, AsStamp};
pub use crate::builder::Scheduler;
pub use crate::clock::{Clock, SimulatedClock, SystemClock};
pub use crate::core::SkipReason;
pub use crate::cron::{Cron, CronError, Field};
pub use crate::event::{
    Cancel, ClockSet, Direction, Fired, Get, List, NextRuns, Pause, Resume, RunFailed, RunNow, RunsSkipped,
    Set, SetOrUpdate, Stored, Update,
};
pub use crate::handle::Schedules;
pub use crate::id::ScheduleId;
pub use crate::info::{Page, ScheduleInfo};
pub use crate::manager::SchedulerManager;
pub use crate::options::{Keep, Missed, Options, Overlap};
pub use crate::refusal::Refusal;
pub use crate::schedule::Schedule;
pub use crate::tick::{Stamped, Tick};
pub use crate::when::{CronText, Every, When};
pub use crate::zone::{TimeZone, TimeZoneError};
/// How a [journal](Scheduler::journal_with) is kept.
pub use edri_journal::Settings as JournalSettings;
/// What a journal does when it is full.
pub use edri_journal::WhenFull;
