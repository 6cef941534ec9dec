use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use edri_event::{Priority, Progress};
use edri_router::{
    DeadLetterOffice, Inbox, InboxSettings, Loss, Message as _, Reason, Receiver, Registration, Router,
};
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::{FuturesUnordered, Stream};
use futures_util::task::AtomicWaker;
use tokio::sync::{mpsc, watch};
use tokio::task::coop::unconstrained;

use super::arrival::{Arrives, Dispatch};
use super::calls::Pending;
use super::departure::{Departed, Departure, Gone, TUNNEL_WINDOW};
use super::echo::{LinkId, arriving};
use super::events::{Departs, Events};
use super::link::{Close, State};
use super::outlet::{Inboxes, LANES};
use super::pump::{Ends, Heard, Mouth, Pump, Said};
use crate::call::{CallId, IncomingCall};
use crate::drive::{self, Happened};
use crate::endpoint::{Endpoint, Event};
use crate::interest::Interest;
use crate::message::{AnswerError, Circumstances, Ending};
use crate::tunnel::TunnelId;

type Doing<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// All that a router has under way over one link.
pub(super) struct Program {
    router: Router,
    link: LinkId,
    outward: Vec<Box<dyn Departs>>,
    inward: HashMap<Interest, Box<dyn Arrives>>,
    /// What the other end wants, and the link's place on the route for it.
    wanted: HashMap<Interest, (TypeId, Registration)>,
    /// Under which of the other end's interests an event goes there.
    under: HashMap<TypeId, Interest>,
    inboxes: Inboxes,
    receivers: [Receiver<Departure>; 3],
    /// The first of each lane, while the link has no room for it.
    first: [Option<Departure>; 3],
    office: DeadLetterOffice,
    calls: HashMap<CallId, (Pending, AbortHandle)>,
    cancelled: FuturesUnordered<Abortable<Doing<CallId>>>,
    delivering: FuturesUnordered<Doing<(Priority, usize)>>,
    answering: FuturesUnordered<Abortable<Doing<(IncomingCall, Result<Bytes, AnswerError>)>>>,
    answers: HashMap<IncomingCall, AbortHandle>,
    opening: FuturesUnordered<Doing<(TunnelId, u64, Result<Ends, edri_event::Failure>)>>,
    pumps: HashMap<TunnelId, Pump>,
    /// Tunnels that this end opens, until the other end has accepted.
    ends: HashMap<TunnelId, Ends>,
    mouth: Mouth,
    items: mpsc::Receiver<Said>,
    said: mpsc::UnboundedReceiver<Said>,
    reports: Arc<Reports>,
    tell: watch::Sender<State>,
    close: mpsc::UnboundedReceiver<Close>,
    closing: Closing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Not,
    /// What waits in the inboxes still goes out, and then the link is closed.
    Draining,
    Asked,
}

/// The latest report on each request that came, from whatever thread.
#[derive(Default)]
struct Reports {
    latest: Mutex<BTreeMap<IncomingCall, Progress>>,
    reader: AtomicWaker,
}

/// So many items of all tunnels together wait for the link; each tunnel holds one more.
const ITEMS: usize = 16;

/// So many mismatches are kept for whoever asks.
const MISMATCHES: usize = 256;

impl Program {
    #[expect(clippy::too_many_arguments, reason = "it is made in one place, from what was just made there")]
    pub(super) fn new(
        router: &Router,
        link: LinkId,
        name: Arc<str>,
        inbox: InboxSettings,
        events: Events,
        endpoint: &mut Endpoint,
        tell: watch::Sender<State>,
        close: mpsc::UnboundedReceiver<Close>,
    ) -> Self {
        let office = DeadLetterOffice::new(router, Arc::clone(&name));
        let [normal, high, control] = LANES.map(|_| Inbox::reporting(inbox, office.clone()));
        let lanes = [normal.0, high.0, control.0];
        let (outward, items) = mpsc::channel(ITEMS);
        let (inward, said) = mpsc::unbounded_channel();
        for event in &events.outward {
            endpoint.declare(event.schema().clone());
        }
        let announced =
            events.inward.into_iter().map(|event| (endpoint.announce(event.schema().clone(), 0), event));
        Self {
            router: router.clone(),
            link,
            outward: events.outward,
            inward: announced.collect(),
            wanted: HashMap::new(),
            under: HashMap::new(),
            inboxes: Inboxes { lanes, link, name },
            receivers: [normal.1, high.1, control.1],
            first: [None, None, None],
            office,
            calls: HashMap::new(),
            cancelled: FuturesUnordered::new(),
            delivering: FuturesUnordered::new(),
            answering: FuturesUnordered::new(),
            answers: HashMap::new(),
            opening: FuturesUnordered::new(),
            pumps: HashMap::new(),
            ends: HashMap::new(),
            mouth: Mouth { outward, inward },
            items,
            said,
            reports: Arc::default(),
            tell,
            close,
            closing: Closing::Not,
        }
    }

