use super::{Shared, State};
use crate::action::{Act, Scheduled};
use crate::core::{Changes, Core, Now, Output, Plan, Timing};
use crate::durable::{Record, Ticket};
use crate::id::ScheduleId;
use crate::options::{Keep, Options};
use crate::refusal::{Refusal, Refused};
use crate::schedule::Schedule;
use crate::time::{Nanoseconds, nanoseconds, nanoseconds_of};
use crate::when::{Every, Pace, When};

impl Shared {
    /// Adds a schedule. The ticket is there if it is durable.
    pub(crate) fn set(&self, schedule: Schedule) -> Result<(ScheduleId, Option<Ticket>), Refused> {
        let Whole { id, event, timing, first, options } = Whole::of(schedule)?;
        let mut action = self.action(event)?;
        let stored = self.stored(&mut action, options.keep)?;
        let plan = Plan { id: id.clone(), action, timing, first, options };
        let now = self.now();
        let mut state = self.state.lock();
        let key = state.core.set(plan, now)?;
        let id = id.unwrap_or_else(|| ScheduleId::numbered(key));
        let ticket = stored.and_then(|event| self.write(&state, key, Some(event), now));
        self.settle(&mut state, now);
        Ok((id, ticket))
    }

    /// Changes a schedule.
    pub(crate) fn update(&self, schedule: Schedule) -> Result<Option<Ticket>, Refused> {
        let Schedule { id, event, when, options } = schedule;
        let id = id.ok_or_else(|| Refusal::NoId.because("the identifier of the schedule is missing"))?;
        let action = event.map(|event| self.action(event)).transpose()?;
        let timing = when.map(timing).transpose()?;
        self.change(&id, Changes { action, timing, options: options.map(|options| *options) })
    }

    /// Changes a schedule to exactly what is given.
    fn change(&self, id: &ScheduleId, changes: Changes<Act>) -> Result<Option<Ticket>, Refused> {
        let now = self.now();
        let mut state = self.state.lock();
        let key = state.core.find(id).ok_or_else(|| Refused::unknown(id))?;
        let (was, is, mut action) = {
            let read = state.core.read(key, now).ok_or_else(|| Refused::unknown(id))?;
            let is = changes.options.as_ref().and_then(|options| options.keep).unwrap_or(read.options.keep);
            (read.options.keep, is, changes.action.as_ref().unwrap_or(read.action).clone())
        };
        let stays_the_programs = changes.action.is_none() && state.of_program.contains(&key);
        let stored = if stays_the_programs { None } else { self.stored(&mut action, is)? };
        let changes = Changes { action: Some(action), ..changes };
        let key = state.core.update(id, changes, now)?;
        let ticket = match (stored, was) {
            (None, _) if stays_the_programs && is == Keep::Durable => self.write(&state, key, None, now),
            (Some(event), _) => {
                state.of_program.remove(&key);
                self.write(&state, key, Some(event), now)
            }
            (None, Keep::Durable) => self.append(Record::Removed { key: key.to_bits() }),
            (None, Keep::InMemory) => None,
        };
        self.settle(&mut state, now);
        Ok(ticket)
    }

    /// Changes a schedule, or adds it if there is none. Says whether it was added.
    pub(crate) fn set_or_update(&self, schedule: Schedule) -> Result<(bool, Option<Ticket>), Refused> {
        let is_there = schedule.id.as_ref().is_some_and(|id| self.state.lock().core.find(id).is_some());
        if !is_there {
            match self.set(schedule.clone()) {
                // Somebody else has set it in between.
                Err(refused) if refused.refusal == Refusal::Duplicate => {}
                done => return done.map(|(_, ticket)| (true, ticket)),
            }
        }
        self.update(schedule).map(|ticket| (false, ticket))
    }

    pub(crate) fn cancel(&self, id: &ScheduleId) -> Result<Option<Ticket>, Refused> {
        let now = self.now();
        let mut state = self.state.lock();
        let (key, keep) = state.core.cancel(id)?;
        let ticket = match keep {
            Keep::InMemory => None,
            Keep::Durable => self.append(Record::Removed { key: key.to_bits() }),
        };
        self.settle(&mut state, now);
        Ok(ticket)
    }

    pub(crate) fn pause(&self, id: &ScheduleId) -> Result<Option<Ticket>, Refused> {
        self.command(|core, now, outputs| core.pause(id, now, outputs)).map(|(_, ticket)| ticket)
    }

    pub(crate) fn resume(&self, id: &ScheduleId) -> Result<Option<Ticket>, Refused> {
        let resumed = self.command(|core, now, outputs| {
            check_action(core, id, now)?;
            core.resume(id, now, outputs)
        });
        resumed.map(|(_, ticket)| ticket)
    }

    pub(crate) fn run_now(&self, id: &ScheduleId) -> Result<(u64, Option<Ticket>), Refused> {
        self.command(|core, now, outputs| {
            check_action(core, id, now)?;
            core.run_now(id, now, outputs)
        })
    }

    fn command<T>(
        &self,
        command: impl FnOnce(&mut Core<Act>, Now, &mut Vec<Output<Act>>) -> Result<T, Refused>,
    ) -> Result<(T, Option<Ticket>), Refused> {
        let now = self.now();
        let mut state = self.state.lock();
        let State { core, outputs, .. } = &mut *state;
        let done = command(core, now, outputs)?;
        let ticket = self.settle(&mut state, now);
        Ok((done, ticket))
    }
}

/// Whether what a schedule sends can be sent.
fn check_action(core: &Core<Act>, id: &ScheduleId, now: Now) -> Result<(), Refused> {
    match core.find(id).and_then(|key| core.read(key, now)) {
        Some(read) => read.action.check(),
        None => Err(Refused::unknown(id)),
    }
}

fn timing(when: When) -> Result<(Timing, Option<Nanoseconds>), Refused> {
    Ok(match when {
        When::At(time) => (Timing::At(nanoseconds_of(time)), None),
        When::After(delay) => (Timing::After(nanoseconds(delay)), None),
        When::Every(Every { interval, pace, first }) => {
            let interval = nanoseconds(interval);
            let timing = match pace {
                Pace::Rate => Timing::Rate(interval),
                Pace::Delay => Timing::Delay(interval),
            };
            (timing, first.map(nanoseconds))
        }
        When::Cron(text) => {
            let cron = text.read().map_err(|error| Refusal::Pattern.because(error.to_string()))?;
            (Timing::Cron(cron), None)
        }
    })
}

/// A schedule of which all is said that is needed to set it.
pub(super) struct Whole {
    pub(super) id: Option<ScheduleId>,
    pub(super) event: Scheduled,
    pub(super) timing: Timing,
    /// When an interval is due first.
    pub(super) first: Option<Nanoseconds>,
    pub(super) options: Options,
}

impl Whole {
    pub(super) fn of(schedule: Schedule) -> Result<Self, Refused> {
        let Schedule { id, event, when, options: changes } = schedule;
        let event = event
            .ok_or_else(|| Refusal::NoEvent.because("it is not said what to send: an event is missing"))?;
        let when = when.ok_or_else(|| {
            Refusal::NoTime
                .because("it is not said when: a time, a delay, an interval or a pattern is missing")
        })?;
        let mut options = Options::default();
        if let Some(changes) = changes {
            changes.apply(&mut options);
        }
        let (timing, first) = timing(when)?;
        Ok(Self { id, event, timing, first, options })
    }
}
