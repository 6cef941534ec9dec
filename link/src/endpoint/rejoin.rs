use std::time::Instant;

use super::state::{DICTIONARY, Endpoint, Phase, Side};
use crate::channel::{Channel, Ends, Way};
use crate::closed::Closed;
use crate::connection::Connection;
use crate::event::Event;
use crate::handshake::{Expected, Peer};
use crate::interest::Heard;
use crate::message::AnswerError;
use crate::wire::{Learner, Refusal};

impl Endpoint {
    /// What carries the link is gone: nothing can be read or written any more. With [`rejoin`](crate::Settings::rejoin) the link
    /// waits for another; else it is [lost](Self::lost).
    pub fn transport_lost(&mut self, reason: &str, now: Instant) {
        if let Some(connection) = &mut self.connection {
            connection.lost(reason);
            self.connection_ended(now);
        }
    }

    /// There is something new to carry a link of the end that connects: it says hello once more.
    pub fn reconnect(&mut self, now: Instant) {
        if self.side == Side::Connecting && self.wants_connection() {
            self.connection = Some(Connection::connecting(&self.settings, Expected::Router, now));
        }
    }

    /// Goes on over the connection of `newcomer`, which has just learned who is at its other end, and has written nothing
    /// since. What carried this link before, if it was not known to be lost, carries it no longer.
    ///
    /// The one who connects has to prove that it is the same incarnation of the same router. Another incarnation takes the
    /// place of the one before only while this link is [suspended](Self::is_suspended); then it goes on with that.
    ///
    /// # Errors
    /// It is another router, cannot prove who it is, or one of the links is not open: the newcomer is given back, perhaps
    /// to be [refused](Self::refuse) as [`Taken`](Refusal::Taken).
    pub fn take_over(&mut self, mut newcomer: Self, now: Instant) -> Result<(), Box<Self>> {
        if !self.is_open() || newcomer.phase != Phase::Open || !self.knows(&newcomer) {
            return Err(Box::new(newcomer));
        }
        let (Some(connection), Some(peer)) = (newcomer.connection.take(), newcomer.peer.take()) else {
            return Err(Box::new(newcomer));
        };
        if self.phase == Phase::Open {
            self.suspend("the other end has connected anew", now);
        }
        self.connection = Some(connection);
        self.opened(peer, now);
        self.take_in(now);
        Ok(())
    }

    /// Whether it is with the router that this link is with.
    fn knows(&self, newcomer: &Self) -> bool {
        let (Some(ours), Some(theirs)) = (&self.peer, &newcomer.peer) else { return false };
        let same = ours.identity.incarnation == theirs.identity.incarnation;
        let proof = newcomer.connection.as_ref().map(Connection::proof).unwrap_or_default();
        ours.identity.router == theirs.identity.router
            && (proof.proves(self.proof) && same || self.is_suspended() && !same)
    }

    /// Both ends know each other.
    pub(super) fn opened(&mut self, peer: Peer, now: Instant) {
        let known = self.peer.as_ref().map(|known| (known.identity.router, known.identity.incarnation));
        let same = known == Some((peer.identity.router, peer.identity.incarnation));
        if same {
            self.wanted.begin();
            self.channel.push_event(Event::Resumed);
        } else {
            self.begin_with(peer, now);
        }
        if let (Side::Accepting, Some(connection)) = (self.side, &self.connection) {
            self.proof = connection.proof();
        }
        let frame = self.peer.as_ref().map_or(0, |peer| peer.limits.frame);
        self.channel.connect(Way::Direct, frame, now);
        self.learner = Learner::new(DICTIONARY);
        self.offered.begin();
        self.phase = if self.closing_until.is_some() { Phase::Closing } else { Phase::Open };
    }

    /// Another router than before, or another incarnation of it: what was under way ends.
    fn begin_with(&mut self, peer: Peer, now: Instant) {
        let again = self.channel.dissolve(&AnswerError::Restarted, 1);
        let until = now + self.settings.rejoin.unwrap_or_default();
        self.returned.take(again, &self.wanted, until);
        let ends = Ends {
            here: self.settings.identity.incarnation,
            there: peer.identity.incarnation,
            limits: self.settings.limits,
            peer: peer.limits,
            outbox: self.settings.outbox,
        };
        let mut channel = Channel::new(ends, 1);
        while let Some(event) = self.channel.poll_event() {
            channel.push_event(event);
        }
        for heard in self.wanted.clear() {
            if let Heard::Unwanted { interest } = heard {
                channel.push_event(Event::Unwanted { interest });
            }
        }
        channel.push_event(Event::Opened(peer.clone()));
        self.objections.clear();
        self.channel = channel;
        self.peer = Some(peer);
    }

    /// The connection has ended, and with it perhaps the link.
    pub(super) fn connection_ended(&mut self, now: Instant) {
        let Some(closed) = self.connection.as_ref().and_then(Connection::closed).cloned() else { return };
        let may_come_back = match &closed {
            Closed::Lost { .. } | Closed::Silent { .. } | Closed::HandshakeTimedOut { .. } => true,
            Closed::RefusedThere(refused) => matches!(refused.code, Refusal::Busy | Refusal::Taken),
            Closed::GivenUpThere { .. } => self.is_suspended(),
            _ => false,
        };
        let waits = self.settings.rejoin.is_some() && may_come_back;
        match self.phase {
            Phase::Fresh if waits && self.side == Side::Connecting => self.connection = None,
            Phase::Open if waits => self.suspend(&closed.to_string(), now),
            Phase::Suspended(..) if waits => self.connection = None,
            _ => self.end(closed),
        }
    }

    fn suspend(&mut self, reason: &str, now: Instant) {
        let rejoin = self.settings.rejoin.unwrap_or_default();
        self.connection = None;
        self.channel.disconnect();
        self.phase = Phase::Suspended(reason.to_owned(), now + rejoin);
        self.channel.push_event(Event::Suspended { reason: reason.to_owned() });
    }
}
