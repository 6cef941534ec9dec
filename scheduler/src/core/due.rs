use std::collections::VecDeque;

use super::entry::{Entry, Last, State};
use super::output::{Flight, Output, Run};
use super::timers::{Hand, Now};
use super::timing::Timing;
use super::{Core, Origin, SkipReason, Turn};
use crate::id::Key;
use crate::options::{Keep, Missed, Overlap};
use crate::tick::Tick;
use crate::time::{Nanoseconds, nanoseconds, nanoseconds_of, system_time};

/// How many fall due in one look.
pub(crate) const AT_ONCE: usize = 256;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    Badly,
}

impl<A: Clone> Core<A> {
    /// Takes a look at the clocks: what has fallen due comes out. Says whether there may be more, for another look.
    pub(crate) fn look(&mut self, now: Now, outputs: &mut Vec<Output<A>>) -> bool {
        if self.closed {
            return false;
        }
        self.notice_step(now, outputs);
        for _ in 0..AT_ONCE {
            let Some((hand, due, slot)) = self.timers.fallen_due(now) else { return false };
            self.fall_due(hand, due, slot, now, outputs);
        }
        true
    }

    fn fall_due(&mut self, hand: Hand, due: Nanoseconds, slot: u32, now: Now, outputs: &mut Vec<Output<A>>) {
        self.timers.clear(hand, slot);
        let (Some(key), Some(entry)) = (self.key_of(slot), self.table.get(slot)) else { return };
        let (missed, jitter, keep) = entry.extra.as_ref().map_or_else(Default::default, |extra| {
            (extra.options.missed, nanoseconds(extra.options.jitter), extra.options.keep)
        });
        let most = match missed {
            Missed::Skip | Missed::Once => 1,
            Missed::All(most) => most as usize,
        };
        let zone = &self.settings.zone;
        // Those within the jitter may not have fallen due: they are planned as the next, one by one.
        let jitter = match jitter {
            0 => 0,
            jitter => entry.timing.next(zone, entry.base).map_or(0, |next| jitter.min(next - entry.base)),
        };
        let end = entry.extra.as_ref().and_then(|extra| extra.options.end);
        let end = end.map_or(Nanoseconds::MAX, |end| now.of_wall(hand, nanoseconds_of(end)));
        if entry.base > end {
            // The wall clock has been set since it was planned.
            self.plan(slot, None, now);
            self.note(key, keep, Turn::new(now, outputs));
            return;
        }
        let passed = entry.timing.passed(zone, entry.base, end.min(now.by(hand) - jitter), most);
        let Some(&latest) = passed.last.back() else { return };
        let late = now.by(hand) - if passed.count == 1 { due } else { latest };
        let runs = match missed {
            Missed::Skip if late > self.settings.on_time => VecDeque::new(),
            Missed::Skip | Missed::Once | Missed::All(_) => passed.last,
        };
        let left_out = passed.count - runs.len() as u64;
        if left_out > 0 {
            self.skip(slot, now.wall_of(hand, latest), left_out, SkipReason::Missed, outputs);
        }
        if !runs.is_empty() {
            self.counts.note_lateness(late, self.settings.on_time);
        }
        let mut turn = Turn::new(now, outputs);
        self.run_all(slot, hand, runs, left_out, &mut turn);
        let next = self.table.get(slot).and_then(|entry| entry.timing.next(&self.settings.zone, latest));
        let next = next.or_else(|| self.next_delay(slot, now));
        self.plan(slot, next, now);
        self.note(key, keep, turn);
    }

    /// The next of intervals between runs, of which none is under way.
    fn next_delay(&self, slot: u32, now: Now) -> Option<Nanoseconds> {
        let entry = self.table.get(slot)?;
        match entry.timing {
            Timing::Delay(interval) if entry.running == 0 => now.monotonic.checked_add(interval),
            _ => None,
        }
    }

    /// Runs that are due together: the first as the overlap policy has it, the others after it if it is run at all.
    fn run_all(
        &mut self,
        slot: u32,
        hand: Hand,
        mut runs: VecDeque<Nanoseconds>,
        mut missed: u64,
        turn: &mut Turn<'_, A>,
    ) {
        let now = turn.now;
        while let Some(due) = runs.pop_front() {
            let wall = now.wall_of(hand, due);
            if let Err(reason) = self.may_run(slot) {
                let count = runs.len() as u64 + 1;
                let last = now.wall_of(hand, runs.pop_back().unwrap_or(due));
                self.skip(slot, last, count, reason, turn.outputs);
                return;
            }
            self.offer(slot, wall, std::mem::take(&mut missed), turn);
            let Some(entry) = self.table.get_mut(slot) else { return };
            let overlap = entry.extra.as_ref().map_or(Overlap::Skip, |extra| extra.options.overlap);
            if !matches!(overlap, Overlap::Allow(_)) && entry.running > 0 {
                let left = usize::try_from(entry.left()).unwrap_or(usize::MAX);
                runs.truncate(left);
                let waiting = runs.drain(..).map(|due| (now.wall_of(hand, due), 0));
                entry.extra().queue.extend(waiting);
                return;
            }
        }
    }

