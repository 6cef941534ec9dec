//! Random patterns that are known by what they mean, and not by their text alone.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};
use proptest::prelude::*;
use proptest::sample::subsequence;

/// A field as a set, and how it is written.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(crate) text: String,
    pub(crate) numbers: BTreeSet<i16>,
}

/// What a day has to be.
#[derive(Clone, Debug)]
pub(crate) enum Day {
    /// One of the month.
    OfMonth(BTreeSet<i16>),
    /// So many before the last.
    BeforeLast(i16),
    /// The weekday nearest to one.
    Nearest(i16),
    LastWeekday,
    /// Sunday is 0.
    OfWeek(BTreeSet<i16>),
    /// The second Friday.
    Nth(i16, i16),
    Last(i16),
}

/// A pattern and its meaning.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) second: Set,
    pub(crate) minute: Set,
    pub(crate) hour: Set,
    pub(crate) day: Option<Day>,
    pub(crate) month: Set,
    pub(crate) wildcard: bool,
}

impl Plan {
    pub(crate) fn text(&self) -> String {
        let (mut date, mut week) = ("*".to_owned(), "*".to_owned());
        let list =
            |numbers: &BTreeSet<i16>| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        match &self.day {
            None => {}
            Some(Day::OfMonth(days)) => date = list(days),
            Some(Day::BeforeLast(0)) => date = "L".to_owned(),
            Some(Day::BeforeLast(before)) => date = format!("L-{before}"),
            Some(Day::Nearest(day)) => date = format!("{day}W"),
            Some(Day::LastWeekday) => date = "LW".to_owned(),
            Some(Day::OfWeek(days)) => week = list(days),
            Some(Day::Nth(day, nth)) => week = format!("{day}#{nth}"),
            Some(Day::Last(day)) => week = format!("{day}L"),
        }
        let Self { second, minute, hour, month, .. } = self;
        format!("{} {} {} {date} {} {week}", second.text, minute.text, hour.text, month.text)
    }

    /// Whether it matches what a clock shows.
    pub(crate) fn matches(&self, civil: DateTime) -> bool {
        self.second.numbers.contains(&civil.second().into())
            && self.minute.numbers.contains(&civil.minute().into())
            && self.hour.numbers.contains(&civil.hour().into())
            && self.matches_date(civil.date())
    }

    pub(crate) fn matches_date(&self, date: Date) -> bool {
        self.month.numbers.contains(&date.month().into())
            && self.day.as_ref().is_none_or(|day| day.matches(date))
    }

    /// All it may show on a day, in order.
    pub(crate) fn times(&self) -> Vec<(i8, i8, i8)> {
        let mut times = Vec::new();
        for &hour in &self.hour.numbers {
            for &minute in &self.minute.numbers {
                times.extend(
                    self.second.numbers.iter().map(|&second| (hour as i8, minute as i8, second as i8)),
                );
            }
        }
        times
    }
}

impl Day {
    fn matches(&self, date: Date) -> bool {
        let weekday = |date: Date| i16::from(date.weekday().to_sunday_zero_offset());
        let is_workday = |date: Date| (1..=5).contains(&weekday(date));
        let last = date.last_of_month();
        match self {
            Self::OfMonth(days) => days.contains(&date.day().into()),
            Self::BeforeLast(before) => i16::from(last.day() - date.day()) == *before,
            Self::Nearest(day) => {
                // The nearest workday of the same month; there is never a tie.
                let distance = |other: Date| (i16::from(other.day()) - day).abs();
                let of_month = (1..=last.day()).map(|day| date.with().day(day).build().unwrap());
                let nearest =
                    of_month.filter(|&other| is_workday(other)).min_by_key(|&other| distance(other));
                *day <= i16::from(last.day()) && nearest == Some(date)
            }
            Self::LastWeekday => {
                is_workday(date)
                    && (date.day() + 1..=last.day())
                        .all(|day| !is_workday(date.with().day(day).build().unwrap()))
            }
            Self::OfWeek(days) => days.contains(&weekday(date)),
            Self::Nth(day, nth) => weekday(date) == *day && i16::from(date.day() - 1) / 7 + 1 == *nth,
            Self::Last(day) => weekday(date) == *day && date.day() + 7 > last.day(),
        }
    }
}

