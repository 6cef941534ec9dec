use std::time::{Duration, Instant};

use super::close::Closed;
use super::state::{Endpoint, Phase};

/// An end is taken for dead after so many heartbeats that were not heard.
const MISSED: u32 = 3;

/// Heartbeats are not closer than this.
const CLOSEST: Duration = Duration::from_millis(10);

impl Endpoint {
    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest; `None` once the link has ended.
    pub fn next_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Greeting | Phase::Awaiting => Some(self.began + self.settings.handshake),
            Phase::Open | Phase::Closing => {
                let beat = self.last_spoke + self.heartbeat;
                let silent = self.last_heard + self.heartbeat * MISSED;
                let others = [self.arrivals.next_due(), self.closing_until];
                others.into_iter().flatten().chain([beat, silent]).min()
            }
            Phase::Closed => None,
        }
    }

    /// Notes how late it is. It does no harm to call it too often. What falls due is then to be
    /// [transmitted](Self::transmit).
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.phase {
            Phase::Greeting | Phase::Awaiting => {
                let within = self.settings.handshake;
                if now >= self.began + within {
                    self.end(Closed::HandshakeTimedOut { within });
                }
            }
            Phase::Open | Phase::Closing => {
                if self.closing_until.is_some_and(|until| until <= now) {
                    self.give_up("the other end did not take in time what was still to be sent");
                    return;
                }
                let silence = now.saturating_duration_since(self.last_heard);
                if silence >= self.heartbeat * MISSED {
                    self.end(Closed::Silent { silence });
                }
            }
            Phase::Closed => {}
        }
    }

    pub(super) fn heartbeat_is_due(&self, now: Instant) -> bool {
        now >= self.last_spoke + self.heartbeat
    }

    /// Agrees on how often to hear from each other.
    pub(super) fn agree_on_heartbeat(&mut self, theirs: u32) {
        self.heartbeat = self.settings.heartbeat.min(Duration::from_millis(theirs.into())).max(CLOSEST);
    }
}
