use std::collections::VecDeque;
use std::time::SystemTime;

use super::timers::{Hand, Now};
use crate::cron::Cron;
use crate::options::Options;
use crate::refusal::{Refusal, Refused};
use crate::time::{Nanoseconds, SECOND, nanoseconds_of, system_time};
use crate::zone::TimeZone;

/// When a schedule is due, on the clock that it goes by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Timing {
    /// Once, when the wall clock shows that time.
    At(Nanoseconds),
    /// Once, after so long.
    After(Nanoseconds),
    /// From one due time to the next.
    Rate(Nanoseconds),
    /// From the end of a run to the next.
    Delay(Nanoseconds),
    Cron(Cron),
}

/// The due times from one on that have passed.
#[derive(Debug, PartialEq)]
pub(super) struct Passed {
    /// How many: at least so many, where there are more than are worth counting.
    pub(super) count: u64,
    /// The last of them, in order; at least one.
    pub(super) last: VecDeque<Nanoseconds>,
}

/// The shortest interval: a timer is no more exact.
const SHORTEST: Nanoseconds = SECOND / 1_000;

/// The longest delay or interval, about a hundred years, and how long before the end of what can be counted times end.
const LONGEST: Nanoseconds = 100 * 366 * 86_400 * SECOND;

/// More due times of a pattern are not counted one by one.
const COUNTED: u64 = 10_000;

/// The most runs that may wait, run at a time, or be made up for.
const MOST: u32 = 1_000;

impl Timing {
    /// The clock it goes by.
    pub(crate) const fn hand(&self) -> Hand {
        match self {
            Self::At(_) | Self::Cron(_) => Hand::Wall,
            Self::After(_) | Self::Rate(_) | Self::Delay(_) => Hand::Monotonic,
        }
    }

    /// When it is due first, on its own clock; `first` after so long, in place of after an interval.
    pub(super) fn first(
        &self,
        first: Option<Nanoseconds>,
        options: &Options,
        zone: &TimeZone,
        now: Now,
        on_time: Nanoseconds,
    ) -> Result<Nanoseconds, Refused> {
        let start = options.start.map(nanoseconds_of);
        match self {
            Self::At(time) if *time < now.wall.saturating_sub(on_time) => Err(past(*time)),
            Self::At(time) if *time > Nanoseconds::MAX - LONGEST => {
                Err(Refusal::Bounds
                    .because("the time is not within the years that can be counted, up to 2162"))
            }
            Self::At(time) => Ok(*time),
            Self::After(delay) => {
                within("a delay", 0, *delay)?;
                Ok(now.monotonic + delay)
            }
            Self::Rate(interval) | Self::Delay(interval) => {
                within("an interval", SHORTEST, *interval)?;
                within("a first delay", 0, first.unwrap_or(0))?;
                let Some(start) = start else { return Ok(now.monotonic + first.unwrap_or(*interval)) };
                let begin = start.saturating_add(first.unwrap_or(0));
                let passed = now.wall.saturating_sub(begin);
                let intervals = if passed > 0 { (passed - 1) / interval + 1 } else { 0 };
                let wall = begin.saturating_add(intervals.saturating_mul(*interval));
                Ok(now.of_wall(Hand::Monotonic, wall))
            }
            Self::Cron(cron) => {
                let after = start.map_or(now.wall, |start| now.wall.max(start - 1));
                cron.next_due(zone, after).ok_or_else(|| {
                    Refusal::Never
                        .because(format!("the pattern {cron} is never due again after {}", shown(after)))
                })
            }
        }
    }

    /// The due time after another.
    pub(super) fn next(&self, zone: &TimeZone, base: Nanoseconds) -> Option<Nanoseconds> {
        match self {
            Self::At(_) | Self::After(_) | Self::Delay(_) => None,
            Self::Rate(interval) => base.checked_add(*interval),
            Self::Cron(cron) => cron.next_due(zone, base),
        }
    }

    /// The due times from `base`, which has passed whatever `until` is, up to and with `until`; the last `most` of them.
    pub(super) fn passed(
        &self,
        zone: &TimeZone,
        base: Nanoseconds,
        until: Nanoseconds,
        most: usize,
    ) -> Passed {
        let most = most.max(1);
        match self {
            Self::At(_) | Self::After(_) | Self::Delay(_) => Passed { count: 1, last: [base].into() },
            Self::Rate(interval) => {
                let later = until.saturating_sub(base).max(0) / interval;
                let told = later.min(most as Nanoseconds - 1);
                let last = (later - told..=later).map(|turn| base + turn * interval).collect();
                Passed { count: later.unsigned_abs() + 1, last }
            }
            Self::Cron(cron) => {
                let mut passed = Passed { count: 1, last: [base].into() };
                let mut latest = base;
                while let Some(next) = cron.next_due(zone, latest).filter(|&next| next <= until) {
                    latest = next;
                    passed.count += 1;
                    if passed.last.len() == most {
                        passed.last.pop_front();
                    }
                    passed.last.push_back(next);
                    if passed.count == COUNTED {
                        tail(cron, zone, latest, until, most, &mut passed);
                        break;
                    }
                }
                passed
            }
        }
    }
}

/// The last of very many, looked for from the end.
fn tail(
    cron: &Cron,
    zone: &TimeZone,
    from: Nanoseconds,
    until: Nanoseconds,
    most: usize,
    passed: &mut Passed,
) {
    let mut last = VecDeque::new();
    let mut before = until;
    while last.len() < most
        && let Some(found) = previous(cron, zone, from, before)
    {
        last.push_front(found);
        before = found - 1;
    }
    passed.count += last.len() as u64;
    passed.last.extend(last);
    passed.last.drain(..passed.last.len().saturating_sub(most));
}

