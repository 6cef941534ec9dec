use std::sync::Arc;
use std::time::Duration;

use super::report::HealthReport;
use crate::sync::Mutex;

/// What a router keeps of its checks.
pub(crate) struct Checks {
    pub(super) last: Mutex<Option<Arc<HealthReport>>>,
    period: Mutex<Duration>,
}

/// How often health is asked for unless it is told otherwise.
pub(super) const PERIOD: Duration = Duration::from_secs(10);

impl Checks {
    pub(super) fn period(&self) -> Duration {
        *self.period.lock()
    }

    pub(super) fn set_period(&self, period: Duration) {
        *self.period.lock() = period;
    }
}

impl Default for Checks {
    fn default() -> Self {
        Self { last: Mutex::default(), period: Mutex::new(PERIOD) }
    }
}
