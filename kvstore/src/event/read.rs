use edri_event::Request;
use serde::{Deserialize, Serialize};

use crate::entry::Entry;

/// Asks for what is kept under a key. Answered with `None` if there is nothing, or it has expired.
#[derive(Request, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[request(shareable, name = "edri::store::Get", response = Option<Entry>)]
pub struct Get {
    /// The namespace; the empty one is the default.
    pub namespace: String,
    /// The key.
    pub key: String,
}

/// Asks for several keys at once. Answered in their order. Each is read by itself: it is no picture of one moment.
#[derive(Request, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[request(shareable, name = "edri::store::GetMany", response = Vec<Option<Entry>>)]
pub struct GetMany {
    /// The namespace; the empty one is the default.
    pub namespace: String,
    /// The keys, at most [`MAX_KEYS`](Self::MAX_KEYS); their values have [`MAX_BYTES`](Self::MAX_BYTES) at most.
    pub keys: Vec<String>,
}

/// Asks for a page of keys, in order. A page is a picture of one moment; from page to page the store goes on.
#[derive(Request, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[request(shareable, name = "edri::store::Scan", response = Page)]
pub struct Scan {
    /// The namespace; the empty one is the default.
    pub namespace: String,
    /// Which keys.
    pub range: Range,
    /// Only those behind this key: the [`next`](Page::next) of the page before.
    pub after: Option<String>,
    /// How many at the most; what is beyond [`MAX_ENTRIES`](Self::MAX_ENTRIES) is taken for that. A page also ends when its
    /// keys and values have a mebibyte together.
    pub limit: u32,
}

/// A part of the keys, which are ordered by their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Range {
    /// All.
    #[default]
    All,
    /// Those that begin so.
    Prefix(String),
    /// Those from the first, included, up to the second, not included.
    Between(String, String),
    /// Those from this one on.
    From(String),
}

/// What was found by a [`Scan`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Page {
    /// Keys in order, each with what is kept under it.
    pub entries: Vec<(String, Entry)>,
    /// Where the next page begins, to be given as [`after`](Scan::after); `None` if this was the last one.
    pub next: Option<String>,
}

impl Get {
    /// In the default namespace.
    pub fn new(key: impl Into<String>) -> Self {
        Self { namespace: String::new(), key: key.into() }
    }

    /// The same in another namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }
}

impl GetMany {
    /// How many keys may be asked for at once.
    pub const MAX_KEYS: usize = 1000;

    /// How many bytes their values may have together.
    pub const MAX_BYTES: usize = 64 << 20;

    /// In the default namespace.
    pub fn new(keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { namespace: String::new(), keys: keys.into_iter().map(Into::into).collect() }
    }

    /// The same in another namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }
}

impl Scan {
    /// How many entries a page has at the most.
    pub const MAX_ENTRIES: u32 = 1000;

    /// The first page, in the default namespace.
    pub fn new(range: Range) -> Self {
        Self { namespace: String::new(), range, after: None, limit: Self::MAX_ENTRIES }
    }

    /// The same in another namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// The same with smaller pages.
    pub fn limit(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    /// A page behind that key.
    pub fn after(self, key: impl Into<String>) -> Self {
        Self { after: Some(key.into()), ..self }
    }
}

impl Range {
    /// Those that begin so.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self::Prefix(prefix.into())
    }

    /// Those from `first`, included, up to `end`, not included.
    pub fn between(first: impl Into<String>, end: impl Into<String>) -> Self {
        Self::Between(first.into(), end.into())
    }

    /// Whether a key is one of them.
    pub fn contains(&self, key: &str) -> bool {
        key >= self.first() && !self.is_before(key)
    }

    /// No key of the range is before it.
    pub(crate) fn first(&self) -> &str {
        match self {
            Self::All => "",
            Self::Prefix(first) | Self::Between(first, _) | Self::From(first) => first,
        }
    }

    /// Whether the range has ended before a key that is not before its first.
    pub(crate) fn is_before(&self, key: &str) -> bool {
        match self {
            Self::All | Self::From(_) => false,
            Self::Prefix(prefix) => !key.starts_with(&**prefix),
            Self::Between(_, end) => key >= &**end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_what_it_says() {
        assert!(Range::All.contains("") && Range::All.contains("z"));
        let prefix = Range::prefix("b");
        assert!(
            prefix.contains("b") && prefix.contains("bz") && !prefix.contains("c") && !prefix.contains("a")
        );
        let between = Range::between("b", "d");
        assert!(
            between.contains("b")
                && between.contains("cz")
                && !between.contains("d")
                && !between.contains("a")
        );
        assert!(Range::From("b".into()).contains("z") && !Range::From("b".into()).contains("a"));
        assert!(!Range::between("d", "b").contains("c"), "an empty one");
    }
}
