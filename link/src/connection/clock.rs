use std::time::{Duration, Instant};

use super::state::{Connection, Phase};
use crate::closed::Closed;

/// An end is taken for dead after so many heartbeats that were not heard.
const MISSED: u32 = 3;

/// Heartbeats are not closer than this.
const CLOSEST: Duration = Duration::from_millis(10);

impl Connection {
    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest; `None` once it has ended.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Greeting(_) | Phase::Awaiting => Some(self.began + self.settings.handshake),
            Phase::Open => {
                let beat = self.last_spoke + self.heartbeat;
                Some(beat.min(self.last_heard + self.heartbeat * MISSED))
            }
            Phase::Closed(_) => None,
        }
    }

    /// Notes how late it is: it may have ended then.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        match self.phase {
            Phase::Greeting(_) | Phase::Awaiting => {
                let within = self.settings.handshake;
                if now >= self.began + within {
                    self.end(Closed::HandshakeTimedOut { within });
                }
            }
            Phase::Open => {
                let silence = now.saturating_duration_since(self.last_heard);
                if silence >= self.heartbeat * MISSED {
                    self.end(Closed::Silent { silence });
                }
            }
            Phase::Closed(_) => {}
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
