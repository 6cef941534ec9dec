use std::time::Instant;

use super::state::{Channel, Heard, Way};

impl Channel {
    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let path = self.path.as_ref()?;
        let acknowledgement = self.arrivals.next_due().filter(|_| path.heard == Heard::Now);
        acknowledgement.into_iter().chain(self.pace.next_probe()).min()
    }

    /// Notes how late it is. What falls due is then to be transmitted.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let Some(path) = &mut self.path else { return };
        if self.pace.probe(now) {
            path.say.due = true;
            path.say.probe = true;
        }
    }

    /// Whether it waits to hear something from the other end: then it asks when that takes too long.
    pub(super) fn wait(&mut self, now: Instant) {
        let relayed = self.path.as_ref().is_some_and(|path| path.way == Way::Relayed);
        if relayed {
            self.pace.wait(!self.kept.is_empty() || !self.lanes.is_empty(), now);
        }
    }
}
