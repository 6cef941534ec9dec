use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use edri_event::{Failure, Meta, Priority};
use edri_router::{
    Back, DeadLetterOffice, Departure, Departures, First, Loss, Payload, Reason, Router, Row, Shareable,
};

use super::addresses::Addresses;
use super::calls::Calls;
use super::exit::{Exit, LANES};
use super::lane::Hand;
use super::outcome::write_observed;
use super::pumps::Pumps;
use super::ringing::{Due, Ringing, Source};
use super::toward::Toward;
use crate::call::CallId;
use crate::drive::Happened;
use crate::event::Undelivered;
use crate::interest::Interest;
use crate::line::{Line, SendError, WriteError};
use crate::message::{AnswerError, Circumstances, Reports};

/// What goes out: what waits for the link, and the requests that are under way.
pub(super) struct Outgoing {
    exit: Arc<Exit>,
    /// What was taken from each lane and has not been sent.
    hands: [Hand; 3],
    office: DeadLetterOffice,
    pub(super) calls: Calls,
    /// What the other end is called.
    pub(super) peer: Arc<str>,
    pub(super) addresses: Addresses,
}

/// How much of a tunnel may be on its way, in [cost](crate::Cost), in each direction.
pub(super) const TUNNEL_WINDOW: u32 = 256 * 1024;

impl Outgoing {
    pub(super) fn new(exit: Arc<Exit>, office: DeadLetterOffice) -> Self {
        Self {
            exit,
            hands: Default::default(),
            office,
            calls: Calls::default(),
            peer: Arc::from("the other router"),
            addresses: Addresses::default(),
        }
    }

    pub(super) fn answer(&mut self, call: CallId, outcome: Result<Bytes, AnswerError>) {
        self.calls.answer(call, outcome, &self.peer);
    }

    /// Sends what waits, as far as there is room, and takes back what nobody waits for any more.
    pub(super) fn poll(
        &mut self,
        toward: &mut impl Toward,
        pumps: &mut Pumps,
        (due, ringing): (Due, &Ringing),
    ) -> Happened {
        let mut happened = Happened::Nothing;
        if due.has(Source::Left) {
            for call in self.calls.take_left(&ringing.context(Source::Left)) {
                toward.cancel(call);
                happened = Happened::Something;
            }
        }
        if due.has(Source::Exit) {
            self.exit.listen(&ringing.context(Source::Exit));
        }
        if due.has(Source::Exit) || self.hands.iter().any(|hand| !hand.departures.is_empty()) {
            for lane in LANES {
                happened = happened.or(self.send_lane(lane, toward, pumps));
            }
            let (exit, hands) = (&self.exit, &self.hands);
            self.addresses.forget_retired(|| is_empty(exit, hands));
        }
        happened
    }

    fn send_lane(&mut self, lane: Priority, toward: &mut impl Toward, pumps: &mut Pumps) -> Happened {
        let mut happened = Happened::Nothing;
        let mut hand = std::mem::take(&mut self.hands[lane as usize]);
        if hand.departures.is_empty() {
            self.exit.lane(lane).take(&mut hand);
        }
        if !hand.departures.is_empty() {
            // Where there is nothing to say, nothing is begun.
            let line = &mut toward.line();
            while let Some(first) = hand.departures.first()
                && has_room_for(&first, lane, line)
            {
                let before = hand.departures.len();
                let as_it_is = matches!(first, First::Row(row) if self.goes_as_it_is(row, line));
                if !as_it_is || !send_row(&mut hand.departures, lane, line) {
                    let send =
                        |departure, payload: Payload<'_>| self.send(departure, payload, lane, line, pumps);
                    hand.departures.take_first(send);
                }
                self.exit.lane(lane).sent(&hand, before);
                happened = Happened::Something;
                if hand.departures.is_empty() {
                    self.exit.lane(lane).take(&mut hand);
                }
            }
        }
        self.hands[lane as usize] = hand;
        happened
    }

    /// Whether what was written for it is what is to be sent: its interest is there, as it was.
    fn goes_as_it_is(&mut self, row: &Row, line: &Line<'_>) -> bool {
        let interest = Addresses::given_for(row.to());
        self.addresses.find(row.to()) == Some(interest) && line.listens(interest)
    }

