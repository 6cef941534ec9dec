mod reads;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use edri_link::wire::{
    Close, CloseCode, FEATURES, Frame, Hello, Limits, Pong, Purpose, Refused, Station, VERSION, Welcome,
    write,
};

use super::ended::Ended;
use super::greeting::{Origin, admit};
use super::hub::Hub;
use super::joined::Joined;
use super::member::Newcomer;
use super::outgoing::Order;
use super::view::in_frames;
use super::violation::Violation;
use crate::switch::serve::Standing;
use crate::switch::settings::{FRAME_BEFORE_WELCOME, SwitchSettings};

/// One connection, without any I/O.
///
/// Whoever drives it hands in what was [received](Self::receive) and the [time](Self::handle_timeout), and writes what there is
/// [to be written](Self::outgoing).
#[derive(Debug)]
pub(crate) struct Session {
    hub: Arc<Hub>,
    origin: Origin,
    phase: Phase,
    settings: Arc<SwitchSettings>,
    /// The beginning of a frame that has not come whole.
    held: Vec<u8>,
    /// How long a frame may be.
    limit: u32,
    /// How long the frame before was, if it was a long relay: as a rule more of them follow.
    expects: usize,
    out: VecDeque<Bytes>,
    /// Small frames that are to be written next.
    replies: Vec<u8>,
    heartbeat: Duration,
    began: Instant,
    last_heard: Instant,
    last_spoke: Instant,
    /// When something was last taken, while there was something to be written.
    last_taken: Instant,
    ended: Option<Ended>,
}

#[derive(Debug)]
enum Phase {
    /// Nothing has been said.
    Greeting,
    /// It only wants to see whether it could join.
    Probing(Box<Newcomer>),
    Joined(Box<Joined>),
    /// The last words are being written.
    Closing {
        until: Instant,
    },
    Closed,
}

/// A peer is taken for dead after so many heartbeats that were not heard.
const MISSED: u32 = 3;

/// Of one that goes on announcing what is denied and does not listen, the rest is not told.
const DENIALS: usize = 256 * 1024;

/// Of a peer that asks faster than it listens, no more questions are answered than fit in here.
const REPLIES: usize = 4 * 1024;

