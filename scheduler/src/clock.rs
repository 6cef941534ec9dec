use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::Instant;

/// What shows the time of day. The time that has passed is always that of `tokio::time`, which a test may pause.
pub trait Clock: Send + Sync + 'static {
    /// What it shows now.
    fn now(&self) -> SystemTime;
}

/// The system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// One for tests: it begins where it is told, goes on with `tokio::time`, paused or not, and may be set. Clones are
/// the same clock.
///
/// ```
/// # use std::time::Duration;
/// use edri_scheduler::{Clock as _, SimulatedClock, TimeZone};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), edri_scheduler::TimeZoneError> {
/// let clock = SimulatedClock::starting(TimeZone::UTC.time("2026-03-29 00:59")?);
/// tokio::time::advance(Duration::from_secs(60)).await;
/// assert_eq!(clock.now(), TimeZone::UTC.time("2026-03-29 01:00")?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SimulatedClock(Arc<Mutex<Setting>>);

/// What it showed when it was set last.
struct Setting {
    showed: SystemTime,
    at: Instant,
}

impl SimulatedClock {
    /// It shows that time now.
    pub fn starting(time: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Setting { showed: time, at: Instant::now() })))
    }

    /// From now on it shows that time.
    pub fn set(&self, time: SystemTime) {
        *self.0.lock() = Setting { showed: time, at: Instant::now() };
    }

    /// It is set forward.
    pub fn forward(&self, by: Duration) {
        self.set(self.now() + by);
    }

    /// It is set back.
    pub fn back(&self, by: Duration) {
        self.set(self.now() - by);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> SystemTime {
        let setting = self.0.lock();
        setting.showed + setting.at.elapsed()
    }
}

impl fmt::Debug for SimulatedClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SimulatedClock({:?})", self.now())
    }
}
