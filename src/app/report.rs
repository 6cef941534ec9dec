use std::fmt;
use std::time::Duration;

use crate::error::Error;

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it says what was left undone"]
#[non_exhaustive]
pub struct Report {
    /// How long it took.
    pub took: Duration,
    /// The managers and pools that had not done everything when the time was over, in the order in which they
    /// were stopped. Empty for an orderly end.
    pub left: Vec<Left>,
}

/// What one manager or pool had not done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Left {
    /// The manager's or pool's name.
    pub name: String,
    /// How many events or jobs were not handled to their end.
    pub events: usize,
    /// How many of a pool's workers were still at work.
    pub running: usize,
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
        write!(formatter, "shut down after {:.1?}, left:", self.took)?;
        for (index, Left { name, events, running }) in self.left.iter().enumerate() {
            let separator = if index == 0 { " " } else { "; " };
            write!(formatter, "{separator}{name}: {events} unhandled")?;
            if *running > 0 {
                write!(formatter, ", {running} still running")?;
            }
        }
        Ok(())
    }
}