impl Session {
    /// How long the last words may take.
    pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);

    pub(crate) fn new(hub: Arc<Hub>, origin: Origin, now: Instant) -> Self {
        let settings = hub.settings();
        Self {
            hub,
            origin,
            phase: Phase::Greeting,
            heartbeat: settings.heartbeat,
            settings,
            held: Vec::new(),
            limit: FRAME_BEFORE_WELCOME,
            expects: 0,
            out: VecDeque::new(),
            replies: Vec::new(),
            began: now,
            last_heard: now,
            last_spoke: now,
            last_taken: now,
            ended: None,
        }
    }

    /// A frame that is no relay, or one that comes too early.
    fn frame(&mut self, frame: &[u8], now: Instant) -> Result<(), Violation> {
        let length = frame.len();
        let frame = match Frame::decode(Bytes::copy_from_slice(frame)) {
            Ok(frame) => frame,
            Err(error) => {
                return match (error.refused(), &self.phase) {
                    (Some(refused), Phase::Greeting) => {
                        self.refuse(refused, now);
                        Ok(())
                    }
                    _ => Err(error.into()),
                };
            }
        };
        match (frame, &mut self.phase) {
            (Frame::Hello(hello), Phase::Greeting) => {
                if let Err(refused) = self.greet(hello, now) {
                    self.refuse(refused, now);
                }
            }
            (frame, Phase::Greeting) => {
                return Err(Violation::Unexpected { frame: frame.name(), when: "before a hello" });
            }
            (Frame::Close(close), _) => self.end(Ended::of(&close), now),
            (Frame::Heartbeat, _) => {}
            (Frame::Ping(number), _) => self.reply(&Frame::Pong(Pong { number, resent: 0 })),
            (Frame::Pong(pong), Phase::Joined(joined)) => joined.pong(pong, now),
            (Frame::Interest(interests), Phase::Joined(joined)) => {
                let denied = joined.interests(interests, length, &self.hub, &self.settings.limits, now)?;
                if let Some(until) = joined.deaf_until {
                    // It is not its fault that nothing is heard of it meanwhile.
                    self.last_heard = until;
                }
                let replies = &mut self.replies;
                in_frames(0, denied, |frame| {
                    if replies.len() < DENIALS {
                        write(replies, &frame);
                    }
                });
            }
            (frame, _) => {
                return Err(Violation::Unexpected { frame: frame.name(), when: "after the greeting" });
            }
        }
        Ok(())
    }

    fn greet(&mut self, hello: Hello, now: Instant) -> Result<(), Refused> {
        let (purpose, heartbeat, features) = (hello.purpose, hello.heartbeat, hello.features & FEATURES);
        self.settings = self.hub.settings();
        let newcomer = admit(hello, &self.origin, &self.settings, now)?;
        self.heartbeat = self.settings.heartbeat.min(Duration::from_millis(heartbeat.into()));
        let mut snapshot = VecDeque::new();
        let member = match purpose {
            Purpose::Probe => {
                self.hub.tally.probed.fetch_add(1, Ordering::Relaxed);
                self.phase = Phase::Probing(Box::new(newcomer));
                0
            }
            Purpose::Join => {
                let (network, joined) = self.hub.join(newcomer, now)?;
                snapshot = joined.snapshot;
                // The settings may have changed, and nobody knew yet that it is here.
                if !joined.member.newcomer.stands_under(&self.hub.settings()) {
                    joined.member.order(Order::Changed);
                }
                let joined = Joined::new(network, joined.member, &self.settings.limits, now);
                let member = joined.number();
                self.phase = Phase::Joined(Box::new(joined));
                member
            }
        };
        let mut identity = self.hub.identity.clone();
        let mut limits = Limits::default();
        limits.frame = self.settings.limits.frame;
        limits.message = limits.message.max(limits.frame);
        limits.reassembly = limits.reassembly.max(limits.message);
        limits.interests = self.settings.limits.interests;
        if let Some(newcomer) = self.newcomer() {
            identity.network.clone_from(&newcomer.identity.network);
        }
        let mut welcome = Vec::new();
        let greeting = Welcome {
            version: VERSION,
            identity,
            station: Station::Switch { member },
            features,
            limits,
            heartbeat: u32::try_from(self.settings.heartbeat.as_millis()).unwrap_or(u32::MAX),
        };
        write(&mut welcome, &Frame::Welcome(greeting));
        self.limit = self.settings.limits.frame;
        self.say(welcome.into(), now);
        self.out.append(&mut snapshot);
        Ok(())
    }

    fn reply(&mut self, frame: &Frame) {
        if self.replies.len() < REPLIES {
            write(&mut self.replies, frame);
        }
    }

    fn say(&mut self, bytes: Bytes, now: Instant) {
        if self.out.is_empty() {
            self.last_taken = now;
        }
        self.last_spoke = now;
        self.out.push_back(bytes);
    }

    /// What is to be written, in this order. After it has been written in part or in whole it is to be [taken
    /// off](Self::written), and asked for again.
    pub(crate) fn outgoing(&mut self, now: Instant) -> &VecDeque<Bytes> {
        if self.out.is_empty() && !self.is_over() {
            if !self.replies.is_empty() {
                let replies = std::mem::take(&mut self.replies).into();
                self.say(replies, now);
            }
            if let Phase::Joined(joined) = &mut self.phase {
                let end = joined.fill(&mut self.out, &self.hub, self.heartbeat, now);
                if !self.out.is_empty() {
                    self.last_taken = now;
                    self.last_spoke = now;
                }
                if let Some(ended) = end {
                    self.end(ended, now);
                }
            }
        }
        &self.out
    }

    /// So many bytes of what was to be written have been.
    pub(crate) fn written(&mut self, mut length: usize, now: Instant) {
        self.last_taken = now;
        while let Some(front) = self.out.front_mut()
            && length > 0
        {
            let part = front.len().min(length);
            front.advance(part);
            length -= part;
            if front.is_empty() {
                self.out.pop_front();
            }
        }
        if self.out.is_empty() {
            self.out.shrink_to(8);
            if let Phase::Closing { .. } = self.phase {
                self.phase = Phase::Closed;
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest; `None` once all is over.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let silent = self.last_heard + self.heartbeat * MISSED;
        let stalled = (!self.out.is_empty()).then(|| self.last_taken + self.settings.limits.stall);
        match &self.phase {
            Phase::Greeting => Some(self.began + self.settings.limits.handshake),
            Phase::Probing(_) => stalled.into_iter().chain([silent]).min(),
            Phase::Joined(joined) => joined.next_timeout().chain(stalled).chain([silent]).min(),
            Phase::Closing { until } => Some(*until),
            Phase::Closed => None,
        }
    }

    /// Notes how late it is. It does no harm to call it too often.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Phase::Closing { until } = self.phase {
            if until <= now {
                self.phase = Phase::Closed;
            }
            return;
        }
        if let Phase::Greeting = self.phase {
            let within = self.settings.limits.handshake;
            if now >= self.began + within {
                self.end(Ended::HandshakeTimedOut { within }, now);
            }
            return;
        }
        let silence = now.saturating_duration_since(self.last_heard);
        let stalled = now.saturating_duration_since(self.last_taken);
        if silence >= self.heartbeat * MISSED {
            self.end(Ended::Silent { silence }, now);
        } else if !self.out.is_empty() && stalled >= self.settings.limits.stall {
            self.end(Ended::Stalled { stalled }, now);
        } else if let Phase::Joined(joined) = &mut self.phase {
            self.settings = self.hub.settings();
            if let Some(ended) = joined.handle_timeout(now, self.last_heard) {
                self.end(ended, now);
            }
        }
    }

    /// Nothing more comes from the peer.
    pub(crate) fn end_of_stream(&mut self, now: Instant) {
        if self.is_over() {
            // It may still listen.
            return;
        }
        let reason = if self.held.is_empty() {
            "the peer closed it without a word".to_owned()
        } else {
            format!("it ended inside a frame, after {} bytes of it", self.held.len())
        };
        self.lost(reason, now);
    }

    /// Nothing can be read or written any more.
    pub(crate) fn lost(&mut self, reason: String, now: Instant) {
        self.end(Ended::Lost { reason }, now);
        self.phase = Phase::Closed;
    }

    /// Whoever drives this is to be woken when there may be something to write.
    pub(crate) fn register(&self, waker: &Waker) {
        if let Phase::Joined(joined) = &self.phase {
            joined.member.register(waker);
        }
    }

    /// Whether nothing more is to be read for now: the peer has said too much. The time-out says until when.
    pub(crate) fn is_deaf(&self) -> bool {
        matches!(&self.phase, Phase::Joined(joined) if joined.deaf_until.is_some())
    }

    /// How far it has come.
    pub(crate) fn standing(&self) -> Standing {
        match self.phase {
            Phase::Joined(_) => Standing::Member,
            Phase::Probing(_) => Standing::Guest,
            // What has ended is as it was.
            _ => Standing::Pending,
        }
    }

    /// Whether nothing is to be read or written any more.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. } | Phase::Closed)
    }

    fn newcomer(&self) -> Option<&Newcomer> {
        match &self.phase {
            Phase::Joined(joined) => Some(&joined.member.newcomer),
            Phase::Probing(newcomer) => Some(newcomer),
            _ => None,
        }
    }

    fn violated(&mut self, violation: Violation, now: Instant) {
        self.end(Ended::Violation(violation), now);
    }

    fn refuse(&mut self, refused: Refused, now: Instant) {
        self.end(Ended::Refused(refused), now);
    }

    /// The connection ends: its network learns it at once, the peer if it still listens.
    fn end(&mut self, ended: Ended, now: Instant) {
        if self.is_over() {
            return;
        }
        match &self.phase {
            Phase::Probing(_) => tracing::debug!(address = %self.origin.address, "a probe left: {ended}"),
            _ => ended.tell(self.newcomer(), &self.origin, &self.hub),
        }
        ended.count(&self.hub.tally);
        let phase = std::mem::replace(&mut self.phase, Phase::Closed);
        if let Phase::Joined(joined) = phase {
            joined.leave(&self.hub, &ended, now);
        }
        if let Some(last_word) = ended.last_word() {
            let mut bytes = Vec::new();
            write(&mut bytes, &last_word);
            self.say(bytes.into(), now);
            self.phase = Phase::Closing { until: now + Self::LAST_WORDS };
        } else {
            self.out.clear();
        }
        self.held = Vec::new();
        self.ended = Some(ended);
    }

    /// How it ended, once it has.
    #[cfg(test)]
    pub(crate) fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }
}

impl Drop for Session {
    /// Whoever drove it was cut off.
    fn drop(&mut self) {
        self.lost("the switch gave it up".to_owned(), Instant::now());
    }
}

/// The last frame to a peer.
pub(super) fn close(code: CloseCode, reason: impl Into<String>) -> Frame {
    Frame::Close(Close { code, reason: reason.into() })
}
