use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use edri_event::{Failure, Meta, Priority, Progress, ProgressSink};
use edri_router::{
    Answered, Back, DeadLetterOffice, Departure, Loss, Message as _, Reason, Receiver, Router, Shareable,
    ShareableEvent as _,
};
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;

use super::addresses::Addresses;
use super::exit::LANES;
use super::incoming::next;
use super::outcome::{from_wire, write_observed};
use super::pumps::Pumps;
use crate::call::CallId;
use crate::drive::Happened;
use crate::endpoint::Endpoint;
use crate::event::Undelivered;
use crate::interest::Interest;
use crate::line::{SendError, WriteError};
use crate::message::{AnswerError, Circumstances, Reports};

/// What goes out: what waits for the link, and the requests that are under way.
pub(super) struct Outgoing {
    receivers: [Receiver<Departure>; 3],
    /// The first of each lane, while the link has no room for it.
    first: [Option<Departure>; 3],
    office: DeadLetterOffice,
    calls: HashMap<CallId, Pending>,
    cancelled: FuturesUnordered<Abortable<Cancelled>>,
    /// What the other end is called.
    pub(super) peer: Arc<str>,
    pub(super) addresses: Addresses,
}

/// A request that went out, until it is answered.
struct Pending {
    event: Shareable,
    answered: Watched,
    progress: Option<ProgressSink>,
    watch: AbortHandle,
}

/// Shared with what waits for its requester to go away.
type Watched = Arc<std::sync::Mutex<Option<Box<dyn Answered>>>>;

/// Ready when nobody waits for the answer any more.
type Cancelled = Pin<Box<dyn Future<Output = CallId> + Send>>;

/// What became of an attempt to send something.
enum Sent {
    /// The link has it, or it could not be sent and whoever waited was told.
    Done,
    /// The link has no room now.
    Waits(Departure),
}

/// How much of a tunnel may be on its way, in [cost](crate::Cost), in each direction.
pub(super) const TUNNEL_WINDOW: u32 = 256 * 1024;

impl Outgoing {
    pub(super) fn new(receivers: [Receiver<Departure>; 3], office: DeadLetterOffice) -> Self {
        Self {
            receivers,
            first: [None, None, None],
            office,
            calls: HashMap::new(),
            cancelled: FuturesUnordered::new(),
            peer: Arc::from("the other router"),
            addresses: Addresses::default(),
        }
    }

    pub(super) fn answer(&mut self, call: CallId, outcome: Result<Bytes, AnswerError>) {
        if let Some(Pending { event, answered, watch, .. }) = self.calls.remove(&call) {
            watch.abort();
            let answered = answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            if let Some(answered) = answered {
                match &outcome {
                    Ok(response) => answered.answer(Ok(response)),
                    Err(error) => {
                        answered.answer(Err(from_wire(error.clone(), event.known_name(), &self.peer)))
                    }
                }
            }
        }
    }

    pub(super) fn report(&self, call: CallId, progress: Progress) {
        if let Some(Pending { progress: Some(sink), .. }) = self.calls.get(&call) {
            sink.report(progress);
        }
    }

    /// Sends what waits, as far as there is room, and takes back what nobody waits for any more.
    pub(super) fn poll(
        &mut self,
        endpoint: &mut Endpoint,
        pumps: &mut Pumps,
        cx: &mut Context<'_>,
    ) -> Happened {
        let mut happened = Happened::Nothing;
        while let Some(ended) = next(&mut self.cancelled, cx) {
            if let Ok(call) = ended
                && self.calls.remove(&call).is_some()
            {
                endpoint.cancel(call);
            }
            happened = Happened::Something;
        }
        for lane in LANES {
            while endpoint.has_room(lane) {
                let index = lane as usize;
                let departure = match self.first[index].take() {
                    Some(first) => first,
                    None => match self.receivers[index].poll_recv(cx) {
                        Poll::Ready(Some(departure)) => departure,
                        Poll::Ready(None) | Poll::Pending => break,
                    },
                };
                if let Sent::Waits(departure) = self.send(departure, lane, endpoint, pumps) {
                    self.first[index] = Some(departure);
                    break;
                }
                happened = Happened::Something;
            }
        }
        let (receivers, first) = (&self.receivers, &self.first);
        self.addresses.forget_retired(|| is_empty(receivers, first));
        happened
    }

