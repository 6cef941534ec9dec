//! What is due when: a state machine without a clock. Both clocks are handed in with each call; what has to be done
//! comes out.
//!
//! ```text
//! commands   set, update, cancel, pause, resume, run now
//! due        what falls due, what of it is run, and what is next; ended: what follows a run
//! step       the wall clock was set                            restore   after a restart
//! read       looking at schedules
//!
//! timing     when each is due                                  entry     a schedule
//! table      entries by slot and key                           timers    slots by due time, on both clocks
//! heap       on one of them                                    random    jitter
//! output     what the caller has to do
//! ```

mod commands;
mod due;
mod entry;
mod heap;
mod output;
mod random;
mod read;
mod restore;
mod step;
mod table;
mod timers;
mod timing;

use std::collections::HashMap;

pub(crate) use self::commands::Changes;
pub(crate) use self::due::Ended;
use self::entry::{Entry, State};
pub use self::output::SkipReason;
pub(crate) use self::output::{Flight, Moved, Output, Place, Run, Skipped};
use self::random::Random;
pub(crate) use self::read::{Counts, Reading};
pub(crate) use self::restore::Kept;
use self::table::Table;
use self::timers::Timers;
pub(crate) use self::timers::{Hand, Now};
pub(crate) use self::timing::Timing;
use crate::id::{Key, ScheduleId};
use crate::options::{Keep, Options};
use crate::time::{Nanoseconds, SECOND};
use crate::zone::TimeZone;

/// How often the wall clock is looked at while something is due by it, at least: so soon it is noticed that it was set.
pub(crate) const LOOK_EVERY: Nanoseconds = SECOND;

/// All schedules, with what to do for each.
#[derive(Debug)]
pub(crate) struct Core<A> {
    table: Table<Entry<A>>,
    /// The slots of those that have a name.
    names: HashMap<ScheduleId, u32>,
    timers: Timers,
    /// The runs that have not ended.
    flights: Table<Origin>,
    /// What both clocks said at the last look.
    seen: Now,
    random: Random,
    settings: Settings,
    counts: Counts,
    /// Nothing begins any more.
    closed: bool,
}

/// Whose run one is.
#[derive(Clone, Copy, Debug)]
struct Origin {
    key: Key,
    run: u64,
    keep: Keep,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// By whose clocks patterns go that have no zone.
    pub(crate) zone: TimeZone,
    /// How late a run may be and still count as on time.
    pub(crate) on_time: Nanoseconds,
    /// The most schedules.
    pub(crate) schedules: usize,
    /// The most runs that have not ended.
    pub(crate) flights: usize,
}

/// A new schedule.
#[derive(Debug)]
pub(crate) struct Plan<A> {
    pub(crate) id: Option<ScheduleId>,
    pub(crate) action: A,
    pub(crate) timing: Timing,
    /// When an interval is due first.
    pub(crate) first: Option<Nanoseconds>,
    pub(crate) options: Options,
}

impl<A: Clone> Core<A> {
    /// Nothing is due. The seed decides jitters and numbers of schedules.
    pub(crate) fn new(settings: Settings, seed: u64, now: Now) -> Self {
        let mut random = Random::new(seed);
        Self {
            table: Table::new(random.next() as u32),
            names: HashMap::new(),
            timers: Timers::default(),
            flights: Table::new(random.next() as u32),
            seen: now,
            random,
            settings,
            counts: Counts::default(),
            closed: false,
        }
    }

    /// Nothing begins any more; runs that have not ended may end.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// How long until the next look has to be taken; zero or less if it is time. `None` while nothing is due.
    pub(crate) fn until_look(&self, now: Now) -> Option<Nanoseconds> {
        let wall = self.timers.until_due(Hand::Wall, now).map(|until| until.min(LOOK_EVERY));
        let monotonic = self.timers.until_due(Hand::Monotonic, now);
        wall.into_iter().chain(monotonic).min()
    }

    pub(crate) fn find(&self, id: &ScheduleId) -> Option<Key> {
        match id.key() {
            None => self.names.get(id).and_then(|&slot| self.key_of(slot)),
            // A number of a schedule that has a name is not told to anybody.
            Some(key) => self.entry(key).filter(|entry| entry.id.key().is_some()).map(|_| key),
        }
    }

