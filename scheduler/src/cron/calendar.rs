//! The Gregorian calendar on plain numbers: civil time is counted in seconds, as if its zone were UTC.

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// A date of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    pub(crate) year: i32,
    /// From 1.
    pub(crate) month: u8,
    /// From 1.
    pub(crate) day: u8,
}

impl Date {
    /// How many days from 1 January 1970 to it, after H. Hinnant, "chrono-compatible low-level date algorithms".
    pub(crate) const fn days(self) -> i64 {
        let year = self.year as i64 - (self.month <= 2) as i64;
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month = (self.month as i64 + 9) % 12;
        let day_of_year = (153 * month + 2) / 5 + self.day as i64 - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    /// The other way round.
    pub(crate) const fn from_days(days: i64) -> Self {
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u8;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u8;
        let year = year_of_era + era * 400 + (month <= 2) as i64;
        Self { year: year as i32, month, day }
    }

    /// From Sunday, 0, to Saturday, 6.
    pub(crate) const fn weekday(self) -> u8 {
        // 1 January 1970 was a Thursday.
        (self.days() + 4).rem_euclid(7) as u8
    }
}

/// How many days a month has.
pub(crate) const fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_agree_over_all_years_of_patterns() {
        let mut date = Date { year: 1970, month: 1, day: 1 };
        for days in 0..(230 * 366) {
            assert_eq!(date.days(), days);
            assert_eq!(Date::from_days(days), date);
            assert_eq!(i64::from(date.weekday()), (days + 4) % 7);
            date = if date.day < days_in_month(date.year, date.month) {
                Date { day: date.day + 1, ..date }
            } else if date.month < 12 {
                Date { month: date.month + 1, day: 1, ..date }
            } else {
                Date { year: date.year + 1, month: 1, day: 1 }
            };
        }
    }

    #[test]
    fn years_that_end_a_century_are_leap_years_every_fourth_time() {
        assert_eq!([2000, 2096, 2100, 2104].map(|year| days_in_month(year, 2)), [29, 29, 28, 29]);
    }
}
