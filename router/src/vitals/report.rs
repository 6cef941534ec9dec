use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use edri_event::{Notification, RouterId};
use serde::{Deserialize, Serialize};

use super::health::{Status, Value};
use super::numbers::{Recent, Vitals};
use super::part::{PartKind, PartState};
use super::{router_id, seconds};

/// How all parts of a router are: what [`Router::health`](crate::Router::health) finds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HealthReport {
    /// Whose parts.
    #[serde(with = "router_id")]
    pub router: RouterId,
    /// When the report was made.
    pub at: SystemTime,
    /// The worst status of all.
    pub status: Status,
    /// Whether all are ready.
    pub ready: bool,
    /// Each of them, in the order in which they were started.
    pub parts: Vec<PartHealth>,
}

/// How one manager or pool is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartHealth {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// Where it is in its life.
    pub state: PartState,
    /// What it said; worse, if handlers failed or panicked since the last check, or if it says nothing.
    pub status: Status,
    /// Whether it is running and said that it is ready.
    pub ready: bool,
    /// Why it is not well.
    pub reason: Option<String>,
    /// Its own values, as it said them last.
    pub values: BTreeMap<String, Value>,
    /// How long it took to answer; `None` if it has not.
    #[serde(with = "seconds::optional")]
    pub round_trip: Option<Duration>,
    /// For how long it has not answered.
    #[serde(with = "seconds::optional")]
    pub silent: Option<Duration>,
    /// What it is on, if it has not answered and that is known.
    pub stuck: Option<Stuck>,
    /// What was counted since the last check.
    pub recent: Recent,
    /// What it has done, and what waits for it.
    pub vitals: Vitals,
}

/// The event on which a manager is that does not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stuck {
    /// The event's name.
    pub event: Cow<'static, str>,
    /// For how long it has been on it: exact for a handler that waits, from where it first did. One that blocks its
    /// thread is counted from the check at which it was first seen.
    #[serde(rename = "for", with = "seconds")]
    pub since: Duration,
}

/// A part's status has changed from one check to the next.
#[derive(Notification, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[notification(name = "edri_router::HealthChanged")]
#[non_exhaustive]
pub struct HealthChanged {
    /// Its name.
    pub part: String,
    /// What it is.
    pub kind: PartKind,
    /// Its status before.
    pub from: Status,
    /// Its status now.
    pub to: Status,
    /// Whether it is ready now.
    pub ready: bool,
    /// Why it is not well now.
    pub reason: Option<String>,
}

impl HealthReport {
    /// The part of that name; the first, if there are several.
    pub fn part(&self, name: &str) -> Option<&PartHealth> {
        self.parts.iter().find(|part| part.name == name)
    }
}
