//! Against the crate croner, where its rules are the same: other code, by others, for the same patterns.

use std::str::FromStr as _;
use std::time::{Duration, SystemTime};

use edri_scheduler::{Cron, TimeZone};
use jiff::{Timestamp, tz};
use proptest::prelude::*;
use proptest::sample::select;

use crate::model::ZONES;
use crate::plan::sparse;

fn ours(pattern: &str, zone: &str, from: i64, count: usize) -> Vec<i64> {
    let cron = Cron::parse(pattern).unwrap().zone(&TimeZone::named(zone).unwrap());
    let from = SystemTime::UNIX_EPOCH + Duration::from_secs(from as u64);
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
    cron.after(from).take(count).map(seconds).collect()
}

fn theirs(pattern: &str, zone: &str, from: i64, count: usize) -> Vec<i64> {
    let cron = croner::Cron::from_str(pattern).unwrap();
    let from = Timestamp::from_second(from).unwrap().to_zoned(tz::TimeZone::get(zone).unwrap());
    cron.iter_after(from).take(count).map(|due| due.timestamp().as_second()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn without_changes_of_the_clock_all_patterns_agree(plan in sparse(), from in 0_i64..2_500_000_000) {
        // It does not know how many days before the last.
        prop_assume!(!plan.text().contains("L-"));
        prop_assert_eq!(ours(&plan.text(), "UTC", from, 60), theirs(&plan.text(), "UTC", from, 60), "{}", plan.text());
    }

    /// It takes a time of several minutes or hours for an interval; one time a day is a plan for both.
    #[test]
    fn plans_of_one_time_a_day_agree_in_all_zones(
        hour in 0..24, minute in 0..60, zone in select(&ZONES[..11]), from in 0_i64..2_500_000_000,
    ) {
        let pattern = format!("{minute} {hour} * * *");
        prop_assert_eq!(ours(&pattern, zone, from, 400), theirs(&pattern, zone, from, 400), "{} in {}", pattern, zone);
    }

    #[test]
    fn intervals_agree_in_all_zones(step in 1..30, zone in select(&ZONES[..]), from in 0_i64..2_500_000_000) {
        let pattern = format!("*/{step} * * * *");
        prop_assert_eq!(ours(&pattern, zone, from, 400), theirs(&pattern, zone, from, 400), "{} in {}", pattern, zone);
    }
}
