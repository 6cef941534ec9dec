//! A naive model: day by day over decades, and second by second around the changes of clocks.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use edri_scheduler::{Cron, TimeZone};
use jiff::tz::AmbiguousOffset;
use jiff::{Timestamp, ToSpan as _, civil, tz};
use proptest::prelude::*;
use proptest::sample::select;

use crate::plan::{Plan, dense, sparse};

/// Half an hour, one hour and two of daylight saving time; in summer, in winter and for Ramadan; at midnight and
/// at night; given up, taken up again; a zone that skipped a day, and some of odd minutes.
pub(crate) const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Prague",
    "Europe/Dublin",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Pacific/Apia",
];

/// Changes of less time are handled by the plan of a pattern.
const SPECIAL: i32 = 3 * 3_600;

fn moment(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds as u64)
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64
}

fn due(plan: &Plan, zone: &str, from: i64, to: i64) -> Vec<i64> {
    let cron = Cron::parse(&plan.text()).unwrap().zone(&TimeZone::named(zone).unwrap());
    cron.after(moment(from)).map(seconds).take_while(|&due| due <= to).collect()
}

/// From what clocks show to moments, in the order of what they show.
fn by_days(plan: &Plan, zone: &tz::TimeZone, from: i64, to: i64) -> Vec<i64> {
    let date = |at: i64| zone.to_datetime(Timestamp::from_second(at).unwrap()).date();
    let mut due = BTreeSet::new();
    let (mut day, last) = (date(from).yesterday().unwrap(), date(to).tomorrow().unwrap());
    while day <= last {
        if plan.matches_date(day) {
            for (hour, minute, second) in plan.times() {
                instants(plan, zone, day.at(hour, minute, second, 0), &mut due);
            }
        }
        day = day.tomorrow().unwrap();
    }
    due.into_iter().filter(|&due| from < due && due <= to).collect()
}

fn instants(plan: &Plan, zone: &tz::TimeZone, civil: civil::DateTime, due: &mut BTreeSet<i64>) {
    let shown = civil.to_zoned(tz::TimeZone::UTC).unwrap().timestamp().as_second();
    let with = |offset: tz::Offset| shown - i64::from(offset.seconds());
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => {
            due.insert(with(offset));
        }
        AmbiguousOffset::Gap { before, after } => {
            if !plan.wildcard && after.seconds() - before.seconds() < SPECIAL {
                // The first second of the new offset.
                let change = (with(after)..=with(before))
                    .find(|&at| zone.to_offset(Timestamp::from_second(at).unwrap()) == after);
                due.insert(change.unwrap());
            }
        }
        AmbiguousOffset::Fold { before, after } => {
            due.insert(with(before));
            if plan.wildcard || before.seconds() - after.seconds() >= SPECIAL {
                due.insert(with(after));
            }
        }
    }
}

/// From moments to what clocks show, second by second.
fn by_seconds(plan: &Plan, zone: &tz::TimeZone, from: i64, to: i64) -> Vec<i64> {
    let offset = |at: i64| zone.to_offset(Timestamp::from_second(at).unwrap()).seconds();
    let shown = |at: i64| zone.to_datetime(Timestamp::from_second(at).unwrap());
    let is_due = |at: i64| {
        let (before, after) = (offset(at - 1), offset(at));
        if !plan.wildcard && (1..SPECIAL).contains(&(after - before)) {
            let mut skipped = shown(at - 1);
            let now = shown(at);
            loop {
                skipped = skipped.checked_add(1.second()).unwrap();
                if plan.matches(skipped) {
                    return true;
                }
                if skipped == now {
                    return false;
                }
            }
        }
        let was_shown = |at: i64| (1..=i64::from(SPECIAL)).any(|ago| shown(at - ago) == shown(at));
        plan.matches(shown(at)) && (plan.wildcard || !was_shown(at))
    };
    (from + 1..=to).filter(|&at| is_due(at)).collect()
}

fn years() -> i64 {
    std::env::var("EDRI_CRON_YEARS").ok().and_then(|years| years.parse().ok()).unwrap_or(20)
}

fn cases() -> u32 {
    std::env::var("EDRI_CRON_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn decades_of_runs_are_those_of_the_model(plan in sparse(), zone in select(&ZONES[..]), start in 0_i64..2_500_000_000) {
        let end = start + years() * 365 * 86_400;
        let expected = by_days(&plan, &tz::TimeZone::get(zone).unwrap(), start, end);
        prop_assert_eq!(due(&plan, zone, start, end), expected, "{} in {}", plan.text(), zone);
    }

    #[test]
    fn around_each_change_of_a_clock_runs_are_those_of_the_model(
        plan in dense(), zone in select(&ZONES[1..]), start in 0_i64..2_500_000_000, before in 0_i64..9_000,
    ) {
        let rules = tz::TimeZone::get(zone).unwrap();
        let change = rules.following(Timestamp::from_second(start).unwrap()).next();
        let from = change.map_or(start, |change| change.timestamp().as_second()) - before;
        let expected = by_seconds(&plan, &rules, from, from + 12_000);
        prop_assert_eq!(due(&plan, zone, from, from + 12_000), expected, "{} in {}", plan.text(), zone);
    }

    #[test]
    fn a_search_may_begin_anywhere(plan in sparse(), zone in select(&ZONES[..]), start in 0_i64..2_500_000_000) {
        let from_start = due(&plan, zone, start, start + 3 * 365 * 86_400);
        for pair in from_start.windows(2).take(200) {
            let between = pair[0] + (pair[1] - pair[0]) / 2;
            for from in [pair[0], between, pair[1] - 1] {
                prop_assert_eq!(due(&plan, zone, from, pair[1]), vec![pair[1]], "{} after {}", plan.text(), from);
            }
        }
    }
}
