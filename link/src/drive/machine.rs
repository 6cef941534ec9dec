use std::time::Instant;

use crate::channel::Came;
use crate::closed::Closed;
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::membership::{Membership, NetworkCame, NetworkEvent};

/// A state machine that a driver runs.
pub(crate) trait Machine: Send + Unpin {
    type Event;

    fn receive(&mut self, bytes: &[u8], now: Instant);
    fn transmit(&mut self, out: &mut Vec<u8>, most: usize, now: Instant);
    fn poll_event(&mut self) -> Option<Self::Event>;
    fn next_timeout(&self) -> Option<Instant>;
    fn handle_timeout(&mut self, now: Instant);

    /// The stream is gone, and there will be no other.
    fn lost(&mut self, reason: &str, now: Instant);
    /// The stream is gone, and there may be another.
    fn transport_lost(&mut self, reason: &str, now: Instant);
    /// There is another.
    fn reconnect(&mut self, now: Instant);
    fn wants_connection(&self) -> bool;
    fn is_closed(&self) -> bool;

    /// How it has ended, if that is what an event says.
    fn end(event: &Self::Event) -> Option<&Closed>;
}

impl Machine for Endpoint {
    type Event = Came;

    fn receive(&mut self, bytes: &[u8], now: Instant) {
        Self::receive(self, bytes, now);
    }

    fn transmit(&mut self, out: &mut Vec<u8>, most: usize, now: Instant) {
        Self::transmit(self, out, most, now);
    }

    #[inline]
    fn poll_event(&mut self) -> Option<Came> {
        self.poll_came()
    }

    fn next_timeout(&self) -> Option<Instant> {
        Self::next_timeout(self)
    }

    fn handle_timeout(&mut self, now: Instant) {
        Self::handle_timeout(self, now);
    }

    fn lost(&mut self, reason: &str, _: Instant) {
        Self::lost(self, reason);
    }

    fn transport_lost(&mut self, reason: &str, now: Instant) {
        Self::transport_lost(self, reason, now);
    }

    fn reconnect(&mut self, now: Instant) {
        Self::reconnect(self, now);
    }

    fn wants_connection(&self) -> bool {
        Self::wants_connection(self)
    }

    fn is_closed(&self) -> bool {
        Self::is_closed(self)
    }

    fn end(came: &Came) -> Option<&Closed> {
        match came {
            Came::Event(Event::Closed(closed)) => Some(closed),
            _ => None,
        }
    }
}

impl Machine for Membership {
    type Event = NetworkCame;

    fn receive(&mut self, bytes: &[u8], now: Instant) {
        Self::receive(self, bytes, now);
    }

    fn transmit(&mut self, out: &mut Vec<u8>, most: usize, now: Instant) {
        Self::transmit(self, out, most, now);
    }

    #[inline]
    fn poll_event(&mut self) -> Option<NetworkCame> {
        self.poll_came()
    }

    fn next_timeout(&self) -> Option<Instant> {
        Self::next_timeout(self)
    }

    fn handle_timeout(&mut self, now: Instant) {
        Self::handle_timeout(self, now);
    }

    fn lost(&mut self, reason: &str, now: Instant) {
        Self::transport_lost(self, reason, now);
        if !Self::is_closed(self) {
            self.give_up(reason);
        }
    }

    fn transport_lost(&mut self, reason: &str, now: Instant) {
        Self::transport_lost(self, reason, now);
    }

    fn reconnect(&mut self, now: Instant) {
        Self::reconnect(self, now);
    }

    fn wants_connection(&self) -> bool {
        Self::wants_connection(self)
    }

    fn is_closed(&self) -> bool {
        Self::is_closed(self)
    }

    fn end(came: &NetworkCame) -> Option<&Closed> {
        match came {
            NetworkCame::Event(NetworkEvent::Closed(closed)) => Some(closed),
            _ => None,
        }
    }
}
