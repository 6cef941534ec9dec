use std::collections::VecDeque;

use super::timing::Timing;
use crate::id::ScheduleId;
use crate::options::Options;
use crate::time::Nanoseconds;

/// One schedule as the table keeps it. There may be a million: what few have is behind a pointer.
#[derive(Debug)]
pub(super) struct Entry<A> {
    pub(super) id: ScheduleId,
    /// What to do when it is due.
    pub(super) action: A,
    pub(super) timing: Timing,
    /// When it is due next by its plan, on the clock of its timing; what it was, where nothing is planned.
    pub(super) base: Nanoseconds,
    /// When the last run was begun with, by the wall clock.
    pub(super) last: Option<Last>,
    /// How many have been begun with.
    pub(super) runs: u64,
    /// How many have not ended.
    pub(super) running: u32,
    pub(super) state: State,
    /// Nothing begins until it is resumed.
    pub(super) paused: bool,
    pub(super) extra: Option<Box<Extra>>,
}

/// A wall clock time in the room of one word, with one bit for that there is none.
pub(super) type Last = std::num::NonZeroI64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Something is planned, or will be when a run ends.
    Active,
    /// Nothing is planned any more, and some runs wait for others to end.
    Over,
}

/// What few schedules have.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) options: Options,
    /// The due times, by the wall clock, of runs that wait for others to end, each with how many were missed before it.
    pub(super) queue: VecDeque<(Nanoseconds, u64)>,
    pub(super) tally: Tally,
}

/// What has become of the runs of a schedule that are not simply ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) skipped: u64,
    pub(crate) missed: u64,
    pub(crate) failed: u64,
}

impl<A> Entry<A> {
    pub(super) fn options(&self) -> Options {
        self.extra.as_ref().map(|extra| extra.options.clone()).unwrap_or_default()
    }

    pub(super) fn set_options(&mut self, options: Options) {
        if self.extra.is_some() || options != Options::default() {
            self.extra().options = options;
        }
    }

    pub(super) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    pub(super) fn queued(&self) -> usize {
        self.extra.as_ref().map_or(0, |extra| extra.queue.len())
    }

    /// How many more runs it may have, those that wait left out.
    pub(super) fn left(&self) -> u64 {
        let limit = self.extra.as_ref().and_then(|extra| extra.options.limit).unwrap_or(u64::MAX);
        limit.saturating_sub(self.runs).saturating_sub(self.queued() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_entry_leaves_room_for_a_million() {
        // With 16 bytes in a heap, 4 for the position there, and 8 or less for the slot.
        assert!(size_of::<Entry<Arc<dyn Send>>>() <= 96, "{}", size_of::<Entry<Arc<dyn Send>>>());
    }
}
