use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cron::Cron;
use crate::zone::TimeZone;

/// When a schedule is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum When {
    /// Once, when the clock shows that time.
    At(SystemTime),
    /// Once, after that time has passed, whatever the clock shows.
    After(Duration),
    /// Again and again, whatever the clock shows.
    Every(Every),
    /// Whenever the clock matches a pattern.
    Cron(CronText),
}

/// Again and again, in intervals.
///
/// The first run comes after one interval unless told otherwise.
///
/// ```
/// use std::time::Duration;
/// use edri_scheduler::Every;
///
/// // 08:00:00, 08:00:10, 08:00:20, however long each run takes.
/// let beat = Every::rate(Duration::from_secs(10)).first_after(Duration::ZERO);
/// // Ten seconds of rest between the end of one run and the next.
/// let poll = Every::delay(Duration::from_secs(10));
/// # assert_ne!(beat, poll);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Every {
    pub(crate) interval: Duration,
    pub(crate) pace: Pace,
    pub(crate) first: Option<Duration>,
}

/// From where intervals are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Pace {
    /// From due time to due time: without drift.
    Rate,
    /// From the end of a run.
    Delay,
}

impl Every {
    /// From one due time to the next: a run that is late, or long, does not move those after it.
    pub const fn rate(interval: Duration) -> Self {
        Self { interval, pace: Pace::Rate, first: None }
    }

    /// From the end of one run to the next: until its request was answered, its notification delivered.
    pub const fn delay(interval: Duration) -> Self {
        Self { interval, pace: Pace::Delay, first: None }
    }

    /// When the first run comes: at once after zero.
    #[must_use]
    pub const fn first_after(self, first: Duration) -> Self {
        Self { first: Some(first), ..self }
    }
}

/// A cron pattern that has been read, or is still to be: one that came from elsewhere, or as text, is
/// refused by the scheduler if it is wrong.
#[derive(Clone, PartialEq, Eq)]
pub struct CronText(Text);

#[derive(Clone, PartialEq, Eq)]
enum Text {
    Read(Cron),
    Unread { pattern: String, zone: Option<String> },
}

impl CronText {
    /// The pattern as text.
    pub fn pattern(&self) -> &str {
        match &self.0 {
            Text::Read(cron) => cron.pattern(),
            Text::Unread { pattern, .. } => pattern,
        }
    }

    /// The name of the zone by whose clocks it goes, if it was told.
    pub fn zone(&self) -> Option<&str> {
        match &self.0 {
            Text::Read(cron) => cron.time_zone().map(TimeZone::name),
            Text::Unread { zone, .. } => zone.as_deref(),
        }
    }

    /// The same by the clocks of the zone of that name.
    #[must_use]
    pub fn in_zone(self, zone: impl Into<String>) -> Self {
        Self(Text::Unread { pattern: self.pattern().to_owned(), zone: Some(zone.into()) })
    }

    /// Reads it.
    ///
    /// # Errors
    /// When the pattern is wrong, or there is no such zone.
    pub fn read(self) -> Result<Cron, Box<dyn std::error::Error + Send + Sync>> {
        match self.0 {
            Text::Read(cron) => Ok(cron),
            Text::Unread { pattern, zone } => {
                let cron = Cron::parse(&pattern)?;
                Ok(match zone {
                    None => cron,
                    Some(zone) => cron.zone(&TimeZone::named(&zone)?),
                })
            }
        }
    }
}

impl From<Cron> for CronText {
    fn from(cron: Cron) -> Self {
        Self(Text::Read(cron))
    }
}

impl From<&str> for CronText {
    fn from(pattern: &str) -> Self {
        Self(Text::Unread { pattern: pattern.to_owned(), zone: None })
    }
}

impl From<String> for CronText {
    fn from(pattern: String) -> Self {
        Self(Text::Unread { pattern, zone: None })
    }
}

impl fmt::Debug for CronText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.pattern())?;
        self.zone().map_or(Ok(()), |zone| write!(formatter, " in {zone}"))
    }
}

/// What travels of a pattern.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Cron")]
struct Wire<'t> {
    pattern: std::borrow::Cow<'t, str>,
    zone: Option<std::borrow::Cow<'t, str>>,
}

impl Serialize for CronText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire { pattern: self.pattern().into(), zone: self.zone().map(Into::into) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CronText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { pattern, zone } = Wire::deserialize(deserializer)?;
        Ok(Self(Text::Unread { pattern: pattern.into_owned(), zone: zone.map(Into::into) }))
    }
}

impl From<Cron> for When {
    fn from(cron: Cron) -> Self {
        Self::Cron(cron.into())
    }
}

impl From<Every> for When {
    fn from(every: Every) -> Self {
        Self::Every(every)
    }
}

/// After that time.
impl From<Duration> for When {
    fn from(delay: Duration) -> Self {
        Self::After(delay)
    }
}

/// At that time.
impl From<SystemTime> for When {
    fn from(time: SystemTime) -> Self {
        Self::At(time)
    }
}

/// In words, if a pattern can be read; as it is otherwise.
impl fmt::Display for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => write!(formatter, "once at {} UTC", TimeZone::UTC.show(*time)),
            Self::After(delay) => write!(formatter, "once after {delay:?}"),
            Self::Every(Every { interval, pace: Pace::Rate, .. }) => write!(formatter, "every {interval:?}"),
            Self::Every(Every { interval, pace: Pace::Delay, .. }) => {
                write!(formatter, "{interval:?} after the end of each run")
            }
            Self::Cron(text) => match text.clone().read() {
                Ok(cron) => formatter.write_str(&cron.describe()),
                Err(_) => write!(formatter, "{text:?}"),
            },
        }
    }
}
