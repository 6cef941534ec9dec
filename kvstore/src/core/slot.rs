use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use edri_event::Fingerprint;

use super::clock::Deadline;
use crate::settings::Bounds;
use crate::version::Version;

/// A value as it is kept: the name of its type is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// `None` for plain bytes.
    pub(crate) kind: Option<Fingerprint>,
    pub(crate) bytes: Arc<[u8]>,
}

/// One key and what is kept under it. What every read needs stands together, in front.
#[repr(C)]
pub(crate) struct Slot {
    pub(crate) key: Arc<str>,
    pub(crate) content: Content,
    pub(crate) deadline: Deadline,
    pub(crate) version: Version,
    /// For which time it stands among the deadlines, if it does: that of its deadline, or one before.
    pub(super) scheduled: Deadline,
    /// When it was used last; see [`Stamp`].
    used: AtomicU64,
    /// Under which stamp it stands among those who might make room.
    pub(super) linked: u64,
}

/// When a key was used, in changes of its namespace: twice the version for a change, and one more for reads after it.
#[derive(Clone, Copy)]
pub(crate) struct Stamp(pub(super) u64);

impl Stamp {
    pub(super) fn written(version: Version) -> Self {
        Self(version.get() * 2)
    }

    #[inline]
    pub(super) fn read_after(version: u64) -> Self {
        Self(version * 2 + 1)
    }
}

impl Slot {
    pub(super) fn new(key: Arc<str>, content: Content, version: Version, deadline: Deadline) -> Self {
        let stamp = Stamp::written(version).0;
        Self {
            key,
            content,
            version,
            deadline,
            scheduled: Deadline::NEVER,
            used: AtomicU64::new(stamp),
            linked: stamp,
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Written only if it is news: others may be reading the same line.
    #[inline]
    pub(super) fn mark_used(&self, stamp: Stamp) {
        if self.used.load(Ordering::Relaxed) != stamp.0 {
            self.used.store(stamp.0, Ordering::Relaxed);
        }
    }
}

/// For how many bytes an entry counts.
pub(super) fn size(key: &str, bytes: &[u8]) -> usize {
    Bounds::ENTRY_BYTES + key.len() + bytes.len()
}
