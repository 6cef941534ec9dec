//! Who takes part: a name, a scenario, and a function that runs once and says what it measured.

use std::fmt;

use crate::{measure::Sample, scenario::Scenario};

/// One participant of one scenario.
///
/// A contender that takes part in several scenarios is registered once for each.
pub struct Contender {
    /// What it takes part in.
    pub scenario: Scenario,
    /// How it is called in the tables; begins with the crate it stands for.
    pub name: &'static str,
    /// What it is compared as.
    pub role: Role,
    /// Part of the scenario's events that it is given, 1 for all.
    share: f64,
    run: Box<dyn Fn(u64) -> Sample + Send + Sync>,
}

/// What a contender is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What ratios are taken to; of several bases in one scenario, the fastest.
    Base,
    /// Compared with the base.
    Compared,
}

impl Contender {
    /// A contender of `scenario`. `run` is called once per round with the number of events to handle,
    /// on a thread of its own; it sets up, measures only the events, and panics if one is missing.
    pub fn new(
        scenario: Scenario,
        name: &'static str,
        run: impl Fn(u64) -> Sample + Send + Sync + 'static,
    ) -> Self {
        Self { scenario, name, role: Role::Compared, share: 1.0, run: Box::new(run) }
    }

    /// Makes it a base of the scenario's ratios.
    pub fn base(mut self) -> Self {
        self.role = Role::Base;
        self
    }

    /// Gives it `share` times the scenario's events: below 1 for the very slow, above 1 for the very fast.
    pub fn with_share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// Runs once, at `scale` times the usual number of events.
    pub fn run(&self, scale: f64) -> Sample {
        (self.run)(self.scenario.events(scale * self.share))
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.scenario, self.name)
    }
}
