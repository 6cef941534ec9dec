//! Patterns of time: `30 2 * * MON-FRI`.
//!
//! ```text
//! field      the fields and their bounds        error   what is wrong, and where
//! parse      from text to a pattern             reader  one field of it
//! pattern    sets of numbers: which civil moments match
//! calendar   dates on plain numbers             instants  civil moments in a zone, whatever its clock does
//! describe   in words
//! ```

pub(crate) mod calendar;
mod describe;
mod error;
mod field;
mod instants;
mod parse;
mod pattern;
mod reader;

pub use error::CronError;
pub use field::Field;

use std::fmt;
use std::iter::successors;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use self::pattern::Pattern;
use crate::time::{Nanoseconds, SECOND, nanoseconds_of, system_time};
use crate::zone::TimeZone;

/// A pattern of times, as in a crontab; clones share it.
///
/// | fields | |
/// |---|---|
/// | five | minute, hour, day of month, month, day of week |
/// | six | second, and those |
/// | seven | second, those, and year |
///
/// | field | numbers | names | also |
/// |---|---|---|---|
/// | second, minute | 0-59 | | |
/// | hour | 0-23 | | |
/// | day of month | 1-31 | | `L` the last, `L-3` the third before it, `15W` the weekday nearest to the 15th, `LW` the last weekday, `?` |
/// | month | 1-12 | `JAN`-`DEC` | |
/// | day of week | 0-7, Sunday is both | `SUN`-`SAT` | `FRI#2` the second of the month, `FRIL` the last, `?` |
/// | year | 1970-2199 | | |
///
/// Each takes `*`, lists (`1,15`), ranges (`MON-FRI`) and steps (`*/5`, `10-40/10`, `10/10` to the end). Case does not
/// matter. `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight` and `@hourly` stand for what they say.
///
/// A day matches if its day of month *or* its day of week does, where both are restricted: where neither begins with
/// `*` or is `?`. With `+` before the day of week (`0 0 13 * +FRI`) both have to.
///
/// # When clocks change
///
/// The rule is cron(8)'s, for changes of less than three hours: a pattern whose second, minute and hour do not begin
/// with `*` is a plan for the day. Where clocks skip a time of it, it is due once, at the moment after the gap; where they
/// show a time twice, it is due at the first. A pattern with `*` goes by the clock: what clocks do not show is
/// left out, and what they show twice comes twice, so that `*/10 * * * *` is due every ten minutes all the same.
/// Greater changes, as when a country crosses the date line, are followed by all patterns in that way.
///
/// ```
/// use edri_scheduler::{Cron, TimeZone};
///
/// let prague = TimeZone::named("Europe/Prague")?;
/// let nightly = Cron::parse("30 2 * * *")?.zone(&prague);
/// let noon = prague.time("2026-03-28 12:00")?;
/// let due: Vec<_> = nightly.after(noon).take(2).map(|time| prague.show(time)).collect();
/// // On 29 March clocks went from 02:00 to 03:00.
/// assert_eq!(due, ["2026-03-29 03:00:00", "2026-03-30 02:30:00"]);
/// assert_eq!(nightly.describe(), "at 02:30, Europe/Prague time");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Cron(Arc<Parts>);

struct Parts {
    text: Box<str>,
    pattern: Pattern,
    zone: Option<TimeZone>,
}

impl Cron {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is wrong, with the field and the position; or when no date ever matches, such as 31 February.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let pattern = parse::parse(text)?;
        Ok(Self(Arc::new(Parts { text: text.trim().into(), pattern, zone: None })))
    }

    /// The same by the clocks of a zone. Without one, it goes by those of the scheduler's zone, which is
    /// [the system's](TimeZone::system) unless it was told another.
    #[must_use]
    pub fn zone(&self, zone: &TimeZone) -> Self {
        let Parts { text, pattern, .. } = &*self.0;
        Self(Arc::new(Parts { text: text.clone(), pattern: pattern.clone(), zone: Some(zone.clone()) }))
    }

    /// The text of the pattern.
    pub fn pattern(&self) -> &str {
        &self.0.text
    }

    /// By whose clocks it goes, if it was told.
    pub fn time_zone(&self) -> Option<&TimeZone> {
        self.0.zone.as_ref()
    }

    /// When it is due after a moment, in order, until the end of 2199.
    pub fn after(&self, time: SystemTime) -> impl Iterator<Item = SystemTime> + use<> {
        let cron = self.clone();
        let zone = self.0.zone.clone().unwrap_or_else(TimeZone::system);
        let next = move |after: &Nanoseconds| cron.next_due(&zone, *after);
        successors(next(&nanoseconds_of(time)), next).map(system_time)
    }

    /// The next so many times at which it is due, from now.
    pub fn next_runs(&self, count: usize) -> Vec<SystemTime> {
        self.after(SystemTime::now()).take(count).collect()
    }

    /// In words: `every 5 minutes, on Monday to Friday`.
    pub fn describe(&self) -> String {
        let words = describe::describe(&self.0.pattern);
        match &self.0.zone {
            None => words,
            Some(zone) => format!("{words}, {zone} time"),
        }
    }

    /// The first time after another at which it is due, by the clocks of its own zone if it has one.
    pub(crate) fn next_due(&self, zone: &TimeZone, after: Nanoseconds) -> Option<Nanoseconds> {
        let zone = self.0.zone.as_ref().unwrap_or(zone);
        instants::next_after(&self.0.pattern, zone, after.div_euclid(SECOND))?.checked_mul(SECOND)
    }

    /// Whether it goes by the clock through a change, or by the plan.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.0.pattern.wildcard
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        Self::parse(text)
    }
}

/// The text of the pattern.
impl fmt::Display for Cron {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Cron({:?}", self.pattern())?;
        if let Some(zone) = self.time_zone() {
            write!(formatter, ", {zone}")?;
        }
        formatter.write_str(")")
    }
}

/// If they mean the same, however they are written, by the same clocks.
impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.0.pattern == other.0.pattern && self.0.zone == other.0.zone
    }
}

impl Eq for Cron {}