    fn key_of(&self, slot: u32) -> Option<Key> {
        self.table.iter_from(slot).next().map(|(key, _)| key).filter(|key| key.slot == slot)
    }

    fn entry(&self, key: Key) -> Option<&Entry<A>> {
        self.table.contains(key).then(|| self.table.get(key.slot))?
    }

    /// Plans the next run at a due time, on the schedule's own clock; `None` if there is none. Where nothing more can be
    /// due, the schedule is over: it leaves the table, unless runs of it wait for others.
    fn plan(&mut self, slot: u32, base: Option<Nanoseconds>, now: Now) {
        let Some(entry) = self.table.get_mut(slot) else { return };
        let hand = entry.timing.hand();
        let end = entry.extra.as_ref().and_then(|extra| extra.options.end).map(crate::time::nanoseconds_of);
        let base = base.filter(|&base| end.is_none_or(|end| now.wall_of(hand, base) <= end));
        let waits_for_end = matches!(entry.timing, Timing::Delay(_)) && entry.running > 0;
        if entry.left() == 0 || base.is_none() && !waits_for_end {
            entry.state = State::Over;
            if entry.queued() == 0 {
                self.forget(slot);
            }
            return;
        }
        let Some(base) = base else { return };
        entry.base = base;
        let due = self.jittered(slot, base);
        self.timers.set(hand, slot, due);
    }

    /// A due time with its jitter, which does not reach the next.
    fn jittered(&mut self, slot: u32, base: Nanoseconds) -> Nanoseconds {
        let Some(entry) = self.table.get(slot) else { return base };
        let Some(extra) = &entry.extra else { return base };
        let jitter = crate::time::nanoseconds(extra.options.jitter);
        if jitter == 0 {
            return base;
        }
        let next = entry.timing.next(&self.settings.zone, base);
        let room = next.map_or(jitter, |next| jitter.min(next.saturating_sub(base) - 1));
        let jitter = self.random.up_to(room.max(0).unsigned_abs());
        base.saturating_add(i64::try_from(jitter).unwrap_or(i64::MAX))
    }

    /// It is gone, with its name. Its runs that have not ended go on.
    fn forget(&mut self, slot: u32) -> Option<Entry<A>> {
        let entry = self.table.remove(slot)?;
        self.timers.clear(entry.timing.hand(), slot);
        if entry.id.name().is_some() {
            self.names.remove(&entry.id);
        }
        Some(entry)
    }

    /// Where a schedule is in its plan.
    pub(crate) fn place(&self, key: Key, now: Now) -> Place {
        let Some(entry) = self.entry(key) else {
            return Place { runs: 0, next: None, paused: false, over: true, queue: Vec::new() };
        };
        let hand = entry.timing.hand();
        let paused = entry.paused;
        let is_planned = paused && !entry.is_over() || self.timers.is_set(key.slot);
        Place {
            runs: entry.runs,
            next: is_planned.then(|| now.wall_of(hand, entry.base)),
            paused,
            over: false,
            queue: entry.extra.iter().flat_map(|extra| extra.queue.iter().map(|(due, _)| *due)).collect(),
        }
    }

    /// Has a durable schedule written down, if it is one.
    fn note(&self, key: Key, keep: Keep, turn: Turn<'_, A>) {
        if keep == Keep::Durable {
            let place = self.place(key, turn.now);
            turn.outputs.push(Output::Moved(Moved { key, begun: turn.begun, place }));
        }
    }
}

/// One call, while it is worked on.
struct Turn<'o, A> {
    now: Now,
    /// The runs of a durable schedule that it has begun with.
    begun: Vec<(u64, Nanoseconds)>,
    outputs: &'o mut Vec<Output<A>>,
}

impl<'o, A> Turn<'o, A> {
    fn new(now: Now, outputs: &'o mut Vec<Output<A>>) -> Self {
        Self { now, begun: Vec::new(), outputs }
    }
}

impl<A> Entry<A> {
    fn keep(&self) -> Keep {
        self.extra.as_ref().map_or(Keep::InMemory, |extra| extra.options.keep)
    }
}

#[cfg(test)]
mod tests;
