use std::time::Duration;

use edri_event::Request;
use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Expiry, OnlyIf, Outcome};
use crate::error::StoreError;
use crate::value::{Storable, Value};
use crate::version::Version;

/// Puts a value under a key, in place of what is there.
#[derive(Request, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[request(shareable, name = "edri::store::Set", response = Outcome)]
pub struct Set {
    /// The namespace; the empty one is the default.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
    /// For how long.
    pub expiry: Expiry,
    /// Under which circumstances.
    pub only_if: OnlyIf,
}

/// Removes a key. Where there is none, the answer is a conflict with nothing.
#[derive(Request, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[request(shareable, name = "edri::store::Delete", response = Outcome)]
pub struct Delete {
    /// The namespace; the empty one is the default.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// Under which circumstances.
    pub only_if: OnlyIf,
}

/// Replaces a value by another, if it is still the one that is expected; `None` stands for no value.
#[derive(Request, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[request(shareable, name = "edri::store::CompareAndSwap", response = Swapped)]
pub struct CompareAndSwap {
    /// The namespace; the empty one is the default.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// What has to be there: the same bytes, of the same type.
    pub expected: Option<Value>,
    /// What is to be there.
    pub new: Option<Value>,
    /// For how long.
    pub expiry: Expiry,
}

/// What came of a [`CompareAndSwap`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "it says whether anything was changed"]
pub enum Swapped {
    /// It was carried out, as that change. (Where nothing was to be replaced by nothing, it is the newest change of the
    /// namespace.)
    Applied(Version),
    /// Something else is there.
    Differs(Option<Entry>),
}

/// Adds to the integer under a key; where there is none it begins at 0.
#[derive(Request, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[request(shareable, name = "edri::store::Increment", response = Incremented)]
pub struct Increment {
    /// The namespace; the empty one is the default.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// How much; may be negative.
    pub by: i64,
    /// For how long.
    pub expiry: Expiry,
}

/// What came of an [`Increment`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Incremented {
    /// The sum.
    pub value: i64,
    /// The change that put it there.
    pub version: Version,
}

/// Changes for how long a key is kept, and nothing else: it is no new version, and watchers are not told.
#[derive(Request, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[request(shareable, name = "edri::store::Touch", response = Option<Version>)]
pub struct Touch {
    /// The namespace; the empty one is the default.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// For how long from now on.
    pub expiry: Expiry,
}

/// Removes all keys that begin so; answered with how many there were. A key that is set meanwhile is removed or stays.
#[derive(Request, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[request(shareable, name = "edri::store::Clear", response = u64)]
pub struct Clear {
    /// The namespace; the empty one is the default.
    pub namespace: String,
    /// How the keys begin; all do with nothing.
    pub prefix: String,
}

impl Set {
    /// A value of a type, in the default namespace, for ever.
    ///
    /// # Errors
    /// When serde cannot write it.
    pub fn new<T: Storable>(key: impl Into<String>, value: &T) -> Result<Self, StoreError> {
        Ok(Self::value(key, Value::of(value)?))
    }

    /// A value as it is, in the default namespace, for ever.
    pub fn value(key: impl Into<String>, value: Value) -> Self {
        let (expiry, only_if) = (Expiry::Never, OnlyIf::Any);
        Self { namespace: String::new(), key: key.into(), value, expiry, only_if }
    }

    /// The same in another namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// The same, and it expires after that time.
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { expiry: Expiry::After(ttl), ..self }
    }

    /// The same under a condition.
    pub fn only_if(self, only_if: OnlyIf) -> Self {
        Self { only_if, ..self }
    }
}

impl Delete {
    /// In the default namespace.
    pub fn new(key: impl Into<String>) -> Self {
        Self { namespace: String::new(), key: key.into(), only_if: OnlyIf::Any }
    }

    /// The same in another namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// The same under a condition.
    pub fn only_if(self, only_if: OnlyIf) -> Self {
        Self { only_if, ..self }
    }
}

impl CompareAndSwap {
    /// In the default namespace; the time to live stays as it is.
    pub fn new(key: impl Into<String>, expected: Option<Value>, new: Option<Value>) -> Self {
        Self { namespace: String::new(), key: key.into(), expected, new, expiry: Expiry::Keep }
    }

    /// The same in another namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// The same with a time to live.
    pub fn expiry(self, expiry: Expiry) -> Self {
        Self { expiry, ..self }
    }
}

impl Increment {
    /// In the default namespace; the time to live stays as it is.
    pub fn new(key: impl Into<String>, by: i64) -> Self {
        Self { namespace: String::new(), key: key.into(), by, expiry: Expiry::Keep }
    }

    /// The same in another namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// The same with a time to live.
    pub fn expiry(self, expiry: Expiry) -> Self {
        Self { expiry, ..self }
    }
}

impl Touch {
    /// In the default namespace.
    pub fn new(key: impl Into<String>, expiry: Expiry) -> Self {
        Self { namespace: String::new(), key: key.into(), expiry }
    }

    /// The same in another namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }
}

impl Clear {
    /// In the default namespace.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { namespace: String::new(), prefix: prefix.into() }
    }

    /// The same in another namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }
}
