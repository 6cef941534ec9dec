use std::fmt;
use std::io;
use std::ops::Range;

use super::place;

/// Why a configuration is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// The line, from 1, where there is one.
    pub line: Option<usize>,
    /// The key, with the tables it is in: `limits.frame`.
    pub key: Option<String>,
    /// What is wrong, and what was expected.
    pub reason: String,
}

/// A value that is well-formed and does not do.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) at: Range<usize>,
    pub(super) reason: String,
}

impl ConfigError {
    pub(super) fn unreadable(file: &str, error: &io::Error) -> Self {
        Self { file: file.to_owned(), line: None, key: None, reason: format!("it cannot be read: {error}") }
    }

    pub(super) fn malformed(file: &str, text: &str, error: &toml::de::Error) -> Self {
        Self::at(file, text, error.span(), error.message().to_owned())
    }

    pub(super) fn wrong(file: &str, text: &str, wrong: Wrong) -> Self {
        Self::at(file, text, Some(wrong.at), wrong.reason)
    }

    fn at(file: &str, text: &str, span: Option<Range<usize>>, reason: String) -> Self {
        let line = span.as_ref().map(|span| place::line(text, span.start));
        let key = span.and_then(|span| place::key(text, span.start));
        Self { file: file.to_owned(), line, key, reason }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        formatter.write_str(": ")?;
        if let Some(key) = &self.key {
            write!(formatter, "{key}: ")?;
        }
        formatter.write_str(&self.reason)
    }
}
