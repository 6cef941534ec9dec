use super::Core;
use super::output::Output;
use super::timers::{Hand, Now};
use super::timing::Timing;
use crate::time::{Nanoseconds, SECOND};

/// Clocks that differ by less have not been set: they are adjusted, and read one after the other.
const NOTICED: Nanoseconds = SECOND / 2;

/// A clock that is set back by less is waited for: nothing is due twice.
const CORRECTION: Nanoseconds = 60 * SECOND;

/// A clock that is set back by as much or more shows new time, which all patterns follow.
const NEW_TIME: Nanoseconds = 3 * 3_600 * SECOND;

impl<A: Clone> Core<A> {
    /// The wall clock is compared with the one that only goes on.
    ///
    /// Set forward, what has fallen due by it is found as in any look. Set back, patterns that go by the clock are due by
    /// the new time from a minute on, and from three hours on all patterns; others wait until it shows the time at which
    /// they are due. That is what cron(8) does.
    pub(super) fn notice_step(&mut self, now: Now, outputs: &mut Vec<Output<A>>) {
        let step = (now.wall - self.seen.wall) - (now.monotonic - self.seen.monotonic);
        self.seen = now;
        if step.abs() < NOTICED {
            return;
        }
        outputs.push(Output::Stepped(step));
        if step > -CORRECTION {
            return;
        }
        for slot in self.timers.by_wall() {
            let Some(entry) = self.table.get(slot) else { continue };
            let Timing::Cron(cron) = &entry.timing else { continue };
            if step > -NEW_TIME && !cron.is_wildcard() {
                continue;
            }
            let start = entry.extra.as_ref().and_then(|extra| extra.options.start);
            let start = start.map_or(Nanoseconds::MIN, crate::time::nanoseconds_of);
            let next = cron.next_due(&self.settings.zone, now.wall.max(start.saturating_sub(1)));
            if let Some(next) = next.filter(|&next| next < entry.base) {
                self.timers.clear(Hand::Wall, slot);
                self.plan(slot, Some(next), now);
            }
        }
    }
}
