use std::time::Instant;

use super::frames::{
    Acknowledge, FRAME_OVERHEAD, Resume, head_of_messages, head_of_part, write_acknowledge, write_messages,
    write_resume,
};
use super::state::{Channel, Heard, Say, Way};
use crate::call::{CallId, Stage};
use crate::event::Event;
use crate::lanes::{Kind, Lane, Late, Partial, Particulars, Place, Queue, Taken, What};
use crate::message::{AnswerError, Message};

/// Messages are put together into frames of about so many bytes: so many are lost together, and so many must have arrived
/// before the first is handled.
const BATCH: usize = 16 * 1024;

/// So many messages of a queue go before it is asked again whose turn it is.
const TURN: usize = 32;

/// A row counts for so many of them.
const ROW: usize = TURN / 4;

impl Channel {
    /// Appends what is to be written now: whole frames, until there are about `most` bytes or there is nothing more.
    pub(crate) fn transmit(&mut self, out: &mut Vec<u8>, most: usize, now: Instant) {
        let Some(path) = &mut self.path else { return };
        let says = path.say.due
            || !path.said && (path.way == Way::Direct || !self.kept.is_empty() || !self.lanes.is_empty());
        let heard = path.heard == Heard::Now;
        let end = out.len().saturating_add(most);
        if says {
            self.write_resume(out);
        }
        if heard {
            if self.arrivals.is_due(now) {
                self.write_acknowledgement(out);
            }
            let before = out.len();
            self.write_again(out, end);
            while out.len() < end && self.has_room_for_a_frame() && self.make_frame(now) {
                self.write_new(out, now);
            }
            if out.len() > before && self.arrivals.is_waiting() {
                self.write_acknowledgement(out);
            }
        }
        self.wait(now);
    }

    /// What has been written before over another path, or is missing.
    fn write_again(&mut self, out: &mut Vec<u8>, end: usize) {
        while out.len() < end && self.may_go() && self.kept.write_next(out).is_some() {
            self.resent += 1;
        }
    }

    fn write_new(&mut self, out: &mut Vec<u8>, now: Instant) {
        if self.kept.write_next(out).is_some() {
            self.pace.sent(self.kept.last_written(), self.kept.in_flight(), now);
        }
    }

    fn may_go(&self) -> bool {
        self.pace.has_room(self.kept.in_flight())
    }

    fn has_room_for_a_frame(&self) -> bool {
        !self.finished && self.kept.has_room() && self.kept.is_written() && self.may_go()
    }

    fn acknowledgement(&mut self) -> Acknowledge {
        let received = self.arrivals.acknowledge();
        Acknowledge { received, granted: self.grants.each_mut().map(|grants| grants.grant()) }
    }

    fn write_acknowledgement(&mut self, out: &mut Vec<u8>) {
        let acknowledge = self.acknowledgement();
        write_acknowledge(out, &acknowledge);
    }

    /// With what is due to be said.
    fn write_resume(&mut self, out: &mut Vec<u8>) {
        let acknowledge = self.acknowledgement();
        let Some(path) = &mut self.path else { return };
        path.said = true;
        let asked = path.say.asked;
        let say = std::mem::replace(&mut path.say, Say { asked, ..Say::default() });
        let resume = Resume {
            incarnation: self.ends.here,
            session: self.session,
            acknowledge,
            heard: path.heard == Heard::Now,
            missing: say.missing,
            probe: say.probe.then_some(self.kept.last_written()),
            echo: say.echo,
        };
        write_resume(out, &resume);
    }

    /// Does something about the message whose turn it is: it is made a frame of, with others, or dropped. `false` if there
    /// is none that may go.
    fn make_frame(&mut self, now: Instant) -> bool {
        let Some(place) = self.pick() else { return false };
        self.pace.made(place.lane(), now);
        let most = self.most();
        if self.lanes.queue(place).partial().is_some() {
            self.make_part(place, most, now);
            return true;
        }
        if self.lanes.queue(place).is_long() {
            self.begin_long(place, most, now);
            return true;
        }
        let number = self.kept.next();
        let mut chunk = self.kept.make();
        let start = chunk.len();
        let mut messages = 0;
        write_messages(&mut chunk, number, |out| messages = self.fill(out, place, most.min(BATCH), now));
        if messages == 0 {
            chunk.truncate(start);
            self.kept.not_made(chunk);
        } else {
            self.kept.made(chunk, start, now);
        }
        true
    }