    /// Begins with an event that came, in the order in which they came: in its first poll it takes its place in the
    /// inboxes, or in the lines before them.
    fn arrived(
        &mut self,
        endpoint: &mut Endpoint,
        interest: Interest,
        circumstances: Circumstances,
        payload: &Bytes,
        as_what: Came,
    ) {
        let (priority, size) = (circumstances.priority, payload.len());
        let Some(event) = self.inward.get(&interest) else { return endpoint.handled(priority, size) };
        let report = self.reports.sink(&as_what);
        let dispatch = event.dispatch(&self.router, circumstances, payload, report);
        let (link, event) = (self.link, event.event());
        match (dispatch, as_what) {
            (Dispatch::Notification(doing), _) => match begin(link, event, doing) {
                Ok(()) => endpoint.handled(priority, size),
                Err(doing) => self.delivering.push(Box::pin(async move {
                    doing.await;
                    (priority, size)
                })),
            },
            (Dispatch::Request(doing), Came::Request(call)) => {
                // Those that are under way are bounded by the number of calls.
                endpoint.handled(priority, size);
                let doing: Doing<_> = match begin(link, event, doing) {
                    Ok(outcome) => Box::pin(std::future::ready((call, outcome))),
                    Err(doing) => Box::pin(async move { (call, doing.await) }),
                };
                let (abort, registration) = AbortHandle::new_pair();
                self.answers.insert(call, abort);
                self.answering.push(Abortable::new(doing, registration));
            }
            (Dispatch::Tunnel(doing), Came::Tunnel(tunnel, granted)) => {
                // And these by the number of tunnels.
                endpoint.handled(priority, size);
                self.opening.push(match begin(link, event, doing) {
                    Ok(opened) => Box::pin(std::future::ready((tunnel, granted, opened))),
                    Err(doing) => Box::pin(async move { (tunnel, granted, doing.await) }),
                });
            }
            // What is announced in one role comes in that role, or not at all.
            (Dispatch::Request(_), _) | (Dispatch::Tunnel(_), _) => endpoint.handled(priority, size),
        }
    }

    fn with_pump(&mut self, tunnel: TunnelId, change: impl FnOnce(&mut Pump)) {
        if let Some(pump) = self.pumps.get_mut(&tunnel) {
            change(pump);
            if pump.is_over() {
                self.pumps.remove(&tunnel);
            }
        }
    }

