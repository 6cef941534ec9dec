use edri_event::Tunnel;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::value::Value;
use crate::version::Version;

/// Opens a tunnel out of which the changes of a key, or of all keys with a prefix, come until it is closed.
///
/// Its opener receives, and has nothing to send. Before any change comes [`Watched::Live`]: the watcher is there from then on.
/// It is removed by dropping or finishing its end.
#[derive(Tunnel, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[tunnel(shareable, name = "edri::store::Watch", send = (), receive = Watched)]
pub struct Watch {
    /// The namespace; the empty one is the default.
    pub namespace: String,
    /// What is watched.
    pub target: Target,
    /// Which changes are told: those after which the condition holds.
    pub condition: Condition,
    /// With what it begins.
    pub begin: Begin,
    /// How many changes may wait for the watcher, from 1 to [`MAX_BUFFER`](Self::MAX_BUFFER); if there are more, it has
    /// lagged. What is in the tunnel comes on top.
    pub buffer: u32,
}

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    /// This key.
    Key(String),
    /// All keys that begin so.
    Prefix(String),
}

/// With what a watcher begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Begin {
    /// With the next change.
    #[default]
    Changes,
    /// With what is there, without a gap or an overlap to the changes after it; and again after it has lagged.
    Current,
}

/// What a watcher is told, with values of the type `V`.
///
/// The versions of one key rise. Changes of different keys may come in another order than that of their versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Watched<V = Value> {
    /// It is there, and was before.
    Current {
        /// The key.
        key: String,
        /// The change that put it there.
        version: Version,
        /// The value.
        value: V,
    },
    /// All that is there has been told, if that was asked for; what follows are changes.
    Live,
    /// It was set.
    Set {
        /// The key.
        key: String,
        /// This change.
        version: Version,
        /// The value.
        value: V,
    },
    /// It was deleted, or cleared.
    Deleted {
        /// The key.
        key: String,
        /// This change.
        version: Version,
    },
    /// Its time was over.
    Expired {
        /// The key.
        key: String,
        /// This change.
        version: Version,
    },
    /// It had to make room.
    Evicted {
        /// The key.
        key: String,
        /// This change.
        version: Version,
    },
    /// The watcher was too slow: changes have not been told. Those that follow are newer.
    Lagged {
        /// The first of them.
        from: Version,
        /// How many they were.
        missed: u64,
    },
}

impl Watch {
    /// How many changes may wait unless told otherwise.
    pub const BUFFER: u32 = 1024;

    /// The largest buffer.
    pub const MAX_BUFFER: u32 = 1 << 20;

    /// The changes of a key, in the default namespace.
    pub fn key(key: impl Into<String>) -> Self {
        Self::target(Target::Key(key.into()))
    }

    /// The changes of all keys that begin so, in the default namespace.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self::target(Target::Prefix(prefix.into()))
    }

    /// The changes of that, in the default namespace.
    pub fn target(target: Target) -> Self {
        let (condition, begin) = (Condition::always(), Begin::Changes);
        Self { namespace: String::new(), target, condition, begin, buffer: Self::BUFFER }
    }

    /// The same in another namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// Only changes after which that holds.
    pub fn when(self, condition: Condition) -> Self {
        Self { condition, ..self }
    }

    /// What is there comes first.
    pub fn with_current(self) -> Self {
        Self { begin: Begin::Current, ..self }
    }

    /// With room for so many changes that have not been received.
    pub fn buffer(self, changes: u32) -> Self {
        Self { buffer: changes, ..self }
    }
}

impl<V> Watched<V> {
    /// The key that it is about, if it is about one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Current { key, .. }
            | Self::Set { key, .. }
            | Self::Deleted { key, .. }
            | Self::Expired { key, .. }
            | Self::Evicted { key, .. } => Some(key),
            Self::Live | Self::Lagged { .. } => None,
        }
    }

    /// The version that it tells, if it tells one.
    pub fn version(&self) -> Option<Version> {
        match self {
            Self::Current { version, .. }
            | Self::Set { version, .. }
            | Self::Deleted { version, .. }
            | Self::Expired { version, .. }
            | Self::Evicted { version, .. }
            | Self::Lagged { from: version, .. } => Some(*version),
            Self::Live => None,
        }
    }

    /// The value, if it is there after that.
    pub fn value(&self) -> Option<&V> {
        match self {
            Self::Current { value, .. } | Self::Set { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The same with the value read as something else.
    pub(crate) fn try_map<W, E>(self, read: impl FnOnce(V) -> Result<W, E>) -> Result<Watched<W>, E> {
        Ok(match self {
            Self::Current { key, version, value } => Watched::Current { key, version, value: read(value)? },
            Self::Set { key, version, value } => Watched::Set { key, version, value: read(value)? },
            Self::Live => Watched::Live,
            Self::Deleted { key, version } => Watched::Deleted { key, version },
            Self::Expired { key, version } => Watched::Expired { key, version },
            Self::Evicted { key, version } => Watched::Evicted { key, version },
            Self::Lagged { from, missed } => Watched::Lagged { from, missed },
        })
    }
}
