use std::sync::Arc;
use std::time::Duration;

use super::clock::Moment;
use super::report::HealthReport;
use crate::sync::Mutex;

/// What a router keeps of its checks.
pub(crate) struct Checks {
    pub(super) last: Mutex<Option<Arc<HealthReport>>>,
    period: Mutex<Duration>,
    /// When the last snapshot was taken, and the processor time used until then.
    pictured: Mutex<Option<(Moment, Duration)>>,
}

/// How often health is asked for unless it is told otherwise.
pub(super) const PERIOD: Duration = Duration::from_secs(10);

impl Checks {
    pub(super) fn period(&self) -> Duration {
        *self.period.lock()
    }

    /// How many processors have been busy since the last call, of a process that has used so much of their time.
    pub(crate) fn busy_processors(&self, used: Duration) -> Option<f64> {
        let now = (Moment::now(), used);
        busy(self.pictured.lock().replace(now), now)
    }

    pub(super) fn set_period(&self, period: Duration) {
        *self.period.lock() = period;
    }
}

/// How many processors were busy from one snapshot to the next.
fn busy(before: Option<(Moment, Duration)>, now: (Moment, Duration)) -> Option<f64> {
    let (then, used) = before?;
    let passed = now.0.since(then).as_secs_f64();
    (passed > 0.0).then(|| now.1.saturating_sub(used).as_secs_f64() / passed)
}

impl Default for Checks {
    fn default() -> Self {
        Self { last: Mutex::default(), period: Mutex::new(PERIOD), pictured: Mutex::default() }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn processor_time_is_told_for_the_time_since_it_was_last_asked_for() {
        let checks = Checks::default();
        assert_eq!(checks.busy_processors(Duration::from_secs(100)), None, "nobody has asked before");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(checks.busy_processors(Duration::from_secs(115)), Some(1.5));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(checks.busy_processors(Duration::from_secs(115)), Some(0.0));
        assert_eq!(checks.busy_processors(Duration::from_secs(115)), None, "no time has passed");
    }
}
