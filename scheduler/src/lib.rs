//! x
extern crate self as edri_scheduler;
mod core;
mod cron;
mod id;
mod options;
mod refusal;
mod tick;
mod time;
mod when;
mod zone;
pub use crate::core::SkipReason;
pub use cron::{Cron, CronError, Field};
pub use id::ScheduleId;
pub use options::{Keep, Missed, Options, Overlap};
pub use refusal::Refusal;
pub use tick::{Stamped, Tick};
pub use when::{CronText, Every, When};
pub use zone::{TimeZone, TimeZoneError};
