//! Known days: when clocks went forward, back, over midnight, over a whole day; leap days and ends of months.

use edri_scheduler::{Cron, TimeZone};

#[track_caller]
fn due(pattern: &str, zone: &str, after: &str, expected: &[&str]) {
    let zone = TimeZone::named(zone).unwrap();
    let cron = Cron::parse(pattern).unwrap().zone(&zone);
    let due: Vec<_> =
        cron.after(zone.time(after).unwrap()).take(expected.len()).map(|time| zone.show(time)).collect();
    assert_eq!(due, expected, "{pattern}");
}

/// Those of UTC, where clocks of a zone show a time twice.
#[track_caller]
fn due_utc(pattern: &str, zone: &str, after: &str, expected: &[&str]) {
    let zone = TimeZone::named(zone).unwrap();
    let cron = Cron::parse(pattern).unwrap().zone(&zone);
    let from = TimeZone::UTC.time(after).unwrap();
    let due: Vec<_> = cron.after(from).take(expected.len()).map(|time| TimeZone::UTC.show(time)).collect();
    assert_eq!(due, expected, "{pattern}");
}

#[test]
fn a_planned_time_in_a_gap_is_due_right_after_it_once() {
    let day = "2026-03-28 12:00";
    let expected = ["2026-03-29 03:00:00", "2026-03-30 02:30:00"];
    due("30 2 * * *", "Europe/Prague", day, &expected);
    // Several times of one plan in a gap are one run, also with one that is planned for its end.
    due("0,15,30 2 * * *", "Europe/Prague", day, &["2026-03-29 03:00:00", "2026-03-30 02:00:00"]);
    due("0 2,3 * * *", "Europe/Prague", day, &["2026-03-29 03:00:00", "2026-03-30 02:00:00"]);
    due("0 1-3 * * *", "Europe/Prague", day, &["2026-03-29 01:00:00", "2026-03-29 03:00:00"]);
}

#[test]
fn a_planned_time_around_a_gap_is_due_as_ever() {
    due("0 0 * * *", "Europe/London", "2026-03-28 12:00", &["2026-03-29 00:00:00", "2026-03-30 00:00:00"]);
    due(
        "59 59 1 * * *",
        "Europe/Prague",
        "2026-03-29 00:00",
        &["2026-03-29 01:59:59", "2026-03-30 01:59:59"],
    );
    due("0 3 * * *", "Europe/Prague", "2026-03-29 00:00", &["2026-03-29 03:00:00", "2026-03-30 03:00:00"]);
}

#[test]
fn an_interval_goes_on_through_a_gap() {
    due("*/30 * * * *", "Europe/Prague", "2026-03-29 01:00", &["2026-03-29 01:30:00", "2026-03-29 03:00:00"]);
    due("0 */2 * * *", "Europe/Prague", "2026-03-29 00:00", &["2026-03-29 04:00:00", "2026-03-29 06:00:00"]);
}

#[test]
fn a_planned_time_that_is_shown_twice_is_due_at_the_first() {
    // 02:30 in summer is 00:30 UTC, in winter 01:30.
    due_utc(
        "30 2 * * *",
        "Europe/Prague",
        "2026-10-24 12:00",
        &["2026-10-25 00:30:00", "2026-10-26 01:30:00"],
    );
    // After the first, and within the second.
    due_utc("30 2 * * *", "Europe/Prague", "2026-10-25 00:30", &["2026-10-26 01:30:00"]);
    due_utc("30 2 * * *", "Europe/Prague", "2026-10-25 01:10", &["2026-10-26 01:30:00"]);
}

#[test]
fn an_interval_goes_on_through_what_is_shown_twice() {
    let expected =
        ["2026-10-25 00:30:00", "2026-10-25 01:00:00", "2026-10-25 01:30:00", "2026-10-25 02:00:00"];
    due_utc("*/30 * * * *", "Europe/Prague", "2026-10-25 00:00", &expected);
    // Of a pattern that is due on that day alone, years are passed over, but not the hour that comes again.
    let expected =
        ["2026-10-25 00:30:00", "2026-10-25 01:00:00", "2026-10-25 01:30:00", "2027-10-25 00:00:00"];
    due_utc("*/30 2 25 10 *", "Europe/Prague", "2026-10-25 00:00", &expected);
}

#[test]
fn clocks_that_change_at_midnight_or_by_half_an_hour() {
    // In Brazil there was no 00:00 on the day when summer began.
    due(
        "0 0 * * *",
        "America/Sao_Paulo",
        "2018-11-03 12:00",
        &["2018-11-04 01:00:00", "2018-11-05 00:00:00"],
    );
    due(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03 12:00",
        &["2026-10-04 02:30:00", "2026-10-05 02:15:00"],
    );
    // Two hours.
    due(
        "30 1 * * *",
        "Antarctica/Troll",
        "2026-03-28 12:00",
        &["2026-03-29 03:00:00", "2026-03-30 01:30:00"],
    );
}

#[test]
fn a_day_that_a_country_has_skipped_has_no_runs() {
    due("0 12 * * *", "Pacific/Apia", "2011-12-29 00:00", &["2011-12-29 12:00:00", "2011-12-31 12:00:00"]);
}

#[test]
fn leap_days_and_ends_of_months() {
    let leap_days = ["2028-02-29 00:00:00", "2032-02-29 00:00:00"];
    due("0 0 29 2 *", "UTC", "2026-01-01 00:00", &leap_days);
    due("0 0 29 2 *", "UTC", "2096-03-01 00:00", &["2104-02-29 00:00:00"]);
    due(
        "0 0 29 2 +MON",
        "Europe/Prague",
        "2026-01-01 00:00",
        &["2044-02-29 00:00:00", "2072-02-29 00:00:00"],
    );
    due("0 0 31 * *", "UTC", "2026-01-31 00:00", &["2026-03-31 00:00:00", "2026-05-31 00:00:00"]);
    due("0 0 L * *", "UTC", "2028-01-31 00:00", &["2028-02-29 00:00:00", "2028-03-31 00:00:00"]);
    due("0 0 L-1 2 *", "UTC", "2026-01-01 00:00", &["2026-02-27 00:00:00", "2027-02-27 00:00:00"]);
    due("0 0 LW * *", "UTC", "2026-01-01 00:00", &["2026-01-30 00:00:00", "2026-02-27 00:00:00"]);
    due("0 0 1W * *", "UTC", "2026-07-15 00:00", &["2026-08-03 00:00:00", "2026-09-01 00:00:00"]);
    due("0 0 * * FRI#5", "UTC", "2026-01-01 00:00", &["2026-01-30 00:00:00", "2026-05-29 00:00:00"]);
    due("0 0 13 * +FRI", "UTC", "2026-01-01 00:00", &["2026-02-13 00:00:00", "2026-03-13 00:00:00"]);
}

#[test]
fn years_end_a_pattern() {
    let zone = TimeZone::UTC;
    let cron = Cron::parse("0 0 0 1 1 * 2027,2029").unwrap().zone(&zone);
    let due: Vec<_> =
        cron.after(zone.time("2026-06-01 00:00").unwrap()).map(|time| zone.show(time)).collect();
    assert_eq!(due, ["2027-01-01 00:00:00", "2029-01-01 00:00:00"]);
    let last = Cron::parse("0 0 * * *").unwrap().zone(&zone);
    assert_eq!(last.after(zone.time("2199-12-30 12:00").unwrap()).count(), 1, "patterns end with 2199");
}
