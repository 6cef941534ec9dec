use std::fmt;

use super::Field;

/// A cron pattern that is refused, with the place in it and what was expected there.
///
/// ```
/// use edri_scheduler::{Cron, Field};
///
/// let error = Cron::parse("0 25 * * *").unwrap_err();
/// assert_eq!(error.field(), Some(Field::Hour));
/// assert_eq!(error.position(), 3);
/// assert_eq!(
///     error.to_string(),
///     r#"the pattern "0 25 * * *" is refused at column 3, hour: 25 is not within 0-23"#,
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CronError(Box<Fault>);

#[derive(Clone, PartialEq, Eq)]
struct Fault {
    pattern: String,
    field: Option<Field>,
    position: usize,
    reason: String,
}

impl CronError {
    pub(super) fn new(
        pattern: &str,
        field: Option<Field>,
        position: usize,
        reason: impl Into<String>,
    ) -> Self {
        Self(Box::new(Fault { pattern: pattern.to_owned(), field, position, reason: reason.into() }))
    }

    /// The pattern as it was given.
    pub fn pattern(&self) -> &str {
        &self.0.pattern
    }

    /// The field that is wrong; `None` where it is the number of fields, or a nickname.
    pub fn field(&self) -> Option<Field> {
        self.0.field
    }

    /// At which character of the pattern, counted from 1.
    pub fn position(&self) -> usize {
        self.0.position
    }

    /// What is wrong there, and what was expected.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }
}

impl fmt::Display for CronError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { pattern, field, position, reason } = &*self.0;
        write!(formatter, "the pattern {pattern:?} is refused at column {position}")?;
        if let Some(field) = field {
            write!(formatter, ", {field}")?;
        }
        write!(formatter, ": {reason}")
    }
}

impl fmt::Debug for CronError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for CronError {}
