use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::action::{Act, Declared, Encoded};
use crate::clock::Clock;
use crate::core::{Changes, Core, Kept, Now, Output, Plan, Reading, Timing};
use crate::durable::{Definition, Ledger, Record, Ticket};
use crate::id::{Key, ScheduleId};
use crate::info::{Page, ScheduleInfo};
use crate::options::{Keep, OptionChanges, Options};
use crate::refusal::{Refusal, Refused};
use crate::schedule::Schedule;
use crate::time::{Nanoseconds, nanoseconds, nanoseconds_of, system_time};
use crate::when::{Every, Pace, When};
use crate::zone::TimeZone;

/// What handlers and the driver have in common.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    declared: Declared,
    clock: Box<dyn Clock>,
    begun: Instant,
    /// Something is due earlier than the driver sleeps for, or there is something else for it to do.
    pub(crate) wake: Notify,
    ledger: Option<Arc<Ledger>>,
}

/// What is changed under the lock.
pub(crate) struct State {
    pub(crate) core: Core<Act>,
    /// What the driver has to do.
    pub(crate) outputs: Vec<Output<Act>>,
    /// Until when the driver sleeps.
    pub(crate) asleep_until: Nanoseconds,
    /// The durable schedules whose events the program says each time it starts.
    of_program: HashSet<Key>,
}

/// The longest event of a durable schedule, in bytes.
const LARGEST: usize = 4 << 20;

/// How many a page, or a preview, may have.
const MOST: u32 = 1_000;

impl Shared {
    pub(crate) fn new(
        make: impl FnOnce(Now) -> Core<Act>,
        declared: Declared,
        clock: Box<dyn Clock>,
        ledger: Option<Arc<Ledger>>,
    ) -> Self {
        let begun = Instant::now();
        let core = make(Now { wall: nanoseconds_of(clock.now()), monotonic: 0 });
        let state =
            State { core, outputs: Vec::new(), asleep_until: Nanoseconds::MIN, of_program: HashSet::new() };
        Self { state: Mutex::new(state), declared, clock, begun, wake: Notify::new(), ledger }
    }

    /// What both clocks say.
    pub(crate) fn now(&self) -> Now {
        Now { wall: nanoseconds_of(self.clock.now()), monotonic: nanoseconds(self.begun.elapsed()) }
    }

    /// A moment of the monotonic clock.
    pub(crate) fn instant(&self, monotonic: Nanoseconds) -> Instant {
        self.begun + std::time::Duration::from_nanos(monotonic.max(0).unsigned_abs())
    }

    /// What is in the way of writing durable schedules, if something is.
    pub(crate) fn trouble(&self) -> Option<Arc<str>> {
        self.ledger.as_ref()?.trouble()
    }

