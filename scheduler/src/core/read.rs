use super::Core;
use super::entry::{Entry, Tally};
use super::timers::Now;
use super::timing::Timing;
use crate::id::{Key, ScheduleId};
use crate::options::Options;
use crate::time::{Nanoseconds, nanoseconds_of};
use crate::zone::TimeZone;

/// What has been done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    pub(crate) missed: u64,
    pub(crate) late: u64,
    /// The greatest lateness since it was last taken.
    pub(crate) latest: Nanoseconds,
}

impl Counts {
    pub(super) fn note_lateness(&mut self, late: Nanoseconds, on_time: Nanoseconds) {
        self.late += u64::from(late > on_time);
        self.latest = self.latest.max(late);
    }
}

/// One schedule, looked at.
#[derive(Debug)]
pub(crate) struct Reading<'c, A> {
    pub(crate) id: &'c ScheduleId,
    pub(crate) action: &'c A,
    pub(crate) timing: &'c Timing,
    pub(crate) options: Options,
    /// By the wall clock.
    pub(crate) next: Option<Nanoseconds>,
    /// By the wall clock.
    pub(crate) last: Option<Nanoseconds>,
    pub(crate) runs: u64,
    pub(crate) running: u32,
    pub(crate) queued: u64,
    pub(crate) paused: bool,
    pub(crate) tally: Tally,
}

impl<A: Clone> Core<A> {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// By whose clocks patterns go that have no zone.
    pub(crate) const fn zone(&self) -> &TimeZone {
        &self.settings.zone
    }

    /// How many runs have not ended.
    pub(crate) fn running(&self) -> usize {
        self.flights.len()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The greatest lateness since the last call.
    pub(crate) fn take_latest(&mut self) -> Nanoseconds {
        std::mem::take(&mut self.counts.latest)
    }

    pub(crate) fn read(&self, key: Key, now: Now) -> Option<Reading<'_, A>> {
        Some(self.reading(key, self.entry(key)?, now))
    }

    /// Those from a slot on, with the slot of each.
    pub(crate) fn list(&self, from: u32, now: Now) -> impl Iterator<Item = (u32, Reading<'_, A>)> {
        self.table.iter_from(from).map(move |(key, entry)| (key.slot, self.reading(key, entry, now)))
    }

    fn reading<'c>(&'c self, key: Key, entry: &'c Entry<A>, now: Now) -> Reading<'c, A> {
        let hand = entry.timing.hand();
        // With its jitter: that is when it comes.
        let next = self.timers.due(hand, key.slot).map(|due| now.wall_of(hand, due));
        Reading {
            id: &entry.id,
            action: &entry.action,
            timing: &entry.timing,
            options: entry.options(),
            next,
            last: entry.last.map(std::num::NonZeroI64::get),
            runs: entry.runs,
            running: entry.running,
            queued: entry.queued() as u64,
            paused: entry.paused,
            tally: entry.extra.as_ref().map(|extra| extra.tally).unwrap_or_default(),
        }
    }

    /// When it is due next by its plan, up to so many times, by the wall clock; as if it were not paused.
    pub(crate) fn preview(&self, key: Key, most: usize, now: Now) -> Vec<Nanoseconds> {
        let Some(entry) = self.entry(key).filter(|entry| !entry.is_over()) else { return Vec::new() };
        if !entry.paused && !self.timers.is_set(key.slot) {
            return Vec::new();
        }
        let hand = entry.timing.hand();
        let options = entry.options();
        let end = options.end.map_or(Nanoseconds::MAX, nanoseconds_of);
        let left = usize::try_from(entry.left()).unwrap_or(usize::MAX);
        let bases =
            std::iter::successors(Some(entry.base), |base| entry.timing.next(&self.settings.zone, *base));
        let walls = bases.map(|base| now.wall_of(hand, base));
        walls.take_while(|&due| due <= end).take(most.min(left)).collect()
    }
}
