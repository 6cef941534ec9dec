use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::{nanoseconds_of, system_time};

/// A time zone of the IANA database, such as `Europe/Prague`.
///
/// Its rules come from the system's database (`/usr/share/zoneinfo`), or from the copy in the program where there is
/// none.
///
/// ```
/// use edri_scheduler::TimeZone;
///
/// let prague = TimeZone::named("Europe/Prague")?;
/// assert_eq!(prague.time("2026-12-24 18:00")?, TimeZone::UTC.time("2026-12-24 17:00")?);
/// # Ok::<(), edri_scheduler::TimeZoneError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TimeZone(jiff::tz::TimeZone);

/// A time zone, or a time of day in one, that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeZoneError {
    /// No zone has that name.
    #[error(
        "there is no time zone {name:?}; a name of the IANA database is expected, such as Europe/Prague, or local"
    )]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// The text is no date and time.
    #[error(
        "{text:?} is no date and time; one such as 2026-12-24 18:00 or 2026-12-24T18:00:30.5 is expected"
    )]
    Time {
        /// The text that was given.
        text: String,
    },
    /// It is no time that the scheduler can count.
    #[error("{text:?} is not within 1970 to 2261")]
    Range {
        /// The text that was given.
        text: String,
    },
}

/// What the clock of a zone does at a moment: from there on it has another offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Seconds since 1970, UTC.
    pub(crate) at: i64,
    /// How far it is ahead of UTC, in seconds, until then.
    pub(crate) before: i64,
    /// The same from then on.
    pub(crate) after: i64,
}

/// What stands for [`TimeZone::system`].
const LOCAL: &str = "local";

impl TimeZone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(jiff::tz::TimeZone::UTC);

    /// The zone of that name, whatever its case; `local` is [the system's](Self::system).
    ///
    /// # Errors
    /// [`TimeZoneError::Unknown`].
    pub fn named(name: &str) -> Result<Self, TimeZoneError> {
        if name == LOCAL {
            return Ok(Self::system());
        }
        // jiff understands POSIX rules, too, and would take a path apart: names are what is promised.
        let zone = jiff::tz::TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some());
        zone.map(Self).ok_or_else(|| TimeZoneError::Unknown { name: name.to_owned() })
    }

    /// The system's zone, by `TZ` or `/etc/localtime`; UTC if neither says.
    pub fn system() -> Self {
        jiff::tz::TimeZone::try_system().map_or(Self::UTC, Self)
    }

    /// Its name: `Europe/Prague`; `local` for a zone of the system that does not say its own.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or(LOCAL)
    }

    /// The moment at which clocks in it show a date and time: `2026-12-24 18:00`, with seconds and their fractions if
    /// need be.
    ///
    /// What they show twice, because they are set back, is the first of both. What they never show, because they
    /// are set forward, is so long after the moment at which they are: 02:30 is 03:30 where 02:00 is followed by 03:00.
    ///
    /// # Errors
    /// [`TimeZoneError::Time`] and [`TimeZoneError::Range`].
    pub fn time(&self, text: &str) -> Result<SystemTime, TimeZoneError> {
        let civil: DateTime =
            text.trim().parse().map_err(|_| TimeZoneError::Time { text: text.to_owned() })?;
        let zoned = self.0.to_ambiguous_zoned(civil).compatible();
        let time = zoned.ok().map(|zoned| zoned.timestamp().as_nanosecond());
        time.filter(|&time| time >= 0)
            .and_then(|time| i64::try_from(time).ok())
            .map(system_time)
            .ok_or_else(|| TimeZoneError::Range { text: text.to_owned() })
    }

    /// What clocks in it show at a moment, to the second: `2026-12-24 18:00:00`.
    pub fn show(&self, time: SystemTime) -> String {
        let seconds = nanoseconds_of(time).div_euclid(1_000_000_000);
        self.0.to_datetime(timestamp(seconds)).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// How far it is ahead of UTC, in seconds, at a moment in seconds since 1970.
    pub(crate) fn offset(&self, at: i64) -> i64 {
        self.0.to_offset(timestamp(at)).seconds().into()
    }

    /// The first change after a moment.
    pub(crate) fn next_change(&self, at: i64) -> Option<Change> {
        let mut before = self.offset(at);
        for change in self.0.following(timestamp(at)) {
            let (at, after) = (change.timestamp().as_second(), change.offset().seconds().into());
            // Where only the name changes, clocks go on.
            if after != before {
                return Some(Change { at, before, after });
            }
            before = after;
        }
        None
    }

    /// The last change at a moment or before.
    pub(crate) fn last_change(&self, at: i64) -> Option<Change> {
        for change in self.0.preceding(timestamp(at + 1)) {
            let (at, after) = (change.timestamp().as_second(), change.offset().seconds().into());
            let before = self.offset(at - 1);
            if after != before {
                return Some(Change { at, before, after });
            }
        }
        None
    }
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

impl FromStr for TimeZone {
    type Err = TimeZoneError;

    fn from_str(name: &str) -> Result<Self, TimeZoneError> {
        Self::named(name)
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TimeZone({self})")
    }
}

/// As its name.
impl Serialize for TimeZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.name().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::named(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_database() {
        assert_eq!(TimeZone::named("europe/prague").unwrap().name(), "Europe/Prague");
        for unknown in ["Europe/Praha", "", "../passwd", "CET-1CEST,M3.5.0,M10.5.0/3"] {
            let error = TimeZone::named(unknown).unwrap_err();
            assert_eq!(error, TimeZoneError::Unknown { name: unknown.to_owned() });
        }
        assert_eq!(TimeZone::named("local").unwrap(), TimeZone::system());
    }

    #[test]
    fn a_time_that_clocks_show_twice_is_the_first_and_one_they_skip_is_later() {
        let prague = TimeZone::named("Europe/Prague").unwrap();
        let utc = |text| TimeZone::UTC.time(text).unwrap();
        assert_eq!(prague.time("2026-10-25 02:30").unwrap(), utc("2026-10-25 00:30"));
        assert_eq!(prague.time("2026-03-29T02:30:15").unwrap(), utc("2026-03-29 01:30:15"));
        assert_eq!(prague.show(utc("2026-03-29 01:30:15")), "2026-03-29 03:30:15");
    }

    #[test]
    fn what_is_no_time_is_told() {
        assert!(matches!(TimeZone::UTC.time("noon"), Err(TimeZoneError::Time { .. })));
        assert!(matches!(TimeZone::UTC.time("2026-02-30 00:00"), Err(TimeZoneError::Time { .. })));
        assert!(matches!(TimeZone::UTC.time("1969-12-31 23:00"), Err(TimeZoneError::Range { .. })));
        assert!(matches!(TimeZone::UTC.time("2300-01-01 00:00"), Err(TimeZoneError::Range { .. })));
    }

    #[test]
    fn changes_are_found_in_both_directions() {
        let prague = TimeZone::named("Europe/Prague").unwrap();
        let summer = 1_774_746_000; // 2026-03-29 01:00 UTC
        let change = Change { at: summer, before: 3_600, after: 7_200 };
        assert_eq!(prague.next_change(summer - 1), Some(change));
        assert_eq!(prague.last_change(summer), Some(change));
        assert_eq!(prague.last_change(summer - 1).map(|change| change.after), Some(3_600));
        assert_ne!(prague.next_change(summer), Some(change));
        assert_eq!(TimeZone::UTC.next_change(summer), None);
    }
}
