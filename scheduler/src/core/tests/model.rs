//! What is to come of commands, by a plain list of which all is looked at each time.

use super::*;
use crate::{Missed, Overlap};

/// A schedule of the model, by the wall clock's time if its timing is, and else by the other's.
#[derive(Clone, Debug)]
pub(super) struct Modelled {
    pub(super) name: usize,
    pub(super) generation: usize,
    pub(super) timing: Timing,
    pub(super) missed: Missed,
    pub(super) overlap: Overlap,
    pub(super) limit: Option<u64>,
    pub(super) end: Option<Nanoseconds>,
    pub(super) next: Option<Nanoseconds>,
    /// What it was when it was paused.
    pub(super) paused: Option<Option<Nanoseconds>>,
    pub(super) runs: u64,
    pub(super) running: usize,
    pub(super) queue: Vec<(Nanoseconds, u64)>,
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) schedules: Vec<Modelled>,
    /// The generations of the runs that have not ended.
    pub(super) flights: Vec<usize>,
    /// Generation, due time by the wall clock, number, missed.
    pub(super) ran: Vec<(usize, Nanoseconds, u64, u64)>,
    pub(super) skipped: u64,
    pub(super) missed: u64,
}

impl Modelled {
    pub(super) fn is_before_end(&self, due: Nanoseconds, now: Now) -> bool {
        self.end.is_none_or(|end| now.wall_of(self.timing.hand(), due) <= end)
    }

    pub(super) fn plan(&mut self, next: Option<Nanoseconds>, now: Now) {
        self.next = next.filter(|&next| self.is_before_end(next, now));
    }

    pub(super) fn left(&self) -> u64 {
        self.limit.unwrap_or(u64::MAX) - self.runs - self.queue.len() as u64
    }

    pub(super) fn following(&self, base: Nanoseconds) -> Option<Nanoseconds> {
        match &self.timing {
            Timing::Rate(interval) => Some(base + interval),
            Timing::Cron(cron) => cron.after(system_time(base)).next().map(nanoseconds_of),
            _ => None,
        }
    }
}

impl Model {
    pub(super) fn begin(&mut self, index: usize, due: Nanoseconds, missed: u64) {
        let schedule = &mut self.schedules[index];
        schedule.runs += 1;
        schedule.running += 1;
        self.ran.push((schedule.generation, due, schedule.runs, missed));
        self.flights.push(schedule.generation);
    }

    pub(super) fn may_run(&self, index: usize) -> bool {
        let schedule = &self.schedules[index];
        let waiting = schedule.queue.len();
        schedule.left() > 0
            && match schedule.overlap {
                Overlap::Skip => schedule.running + waiting == 0,
                Overlap::Queue(most) => schedule.running + waiting == 0 || waiting < most as usize,
                Overlap::Allow(most) => schedule.running < most as usize,
            }
    }

    pub(super) fn offer(&mut self, index: usize, due: Nanoseconds, missed: u64) {
        let schedule = &mut self.schedules[index];
        if schedule.running > 0 && !matches!(schedule.overlap, Overlap::Allow(_)) {
            schedule.queue.push((due, missed));
        } else {
            self.begin(index, due, missed);
        }
    }

    /// Leaves out those that have nothing more to do.
    pub(super) fn settle(&mut self) {
        for schedule in &mut self.schedules {
            if schedule.left() == 0 {
                schedule.next = None;
            }
        }
        self.schedules.retain(|schedule| {
            let waits =
                matches!(schedule.timing, Timing::Delay(_)) && schedule.running > 0 && schedule.left() > 0;
            schedule.next.is_some() || schedule.paused.is_some() || !schedule.queue.is_empty() || waits
        });
    }

    pub(super) fn look(&mut self, now: Now) {
        let mut index = 0;
        while index < self.schedules.len() {
            self.look_at(index, now);
            index += 1;
        }
        self.settle();
    }

    pub(super) fn look_at(&mut self, index: usize, now: Now) {
        let schedule = self.schedules[index].clone();
        let hand = schedule.timing.hand();
        let mut dues = Vec::new();
        let mut next = schedule.next;
        while let Some(due) = next.filter(|&due| due <= now.by(hand) && schedule.is_before_end(due, now)) {
            dues.push(due);
            next = schedule.following(due);
        }
        let Some(&latest) = dues.last() else {
            // The wall clock has been set since it was planned.
            if next.is_some_and(|due| due <= now.by(hand)) {
                self.schedules[index].next = None;
            }
            return;
        };
        let count = dues.len() as u64;
        let keep = match schedule.missed {
            Missed::Skip => usize::from(now.by(hand) - latest <= 2 * SECOND),
            Missed::Once => 1,
            Missed::All(most) => most as usize,
        };
        let runs = dues.split_off(dues.len().saturating_sub(keep));
        let mut left_out = count - runs.len() as u64;
        self.missed += left_out;
        for (turn, due) in runs.iter().enumerate() {
            let due = now.wall_of(hand, *due);
            let schedule = &self.schedules[index];
            if turn > 0 && schedule.running > 0 && !matches!(schedule.overlap, Overlap::Allow(_)) {
                // Those that are made up for wait, whatever waits.
                if self.schedules[index].left() > 0 {
                    self.schedules[index].queue.push((due, 0));
                }
                continue;
            }
            if !self.may_run(index) {
                self.skipped += (runs.len() - turn) as u64;
                break;
            }
            self.offer(index, due, std::mem::take(&mut left_out));
        }
        let schedule = &mut self.schedules[index];
        let next = match schedule.timing {
            Timing::Delay(interval) => (schedule.running == 0).then_some(now.monotonic + interval),
            _ => next,
        };
        schedule.plan(next, now);
    }

    pub(super) fn end_first(&mut self, now: Now) {
        let generation = self.flights.remove(0);
        let Some(index) = self.schedules.iter().position(|schedule| schedule.generation == generation) else {
            return;
        };
        self.schedules[index].running -= 1;
        self.follow(index);
        let schedule = &mut self.schedules[index];
        if let Timing::Delay(interval) = schedule.timing
            && schedule.running == 0
            && schedule.next.is_none()
            && schedule.paused.is_none()
        {
            schedule.plan(Some(now.monotonic + interval), now);
        }
        self.settle();
    }

    pub(super) fn follow(&mut self, index: usize) {
        let most = match self.schedules[index].overlap {
            Overlap::Allow(most) => most as usize,
            _ => 1,
        };
        while self.schedules[index].running < most
            && self.schedules[index].paused.is_none()
            && !self.schedules[index].queue.is_empty()
        {
            let (due, missed) = self.schedules[index].queue.remove(0);
            self.begin(index, due, missed);
        }
    }

    pub(super) fn named(&mut self, name: usize) -> Option<usize> {
        self.schedules.iter().position(|schedule| schedule.name == name)
    }
}

pub(super) fn first(schedule: &Modelled, now: Now) -> Option<Nanoseconds> {
    match &schedule.timing {
        Timing::At(time) => Some(*time),
        Timing::After(delay) => Some(now.monotonic + delay),
        Timing::Rate(interval) | Timing::Delay(interval) => Some(now.monotonic + interval),
        Timing::Cron(cron) => cron.after(system_time(now.wall)).next().map(nanoseconds_of),
    }
}
