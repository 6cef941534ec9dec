//! The state machine on clocks that stand still unless they are told to go on.

mod commands;
mod decades;
mod model;
mod policies;
mod random;
mod steps;

use std::time::Duration;

use super::*;
use crate::cron::Cron;
use crate::refusal::{Refusal, Refused};
use crate::time::{nanoseconds, nanoseconds_of, system_time};

const MINUTE: Nanoseconds = 60 * SECOND;
const HOUR: Nanoseconds = 60 * MINUTE;
const DAY: Nanoseconds = 24 * HOUR;

/// A run that came out.
#[derive(Clone, Debug, PartialEq)]
struct Ran {
    action: u32,
    /// Seconds since the simulation began, by the wall clock.
    due: f64,
    run: u64,
    missed: u64,
}

/// A core and its clocks.
struct Simulation {
    core: Core<u32>,
    now: Now,
    begun: Nanoseconds,
    /// Runs that have not ended, in the order in which they were begun with.
    flights: Vec<(u32, Flight)>,
    /// Whether runs end by themselves, at once.
    ends: bool,
    outputs: Vec<Output<u32>>,
}

impl Simulation {
    /// It begins at noon of 1 July 2026, UTC.
    fn new() -> Self {
        Self::at("2026-07-01 12:00", TimeZone::UTC)
    }

    fn at(time: &str, zone: TimeZone) -> Self {
        let begun = nanoseconds_of(TimeZone::UTC.time(time).unwrap());
        let now = Now { wall: begun, monotonic: 5 };
        let settings = Settings { zone, on_time: 2 * SECOND, schedules: 1_000, flights: 100 };
        Self {
            core: Core::new(settings, 7, now),
            now,
            begun,
            flights: Vec::new(),
            ends: true,
            outputs: Vec::new(),
        }
    }

    fn set(&mut self, id: &str, action: u32, timing: Timing) -> Result<Key, Refused> {
        self.set_with(id, action, timing, |_| {})
    }

    fn set_with(
        &mut self,
        id: &str,
        action: u32,
        timing: Timing,
        with: impl FnOnce(&mut Options),
    ) -> Result<Key, Refused> {
        let mut options = Options::default();
        with(&mut options);
        let id = (!id.is_empty()).then(|| id.into());
        self.core.set(Plan { id, action, timing, first: None, options }, self.now)
    }

    /// The clocks go on, and a look is taken only then.
    fn stall(&mut self, duration: Nanoseconds) -> Vec<Ran> {
        self.now.wall += duration;
        self.now.monotonic += duration;
        self.look()
    }

    /// The clocks go on, with a look whenever something is due.
    fn pass(&mut self, duration: Nanoseconds) -> Vec<Ran> {
        let end = self.now.monotonic + duration;
        let mut ran = Vec::new();
        loop {
            let hands = [Hand::Wall, Hand::Monotonic];
            let until = hands.into_iter().filter_map(|hand| self.core.timers.until_due(hand, self.now)).min();
            match until.map(|until| until.max(0)).filter(|until| self.now.monotonic + until <= end) {
                Some(until) => ran.extend(self.stall(until)),
                None => {
                    ran.extend(self.stall(end - self.now.monotonic));
                    return ran;
                }
            }
        }
    }

    fn look(&mut self) -> Vec<Ran> {
        let mut ran = Vec::new();
        loop {
            let more = self.core.look(self.now, &mut self.outputs);
            ran.extend(self.take());
            if !more {
                return ran;
            }
        }
    }

    /// What came out; other outputs stay.
    fn take(&mut self) -> Vec<Ran> {
        let mut ran = Vec::new();
        loop {
            let outputs = std::mem::take(&mut self.outputs);
            let before = ran.len();
            for output in outputs {
                match output {
                    Output::Run(Run { flight, action, tick, .. }) => {
                        self.flights.push((action, flight));
                        let due = (nanoseconds_of(tick.due) - self.begun) as f64 / SECOND as f64;
                        ran.push(Ran { action, due, run: tick.run, missed: tick.missed });
                    }
                    other => self.outputs.push(other),
                }
            }
            if ran.len() == before || !self.ends {
                return ran;
            }
            while !self.flights.is_empty() {
                self.end_first();
            }
        }
    }

    fn end_first(&mut self) {
        let (_, flight) = self.flights.remove(0);
        self.core.ended(flight, Ended::Well, self.now, &mut self.outputs);
    }

    /// What was told to be left out: how many, and why.
    fn skipped(&mut self) -> Vec<(String, u64, SkipReason)> {
        let told = |output: &Output<u32>| match output {
            Output::Skipped(skipped) => Some((skipped.id.to_string(), skipped.count, skipped.reason)),
            _ => None,
        };
        let skipped = self.outputs.iter().filter_map(told).collect();
        self.outputs.retain(|output| told(output).is_none());
        skipped
    }

    fn time(&self, after: Nanoseconds) -> std::time::SystemTime {
        system_time(self.begun + after)
    }

    fn next(&self, id: &str) -> Option<f64> {
        let key = self.core.find(&id.into())?;
        let next = self.core.read(key, self.now)?.next?;
        Some((next - self.begun) as f64 / SECOND as f64)
    }
}

fn cron(pattern: &str) -> Timing {
    Timing::Cron(Cron::parse(pattern).unwrap())
}

fn dues(ran: &[Ran]) -> Vec<f64> {
    ran.iter().map(|ran| ran.due).collect()
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Refused>) -> Refusal {
    result.unwrap_err().refusal
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn nothing_is_looked_at_while_nothing_is_due() {
    let mut simulation = Simulation::new();
    assert_eq!(simulation.core.until_look(simulation.now), None);
    simulation.set("", 1, Timing::After(DAY)).unwrap();
    assert_eq!(simulation.core.until_look(simulation.now), Some(DAY));
    simulation.set("", 1, cron("@daily")).unwrap();
    assert_eq!(simulation.core.until_look(simulation.now), Some(LOOK_EVERY), "clocks may be set");
    assert_eq!(nanoseconds(Duration::MAX), Nanoseconds::MAX);
}
