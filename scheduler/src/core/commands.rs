use super::entry::{Entry, State};
use super::output::Output;
use super::timers::Now;
use super::timing::{Timing, check, check_end};
use super::{Core, Plan, SkipReason, Skipped, Turn};
use crate::id::{Key, LONGEST_NAME, ScheduleId};
use crate::options::{Keep, OptionChanges};
use crate::refusal::{Refusal, Refused};
use crate::time::{Nanoseconds, system_time};

/// What is to be changed of a schedule: `None` leaves a part as it is.
#[derive(Debug)]
pub(crate) struct Changes<A> {
    pub(crate) action: Option<A>,
    /// With when an interval is due first.
    pub(crate) timing: Option<(Timing, Option<Nanoseconds>)>,
    pub(crate) options: Option<OptionChanges>,
}

impl<A: Clone> Core<A> {
    /// Adds a schedule.
    pub(crate) fn set(&mut self, plan: Plan<A>, now: Now) -> Result<Key, Refused> {
        let Plan { id, action, timing, first, options } = plan;
        if let Some(id) = &id {
            match id.name() {
                // Numbers are the scheduler's to give.
                None => {
                    return Err(Refusal::Name.because(format!("{id} is a number, and a name is expected")));
                }
                Some(name) if name.is_empty() || name.len() > LONGEST_NAME => {
                    return Err(Refused::name(name));
                }
                Some(_) if self.names.contains_key(id) => return Err(Refused::duplicate(id)),
                Some(_) => {}
            }
        }
        if self.table.len() >= self.settings.schedules {
            return Err(Refusal::Full
                .because(format!("there are {} schedules, and no room for more", self.table.len())));
        }
        check(&options, 0, now)?;
        let base = timing.first(first, &options, &self.settings.zone, now, self.settings.on_time)?;
        check_end(&options, now.wall_of(timing.hand(), base))?;
        let key = self.table.next_key();
        let id = id.unwrap_or_else(|| ScheduleId::numbered(key));
        if id.name().is_some() {
            self.names.insert(id.clone(), key.slot);
        }
        let mut entry = Entry {
            id,
            action,
            timing,
            base,
            last: None,
            runs: 0,
            running: 0,
            state: State::Active,
            paused: false,
            extra: None,
        };
        entry.set_options(options);
        self.table.insert(entry);
        self.plan(key.slot, Some(base), now);
        Ok(key)
    }

    /// Changes parts of a schedule: all of them, or none if one cannot be.
    pub(crate) fn update(&mut self, id: &ScheduleId, changes: Changes<A>, now: Now) -> Result<Key, Refused> {
        let key = self.find(id).ok_or_else(|| Refused::unknown(id))?;
        let entry = self.table.get_mut(key.slot).ok_or_else(|| Refused::unknown(id))?;
        let Changes { action, timing, options: changed } = changes;
        let mut options = entry.options();
        if let Some(changed) = &changed {
            changed.apply(&mut options);
            // An end or a limit that is not touched may be near: only what is given is looked at.
            check(&options, entry.runs, now)?;
        }
        let starts = entry.timing.repeats() && changed.is_some_and(|changed| changed.start.is_some());
        let is_moved = timing.is_some() || starts || entry.is_over();
        let old_hand = entry.timing.hand();
        let (timing, first) = timing.unwrap_or_else(|| (entry.timing.clone(), None));
        let mut base = entry.base;
        if is_moved {
            base = timing.first(first, &options, &self.settings.zone, now, self.settings.on_time)?;
        }
        check_end(&options, now.wall_of(timing.hand(), base))?;
        if let Some(action) = action {
            entry.action = action;
        }
        let was_planned = self.timers.is_set(key.slot);
        self.timers.clear(old_hand, key.slot);
        let waits_for_end = entry.running > 0 && matches!(timing, Timing::Delay(_)) && !is_moved;
        (entry.timing, entry.base) = (timing, base);
        entry.set_options(options);
        if is_moved {
            entry.state = State::Active;
        }
        if !entry.paused && (was_planned || !waits_for_end) {
            self.plan(key.slot, Some(base), now);
        }
        Ok(key)
    }

    /// Takes a schedule out. Its runs that have not ended go on; those that wait are gone with it.
    pub(crate) fn cancel(&mut self, id: &ScheduleId) -> Result<(Key, Keep), Refused> {
        let key = self.find(id).ok_or_else(|| Refused::unknown(id))?;
        let entry = self.forget(key.slot).ok_or_else(|| Refused::unknown(id))?;
        Ok((key, entry.keep()))
    }