    /// Sends what waits in the inboxes, as far as there is room.
    fn poll_departures(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>) -> Happened {
        let mut happened = Happened::Nothing;
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
                let Some(to) = self.under.get(&departure.event()) else {
                    departure.discard(Loss::unhandled(Reason::NoSubscriber), &self.office);
                    continue;
                };
                match departure.depart(*to, lane, endpoint, &self.router, &self.office) {
                    Departed::Waits(departure) => {
                        self.first[index] = Some(departure);
                        break;
                    }
                    Departed::Discarded => {}
                    Departed::Gone(gone, call) => self.departed(gone, call),
                }
                happened = Happened::Something;
            }
        }
        happened
    }

    fn departed(&mut self, gone: Gone, call: Option<CallId>) {
        match (gone, call) {
            (Gone::Request(mut pending), Some(call)) => {
                let (abort, registration) = AbortHandle::new_pair();
                if let Some(cancelled) = pending.cancelled.take() {
                    let cancelled: Doing<_> = Box::pin(async move {
                        cancelled.await;
                        call
                    });
                    self.cancelled.push(Abortable::new(cancelled, registration));
                }
                self.calls.insert(call, (pending, abort));
            }
            (Gone::Tunnel(tunnel, ends), _) => drop(self.ends.insert(tunnel, ends)),
            (Gone::Nothing | Gone::Request(_), _) => {}
        }
    }

    fn poll_items(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>) -> Happened {
        let mut happened = Happened::Nothing;
        while endpoint.has_room_for_items()
            && let Poll::Ready(Some(said)) = self.items.poll_recv(cx)
        {
            self.say(endpoint, said);
            happened = Happened::Something;
        }
        while let Poll::Ready(Some(said)) = self.said.poll_recv(cx) {
            self.say(endpoint, said);
            happened = Happened::Something;
        }
        happened
    }

    fn say(&mut self, endpoint: &mut Endpoint, said: Said) {
        match said {
            Said::Item(tunnel, payload) => {
                if let Err(error) = endpoint.send_item(tunnel, payload)
                    && !matches!(error, crate::endpoint::SendError::TunnelClosed)
                {
                    // It is too long: without it the rest would be misunderstood.
                    endpoint.end_tunnel(tunnel, Ending::Aborted(error.into()));
                    self.with_pump(tunnel, Pump::end_outward);
                }
            }
            Said::End(tunnel, ending) => {
                endpoint.end_tunnel(tunnel, ending);
                self.with_pump(tunnel, Pump::end_outward);
            }
            Said::Handled(tunnel, size) => endpoint.item_handled(tunnel, size),
            Said::Stop(tunnel, ending) => {
                endpoint.stop_tunnel(tunnel, ending);
                self.with_pump(tunnel, Pump::end_inward);
            }
        }
    }

    /// What is done with what has come and was under way.
    fn poll_under_way(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>) -> Happened {
        let mut happened = Happened::Nothing;
        while let Some(ended) = next(&mut self.cancelled, cx) {
            if let Ok(call) = ended
                && self.calls.remove(&call).is_some()
            {
                endpoint.cancel(call);
            }
            happened = Happened::Something;
        }
        while let Some((priority, size)) = next(&mut self.delivering, cx) {
            endpoint.handled(priority, size);
            happened = Happened::Something;
        }
        while endpoint.has_room_for_answers()
            && let Some(ended) = next(&mut self.answering, cx)
        {
            if let Ok((call, outcome)) = ended {
                self.answers.remove(&call);
                self.reports.forget(call);
                // There is room.
                let _ = endpoint.answer(call, outcome);
            }
            happened = Happened::Something;
        }
        while let Some((tunnel, granted, opened)) = next(&mut self.opening, cx) {
            match opened {
                Ok(ends) => {
                    endpoint.accept_tunnel(tunnel, TUNNEL_WINDOW);
                    self.pumps.insert(tunnel, ends.start(tunnel, granted, self.mouth.clone()));
                }
                Err(failure) => endpoint.refuse_tunnel(tunnel, failure),
            }
            happened = Happened::Something;
        }
        happened
    }

    /// Takes the link off all routes, and gives up what is under way.
    fn end(&mut self) {
        self.wanted.clear();
        self.under.clear();
        self.inboxes.lanes.iter().for_each(Inbox::close);
        for departure in self.first.iter_mut().filter_map(Option::take) {
            departure.discard(Loss::unhandled(Reason::Stopped), &self.office);
        }
        self.answering.clear();
        self.answers.clear();
        self.ends.clear();
        self.pumps.clear();
    }

    fn poll_close(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>, now: Instant) {
        if self.closing == Closing::Not
            && let Poll::Ready(_) = self.close.poll_recv(cx)
        {
            // Also when the handle was dropped. Nobody sends here any more, and what waits goes first.
            self.closing = Closing::Draining;
            self.wanted.clear();
            self.inboxes.lanes.iter().for_each(Inbox::close);
        }
        let nothing_waits = || {
            let received = self.receivers.iter().all(Receiver::is_empty);
            received && self.first.iter().all(Option::is_none)
        };
        if self.closing == Closing::Draining && (nothing_waits() || !endpoint.is_open()) {
            self.closing = Closing::Asked;
            endpoint.close(now);
        }
    }
}

/// What came, and how it is to be answered.
enum Came {
    Notification,
    Request(IncomingCall),
    Tunnel(TunnelId, u64),
}

/// Polls for the first time, while it is known where it came from: what it sends at once does not go back there.
fn begin<T: Send + 'static>(link: LinkId, event: TypeId, doing: Doing<T>) -> Result<T, Doing<T>> {
    // Without tokio's budget: refused for the lack of it, one would be overtaken by the next.
    let mut doing = Box::pin(unconstrained(doing));
    let mut cx = Context::from_waker(Waker::noop());
    match arriving(link, event, || doing.as_mut().poll(&mut cx)) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => Err(doing),
    }
}

/// The next that is done, if one is; the task is woken when there is one.
fn next<F: Future>(doing: &mut FuturesUnordered<F>, cx: &mut Context<'_>) -> Option<F::Output> {
    match Pin::new(doing).poll_next(cx) {
        Poll::Ready(done) => done,
        Poll::Pending => None,
    }
}

impl Reports {
    fn sink(self: &Arc<Self>, came: &Came) -> Box<dyn Fn(Progress) + Send + Sync> {
        let Came::Request(call) = *came else { return Box::new(|_| {}) };
        let reports = Arc::clone(self);
        Box::new(move |progress| {
            reports.latest.lock().unwrap_or_else(PoisonError::into_inner).insert(call, progress);
            reports.reader.wake();
        })
    }