/// The last due time after `from`, up to and with `until`: found by halving, for a pattern knows only what is next.
fn previous(cron: &Cron, zone: &TimeZone, from: Nanoseconds, until: Nanoseconds) -> Option<Nanoseconds> {
    let next = |after: Nanoseconds| cron.next_due(zone, after).filter(|&next| next <= until);
    let mut found = next(from)?;
    let mut nothing_after = until;
    while nothing_after - found > SECOND {
        let middle = found + (nothing_after - found) / 2;
        match next(middle) {
            Some(later) => found = later,
            None => nothing_after = middle,
        }
    }
    Some(next(found).unwrap_or(found))
}

/// Whether the options of a schedule can be kept to.
pub(super) fn check(options: &Options, runs: u64, now: Now) -> Result<(), Refused> {
    if let Some(end) = options.end {
        if nanoseconds_of(end) <= now.wall {
            return Err(past(nanoseconds_of(end)));
        }
        if options.start.is_some_and(|start| start > end) {
            return Err(Refusal::Never.because("its end is before its start"));
        }
    }
    if let Some(limit) = options.limit
        && limit <= runs
    {
        return Err(Refusal::Never.because(format!("a limit of {limit} runs, after {runs}, leaves none")));
    }
    let (name, most) = match (options.overlap, options.missed) {
        (crate::Overlap::Queue(most), _) if !(1..=MOST).contains(&most) => ("runs that wait", most),
        (crate::Overlap::Allow(most), _) if !(1..=MOST).contains(&most) => ("runs at a time", most),
        (_, crate::Missed::All(most)) if !(1..=MOST).contains(&most) => ("missed runs made up for", most),
        _ => return within("a jitter", 0, crate::time::nanoseconds(options.jitter)),
    };
    Err(Refusal::Bounds.because(format!("1 to {MOST} {name} are expected, not {most}")))
}

/// Whether the first due time is before the end.
pub(super) fn check_end(options: &Options, first: Nanoseconds) -> Result<(), Refused> {
    match options.end.map(nanoseconds_of) {
        Some(end) if first > end => Err(Refusal::Never.because(format!(
            "it would be due first at {}, which is after its end, {}",
            shown(first),
            shown(end)
        ))),
        _ => Ok(()),
    }
}

fn within(name: &str, least: Nanoseconds, duration: Nanoseconds) -> Result<(), Refused> {
    if (least..=LONGEST).contains(&duration) {
        return Ok(());
    }
    let least = if least == 0 { "0 s" } else { "1 ms" };
    let given = std::time::Duration::from_nanos(duration.unsigned_abs());
    Err(Refusal::Bounds.because(format!("{name} of {least} to 100 years is expected, not {given:?}")))
}

#[cold]
fn past(time: Nanoseconds) -> Refused {
    Refusal::Past.because(format!("{} has passed", shown(time)))
}

fn shown(time: Nanoseconds) -> String {
    let time: SystemTime = system_time(time);
    format!("{} UTC", TimeZone::UTC.show(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Nanoseconds = 86_400 * SECOND;

    fn cron(pattern: &str) -> Timing {
        Timing::Cron(Cron::parse(pattern).unwrap().zone(&TimeZone::UTC))
    }

    fn passed(
        timing: &Timing,
        base: Nanoseconds,
        until: Nanoseconds,
        most: usize,
    ) -> (u64, Vec<Nanoseconds>) {
        let passed = timing.passed(&TimeZone::UTC, base, until, most);
        (passed.count, passed.last.into())
    }

    #[test]
    fn passed_runs_of_an_interval_are_counted_without_a_loop() {
        let rate = Timing::Rate(10);
        assert_eq!(passed(&rate, 5, 0, 3), (1, vec![5]));
        assert_eq!(passed(&rate, 5, 14, 3), (1, vec![5]));
        assert_eq!(passed(&rate, 5, 15, 3), (2, vec![5, 15]));
        assert_eq!(
            passed(&rate, 5, 1_000_000_000_005, 2),
            (100_000_000_001, vec![999_999_999_995, 1_000_000_000_005])
        );
    }

    #[test]
    fn passed_runs_of_a_pattern_end_with_the_last() {
        let daily = cron("0 0 * * *");
        assert_eq!(passed(&daily, DAY, 3 * DAY + 1, 2), (3, vec![2 * DAY, 3 * DAY]));
        assert_eq!(passed(&daily, DAY, DAY - 1, 2), (1, vec![DAY]));
    }

    #[test]
    fn of_very_many_runs_of_a_pattern_the_last_are_found() {
        let until = 40 * 365 * DAY;
        let (count, last) = passed(&cron("* * * * * *"), SECOND, until, 3);
        assert!(count >= COUNTED);
        assert_eq!(last, [until - 2 * SECOND, until - SECOND, until]);
        let (count, last) = passed(&cron("0 12 1 * *"), SECOND, until, 1);
        assert_eq!((count, last.len()), (481, 1), "forty years of months, and the one it began with");
    }

    #[test]
    fn a_dense_past_and_an_empty_present() {
        let dense_once = cron("* * * * * * 1970");
        for (most, until) in [(1, 30 * 365 * DAY), (3, 30 * 365 * DAY), (500, 365 * DAY)] {
            let (count, last) = passed(&dense_once, SECOND, until, most);
            assert!(count >= COUNTED);
            let expected: Vec<_> =
                (1..=most as Nanoseconds).rev().map(|before| 365 * DAY - before * SECOND).collect();
            assert_eq!(last, expected);
        }
    }
}
