use std::time::{Duration, SystemTime};

use super::Shared;
use crate::action::Act;
use crate::core::{Reading, Timing};
use crate::id::ScheduleId;
use crate::info::{Page, ScheduleInfo};
use crate::refusal::Refused;
use crate::time::{Nanoseconds, system_time};
use crate::when::{Every, When};
use crate::zone::TimeZone;

/// How many a page, or a preview, may have.
const MOST: u32 = 1_000;

impl Shared {
    pub(crate) fn get(&self, id: &ScheduleId) -> Result<ScheduleInfo, Refused> {
        let now = self.now();
        let state = self.state.lock();
        let key = state.core.find(id).ok_or_else(|| Refused::unknown(id))?;
        let zone = state.core.zone();
        state.core.read(key, now).map(|read| info(read, zone)).ok_or_else(|| Refused::unknown(id))
    }

    pub(crate) fn list(&self, from: Option<u32>, limit: Option<u32>, prefix: Option<&str>) -> Page {
        let limit = limit.unwrap_or(100).clamp(1, MOST) as usize;
        let now = self.now();
        let state = self.state.lock();
        let is_wanted = |read: &Reading<'_, Act>| match prefix {
            None => true,
            Some(prefix) => read.id.name().is_some_and(|name| name.starts_with(prefix)),
        };
        let mut wanted = state.core.list(from.unwrap_or(0), now).filter(|(_, read)| is_wanted(read));
        let schedules = wanted.by_ref().take(limit).map(|(_, read)| info(read, state.core.zone())).collect();
        Page { schedules, next: wanted.next().map(|(slot, _)| slot) }
    }

    pub(crate) fn next_runs(&self, id: &ScheduleId, count: u32) -> Result<Vec<SystemTime>, Refused> {
        let now = self.now();
        let state = self.state.lock();
        let key = state.core.find(id).ok_or_else(|| Refused::unknown(id))?;
        let dues = state.core.preview(key, count.min(MOST) as usize, now);
        Ok(dues.into_iter().map(system_time).collect())
    }
}

fn info(read: Reading<'_, Act>, zone: &TimeZone) -> ScheduleInfo {
    let when = match read.timing {
        Timing::At(time) => When::At(system_time(*time)),
        Timing::After(delay) => When::After(duration(*delay)),
        Timing::Rate(interval) => Every::rate(duration(*interval)).into(),
        Timing::Delay(interval) => Every::delay(duration(*interval)).into(),
        Timing::Cron(cron) if cron.time_zone().is_none() => cron.zone(zone).into(),
        Timing::Cron(cron) => cron.clone().into(),
    };
    ScheduleInfo {
        id: read.id.clone(),
        kind: read.action.kind(),
        event: read.action.event().to_owned(),
        when: when.to_string(),
        next: read.next.map(system_time),
        last: read.last.map(system_time),
        runs: read.runs,
        running: read.running,
        queued: read.queued,
        skipped: read.tally.skipped,
        missed: read.tally.missed,
        failed: read.tally.failed,
        paused: read.paused,
        options: read.options,
    }
}

fn duration(nanoseconds: Nanoseconds) -> Duration {
    Duration::from_nanos(nanoseconds.unsigned_abs())
}
