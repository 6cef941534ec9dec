use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::value::{Storable, Value};
use crate::version::Version;

/// What is kept under a key, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// The change that put it there.
    pub version: Version,
    /// After how long it expires, if it does.
    pub expires_in: Option<Duration>,
}

impl Entry {
    pub(crate) fn new(value: Value, version: Version, expires_in: Option<Duration>) -> Self {
        Self { value, version, expires_in }
    }

    /// The value, as a type. See [`Value::decode`].
    ///
    /// # Errors
    /// [`TypeMismatch`](crate::Refusal::TypeMismatch), which names both types.
    pub fn decode<T: Storable>(&self) -> Result<T, StoreError> {
        self.value.decode()
    }
}

/// What is to become of the time to live of a key that is written.
///
/// Times are kept in milliseconds, rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Expiry {
    /// It does not expire, whatever was said before.
    #[default]
    Never,
    /// It expires so long after it was written.
    After(Duration),
    /// As before; a new key does not expire.
    Keep,
    /// As before; a new key expires so long after it was written. For counters that begin anew after a time.
    KeepOr(Duration),
}

/// Under which circumstances a key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OnlyIf {
    /// Always.
    #[default]
    Any,
    /// Only if there is nothing.
    Absent,
    /// Only if there is something.
    Present,
    /// Only if it is still what that change has put there.
    Version(Version),
}

impl OnlyIf {
    pub(crate) fn holds(self, current: Option<Version>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => current.is_none(),
            Self::Present => current.is_some(),
            Self::Version(version) => current == Some(version),
        }
    }
}

/// What came of a write that has a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[must_use = "it says whether anything was changed"]
pub enum Outcome {
    /// It was carried out, as that change.
    Applied(Version),
    /// It was not, because of what is there: the change that put it there, or nothing.
    Conflict(Option<Version>),
}

impl Outcome {
    /// Whether it was carried out.
    pub fn is_applied(self) -> bool {
        matches!(self, Self::Applied(_))
    }

    /// The change as which it was carried out.
    pub fn applied(self) -> Option<Version> {
        match self {
            Self::Applied(version) => Some(version),
            Self::Conflict(_) => None,
        }
    }
}
