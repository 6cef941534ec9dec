//! Decades of schedules in ten time zones, against lists that are made one time after the other.

use super::*;

const ZONES: [&str; 10] = [
    "UTC",
    "Europe/Prague",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

const PATTERNS: [&str; 6] =
    ["30 2 * * *", "0 */12 * * MON", "0 0 L * *", "15,45 1-3 * * SUN", "0 0 29 2 *", "0 12 * * FRI#2"];

fn years() -> i64 {
    std::env::var("EDRI_SCHEDULER_YEARS").ok().and_then(|years| years.parse().ok()).unwrap_or(20)
}

#[test]
fn every_run_of_decades_comes_once_and_in_time() {
    for name in ZONES {
        let zone = TimeZone::named(name).unwrap();
        let mut simulation = Simulation::at("2008-06-01 00:00", zone.clone());
        for (action, pattern) in (0..).zip(PATTERNS) {
            simulation.set(pattern, action, cron(pattern)).unwrap();
        }
        simulation.set("weekly", 6, Timing::Rate(7 * DAY + 5 * SECOND)).unwrap();
        let span = years() * 365 * DAY;
        let ran = simulation.pass(span);
        let of = |action| ran.iter().filter(move |ran| ran.action == action);
        for (action, pattern) in (0..).zip(PATTERNS) {
            let (begun, end) = (simulation.begun, simulation.begun + span);
            let times = Cron::parse(pattern).unwrap().zone(&zone).after(system_time(begun));
            let expected = times.map(nanoseconds_of).take_while(|&due| due <= end);
            let expected = expected.map(|due| (due - begun) as f64 / SECOND as f64);
            assert!(of(action).map(|ran| ran.due).eq(expected), "{pattern} in {name}");
        }
        let weeks = (1..).map(|week| week as f64 * (7.0 * 86_400.0 + 5.0));
        assert!(of(6).map(|ran| ran.due).eq(weeks.take_while(|&due| due <= (span / SECOND) as f64)));
        for action in 0..=6 {
            assert!(of(action).map(|ran| ran.run).eq(1..=of(action).count() as u64), "numbered from 1");
        }
        assert_eq!(simulation.skipped(), []);
        assert_eq!(simulation.core.counts().late, 0);
    }
}
