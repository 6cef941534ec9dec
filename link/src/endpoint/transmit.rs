use std::time::Instant;

use super::close::Closed;
use super::state::{Endpoint, Phase};
use crate::call::Stage;
use crate::frame::{Acknowledge, Close, CloseCode, Frame, Part, write, write_part, write_whole};
use crate::lanes::{Body, Lane, Partial, Place, What};
use crate::message::{AnswerError, Message, Outcome};
use crate::tunnel::Early;
use crate::wire::Limits;

impl Endpoint {
    /// Appends what is to be written now: whole frames, until `out` holds `most` bytes or there is nothing more. A frame
    /// may go beyond `most`.
    pub fn transmit(&mut self, out: &mut Vec<u8>, most: usize, now: Instant) {
        let before = out.len();
        if let Some(greeting) = self.greeting.take() {
            write(out, &greeting);
        }
        if matches!(self.phase, Phase::Open | Phase::Closing) {
            if self.arrivals.is_due(now) {
                self.write_acknowledgement(out);
            }
            while self.has_interests_to_tell()
                && out.len() < most
                && let Some(changes) = self.offered.tell(self.peer.interests)
            {
                write(out, &Frame::Interest(changes));
            }
            while out.len() < most && self.write_message(out, now) {}
            if self.phase == Phase::Closing && !self.close_sent && self.lanes.is_empty() {
                let close = Close { code: CloseCode::Orderly, reason: String::new() };
                write(out, &Frame::Close(close));
                self.close_sent = true;
                self.finish_closing();
            }
            if out.len() == before && self.heartbeat_is_due(now) {
                write(out, &Frame::Heartbeat);
            }
        }
        if let Some(last_word) = self.last_word.take() {
            write(out, &last_word);
        }
        if out.len() > before {
            self.last_spoke = now;
        }
    }

    fn has_interests_to_tell(&self) -> bool {
        !self.close_sent && self.offered.has_untold()
    }

    fn write_acknowledgement(&mut self, out: &mut Vec<u8>) {
        let received = self.arrivals.acknowledge();
        let granted = self.grants.each_mut().map(|grants| grants.grant());
        write(out, &Frame::Acknowledge(Acknowledge { received, granted }));
    }

    /// One frame of the message whose turn it is. `false` if there is none that may go.
    fn write_message(&mut self, out: &mut Vec<u8>, now: Instant) -> bool {
        if self.close_sent || !self.outbox.has_room() {
            return false;
        }
        let (allowances, announced, most) = (&self.allowances, self.parts_announced, self.peer.reassembly);
        let picked = self.lanes.pick(|place, queue| match &queue.partial {
            Some(partial) => partial.sent > 0 || announced + partial.bytes.len() as u64 <= most.into(),
            None => match place {
                Place::Metered(lane) => allowances[lane as usize].is_open(),
                Place::Free(_) => true,
            },
        });
        let Some(place) = picked else { return false };
        if self.lanes.queue(place).partial.is_some() {
            self.write_part(place, out);
            return true;
        }
        let Some(body) = self.lanes.queue(place).pop() else { return false };
        let (what, cost) = (What::of(&body), body.cost());
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        if self.encode(body, &mut scratch, now) {
            if let Place::Metered(lane) = place {
                self.allowances[lane as usize].spend(cost);
            }
            if scratch.len() <= self.part_length() {
                let before = out.len();
                write_whole(out, self.outbox.next(), &scratch);
                self.outbox.send(out.len() - before);
                self.was_sent(what);
            } else {
                let bytes = std::mem::take(&mut scratch).into();
                self.lanes.queue(place).partial = Some(Partial { bytes, sent: 0, what });
                // Its first part goes when there is room for all of it at the other end.
            }
        }
        self.scratch = scratch;
        true
    }

