//! From civil moments to instants, through whatever the clock of a zone does.
//!
//! The rule is that of Vixie cron, as cron(8) states it for Debian and for cronie: changes of less than three hours are
//! handled with care, for jobs with a plan. What falls into time that was skipped runs at once, and what would fall into
//! time that is repeated does not run again; other jobs go by the new time, and after a greater change all do. Which
//! jobs have a plan is in its source: those whose minute and hour do not begin with `*`. Here the second counts, too.

use super::calendar::DAY;
use super::pattern::Pattern;
use crate::zone::{Change, TimeZone};

/// Changes of an offset that are greater are new time, which is simply followed: nothing is caught up or left out.
const SPECIAL: i64 = 3 * 3_600;

/// The first second after `after` at which a pattern is due in a zone, both in seconds since 1970.
///
/// It goes from one change of the zone's offset to the next: in between, civil time and real time run alike.
pub(super) fn next_after(pattern: &Pattern, zone: &TimeZone, after: i64) -> Option<i64> {
    let mut at = after.checked_add(1)?;
    loop {
        let offset = zone.offset(at);
        let mut civil = at + offset;
        if !pattern.wildcard
            && let Some(change) = zone.last_change(at)
        {
            if skips(&change)
                && change.at == at
                && pattern.next(at + change.before).is_some_and(|skipped| skipped < civil)
            {
                return Some(at);
            }
            if repeats(&change) {
                civil = civil.max(change.at + change.before);
            }
        }
        let next = pattern.next(civil)?;
        let Some(change) = zone.next_change(at) else { return Some(next - offset) };
        if next - offset < change.at {
            return Some(next - offset);
        }
        // No civil moment from `civil` to `next` matches. Years of changes in which none can fall are passed over, if a
        // change could not lead back before `civil`.
        let far = next - offset - 3 * DAY;
        let is_settled = change.at + offset - civil >= 2 * DAY;
        at = if is_settled { change.at.max(far) } else { change.at };
    }
}

fn skips(change: &Change) -> bool {
    (1..SPECIAL).contains(&(change.after - change.before))
}

fn repeats(change: &Change) -> bool {
    (1..SPECIAL).contains(&(change.before - change.after))
}
