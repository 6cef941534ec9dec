use std::time::{Duration, Instant};

use bytes::Bytes;

use super::arrivals::Arrivals;
use super::frames::{ChannelFrame, Resume};
use super::kept::Kept;
use super::parts::Parts;
use super::state::{Channel, Heard, Path, Say, Way};
use super::window::Allowance;
use crate::call::{CallId, Request, Stage};
use crate::event::Event;
use crate::interest::Interest;
use crate::lanes::What;
use crate::message::{AnswerError, Circumstances, Cursor, Ending, Message};
use crate::violation::Violation;

/// What had been sent, or was to be, and may be sent once more where a channel begins again.
#[derive(Debug)]
pub(crate) struct Again {
    /// A request; else it is a notification.
    pub(crate) call: Option<CallId>,
    pub(crate) to: Interest,
    /// With whether it may have been delivered.
    pub(crate) circumstances: Circumstances,
    pub(crate) payload: Bytes,
}

/// A peer that knows of more sessions than this at a time makes them up.
const MOST_SESSIONS: u64 = 1 << 32;

/// The other end is asked once more to send what is missing after so long.
const IMPATIENCE: Duration = Duration::from_millis(200);

impl Say {
    /// The frame of this number is missing.
    pub(super) fn ask_for(&mut self, number: u64, now: Instant) {
        let asked = self.asked.is_some_and(|(asked, at)| asked == number && now < at + IMPATIENCE);
        if !asked {
            self.due = true;
            self.missing = true;
            self.asked = Some((number, now));
        }
    }
}

impl Channel {
    /// Something carries it from here on, which takes frames of up to so many bytes, with their length.
    pub(crate) fn connect(&mut self, way: Way, frame: u32, now: Instant) {
        let heard = Heard::Nothing;
        self.path = Some(Path { way, frame, said: false, heard, say: Say::default() });
        self.pace.begin(way.hops());
        self.wait(now);
    }

    /// Nothing carries it any more.
    pub(crate) fn disconnect(&mut self) {
        self.path = None;
        self.pace.begin_again();
    }

    /// The other end says how far it has come.
    pub(super) fn resume_came(&mut self, resume: &Resume, now: Instant) -> Result<(), Violation> {
        if resume.incarnation != self.ends.there {
            return Err(Violation::Incarnation { got: resume.incarnation, expected: self.ends.there });
        }
        let (theirs, current) = (resume.session, self.session);
        if theirs < current {
            // It learns of this one, and follows.
            self.say();
            return Ok(());
        }
        if theirs - current > MOST_SESSIONS {
            return Err(Violation::Session { got: theirs, current });
        }
        if theirs > current {
            // It has given up the one before, and what was in it.
            self.begin_session(theirs);
        }
        let received = resume.acknowledge.received;
        if received < self.kept.acknowledged() || received > self.kept.last() {
            // One of the ends has forgotten what the other remembers.
            self.begin_session(theirs + 1);
            return Ok(());
        }
        let Some(path) = &mut self.path else { return Ok(()) };
        let first = path.heard != Heard::Now;
        path.heard = Heard::Now;
        if path.way == Way::Relayed && !resume.heard {
            path.say.due = true;
        }
        if resume.probe.is_some() {
            path.say.due = true;
            path.say.echo = resume.probe;
        }
        if first || resume.echo.is_some() {
            self.pace.heard();
        }
        self.acknowledged(&resume.acknowledge, now)?;
        let missing = resume.missing || resume.echo.is_some_and(|probed| received < probed);
        if first || missing && self.pace.send_again(now) {
            self.kept.write_again();
        }
        self.wait(now);
        Ok(())
    }

    fn say(&mut self) {
        if let Some(path) = &mut self.path {
            path.say.due = true;
        }
    }

    /// Gives up what is under way, and goes on from nothing. What of it may be sent again is.
    fn begin_session(&mut self, session: u64) {
        let lost = AnswerError::LinkLost {
            peer: None,
            reason: "the other end has given the link up meanwhile".to_owned(),
        };
        let again = self.dissolve(&lost, session);
        self.session = session;
        self.allowances = std::array::from_fn(|_| Allowance::new(self.ends.peer.window));
        self.kept = Kept::new();
        self.arrivals = Arrivals::default();
        self.parts = Parts::new(self.ends.limits);
        self.grants = self.grants.each_ref().map(super::window::Grants::begin_again);
        self.pace.begin_again();
        if let Some(path) = &mut self.path {
            path.heard = Heard::Earlier;
            path.say = Say { due: true, ..Say::default() };
        }
        self.events.push_back(Event::Anew);
        for again in again {
            // It is no longer than it was.
            let _ = self.send_again(again);
        }
    }

