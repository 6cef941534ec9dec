use std::sync::atomic::{AtomicU64, Ordering};

use edri_event::Key;

/// What is behind a border, taken as a whole: a network, or a child process. What comes from behind it is known to all
/// who are behind it.
///
/// # The rule
/// What came over a horizon never goes back over it, by whichever border; it goes on over the others. In the same way
/// those who consume an event behind one horizon are told of behind all others, and never behind their own. So all
/// routers of a horizon have to reach each other without this one, or they do not hear of each other.
///
/// A router that is between two horizons passes on what comes. Should there be several ways from one router to another,
/// each event is taken from one of them: the way by which the first from that router came, for as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Horizon(u64);

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Set in those that have a name.
const NAMED: u64 = 1 << 63;

impl Horizon {
    /// One that is like no other in this process.
    pub fn new() -> Self {
        Self(NEXT.fetch_add(1, Ordering::Relaxed) & !NAMED)
    }

    /// The network of that name: the same for the same name.
    pub fn named(network: &str) -> Self {
        Self(Key::of(network).get() | NAMED)
    }
}

impl Default for Horizon {
    fn default() -> Self {
        Self::new()
    }
}