    fn take(&self, cx: &mut Context<'_>) -> BTreeMap<IncomingCall, Progress> {
        self.reader.register(cx.waker());
        std::mem::take(&mut *self.latest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn forget(&self, call: IncomingCall) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).remove(&call);
    }
}

impl drive::Program for Program {
    fn learn(&mut self, endpoint: &mut Endpoint, event: Event, _now: Instant) {
        match event {
            Event::Opened(peer) => self.tell.send_modify(|state| state.peer = Some(peer)),
            Event::Informed => self.tell.send_modify(|state| state.informed = true),
            Event::Wanted { interest, schema, .. } => {
                let wanted = self.outward.iter().find(|event| *event.schema() == schema);
                // A second announcement of the same changes nothing.
                if let Some(event) = wanted
                    && self.closing == Closing::Not
                    && !self.under.contains_key(&event.event())
                {
                    self.under.insert(event.event(), interest);
                    let place = event.attach(&self.router, &self.inboxes);
                    self.wanted.insert(interest, (event.event(), place));
                }
            }
            Event::Unwanted { interest } => {
                if let Some((event, place)) = self.wanted.remove(&interest) {
                    drop(place);
                    self.under.remove(&event);
                }
            }
            Event::Load { .. } => {}
            Event::Mismatch(mismatch) => {
                tracing::error!(%mismatch, "an event is not the same at both ends of a link");
                self.tell.send_modify(|state| {
                    if state.mismatches.len() < MISMATCHES {
                        state.mismatches.push(mismatch);
                    }
                });
            }
            Event::Notification { interest, circumstances, payload } => {
                self.arrived(endpoint, interest, circumstances, &payload, Came::Notification);
            }
            Event::Request { call, interest, circumstances, payload } => {
                self.arrived(endpoint, interest, circumstances, &payload, Came::Request(call));
            }
            Event::TunnelOpened { tunnel, interest, circumstances, payload, granted } => {
                let came = Came::Tunnel(tunnel, granted);
                self.arrived(endpoint, interest, circumstances, &payload, came);
            }
            Event::Cancelled { call } => {
                if let Some(abort) = self.answers.remove(&call) {
                    abort.abort();
                }
                self.reports.forget(call);
            }
            Event::Answer { call, outcome } => {
                if let Some((pending, abort)) = self.calls.remove(&call) {
                    abort.abort();
                    pending.answer(outcome);
                }
            }
            Event::Progress { call, progress } => {
                if let Some((pending, _)) = self.calls.get(&call) {
                    pending.report(progress);
                }
            }
            Event::TunnelGranted { tunnel, granted } => match self.ends.remove(&tunnel) {
                Some(ends) => {
                    let pump = ends.start(tunnel, granted, self.mouth.clone());
                    self.pumps.insert(tunnel, pump);
                }
                None => self.with_pump(tunnel, |pump| pump.grant(granted)),
            },
            Event::TunnelItem { tunnel, payload } => {
                self.accepted(tunnel);
                self.with_pump(tunnel, |pump| pump.hear(Heard::Item(payload)));
            }
            Event::TunnelEnded { tunnel, ending } => {
                self.accepted(tunnel);
                self.with_pump(tunnel, |pump| pump.hear(Heard::End(ending)));
            }
            Event::TunnelStopped { tunnel, .. } => {
                self.accepted(tunnel);
                self.with_pump(tunnel, Pump::end_outward);
            }
            Event::Closed(closed) => {
                self.end();
                self.tell.send_modify(|state| state.closed = Some(closed));
            }
        }
    }

    fn poll(&mut self, endpoint: &mut Endpoint, cx: &mut Context<'_>, now: Instant) -> Happened {
        if endpoint.is_closed() {
            return Happened::Nothing;
        }
        self.poll_close(endpoint, cx, now);
        let mut happened = self.poll_under_way(endpoint, cx);
        for (call, progress) in self.reports.take(cx) {
            endpoint.report(call, progress);
            happened = Happened::Something;
        }
        for more in [self.poll_departures(endpoint, cx), self.poll_items(endpoint, cx)] {
            happened = happened.or(more);
        }
        happened
    }
}

impl Program {
    /// The other end speaks through a tunnel whose acceptance has not been heard: it need not have come first.
    fn accepted(&mut self, tunnel: TunnelId) {
        if let Some(ends) = self.ends.remove(&tunnel) {
            let pump = ends.start(tunnel, 0, self.mouth.clone());
            self.pumps.insert(tunnel, pump);
        }
    }
}
