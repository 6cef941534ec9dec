//! x
extern crate self as edri_scheduler;
mod cron;
mod time;
mod zone;
pub use cron::{Cron, CronError, Field};
pub use zone::{TimeZone, TimeZoneError};