    /// Adds a schedule. The ticket is there if it is durable.
    pub(crate) fn set(&self, schedule: Schedule) -> Result<(ScheduleId, Option<Ticket>), Refused> {
        let Schedule { id, event, when, options: changes } = schedule;
        let (event, when) = (event.ok_or_else(no_event)?, when.ok_or_else(no_time)?);
        let mut options = Options::default();
        if let Some(changes) = changes {
            changes.apply(&mut options);
        }
        let mut action = self.action(event)?;
        let (timing, first) = timing(when)?;
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

    /// Goes on where durable schedules were.
    pub(crate) fn restore(&self, kept: Vec<Kept<Act>>) {
        let now = self.now();
        let mut state = self.state.lock();
        let State { core, outputs, .. } = &mut *state;
        core.restore(kept, now, outputs);
        self.settle(&mut state, now);
    }

    /// Has it written down that a durable schedule is gone.
    pub(crate) fn forget(&self, key: Key) {
        let _ = self.append(Record::Removed { key: key.to_bits() });
    }

    /// Sets a schedule of the program itself, or makes one that was restored what the program says. Its event need not be
    /// written down: the program says it each time it starts.
    pub(crate) fn declare(&self, schedule: Schedule) -> Result<(), Refused> {
        let Schedule { id, event, when, options: changes } = schedule;
        let (event, when) = (event.ok_or_else(no_event)?, when.ok_or_else(no_time)?);
        let mut options = Options::default();
        if let Some(changes) = changes {
            changes.apply(&mut options);
        }
        if options.keep == Keep::Durable {
            if id.as_ref().and_then(ScheduleId::name).is_none() {
                return Err(Refusal::NoId.because("a durable schedule of the program itself needs a name"));
            }
            self.ledger()?;
        }
        let action = self.action(event)?;
        let (timing, first) = timing(when)?;
        let now = self.now();
        let mut state = self.state.lock();
        let restored = id.as_ref().and_then(|id| state.core.find(id));
        let keep = options.keep;
        let key = match (&id, restored.and_then(|key| state.core.read(key, now))) {
            (Some(id), Some(read)) => {
                // Only what is not as it was: its plan goes on where it was otherwise.
                let timing = (*read.timing != timing).then_some((timing, first));
                let options = OptionChanges::between(&read.options, &options);
                state.core.update(
                    id,
                    Changes { action: Some(action), timing, options: Some(options) },
                    now,
                )?
            }
            _ => state.core.set(Plan { id, action, timing, first, options }, now)?,
        };
        if keep == Keep::Durable {
            state.of_program.insert(key);
            let _ = self.write(&state, key, None, now);
        } else if restored.is_some() {
            let _ = self.append(Record::Removed { key: key.to_bits() });
        }
        self.settle(&mut state, now);
        Ok(())
    }

    /// What sends an event: itself, or what is declared for its bytes.
    pub(crate) fn action(&self, event: crate::Scheduled) -> Result<Act, Refused> {
        event.into_action(&self.declared)
    }

    /// The same for an event that was written down.
    pub(crate) fn decoded(&self, encoded: Arc<Encoded>) -> Result<Act, Refused> {
        self.declared.action(encoded)
    }

    fn ledger(&self) -> Result<&Ledger, Refused> {
        self.ledger.as_deref().ok_or_else(|| {
            Refusal::NotDurable.because("this scheduler has no journal: one is given by Scheduler::journal")
        })
    }

    /// What is to be written of an event, if its schedule is durable. From now on it is sent as it will be after a restart.
    fn stored(&self, action: &mut Act, keep: Keep) -> Result<Option<Encoded>, Refused> {
        if keep == Keep::InMemory {
            return Ok(None);
        }
        self.ledger()?.check()?;
        let refuse = |reason: &str| Refusal::NotDurable.because(format!("it cannot be durable: {reason}"));
        let encoded = action.encode().map_err(|failure| refuse(failure.message()))?;
        if encoded.bytes.len() > LARGEST {
            return Err(refuse(&format!(
                "{} has {} bytes, {LARGEST} at most are expected",
                encoded.name,
                encoded.bytes.len()
            )));
        }
        // What cannot be decoded after a restart would be lost then.
        let decoded = self.declared.action(Arc::new(encoded.clone()));
        *action = decoded.map_err(|refused| refuse(&refused.message))?;
        Ok(Some(encoded))
    }

    fn write(&self, state: &State, key: Key, event: Option<Encoded>, now: Now) -> Option<Ticket> {
        let place = state.core.place(key, now);
        let read = state.core.read(key, now)?;
        let definition =
            Definition { id: read.id.clone(), event, timing: read.timing.into(), options: read.options };
        self.append(Record::Set { key: key.to_bits(), definition: Box::new(definition), place })
    }

    fn append(&self, record: Record) -> Option<Ticket> {
        self.ledger.as_ref()?.append(record);
        self.ticket()
    }

    /// For all that has been put in line so far, if something may be durable.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        self.ledger.as_ref().map(|ledger| ledger.ticket())
    }

    /// After each change: what has to be written is put in line, and the driver is woken if it has something to do
    /// earlier than it thinks.
    pub(crate) fn settle(&self, state: &mut State, now: Now) -> Option<Ticket> {
        let mut ticket = None;
        if self.ledger.is_some() {
            let is_written =
                |output: &mut Output<Act>| matches!(output, Output::Moved(_) | Output::Ended(..));
            for output in state.outputs.extract_if(.., is_written) {
                ticket = match output {
                    Output::Moved(moved) => {
                        let crate::core::Moved { key, begun, place } = moved;
                        self.append(Record::Moved { key: key.to_bits(), begun, place })
                    }
                    Output::Ended(key, run) => self.append(Record::Ended { key: key.to_bits(), run }),
                    _ => ticket,
                };
            }
        }
        let is_earlier = || {
            let until = state.core.until_look(now);
            until.is_some_and(|until| now.monotonic.saturating_add(until) < state.asleep_until)
        };
        if !state.outputs.is_empty() || is_earlier() {
            self.wake.notify_one();
        }
        ticket
    }

    pub(crate) fn close_ledger(&self) {
        if let Some(ledger) = &self.ledger {
            ledger.close();
        }
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

fn duration(nanoseconds: Nanoseconds) -> std::time::Duration {
    std::time::Duration::from_nanos(nanoseconds.unsigned_abs())
}

#[cold]
fn no_event() -> Refused {
    Refusal::NoEvent.because("it is not said what to send: an event is missing")
}

#[cold]
fn no_time() -> Refused {
    Refusal::NoTime.because("it is not said when: a time, a delay, an interval or a pattern is missing")
}