    /// Hands it to the link, which has room.
    fn send(
        &mut self,
        departure: Departure,
        payload: Payload<'_>,
        lane: Priority,
        line: &mut Line<'_>,
        pumps: &mut Pumps,
    ) {
        if departure.is_abandoned() {
            return;
        }
        let Departure { event, to, meta, back, .. } = departure;
        let mut circumstances = circumstances(&meta, lane);
        let sent = match self.addresses.find(to) {
            None => Err((SendError::Unwanted, back)),
            Some(interest) => match back {
                Back::Answer(answered) => {
                    circumstances.idempotent =
                        matches!(&event, Shareable::Request(event) if event.is_idempotent());
                    match line.request_with(interest, &circumstances, put(&payload)) {
                        Ok(call) => {
                            let progress = meta.progress().cloned();
                            self.calls.await_answer(call, event, answered, progress);
                            return;
                        }
                        Err(error) => Err((not_sent(error), Back::Answer(answered))),
                    }
                }
                Back::Tunnel(end, in_flight) => {
                    let payload = payload.to_bytes();
                    match line.open_tunnel(interest, circumstances, payload, TUNNEL_WINDOW) {
                        Ok(tunnel) => {
                            pumps.opening(tunnel, end, in_flight);
                            Ok(())
                        }
                        Err(error) => Err((error, Back::Tunnel(end, in_flight))),
                    }
                }
                Back::Outcome(outcome) => {
                    let observed = write_observed(&payload, *outcome);
                    match line.notify(interest, circumstances, observed) {
                        // Whoever observed there does so no more.
                        Ok(()) | Err(SendError::Unwanted) => Ok(()),
                        Err(error) => Err((error, Back::Nothing)),
                    }
                }
                _ => {
                    let sent = match payload {
                        Payload::Long(payload) => line.notify(interest, circumstances, payload.clone()),
                        Payload::Short(payload) => {
                            line.notify_with(interest, &circumstances, put(payload)).map_err(not_sent)
                        }
                    };
                    sent.map_err(|error| (error, Back::Nothing))
                }
            },
        };
        // What cannot be sent is lost, or answered.
        if let Err((error, back)) = sent {
            let reason = match error {
                SendError::Unwanted => Reason::NoSubscriber,
                SendError::NotOpen => Reason::Stopped,
                other => Reason::Failed(other.into()),
            };
            let lost = Departure::new(event, to, meta, back);
            lost.discard(&payload, Loss::unhandled(reason), &self.office);
        }
    }

    /// A notification that was sent did not reach a consumer, or may not have: it is lost.
    pub(super) fn undelivered(
        &self,
        router: &Router,
        interest: Interest,
        circumstances: Circumstances,
        payload: &[u8],
        cause: Undelivered,
    ) {
        let reason = match cause {
            Undelivered::Unwanted => Reason::NoSubscriber,
            Undelivered::TooLong => {
                Reason::Failed(Failure::new("too long", "the other router takes nothing as long"))
            }
            _ => {
                Reason::LinkLost { peer: self.peer.to_string(), reason: "it was not acknowledged".to_owned() }
            }
        };
        let mut meta = Meta::new();
        if let Some(id) = circumstances.id {
            meta.set_id(id);
        }
        if let Some(key) = circumstances.key {
            meta.set_key(key);
        }
        self.addresses.lose(interest, (payload, meta), reason, router, &self.office);
    }

    pub(super) fn is_empty(&self) -> bool {
        is_empty(&self.exit, &self.hands)
    }

    /// The link has ended: what waits is lost, and its senders are told.
    pub(super) fn end(&mut self, reason: &Reason) {
        for (lane, mut hand) in LANES.into_iter().zip(std::mem::take(&mut self.hands)) {
            loop {
                let discard = |departure: Departure, payload: Payload<'_>| {
                    departure.discard(&payload, Loss::unhandled(reason.clone()), &self.office);
                };
                while hand.departures.take_first(discard).is_some() {}
                self.exit.lane(lane).take(&mut hand);
                if hand.departures.is_empty() {
                    break;
                }
            }
        }
    }
}

/// Nothing waits.
fn is_empty(exit: &Exit, hands: &[Hand; 3]) -> bool {
    hands.iter().all(|hand| hand.departures.is_empty())
        && LANES.into_iter().all(|lane| exit.lane(lane).is_empty())
}

fn has_room_for(first: &First<'_>, lane: Priority, line: &Line<'_>) -> bool {
    match first {
        First::One(Departure { back: Back::Answer(_), .. }) => line.has_room_for_request(lane),
        First::One(Departure { back: Back::Tunnel(..), .. }) => line.has_room_for_tunnel(lane),
        _ => line.has_room(lane),
    }
}

/// Hands a row to the link as it is; `false` if it may be too long for the other end.
fn send_row(departures: &mut Departures, lane: Priority, line: &mut Line<'_>) -> bool {
    line.takes_payload(Row::LONGEST)
        && departures
            .take_row(|row, bytes| line.notify_row(lane, bytes, (row.count(), row.payloads())))
            .is_some()
}

fn put(payload: &[u8]) -> impl FnOnce(&mut Vec<u8>) -> Result<(), Infallible> {
    |out| {
        out.extend_from_slice(payload);
        Ok(())
    }
}

fn not_sent(error: WriteError<Infallible>) -> SendError {
    match error {
        WriteError::NotSent(error) => error,
        WriteError::NotWritten(never) => match never {},
    }
}

#[inline]
pub(super) fn circumstances(meta: &Meta, priority: Priority) -> Circumstances {
    Circumstances {
        id: meta.id(),
        key: meta.key(),
        priority,
        deadline: meta.deadline(),
        trace: meta.trace(),
        origin: meta.origin(),
        reports: if meta.progress().is_some() { Reports::Wanted } else { Reports::Unwanted },
        ..Circumstances::default()
    }
}