    /// Ends all that is under way: incoming requests are cancelled, tunnels are lost, requests that cannot be asked again
    /// fail with `error`. What may be sent again is given back: requests first, in the order in which they were asked;
    /// then notifications that were sent and not acknowledged, in their order; then what had not been sent, likewise in
    /// each lane.
    pub(crate) fn dissolve(&mut self, error: &AnswerError, next_session: u64) -> Vec<Again> {
        let mut again = Vec::new();
        for (call, request) in self.calls.take_sent() {
            match request {
                Some(request) => {
                    let Request { to, mut circumstances, payload } = *request;
                    circumstances.redelivered = true;
                    again.push(Again { call: Some(call), to, circumstances, payload });
                }
                None => self.events.push_back(Event::Answer { call, outcome: Err(error.clone()) }),
            }
        }
        self.drain_kept(&mut again);
        self.drain_lanes(&mut again);
        self.next = None;
        self.parts_announced = 0;
        for call in self.calls.take_theirs(next_session) {
            self.events.push_back(Event::Cancelled { call });
        }
        for (tunnel, open) in self.tunnels.clear(next_session) {
            if open.is_sending() {
                self.events.push_back(Event::TunnelStopped { tunnel, ending: Ending::Lost });
            }
            if open.is_receiving() {
                self.events.push_back(Event::TunnelEnded { tunnel, ending: Ending::Lost });
            }
        }
        again
    }

    /// The notifications in frames that are not acknowledged.
    fn drain_kept(&mut self, again: &mut Vec<Again>) {
        let mut take = |bytes: &[u8], made: Instant| {
            let mut cursor = Cursor::new(bytes);
            while !cursor.is_at_end()
                && let Ok(message) = Message::decode(&mut cursor, Some(made))
            {
                if let Message::Notify { to, mut circumstances, payload } = message {
                    circumstances.redelivered = true;
                    let payload = Bytes::copy_from_slice(payload);
                    again.push(Again { call: None, to, circumstances, payload });
                }
            }
        };
        let mut long = self.long.iter().peekable();
        for (number, made, head, body) in self.kept.iter() {
            const BEFORE_KIND: usize = 4;
            let Some((kind, start)) = head[BEFORE_KIND..].split_first() else { continue };
            let frame = [start, body].concat();
            match ChannelFrame::decode(*kind, &frame) {
                Ok(ChannelFrame::Messages { messages, .. }) => take(messages, made),
                Ok(ChannelFrame::Part(_)) => {
                    if let Some((_, message)) = long.next_if(|(last, _)| *last == number) {
                        take(&message.to_bytes(), made);
                    }
                }
                _ => {}
            }
        }
        self.long.clear();
    }

    /// What has not been sent.
    fn drain_lanes(&mut self, again: &mut Vec<Again>) {
        let calls = &mut self.calls;
        for queue in self.lanes.iter_mut() {
            queue.drain(|bytes, particulars| {
                let deadline = particulars.and_then(|particulars| particulars.deadline);
                let call = match particulars.map(|particulars| particulars.what) {
                    Some(What::Plain) | None => None,
                    Some(What::Request(call)) => Some(call),
                    Some(_) => return,
                };
                let mut cursor = Cursor::new(bytes);
                // A row is several.
                while !cursor.is_at_end()
                    && let Ok(
                        Message::Notify { to, mut circumstances, payload }
                        | Message::Request { to, mut circumstances, payload, .. },
                    ) = Message::decode(&mut cursor, None)
                {
                    circumstances.deadline = deadline.map(|(deadline, _)| deadline);
                    if let Some(call) = call {
                        let (stage, idempotent) = calls.end_unsent(call);
                        if stage != Some(Stage::Waiting) {
                            return;
                        }
                        circumstances.idempotent = idempotent;
                    }
                    again.push(Again { call, to, circumstances, payload: Bytes::copy_from_slice(payload) });
                }
            });
        }
    }
}
