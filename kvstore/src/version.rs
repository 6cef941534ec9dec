use std::fmt;

use serde::{Deserialize, Serialize};

/// Which change of its namespace it was: each change of any key takes the next number, from 1.
///
/// The versions of one key rise, and are never used twice while the store lives; what is kept on disk goes on from the
/// last one that was recorded. A namespace that is kept in memory only begins anew with each process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// The version with that number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number behind it.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