/// A list, a range, a step or all.
fn set(from: i16, to: i16, most: usize) -> impl Strategy<Value = Set> {
    let all: Vec<i16> = (from..=to).collect();
    let list = subsequence(all, 1..=most).prop_map(|numbers| Set {
        text: numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        numbers: numbers.into_iter().collect(),
    });
    let longest = most as i16;
    let range = (from..=to, 0..longest).prop_map(move |(first, length)| {
        let last = (first + length).min(to);
        Set { text: format!("{first}-{last}"), numbers: (first..=last).collect() }
    });
    let step = ((to - from + 1) / longest + 1..=to - from).prop_map(move |step| Set {
        text: format!("*/{step}"),
        numbers: (from..=to).step_by(step as usize).collect(),
    });
    prop_oneof![3 => list, 2 => range, 1 => step]
}

fn whole(from: i16, to: i16) -> Set {
    Set { text: "*".to_owned(), numbers: (from..=to).collect() }
}

fn day() -> impl Strategy<Value = Option<Day>> {
    let of_month = subsequence((1..=31).collect::<Vec<i16>>(), 1..=4);
    let of_week = subsequence((0..=6).collect::<Vec<i16>>(), 1..=3);
    prop_oneof![
        3 => Just(None),
        2 => of_month.prop_map(|days| Some(Day::OfMonth(days.into_iter().collect()))),
        1 => (0_i16..=27).prop_map(|before| Some(Day::BeforeLast(before))),
        1 => (1_i16..=31).prop_map(|day| Some(Day::Nearest(day))),
        1 => Just(Some(Day::LastWeekday)),
        2 => of_week.prop_map(|days| Some(Day::OfWeek(days.into_iter().collect()))),
        1 => (0_i16..=6, 1_i16..=5).prop_map(|(day, nth)| Some(Day::Nth(day, nth))),
        1 => (0_i16..=6).prop_map(|day| Some(Day::Last(day))),
    ]
}

/// Patterns of at most a dozen times a day: so that decades of them can be counted.
pub(crate) fn sparse() -> impl Strategy<Value = Plan> {
    let month = prop_oneof![3 => Just(whole(1, 12)), 1 => set(1, 12, 4)];
    (prop_oneof![3 => Just(set_of(0)), 1 => set(0, 59, 2)], set(0, 59, 2), set(0, 23, 3), day(), month)
        .prop_map(|(second, minute, hour, day, month)| plan(second, minute, hour, day, month))
        .prop_filter("some date matches", |plan| edri_scheduler::Cron::parse(&plan.text()).is_ok())
}

/// Patterns of many times a day.
pub(crate) fn dense() -> impl Strategy<Value = Plan> {
    let second = prop_oneof![2 => Just(set_of(0)), 1 => Just(whole(0, 59)), 1 => set(0, 59, 6)];
    let minute = prop_oneof![1 => Just(whole(0, 59)), 2 => set(0, 59, 6)];
    let hour = prop_oneof![1 => Just(whole(0, 23)), 2 => set(0, 23, 12)];
    (second, minute, hour).prop_map(|(second, minute, hour)| plan(second, minute, hour, None, whole(1, 12)))
}

fn set_of(number: i16) -> Set {
    Set { text: number.to_string(), numbers: [number].into() }
}

fn plan(second: Set, minute: Set, hour: Set, day: Option<Day>, month: Set) -> Plan {
    let wildcard = [&second, &minute, &hour].iter().any(|set| set.text.starts_with('*'));
    Plan { second, minute, hour, day, month, wildcard }
}
