use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds;

/// What can be read of a manager or a pool at any time. Times are in seconds where it is serialized.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Vitals {
    /// What it has done since its start.
    pub counts: Counts,
    /// What waits for it.
    pub queued: Queued,
    /// How long events waited in its inbox, from when they were taken in until they were handed out. *Sampled*: of
    /// one in 64, of normal priority.
    pub waiting: Times,
    /// How long handlers took. *Sampled*: of one in 64 from their begin; of each that had to wait from its first
    /// `Pending`, before which it has computed as long as it did.
    pub handling: Times,
    /// Those who work at the same time, where there can be several.
    pub workers: Option<Workers>,
    /// Since its start.
    #[serde(with = "seconds")]
    pub uptime: Duration,
}

/// How many events, or jobs, came to which end. They rise as long as the part lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Handled to their end, whatever it was.
    pub processed: u64,
    /// Of these, how many handlers failed.
    pub failed: u64,
    /// Of these, how many handlers panicked.
    pub panicked: u64,
    /// Taken into the inbox. What runs inline on its sender's task does not pass it.
    pub accepted: u64,
    /// Refused by [`Overflow::Reject`](crate::Overflow::Reject).
    pub rejected: u64,
    /// Dropped by [`Overflow::DropOldest`](crate::Overflow::DropOldest) or [`Overflow::DropNewest`](crate::Overflow::DropNewest).
    pub dropped: u64,
    /// How often the manager was restarted, or a worker replaced.
    pub restarts: u64,
}

/// What waits in an inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Queued {
    /// Of control priority.
    pub control: usize,
    /// Of high priority.
    pub high: usize,
    /// Of normal priority.
    pub normal: usize,
    /// In line before the full inbox, with their senders.
    pub in_line: usize,
    /// How many the inbox holds, those in line not counted.
    pub capacity: usize,
}

/// How long something took, so far as it was measured. The median and the 99th percentile are at most 12.5 % too
/// long, and never too short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Times {
    /// How many were measured.
    pub count: u64,
    /// Half of them took no longer.
    #[serde(with = "seconds")]
    pub p50: Duration,
    /// 99 of 100 took no longer.
    #[serde(with = "seconds")]
    pub p99: Duration,
    /// The longest.
    #[serde(with = "seconds")]
    pub max: Duration,
}

/// Those who work at the same time: the workers of a pool, the handlers of a concurrent manager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Workers {
    /// How many are at work.
    pub busy: usize,
    /// How many there can be.
    pub limit: usize,
    /// How many jobs or events wait for one of them.
    pub waiting: usize,
    /// For how long the oldest job has been worked on: from its first wait, or, if it has not waited, from when
    /// somebody first looked; from its begin for one job in 64.
    #[serde(with = "seconds::optional")]
    pub oldest: Option<Duration>,
}

/// What was counted in a certain time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recent {
    /// In how much time.
    #[serde(with = "seconds")]
    pub over: Duration,
    /// What.
    pub counts: Counts,
}

/// The same for each second of that time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rates {
    /// Over how much time.
    #[serde(with = "seconds")]
    pub over: Duration,
    /// Handled, per second.
    pub processed: f64,
    /// Of these, failed and panicked.
    pub failed: f64,
    /// Taken in.
    pub accepted: f64,
    /// Refused or dropped.
    pub lost: f64,
}

impl Queued {
    /// All that waits.
    pub fn total(&self) -> usize {
        self.control + self.high + self.normal + self.in_line
    }
}

impl Counts {
    /// What has been counted since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let Self { processed, failed, panicked, accepted, rejected, dropped, restarts } = earlier;
        Self {
            processed: self.processed.saturating_sub(*processed),
            failed: self.failed.saturating_sub(*failed),
            panicked: self.panicked.saturating_sub(*panicked),
            accepted: self.accepted.saturating_sub(*accepted),
            rejected: self.rejected.saturating_sub(*rejected),
            dropped: self.dropped.saturating_sub(*dropped),
            restarts: self.restarts.saturating_sub(*restarts),
        }
    }
}

impl Recent {
    /// Per second; `None` where no time has passed.
    pub fn rates(&self) -> Option<Rates> {
        let seconds = self.over.as_secs_f64();
        let per_second = |count: u64| count as f64 / seconds;
        let Counts { processed, failed, panicked, accepted, rejected, dropped, .. } = self.counts;
        (seconds > 0.0).then(|| Rates {
            over: self.over,
            processed: per_second(processed),
            failed: per_second(failed + panicked),
            accepted: per_second(accepted),
            lost: per_second(rejected + dropped),
        })
    }
}
