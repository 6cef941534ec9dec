//! Whether memory is flat.

/// How many samples, one a second, it takes to tell.
const ENOUGH: usize = 20;

/// What allocators and caches may take more without anything growing for ever.
const SLACK_BYTES: u64 = 4 << 20;

/// The resident memory of this process, sampled while there is load.
#[derive(Default)]
pub struct Memory {
    samples: Vec<u64>,
}

impl Memory {
    pub fn note(&mut self, bytes: u64) {
        self.samples.push(bytes);
    }

    pub fn now(&self) -> u64 {
        self.samples.last().copied().unwrap_or_default()
    }

    pub fn peak(&self) -> u64 {
        self.samples.iter().copied().max().unwrap_or_default()
    }

    /// In the second quarter of the time, and in the last; `None` if that was too short to tell.
    pub fn early_and_late(&self) -> Option<(u64, u64)> {
        let quarter = self.samples.len() / 4;
        (self.samples.len() >= ENOUGH)
            .then(|| (median(&self.samples[quarter..2 * quarter]), median(&self.samples[3 * quarter..])))
    }

    /// What it was and what it is, if it has grown: by more than a tenth and some slack.
    pub fn growth(&self) -> Option<(u64, u64)> {
        self.early_and_late().filter(|(early, late)| *late > early + early / 10 + SLACK_BYTES)
    }
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}