    /// How many bytes of messages may be in a frame.
    fn most(&self) -> usize {
        let path = self.path.as_ref().map_or(u32::MAX, |path| path.frame);
        (path.min(self.ends.peer.frame) as usize).min(64 * 1024) - FRAME_OVERHEAD
    }

    /// The place whose turn it is.
    fn pick(&mut self) -> Option<Place> {
        let (allowances, announced, most) =
            (&self.allowances, self.parts_announced, self.ends.peer.reassembly);
        let may_go = |place: Place, queue: &Queue| match queue.partial() {
            Some(partial) => partial.sent > 0 || announced + partial.message.len() as u64 <= most.into(),
            None => match place {
                Place::Metered(lane) => allowances[lane as usize].is_open(),
                Place::Free(_) => true,
            },
        };
        // One whose turn had come when the frame before was full.
        let next = self.next.take().filter(|place| {
            let queue = self.lanes.queue(*place);
            !queue.is_empty() && may_go(*place, queue)
        });
        next.or_else(|| self.lanes.pick(may_go))
    }

    /// Appends short messages from here and there, as long as they fit. How many.
    fn fill(&mut self, out: &mut Vec<u8>, mut place: Place, most: usize, now: Instant) -> usize {
        let end = out.len() + most;
        let mut messages = 0;
        loop {
            let mut turns = 0;
            while turns < TURN {
                match self.append(out, place, end, now) {
                    Appended::Message => messages += 1,
                    Appended::Row => {
                        messages += 1;
                        turns += ROW - 1;
                    }
                    Appended::Dropped => {}
                    Appended::Nothing => break,
                    Appended::Full => {
                        self.next = Some(place);
                        return messages;
                    }
                }
                turns += 1;
            }
            let Some(next) = self.pick() else { return messages };
            if self.lanes.queue(next).is_long() || self.lanes.queue(next).partial().is_some() {
                self.next = Some(next);
                return messages;
            }
            place = next;
        }
    }

    /// Appends the first message of a queue.
    #[inline]
    fn append(&mut self, out: &mut Vec<u8>, place: Place, end: usize, now: Instant) -> Appended {
        let queue = self.lanes.queue(place);
        let Some(first) = queue.first() else { return Appended::Nothing };
        if out.len() + first.length > end {
            return Appended::Full;
        }
        if let Place::Metered(lane) = place {
            let allowance = &mut self.allowances[lane as usize];
            if !allowance.is_open() {
                return Appended::Nothing;
            }
            if first.kind == Kind::Row && !allowance.has(first.cost) {
                // As much of it as there is room for at the other end.
                if let Some((bytes, cost)) = queue.take_of_row() {
                    out.extend_from_slice(bytes);
                    allowance.spend(cost);
                }
                return Appended::Message;
            }
            if first.kind != Kind::Particular {
                allowance.spend(first.cost);
            }
        }
        if first.kind == Kind::Particular {
            return self.append_particular(out, place, end, now);
        }
        if let Some((Taken::Short(bytes), _)) = queue.take() {
            out.extend_from_slice(bytes);
        }
        if first.kind == Kind::Row { Appended::Row } else { Appended::Message }
    }

    /// The same for one that is more than bytes.
    fn append_particular(&mut self, out: &mut Vec<u8>, place: Place, end: usize, now: Instant) -> Appended {
        let queue = self.lanes.queue(place);
        if queue.is_long() {
            return Appended::Nothing;
        }
        let cost = queue.first().map(|first| first.cost).unwrap_or_default();
        // What is encoded only now has no length yet, and is short.
        const LATE: usize = 64;
        if out.len() + LATE > end {
            return Appended::Full;
        }
        let start = out.len();
        let Some((Taken::Short(bytes), Some(particulars))) = queue.take() else { return Appended::Dropped };
        out.extend_from_slice(bytes);
        if let What::Late(late) = particulars.what {
            return if self.encode_late(out, late) { Appended::Message } else { Appended::Dropped };
        }
        if self.is_dropped(&particulars, now) {
            out.truncate(start);
            return Appended::Dropped;
        }
        if let Place::Metered(lane) = place {
            self.allowances[lane as usize].spend(cost);
        }
        if let Some((deadline, left_at)) = particulars.deadline {
            left_at.write(out, start, deadline, now);
        }
        self.was_sent(&particulars.what);
        Appended::Message
    }