    fn write_part(&mut self, place: Place, out: &mut Vec<u8>) {
        let most = self.part_length();
        let queue = self.lanes.queue(place);
        let Some(mut partial) = queue.partial.take() else { return };
        let length = partial.bytes.len();
        if partial.sent == 0 {
            self.parts_announced += length as u64;
        }
        let end = length.min(partial.sent + most);
        let part = Part {
            number: self.outbox.next(),
            queue: place.index() as u8,
            left: u32::try_from(length - end).unwrap_or(u32::MAX),
            bytes: &partial.bytes[partial.sent..end],
        };
        let before = out.len();
        write_part(out, &part);
        self.outbox.send(out.len() - before);
        if end < length {
            partial.sent = end;
            self.lanes.queue(place).partial = Some(partial);
        } else {
            self.parts_announced -= length as u64;
            self.was_sent(partial.what);
        }
    }

    fn part_length(&self) -> usize {
        (self.peer.frame - Limits::PART_OVERHEAD) as usize
    }

    /// `false` if it is not to be sent any more.
    fn encode(&mut self, body: Body, out: &mut Vec<u8>, now: Instant) -> bool {
        match body {
            Body::Notify { to, circumstances, payload } => {
                Message::Notify { to, header: circumstances.header(now), payload: &payload }.encode(out);
            }
            Body::Request { call, to, circumstances, payload } => {
                if circumstances.deadline.is_some_and(|deadline| deadline <= now) {
                    self.calls.end(call);
                    let outcome = Err(AnswerError::Expired);
                    self.events.push_back(super::Event::Answer { call, outcome });
                    return false;
                }
                let header = circumstances.header(now);
                Message::Request { call: call.get(), to, header, payload: &payload }.encode(out);
            }
            Body::Answer { call, outcome } => {
                let outcome = match &outcome {
                    Ok(payload) => Outcome::Response(payload),
                    Err(error) => Outcome::Error(error.clone()),
                };
                self.calls.answer_sent(call);
                Message::Answer { call: call.get(), outcome }.encode(out);
            }
            Body::Cancel { call } => Message::Cancel { call: call.get() }.encode(out),
            Body::Progress { call } => {
                let Some(progress) = self.calls.take_report(call) else { return false };
                Message::Progress { call: call.get(), progress }.encode(out);
            }
            Body::Open { tunnel, to, circumstances, payload } => {
                let Some(open) = self.tunnels.get(tunnel) else { return false };
                let (grant, header) = (open.grant(), circumstances.header(now));
                Message::Open { tunnel: tunnel.number(), to, header, grant, payload: &payload }.encode(out);
            }
            Body::Accept { tunnel } => {
                let Some(open) = self.tunnels.get(tunnel) else { return false };
                Message::Accept { tunnel: tunnel.route(), grant: open.grant() }.encode(out);
            }
            Body::Item { tunnel, payload } => {
                Message::Item { tunnel: tunnel.route(), payload: &payload }.encode(out);
            }
            Body::Grant { tunnel } => {
                let Some(open) = self.tunnels.get(tunnel) else { return false };
                Message::Grant { tunnel: tunnel.route(), grant: open.grant() }.encode(out);
            }
            Body::End { tunnel, ending } => {
                self.tunnels.end_sent(tunnel);
                Message::End { tunnel: tunnel.route(), ending }.encode(out);
            }
            Body::Stop { tunnel, ending } => Message::Stop { tunnel: tunnel.route(), ending }.encode(out),
        }
        true
    }

    fn was_sent(&mut self, what: What) {
        if let What::Request(call) = what
            && let Some(stage) = self.calls.stage(call)
        {
            match *stage {
                Stage::Waiting => *stage = Stage::Sent,
                Stage::CancelledWhileWaiting => {
                    *stage = Stage::Cancelled;
                    self.lanes.push(Place::Free(Lane::Control), Body::Cancel { call });
                }
                Stage::Sent | Stage::Cancelled => {}
            }
        }
    }

    /// Sends what was held back until a tunnel was accepted.
    pub(super) fn push_early(&mut self, tunnel: crate::tunnel::TunnelId, early: Vec<Early>) {
        for early in early {
            match early {
                Early::End(ending) => self.push_end(tunnel, ending),
                Early::Stop(ending) => self.push_stop(tunnel, ending),
            }
        }
    }

    /// What is known when the link is refused by this end.
    pub(super) fn refuse(&mut self, refused: crate::handshake::Refused) {
        self.greeting = Some(Frame::Refused(refused.clone()));
        self.end(Closed::RefusedHere(refused));
    }
}
