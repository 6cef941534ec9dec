use std::time::Duration;

use tokio::time::Instant;

/// How much of what is [retained](edri_event::Retention) a late subscriber gets before the live events.
///
/// What has left the bounds of its retention is never part of it. Times are tokio's, and those at which an event was
/// sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replay {
    /// All of it.
    All,
    /// The newest so many.
    Last(usize),
    /// What was sent at that time or after.
    Since(Instant),
    /// What is no older than that.
    Within(Duration),
}
