use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use edri_event::{RoutePolicy, RouterId};
use serde::{Deserialize, Serialize};

use super::process::Process;
use crate::border::Place;
use crate::dead_letter::DeadLetterCounts;
use crate::history::Retained;
use crate::vitals::{Health, PartKind, PartState, Rates, Status, Vitals, router_id, seconds};

/// A router and all that is on it at one moment: what [`Router::snapshot`](crate::Router::snapshot) takes. Shown as
/// text it is a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Whose picture it is.
    #[serde(with = "router_id")]
    pub router: RouterId,
    /// When it was taken.
    pub at: SystemTime,
    /// Since the router was made.
    #[serde(with = "seconds")]
    pub uptime: Duration,
    /// Managers and pools, in the order in which they were started.
    pub parts: Vec<PartSnapshot>,
    /// The events for which somebody is registered, by name.
    pub routes: Vec<RouteSnapshot>,
    /// How many events have been lost so far, by reason.
    pub dead_letters: DeadLetterCounts,
    /// The process.
    pub process: Process,
    /// How many processors the process has kept busy since the snapshot before, whoever took it.
    pub busy_processors: Option<f64>,
}

/// One manager or pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartSnapshot {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// Where it is in its life.
    pub state: PartState,
    /// Its status at the last check of its health; ok before the first.
    pub status: Status,
    /// What it said when it was last asked how it is.
    pub health: Option<Health>,
    /// What it has done, and what waits for it.
    pub vitals: Vitals,
    /// Per second since the snapshot before, whoever took it, or since its start.
    pub rates: Option<Rates>,
}

/// One event's route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RouteSnapshot {
    /// The event's name.
    pub event: Cow<'static, str>,
    /// What kind of event it is.
    pub kind: RouteKind,
    /// How many are registered: subscribers of a notification, responders to a request, acceptors of a tunnel.
    pub registered: usize,
    /// The first 64 of them.
    pub consumers: Vec<Consumer>,
    /// How many see the answers to a request.
    pub observed: usize,
    /// The first 64 of them.
    pub observers: Vec<Consumer>,
    /// Which of several responders or acceptors is chosen; none for a notification, which all get.
    pub policy: Option<RoutePolicy>,
    /// What is kept for those who come late: of notifications, or of the answers to a request. None where nothing was
    /// ever to be kept.
    pub retained: Option<Retained>,
}

/// The kind of event a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// All get it.
    Notification,
    /// One answers it.
    Request,
    /// One accepts it.
    Tunnel,
}

/// Somebody on a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// How much waits for it, of whatever event; of one on another router, for the link to it.
    pub waiting: usize,
    /// Over how many links it is reached: 0 for one on this router.
    pub links: u8,
}

/// Of how many on a route the name is told: a route may have a hundred thousand.
const NAMED: usize = 64;

/// Those of them that are told by name.
pub(crate) fn consumers<'r>(all: impl Iterator<Item = (&'r str, usize, Option<&'r Place>)>) -> Vec<Consumer> {
    let consumer = |(name, load, place): (&str, usize, Option<&Place>)| Consumer {
        name: name.to_owned(),
        waiting: place.map_or(load, Place::waiting),
        links: place.map_or(0, Place::hops),
    };
    all.take(NAMED).map(consumer).collect()
}

impl Snapshot {
    /// The part of that name; the first, if there are several.
    pub fn part(&self, name: &str) -> Option<&PartSnapshot> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// The route of the event of that name.
    pub fn route(&self, event: &str) -> Option<&RouteSnapshot> {
        self.routes.iter().find(|route| route.event == event)
    }
}
