use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One direction of a connection: bytes arrive in order, later.
#[derive(Debug)]
pub(crate) struct Pipe {
    chunks: VecDeque<(Instant, Vec<u8>)>,
    in_flight: usize,
    latency: Duration,
    /// What its reader and the way take before its writer has to wait.
    capacity: usize,
    /// Nothing arrives before.
    blocked_until: Option<Instant>,
}

impl Pipe {
    pub(crate) fn new(latency: Duration, capacity: usize) -> Self {
        Self { chunks: VecDeque::new(), in_flight: 0, latency, capacity, blocked_until: None }
    }

    /// How much would be taken now.
    pub(crate) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.in_flight)
    }

    pub(crate) fn write(&mut self, bytes: Vec<u8>, now: Instant) {
        if !bytes.is_empty() {
            self.in_flight += bytes.len();
            self.chunks.push_back((now + self.latency, bytes));
        }
    }

    pub(crate) fn block(&mut self, until: Instant) {
        self.blocked_until = Some(until);
    }

    /// When something arrives next.
    pub(crate) fn next(&self) -> Option<Instant> {
        let (arrives, _) = self.chunks.front()?;
        Some(self.blocked_until.map_or(*arrives, |until| until.max(*arrives)))
    }

    pub(crate) fn read(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.next().filter(|at| *at <= now)?;
        let (_, bytes) = self.chunks.pop_front()?;
        self.in_flight -= bytes.len();
        Some(bytes)
    }
}
