//! Wall clock, CPU clock, latencies, and the sample they make.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What one run of one contender measured.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The figure, in the unit of the scenario.
    pub value: f64,
    /// CPU time of the whole process for each event, in nanoseconds.
    pub cpu_nanoseconds: Option<f64>,
    /// Latencies of some of the events, in nanoseconds; empty where none were taken.
    pub latencies: Vec<u64>,
}

/// Measures a stretch of events: wall clock and CPU time of the process.
#[derive(Debug)]
pub struct Stopwatch {
    started: Instant,
    cpu_at_start: Duration,
}

impl Stopwatch {
    /// Starts now; to be called when everything is set up.
    pub fn start() -> Self {
        Self { cpu_at_start: cpu_time(), started: Instant::now() }
    }

    /// Stops, `events` having been handled since the start.
    pub fn stop(self, events: u64) -> Sample {
        let elapsed = self.started.elapsed();
        let cpu = cpu_time().saturating_sub(self.cpu_at_start);
        let events = events as f64;
        Sample {
            value: events / elapsed.as_secs_f64(),
            cpu_nanoseconds: Some(cpu.as_secs_f64() * 1e9 / events),
            latencies: Vec::new(),
        }
    }
}

/// Takes the time of every sixteenth call, so that the clock costs the others nothing.
#[derive(Debug)]
pub struct Latencies {
    taken: Vec<u64>,
    /// What reading the clock twice costs by itself, in nanoseconds.
    clock: u64,
}

impl Latencies {
    /// Room for the latencies of `calls` calls.
    pub fn of(calls: u64) -> Self {
        Self { taken: Vec::with_capacity((calls / 16 + 1) as usize), clock: cost_of_clock() }
    }

    /// Whether the call with this number is to be timed.
    pub fn takes(&self, number: u64) -> bool {
        number.is_multiple_of(16)
    }

    /// Takes the latency of a call that began at `start` and ends now.
    pub fn take(&mut self, start: Instant) {
        let nanoseconds = start.elapsed().as_nanos() as u64;
        self.taken.push(nanoseconds.saturating_sub(self.clock));
    }

    /// Adds what was taken elsewhere.
    pub fn extend(&mut self, other: Self) {
        self.taken.extend(other.taken);
    }

    /// Adds what was taken to `sample`.
    pub fn into_sample(self, sample: Sample) -> Sample {
        Sample { latencies: self.taken, ..sample }
    }
}

/// CPU time this process has used so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The median time between two readings of the clock with nothing between them.
fn cost_of_clock() -> u64 {
    let mut readings: Vec<_> = (0..1001).map(|_| Instant::now().elapsed().as_nanos() as u64).collect();
    readings.sort_unstable();
    readings[readings.len() / 2]
}
