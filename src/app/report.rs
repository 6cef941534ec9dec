use std::fmt;
use std::time::Duration;

use edri_router::PartKind;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// How a program ended: as data, and as text with a line for each part that had something left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "it says what was left undone"]
#[non_exhaustive]
pub struct Report {
    /// How long it took; in seconds where it is serialized.
    #[serde(with = "seconds")]
    pub took: Duration,
    /// The managers and pools that had not done everything when the time was over, in the order in which they
    /// were stopped. Empty for an orderly end.
    pub left: Vec<Left>,
}

/// What one manager or pool had not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Left {
    /// The manager's or pool's name.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// How many events or jobs were not handled to their end.
    pub events: usize,
    /// How many of a pool's workers were still at work.
    pub running: usize,
    /// The name of the event or job it was on, if that is known.
    pub on: Option<String>,
}

impl Report {
    /// Whether everything was done in time.
    pub fn is_clean(&self) -> bool {
        self.left.is_empty()
    }

    /// For a `main` that ends with it.
    ///
    /// # Errors
    /// [`Error::Unfinished`] if something was left.
    pub fn into_result(self) -> Result<(), Error> {
        if self.is_clean() { Ok(()) } else { Err(Error::Unfinished(self)) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return write!(formatter, "shut down in {:.1?}, nothing left", self.took);
        }
        let width = self.left.iter().map(|left| left.name.chars().count()).fold("part".len(), usize::max);
        write!(formatter, "shut down after {:.1?}, left:", self.took)?;
        write!(formatter, "\n  {:<width$}  {:<7}  {:>6}  {:>7}  on", "part", "kind", "events", "running")?;
        for Left { name, kind, events, running, on } in &self.left {
            let on = on.as_deref().unwrap_or("-");
            write!(formatter, "\n  {name:<width$}  {kind:<7}  {events:>6}  {running:>7}  {on}")?;
        }
        Ok(())
    }
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds).map_err(de::Error::custom)
    }
}
