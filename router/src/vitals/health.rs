use std::collections::BTreeMap;
use std::fmt;

use edri_event::Failure;
use serde::{Deserialize, Serialize};

/// How a manager is, as it says itself.
///
/// ```
/// use edri_router::Health;
///
/// fn health(connected: bool, pending: u64) -> Health {
///     if !connected {
///         return Health::degraded("no connection to the bank").not_ready();
///     }
///     Health::ok().with("pending", pending)
/// }
/// # assert!(!health(false, 0).ready);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Health {
    /// How well it does its work.
    pub status: Status,
    /// Whether work should be given to it. That it is running is not asked here.
    pub ready: bool,
    /// Why it is not well.
    pub reason: Option<String>,
    /// What else it wants to be known by.
    pub values: BTreeMap<String, Value>,
}

/// How well a part does its work; the later, the worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Well.
    #[default]
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    /// It does part of its work.
    Degraded,
    /// It does not.
    Failed,
}

/// One of a part's own values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// Another.
    Number(f64),
    /// A word.
    Text(String),
}

impl Health {
    /// Well, and ready.
    pub fn ok() -> Self {
        Self { ready: true, ..Self::default() }
    }

    /// Ready, though somebody should know why.
    pub fn warning(reason: impl Into<String>) -> Self {
        Self { status: Status::Warning, reason: Some(reason.into()), ..Self::ok() }
    }

    /// Ready for part of its work.
    pub fn degraded(reason: impl Into<String>) -> Self {
        Self { status: Status::Degraded, reason: Some(reason.into()), ..Self::ok() }
    }

    /// Not working and not ready.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self { status: Status::Failed, reason: Some(reason.into()), ..Self::default() }
    }

    /// The same, and no work should be given to it.
    pub fn not_ready(self) -> Self {
        Self { ready: false, ..self }
    }

    /// The same with a value of its own beside it.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.values.insert(name.into(), value.into());
        self
    }
}

impl<E: Into<Failure>> From<Result<(), E>> for Health {
    /// Ok, or failed with what went wrong.
    fn from(outcome: Result<(), E>) -> Self {
        match outcome {
            Ok(()) => Self::ok(),
            Err(error) => Self::failed(error.into().to_string()),
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u64> for Value {
    /// What is beyond `i64` is told as the largest of these.
    fn from(value: u64) -> Self {
        Self::Integer(value.try_into().unwrap_or(i64::MAX))
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(formatter),
            Self::Number(value) => value.fmt(formatter),
            Self::Text(value) => value.fmt(formatter),
        }
    }
}