    /// Whether a run that is due may begin, or wait.
    pub(super) fn may_run(&self, slot: u32) -> Result<(), SkipReason> {
        let Some(entry) = self.table.get(slot) else { return Err(SkipReason::Overlap) };
        let overlap = entry.extra.as_ref().map_or(Overlap::Skip, |extra| extra.options.overlap);
        let is_alone = entry.running == 0 && entry.queued() == 0;
        let may = match overlap {
            _ if entry.left() == 0 => false,
            Overlap::Skip => is_alone,
            Overlap::Queue(most) => is_alone || entry.queued() < most as usize,
            Overlap::Allow(most) => entry.running < most && entry.queued() == 0,
        };
        match may {
            false => Err(SkipReason::Overlap),
            true if self.flights.len() >= self.settings.flights => Err(SkipReason::Overload),
            true => Ok(()),
        }
    }

    /// Begins with a run that [may](Self::may_run), or lets it wait.
    pub(super) fn offer(&mut self, slot: u32, due: Nanoseconds, missed: u64, turn: &mut Turn<'_, A>) {
        let Some(entry) = self.table.get_mut(slot) else { return };
        let overlap = entry.extra.as_ref().map_or(Overlap::Skip, |extra| extra.options.overlap);
        if entry.running > 0 && !matches!(overlap, Overlap::Allow(_)) {
            entry.extra().queue.push_back((due, missed));
        } else {
            self.begin(slot, due, missed, turn);
        }
    }

    fn begin(&mut self, slot: u32, due: Nanoseconds, missed: u64, turn: &mut Turn<'_, A>) {
        let (Some(key), Some(entry)) = (self.key_of(slot), self.table.get_mut(slot)) else { return };
        let now = turn.now;
        entry.runs += 1;
        entry.running += 1;
        entry.last = Last::new(now.wall);
        let (run, action, id) = (entry.runs, entry.action.clone(), entry.id.clone());
        self.counts.begun += 1;
        let keep = entry.keep();
        let flight = Flight(self.flights.insert(Origin { key, run, keep }));
        let tick = Tick::new(id, system_time(due), system_time(now.wall), run, missed);
        turn.outputs.push(Output::Run(Run { flight, action, tick, keep }));
        if keep == Keep::Durable {
            turn.begun.push((run, due));
        }
    }

    /// A run has ended.
    pub(crate) fn ended(&mut self, flight: Flight, how: Ended, now: Now, outputs: &mut Vec<Output<A>>) {
        if !self.flights.contains(flight.0) {
            return;
        }
        let Some(Origin { key, run, keep }) = self.flights.remove(flight.0.slot) else { return };
        if keep == Keep::Durable {
            outputs.push(Output::Ended(key, run));
        }
        self.counts.ended += 1;
        self.counts.failed += u64::from(how == Ended::Badly);
        if self.table.contains(key)
            && let Some(entry) = self.table.get_mut(key.slot)
        {
            entry.running = entry.running.saturating_sub(1);
            if how == Ended::Badly {
                entry.extra().tally.failed += 1;
            }
            self.follow(key, now, outputs);
        }
    }

    /// What comes after a run that has ended: those that wait, the next of intervals between runs, or nothing.
    pub(super) fn follow(&mut self, key: Key, now: Now, outputs: &mut Vec<Output<A>>) {
        let slot = key.slot;
        if self.closed {
            return;
        }
        let mut turn = Turn::new(now, outputs);
        let Some(entry) = self.table.get_mut(slot) else { return };
        let keep = entry.keep();
        let at_a_time = match entry.extra.as_ref().map(|extra| extra.options.overlap) {
            Some(Overlap::Allow(most)) => most,
            _ => 1,
        };
        let mut moved = false;
        while let Some(entry) = self.table.get_mut(slot)
            && entry.running < at_a_time
            && !entry.paused
            && let Some((due, missed)) = entry.extra.as_mut().and_then(|extra| extra.queue.pop_front())
        {
            self.begin(slot, due, missed, &mut turn);
            moved = true;
        }
        let Some(entry) = self.table.get(slot) else { return };
        if entry.is_over() && entry.queued() == 0 {
            self.forget(slot);
            moved = true;
        } else if !entry.paused
            && !entry.is_over()
            && !self.timers.is_set(slot)
            && let Some(next) = self.next_delay(slot, now)
        {
            self.plan(slot, Some(next), now);
            moved = true;
        }
        if moved {
            self.note(key, keep, turn);
        }
    }

    /// After a run beside the plan: the plan may be at its end.
    pub(super) fn stop_at_limit(&mut self, slot: u32) {
        let Some(entry) = self.table.get_mut(slot) else { return };
        if entry.left() > 0 {
            return;
        }
        self.timers.clear(entry.timing.hand(), slot);
        entry.state = State::Over;
        if entry.queued() == 0 {
            self.forget(slot);
        }
    }
}

impl<A> Entry<A> {
    /// Whether nothing is planned any more.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }
}
