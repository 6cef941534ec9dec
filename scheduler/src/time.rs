//! Times as the scheduler counts them: nanoseconds in 64 bits, which last until the year 2262.

use std::time::{Duration, SystemTime};

/// Nanoseconds since 1970.
pub(crate) type Nanoseconds = i64;

/// Nanoseconds of a second.
pub(crate) const SECOND: Nanoseconds = 1_000_000_000;

/// As nanoseconds since 1970; what is out of range is its nearest end.
pub(crate) fn nanoseconds_of(time: SystemTime) -> Nanoseconds {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => nanoseconds(after),
        Err(before) => -nanoseconds(before.duration()),
    }
}

/// The other way round.
pub(crate) fn system_time(nanoseconds: Nanoseconds) -> SystemTime {
    let distance = Duration::from_nanos(nanoseconds.unsigned_abs());
    if nanoseconds < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

/// As nanoseconds; what is out of range is the greatest.
pub(crate) fn nanoseconds(duration: Duration) -> Nanoseconds {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
