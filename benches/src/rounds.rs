//! The order of the runs: all contenders of a scenario in every round, so that none has the quiet minutes alone.

use std::{
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use crate::{contender::Contender, measure::Sample, memory, scenario::Unit, summary::Summary};

/// How long one run may take before its messages count as lost.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often, and with how many messages.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// Rounds that count; one before them does not.
    pub(crate) counted: u32,
    /// Factor on the number of messages.
    pub(crate) messages: f64,
}

impl Rounds {
    /// Runs the contenders of one scenario, interleaved, and sums up what they measured.
    pub(crate) fn run(&self, contenders: &[Arc<Contender>]) -> Vec<Summary> {
        let mut samples: Vec<Vec<Sample>> = contenders.iter().map(|_| Vec::new()).collect();
        for round in 0..=self.counted as usize {
            for turn in 0..contenders.len() {
                let index = (turn + round) % contenders.len();
                let sample = run_once(&contenders[index], self.messages);
                let warming_up = round == 0;
                if !warming_up {
                    samples[index].push(sample);
                }
            }
        }
        let summaries =
            contenders.iter().zip(samples).map(|(contender, samples)| Summary::of(contender, &samples));
        Summary::with_ratios(summaries.collect())
    }
}

/// Runs a contender on a thread of its own, which carries its name and keeps its thread-locals from the others.
///
/// # Panics
/// When the contender panics, or has not finished in [`PATIENCE`], which means that messages were lost.
fn run_once(contender: &Arc<Contender>, scale: f64) -> Sample {
    let (finish, finished) = mpsc::channel();
    let running = contender.clone();
    thread::Builder::new()
        .name(format!("{contender:?}"))
        .spawn(move || {
            let sample = match running.scenario.unit() {
                Unit::PerSecond => running.run(scale),
                Unit::Bytes => memory::run_in_child(&running, scale),
            };
            // Nobody listens only when patience is lost already.
            let _ = finish.send(sample);
        })
        .expect("a thread can be started");
    match finished.recv_timeout(PATIENCE) {
        Ok(sample) => sample,
        Err(RecvTimeoutError::Timeout) => {
            panic!("{contender:?}: not every message arrived within {} s", PATIENCE.as_secs())
        }
        Err(RecvTimeoutError::Disconnected) => panic!("{contender:?} failed; the reason stands above"),
    }
}
