use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::chart::Chart;
use super::numbers::Vitals;

/// A manager or a pool as its router sees it.
///
/// Implemented by the inboxes of managers and by pools; none of its calls waits.
pub trait Part: Send + Sync {
    /// Its name, which need not be unique.
    fn name(&self) -> &str;

    /// What it is.
    fn kind(&self) -> PartKind;

    /// Where it is in its life.
    fn state(&self) -> PartState;

    /// What it has done and what waits for it.
    fn vitals(&self) -> Vitals;

    /// What it is on, if that is known: of several, the oldest.
    fn current(&self) -> Option<Current>;

    /// What is kept beside it.
    fn chart(&self) -> &Chart;

    /// How it is is being asked: it is to [answer](Chart::answer) as soon as it can, and is woken for it. For one that has
    /// ended this answers.
    fn poke(&self);
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartKind {
    /// A manager.
    Manager,
    /// A pool of workers.
    Pool,
}

/// Where a part is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartState {
    /// Its `started` hook has not ended.
    Starting,
    /// It handles events.
    Running,
    /// It fell, and there is no new one yet. Events wait.
    Restarting,
    /// It takes no more in, and handles what waits.
    Draining,
    /// It has ended.
    Stopped,
}

/// An event or a job that is being handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Current {
    /// The event's name.
    pub event: &'static str,
    /// Another one has another number.
    pub number: u64,
    /// For how long, so far as it is known: see [`Stuck`](crate::Stuck).
    pub age: Duration,
}

impl Current {
    /// This event, handled for so long.
    pub const fn new(event: &'static str, number: u64, age: Duration) -> Self {
        Self { event, number, age }
    }
}

impl fmt::Display for PartKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Manager => "manager",
            Self::Pool => "pool",
        })
    }
}

impl fmt::Display for PartState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        })
    }
}
