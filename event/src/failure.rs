use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a handler answers when it cannot: a code for programs, a message for people.
///
/// Every [`Error`] becomes a failure with the code [`Failure::ERROR`], so that `?` works in a handler. For that
/// reason a `Failure` is not itself an `Error`; [`into_error`](Failure::into_error) makes it one.
///
/// A code is a promise that a handler makes to its callers. What came along with `?` is none, also where it could be
/// told apart, as by the kind of an [`io::Error`](std::io::Error): give those a code that callers are to know.
///
/// ```
/// use edri_event::Failure;
///
/// fn parse(text: &str) -> Result<u64, Failure> {
///     if text.is_empty() {
///         return Err(Failure::new("empty", "expected a number, got nothing"));
///     }
///     Ok(text.parse()?)
/// }
///
/// assert_eq!(parse("").unwrap_err().code(), "empty");
/// assert_eq!(parse("x").unwrap_err().to_string(), "error: invalid digit found in string");
/// ```
///
/// One word large, so that results which could hold one stay small.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Failure(Box<Parts>);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Parts {
    code: Cow<'static, str>,
    message: String,
}

impl Failure {
    /// The code of a failure made from an [`Error`].
    pub const ERROR: &'static str = "error";

    /// A failure with a code that callers may match on.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Box::new(Parts { code: code.into(), message: message.into() }))
    }

    /// For programs: short, stable, without blanks.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// For people: what was wrong and what was expected.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The same as an [`Error`], for code that wants one.
    pub fn into_error(self) -> Box<dyn Error + Send + Sync> {
        self.to_string().into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code(), self.message())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { code, message } = &*self.0;
        formatter.debug_struct("Failure").field("code", code).field("message", message).finish()
    }
}

/// The message is the error's own, followed by what caused it.
impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            let text = source.to_string();
            // Many errors already print their source; saying it twice helps nobody.
            if !message.ends_with(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = source.source();
        }
        Self::new(Self::ERROR, message)
    }
}