    /// Nothing begins until it is resumed, and what waits goes on waiting. One that is paused stays so.
    pub(crate) fn pause(
        &mut self,
        id: &ScheduleId,
        now: Now,
        outputs: &mut Vec<Output<A>>,
    ) -> Result<Key, Refused> {
        let key = self.find(id).ok_or_else(|| Refused::unknown(id))?;
        let entry = self.table.get_mut(key.slot).ok_or_else(|| Refused::unknown(id))?;
        if entry.paused {
            return Ok(key);
        }
        entry.paused = true;
        let keep = entry.keep();
        self.timers.clear(entry.timing.hand(), key.slot);
        self.note(key, keep, Turn::new(now, outputs));
        Ok(key)
    }

    /// Goes on with a schedule: intervals in the rhythm they had. What was due meanwhile is left out; a single run is
    /// made up for as if it had been missed.
    pub(crate) fn resume(
        &mut self,
        id: &ScheduleId,
        now: Now,
        outputs: &mut Vec<Output<A>>,
    ) -> Result<Key, Refused> {
        let key = self.find(id).ok_or_else(|| Refused::unknown(id))?;
        let entry = self.table.get_mut(key.slot).ok_or_else(|| Refused::unknown(id))?;
        if !entry.paused {
            return Ok(key);
        }
        entry.paused = false;
        let keep = entry.keep();
        let base = match &entry.timing {
            Timing::At(_) | Timing::After(_) => Some(entry.base),
            Timing::Delay(_) if entry.running > 0 => None,
            Timing::Delay(_) if entry.base > now.monotonic => Some(entry.base),
            Timing::Delay(interval) => now.monotonic.checked_add(*interval),
            Timing::Rate(interval) if entry.base < now.monotonic => {
                let intervals = (now.monotonic - entry.base - 1) / interval + 1;
                entry.base.checked_add(intervals.saturating_mul(*interval))
            }
            Timing::Rate(_) => Some(entry.base),
            Timing::Cron(_) if entry.base >= now.wall => Some(entry.base),
            Timing::Cron(cron) => cron.next_due(&self.settings.zone, now.wall - 1),
        };
        if !entry.is_over() {
            self.plan(key.slot, base, now);
        }
        self.note(key, keep, Turn::new(now, outputs));
        self.follow(key, now, outputs);
        Ok(key)
    }

    /// Begins with a run at once, beside the plan; also of one that is paused. Gives its number, or, if it has to wait for
    /// another, that which it will have.
    pub(crate) fn run_now(
        &mut self,
        id: &ScheduleId,
        now: Now,
        outputs: &mut Vec<Output<A>>,
    ) -> Result<u64, Refused> {
        let key = self.find(id).ok_or_else(|| Refused::unknown(id))?;
        let entry = self.table.get(key.slot).ok_or_else(|| Refused::unknown(id))?;
        if entry.left() == 0 {
            return Err(Refusal::Never.because(format!("the limit of runs of {id} is reached")));
        }
        let number = entry.runs + entry.queued() as u64 + 1;
        let keep = entry.keep();
        if self.closed {
            return Err(Refusal::Full.because("the scheduler stops, and nothing begins any more"));
        }
        if let Err(reason) = self.may_run(key.slot) {
            return Err(match reason {
                SkipReason::Overload => Refusal::Full
                    .because(format!("{} runs have not ended, and no more may begin", self.flights.len())),
                _ => Refusal::Busy.because(format!("an earlier run of {id} has not ended")),
            });
        }
        let mut turn = Turn::new(now, outputs);
        self.offer(key.slot, now.wall, 0, &mut turn);
        self.stop_at_limit(key.slot);
        self.note(key, keep, turn);
        Ok(number)
    }

    /// Counts and tells what is left out.
    pub(super) fn skip(
        &mut self,
        slot: u32,
        due: Nanoseconds,
        count: u64,
        reason: SkipReason,
        outputs: &mut Vec<Output<A>>,
    ) {
        let Some(entry) = self.table.get_mut(slot) else { return };
        let tally = &mut entry.extra().tally;
        if reason == SkipReason::Missed {
            tally.missed += count;
            self.counts.missed += count;
        } else {
            tally.skipped += count;
            self.counts.skipped += count;
        }
        let id = entry.id.clone();
        outputs.push(Output::Skipped(Skipped { id, due: system_time(due), count, reason }));
    }
}

impl Timing {
    pub(super) const fn repeats(&self) -> bool {
        matches!(self, Self::Rate(_) | Self::Delay(_) | Self::Cron(_))
    }
}
