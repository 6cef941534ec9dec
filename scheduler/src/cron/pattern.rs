use super::calendar::{DAY, Date, days_in_month};
use super::field::{FIRST_YEAR, LAST_YEAR};

/// What a pattern means: sets of numbers, as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u32,
    pub(super) days: Days,
    /// Bit 1 is January.
    pub(super) months: u16,
    /// `None` for all of them.
    pub(super) years: Option<Box<Years>>,
    /// Whether one of seconds, minutes and hours begins with `*`: such a pattern goes by the clock through a change
    /// of its offset, others by the plan.
    pub(super) wildcard: bool,
}

/// Which days of a month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Days {
    /// Bit 1 is the first.
    pub(super) of_month: u32,
    /// `15W`: the weekday, Monday to Friday, nearest to that day, within the month.
    pub(super) nearest: u32,
    /// `L-3`: so many days before the last; bit 0 is the last day itself.
    pub(super) before_last: u32,
    /// `LW`: the last weekday, Monday to Friday.
    pub(super) last_weekday: bool,
    /// Bit 0 is Sunday.
    pub(super) of_week: u8,
    /// `FRI#2`: bits as above, for the first to the fifth of the month.
    pub(super) nth: [u8; 5],
    /// `FRIL`: the last of the month.
    pub(super) last: u8,
    /// Whether a day of the month *or* of the week is enough.
    pub(super) either: bool,
}

/// The years of a pattern, the first one in the lowest bit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Years([u64; 4]);

impl Years {
    pub(super) fn insert(&mut self, year: u16) {
        let index = usize::from(year - FIRST_YEAR);
        self.0[index / 64] |= 1 << (index % 64);
    }

    pub(super) fn contains(&self, year: i32) -> bool {
        let index = usize::try_from(year - i32::from(FIRST_YEAR)).unwrap_or(usize::MAX);
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (FIRST_YEAR..=LAST_YEAR).filter(|&year| self.contains(year.into()))
    }
}

/// The numbers in a set.
pub(super) fn numbers(bits: u64) -> impl Iterator<Item = u8> + Clone {
    (0..64).filter(move |number| bits >> number & 1 == 1)
}

/// The least number in a set that is `from` at least.
fn least(bits: u64, from: u32) -> Option<u32> {
    let rest = bits & u64::MAX.checked_shl(from)?;
    (rest != 0).then(|| rest.trailing_zeros())
}

impl Days {
    /// Those of one month, as bits; the first in bit 1.
    fn of(&self, year: i32, month: u8) -> u32 {
        let length = days_in_month(year, month);
        let first = Date { year, month, day: 1 }.weekday();
        let within = u32::MAX >> (31 - length) & !1;
        let by_date = self.by_date(length, first) & within;
        let by_week = self.by_week(length, first) & within;
        if self.either { by_date | by_week } else { by_date & by_week }
    }

    fn by_date(&self, length: u8, first: u8) -> u32 {
        let weekday = |day: u8| (first + day - 1) % 7;
        let mut days = self.of_month;
        for before in numbers(self.before_last.into()).filter(|&before| before < length) {
            days |= 1 << (length - before);
        }
        for day in numbers(self.nearest.into()).filter(|&day| day <= length) {
            days |= 1
                << match weekday(day) {
                    6 if day > 1 => day - 1,
                    6 => day + 2,
                    0 if day < length => day + 1,
                    0 => day - 2,
                    _ => day,
                };
        }
        if self.last_weekday {
            days |= 1
                << match weekday(length) {
                    6 => length - 1,
                    0 => length - 2,
                    _ => length,
                };
        }
        days
    }

    fn by_week(&self, length: u8, first: u8) -> u32 {
        let mut days = 0;
        for day in 1..=length {
            let weekday = (first + day - 1) % 7;
            let last = if day + 7 > length { self.last } else { 0 };
            let wanted = self.of_week | self.nth[usize::from((day - 1) / 7)] | last;
            days |= u32::from(wanted >> weekday & 1) << day;
        }
        days
    }
}

impl Pattern {
    /// The first moment of civil time that matches, `from` at the earliest; `None` if there is none until the end of
    /// [`LAST_YEAR`].
    pub(super) fn next(&self, from: i64) -> Option<i64> {
        let (days, second) = (from.div_euclid(DAY), from.rem_euclid(DAY));
        let date = self.next_date(Date::from_days(days))?.days();
        if date == days
            && let Some(second) = self.next_time(second as u32)
        {
            return Some(date * DAY + i64::from(second));
        }
        let date = if date == days { self.next_date(Date::from_days(days + 1))?.days() } else { date };
        Some(date * DAY + i64::from(self.next_time(0)?))
    }

    /// The first date that matches, `from` at the earliest.
    pub(super) fn next_date(&self, from: Date) -> Option<Date> {
        let mut from = from.max(Date { year: FIRST_YEAR.into(), month: 1, day: 1 });
        while from.year <= LAST_YEAR.into() {
            if self.years.as_ref().is_none_or(|years| years.contains(from.year)) {
                for month in from.month..=12 {
                    if self.months >> month & 1 == 0 {
                        continue;
                    }
                    let first = if month == from.month { from.day } else { 1 };
                    if let Some(day) = least(self.days.of(from.year, month).into(), first.into()) {
                        return Some(Date { year: from.year, month, day: day as u8 });
                    }
                }
            }
            from = Date { year: from.year + 1, month: 1, day: 1 };
        }
        None
    }

    /// The first second of a day that matches, `from` at the earliest.
    fn next_time(&self, from: u32) -> Option<u32> {
        let (hour, minute, second) = (from / 3600, from / 60 % 60, from % 60);
        let hours = u64::from(self.hours);
        let start_of = |hour: u32| {
            Some(hour * 3600 + self.minutes.trailing_zeros() * 60 + self.seconds.trailing_zeros())
        };
        if least(hours, hour) != Some(hour) {
            return start_of(least(hours, hour)?);
        }
        if least(self.minutes, minute) == Some(minute)
            && let Some(second) = least(self.seconds, second)
        {
            return Some(hour * 3600 + minute * 60 + second);
        }
        if let Some(minute) = least(self.minutes, minute + 1) {
            return Some(hour * 3600 + minute * 60 + self.seconds.trailing_zeros());
        }
        start_of(least(hours, hour + 1)?)
    }
}