    /// Whether it is not to be sent any more; whoever waits is told.
    fn is_dropped(&mut self, particulars: &Particulars, now: Instant) -> bool {
        let What::Request(call) = particulars.what else { return false };
        let late = particulars.deadline.is_some_and(|(deadline, _)| deadline <= now);
        if late {
            self.expire(call);
        }
        late
    }

    fn expire(&mut self, call: CallId) {
        if self.calls.end(call) == Some(Stage::Waiting) {
            self.events.push_back(Event::Answer { call, outcome: Err(AnswerError::Expired) });
        }
    }

    /// `false` if there is nothing to be said any more.
    fn encode_late(&mut self, out: &mut Vec<u8>, late: Late) -> bool {
        let message = match late {
            Late::Cancel(call) => Message::Cancel { call: call.get() },
            Late::Progress(call) => {
                let Some(progress) = self.calls.take_report(call) else { return false };
                Message::Progress { call: call.number(), progress }
            }
            Late::Accept(tunnel) => {
                let Some(open) = self.tunnels.get(tunnel) else { return false };
                Message::Accept { tunnel: tunnel.route(), grant: open.grant() }
            }
            Late::Grant(tunnel) => {
                let Some(open) = self.tunnels.get(tunnel) else { return false };
                Message::Grant { tunnel: tunnel.route(), grant: open.grant() }
            }
        };
        message.encode_short(out);
        true
    }

    /// The first message of a queue is a long one: alone in a frame, or in parts.
    fn begin_long(&mut self, place: Place, most: usize, now: Instant) {
        let queue = self.lanes.queue(place);
        let cost = queue.first().map(|first| first.cost).unwrap_or_default();
        let Some((Taken::Long(mut message), Some(particulars))) = queue.take() else { return };
        if self.is_dropped(&particulars, now) {
            return;
        }
        if let Place::Metered(lane) = place {
            self.allowances[lane as usize].spend(cost);
        }
        if let Some((deadline, left_at)) = particulars.deadline {
            message.write_left(left_at, deadline, now);
        }
        if message.len() <= most {
            let mut head = head_of_messages(self.kept.next(), message.len());
            let body = message.piece(0, message.len(), &mut head);
            self.kept.made_apart(head, body, now);
            self.was_sent(&particulars.what);
        } else {
            // Its first part goes when there is room for all of it at the other end.
            self.lanes.queue(place).set_partial(Partial { message, sent: 0, particulars });
        }
    }

    fn make_part(&mut self, place: Place, most: usize, now: Instant) {
        let Some(mut partial) = self.lanes.queue(place).take_partial() else { return };
        let length = partial.message.len();
        if partial.sent == 0 {
            self.parts_announced += length as u64;
        }
        let end = length.min(partial.sent + most);
        let left = u32::try_from(length - end).unwrap_or(u32::MAX);
        let number = self.kept.next();
        let mut head = head_of_part(number, place.index() as u8, left, end - partial.sent);
        let body = partial.message.piece(partial.sent, end, &mut head);
        self.kept.made_apart(head, body, now);
        if end < length {
            partial.sent = end;
            self.lanes.queue(place).set_partial(partial);
        } else {
            self.parts_announced -= length as u64;
            self.was_sent(&partial.particulars.what);
            self.long.push_back((number, partial.message));
        }
    }

    fn was_sent(&mut self, what: &What) {
        match what {
            What::Request(call) => {
                let Some(stage) = self.calls.stage(*call) else { return };
                match *stage {
                    Stage::Waiting => *stage = Stage::Sent,
                    Stage::CancelledWhileWaiting => {
                        *stage = Stage::Cancelled;
                        self.lanes.push_late(Place::Free(Lane::Control), Late::Cancel(*call));
                    }
                    Stage::Sent | Stage::Cancelled => {}
                }
            }
            What::Answer(call) => self.calls.answer_sent(*call),
            What::End(tunnel) => self.tunnels.end_sent(*tunnel),
            What::Plain | What::Open(_) | What::Item(_) | What::Late(_) => {}
        }
    }
}

enum Appended {
    Message,
    /// Several at once.
    Row,
    /// It is not to be sent any more.
    Dropped,
    /// There is none that may go and is short.
    Nothing,
    /// It does not fit.
    Full,
}