    fn send(
        &mut self,
        departure: Departure,
        lane: Priority,
        endpoint: &mut Endpoint,
        pumps: &mut Pumps,
    ) -> Sent {
        if departure.is_abandoned() {
            return Sent::Done;
        }
        let room = match &departure.back {
            Back::Answer(_) => endpoint.has_room_for_request(lane),
            Back::Tunnel(..) => endpoint.has_room_for_tunnel(lane),
            _ => endpoint.has_room(lane),
        };
        if !room {
            return Sent::Waits(departure);
        }
        let Departure { event, to, meta, payload, back, .. } = departure;
        let Some(interest) = self.addresses.find(to) else {
            let lost = Departure::new(event, to, meta, payload, back);
            lost.discard(Loss::unhandled(Reason::NoSubscriber), &self.office);
            return Sent::Done;
        };
        let circumstances = circumstances(&meta, lane);
        // What cannot be sent is lost, or answered.
        let lost = match back {
            Back::Nothing => match endpoint.notify_with(interest, &circumstances, put(&payload)) {
                Ok(()) => return Sent::Done,
                Err(error) => (not_sent(error), payload, Back::Nothing),
            },
            Back::Outcome(outcome) => {
                let payload = write_observed(&payload, outcome);
                match endpoint.notify(interest, circumstances, payload) {
                    // Whoever observed there does so no more.
                    Ok(()) | Err(SendError::Unwanted) => return Sent::Done,
                    Err(error) => (error, Vec::new(), Back::Nothing),
                }
            }
            Back::Answer(answered) => match endpoint.request_with(interest, &circumstances, put(&payload)) {
                Ok(call) => {
                    self.await_answer(call, event, answered, &meta);
                    return Sent::Done;
                }
                Err(error) => (not_sent(error), Vec::new(), Back::Answer(answered)),
            },
            Back::Tunnel(end, in_flight) => {
                match endpoint.open_tunnel(interest, circumstances, payload.into(), TUNNEL_WINDOW) {
                    Ok(tunnel) => {
                        pumps.opening(tunnel, end, in_flight);
                        return Sent::Done;
                    }
                    Err(error) => (error, Vec::new(), Back::Tunnel(end, in_flight)),
                }
            }
            _ => return Sent::Done,
        };
        let (error, payload, back) = lost;
        let reason = match error {
            SendError::Unwanted => Reason::NoSubscriber,
            SendError::NotOpen => Reason::Stopped,
            other => Reason::Failed(other.into()),
        };
        Departure::new(event, to, meta, payload, back).discard(Loss::unhandled(reason), &self.office);
        Sent::Done
    }

    fn await_answer(&mut self, call: CallId, event: Shareable, answered: Box<dyn Answered>, meta: &Meta) {
        let (watch, registration) = AbortHandle::new_pair();
        let answered: Watched = Arc::new(std::sync::Mutex::new(Some(answered)));
        let watched = Arc::clone(&answered);
        let cancelled: Cancelled = Box::pin(async move {
            poll_fn(|cx| {
                let mut answered = watched.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                answered.as_mut().map_or(Poll::Pending, |answered| answered.poll_cancelled(cx))
            })
            .await;
            call
        });
        self.cancelled.push(Abortable::new(cancelled, registration));
        let progress = meta.progress().cloned();
        self.calls.insert(call, Pending { event, answered, progress, watch });
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
        self.addresses.lose(interest, (payload.to_vec(), meta), reason, router, &self.office);
    }

    pub(super) fn is_empty(&self) -> bool {
        is_empty(&self.receivers, &self.first)
    }

    /// The link has ended: what waits is lost, and its senders are told.
    pub(super) fn end(&mut self, reason: &Reason) {
        let first = self.first.iter_mut().filter_map(Option::take);
        let waiting =
            self.receivers.iter_mut().flat_map(|receiver| std::iter::from_fn(|| receiver.try_recv()));
        for departure in first.chain(waiting) {
            departure.discard(Loss::unhandled(reason.clone()), &self.office);
        }
    }
}

fn is_empty(receivers: &[Receiver<Departure>; 3], first: &[Option<Departure>; 3]) -> bool {
    receivers.iter().all(Receiver::is_empty) && first.iter().all(Option::is_none)
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

fn circumstances(meta: &Meta, priority: Priority) -> Circumstances {
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
