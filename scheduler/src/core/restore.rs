use super::entry::{Entry, State};
use super::output::{Flight, Output, Place, Run};
use super::timers::Now;
use super::timing::Timing;
use super::{Core, Origin};
use crate::id::{Key, ScheduleId};
use crate::options::{Keep, Options};
use crate::tick::Tick;
use crate::time::{Nanoseconds, system_time};

/// A durable schedule as it was written down.
#[derive(Debug)]
pub(crate) struct Kept<A> {
    pub(crate) key: Key,
    pub(crate) id: ScheduleId,
    pub(crate) action: A,
    pub(crate) timing: Timing,
    pub(crate) options: Options,
    pub(crate) place: Place,
    /// The runs that were begun with and have not ended, and when they were due.
    pub(crate) unfinished: Vec<(u64, Nanoseconds)>,
    /// Its event is not known: nothing is due, as if it were paused.
    pub(crate) held: bool,
}

impl<A: Clone> Core<A> {
    /// Goes on where schedules were, before anything else is set. Runs that had not ended come out again, with their
    /// numbers; what was due meanwhile has been missed.
    pub(crate) fn restore(&mut self, all: Vec<Kept<A>>, now: Now, outputs: &mut Vec<Output<A>>) {
        let mut entries = Vec::new();
        let mut plans = Vec::new();
        for kept in all {
            let Kept { key, id, action, timing, options, place, unfinished, held } = kept;
            let mut running = 0;
            if !held {
                for &(run, due) in &unfinished {
                    let flight = Flight(self.flights.insert(Origin { key, run, keep: Keep::Durable }));
                    let tick = Tick::new(id.clone(), system_time(due), system_time(now.wall), run, 0);
                    outputs.push(Output::Run(Run {
                        flight,
                        action: action.clone(),
                        tick,
                        keep: Keep::Durable,
                    }));
                    self.counts.begun += 1;
                    running += 1;
                }
            }
            if place.over {
                continue;
            }
            let paused = place.paused || held;
            let state = match (&place.next, &timing) {
                (None, Timing::At(_) | Timing::After(_) | Timing::Rate(_) | Timing::Cron(_)) => State::Over,
                _ => State::Active,
            };
            let hand = timing.hand();
            let base = place.next.map(|next| now.of_wall(hand, next));
            let runs = place.runs;
            let mut entry = Entry {
                id,
                action,
                base: base.unwrap_or(now.by(hand)),
                timing,
                last: None,
                runs,
                running,
                state,
                paused,
                extra: None,
            };
            entry.set_options(options);
            if !place.queue.is_empty() {
                entry.extra().queue = place.queue.into_iter().map(|due| (due, 0)).collect();
            }
            plans.push((key, !paused && state == State::Active, base));
            entries.push((key, entry));
        }
        for (key, entry) in &entries {
            if entry.id.name().is_some() {
                self.names.insert(entry.id.clone(), key.slot);
            }
        }
        self.table.restore(entries);
        for (key, is_active, base) in plans {
            if is_active {
                let interval = match self.table.get(key.slot).map(|entry| (&entry.timing, entry.running)) {
                    Some((Timing::Delay(interval), 0)) => now.monotonic.checked_add(*interval),
                    _ => None,
                };
                self.plan(key.slot, base.or(interval), now);
            }
            self.follow(key, now, outputs);
        }
    }
}
