use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use edri_event::{Failure, Meta, Origin, Priority, Progress, ProgressSink, RouterId};
use edri_router::{
    Addressee, Arrival, Direct, EncodedEnd, Horizon, RequestError, Router, Shareable, ShareableRequest, Way,
};
use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::{FuturesUnordered, Stream};
use futures_util::task::AtomicWaker;
use tokio::task::coop::{Unconstrained, unconstrained};

use super::offers::{Offer, Offers};
use super::outcome::{read_observed, to_wire};
use super::pumps::Pumps;
use super::ringing::{Due, Ringing, Source};
use super::toward::Toward;
use crate::call::IncomingCall;
use crate::channel::{Cost, Row};
use crate::drive::Happened;
use crate::interest::Interest;
use crate::message::{AnswerError, Circumstances, Reports};
use crate::tunnel::TunnelId;

type Doing<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Something that came, and what becomes of it here.
///
/// It runs without tokio's budget: refused for the lack of it, one would be overtaken by the next. The driver has its
/// own.
struct UnderWay<C, T> {
    came: C,
    doing: Unconstrained<Doing<T>>,
}

/// A request that came, until it is answered.
type Answering = UnderWay<IncomingCall, Result<Vec<u8>, RequestError>>;

/// A tunnel that the other end opens, and what it grants.
type Opened = UnderWay<(TunnelId, u64), Result<EncodedEnd, Failure>>;

/// What comes in, and is under way on the local router. What the other end may have under way bounds it all.
pub(super) struct Incoming {
    router: Router,
    horizon: Horizon,
    /// The router at the other end, and what it is called.
    peer: Option<(RouterId, Arc<str>)>,
    way: Way,
    direct: Option<Direct>,
    run: Option<Running>,
    delivering: FuturesUnordered<UnderWay<(Priority, usize), ()>>,
    answering: FuturesUnordered<Abortable<Answering>>,
    answers: HashMap<IncomingCall, AbortHandle>,
    opening: FuturesUnordered<Opened>,
    reports: Arc<Latest>,
    begun: Begun,
    /// Whether somebody was asked, or has answered, since this was asked last.
    asked: bool,
}

/// Notifications that came one after the other under one interest, and are handed over together.
struct Running {
    interest: Interest,
    priority: Priority,
    /// As what they count together.
    size: usize,
    /// What travels beside each that has nothing of its own.
    beside: Meta,
}

impl Running {
    fn begin(peer: Option<&(RouterId, Arc<str>)>, interest: Interest, priority: Priority) -> Self {
        let mut beside = Meta::new();
        beside.set_origin(origin(peer, None));
        Self { interest, priority, size: 0, beside }
    }
}

/// Of what something has been begun, or has to be tried again, and nobody will ring for it.
#[derive(Debug, Default)]
struct Begun {
    delivering: bool,
    answering: bool,
    opening: bool,
}

/// So many are handed over together at most.
const TOGETHER: usize = 256;

/// The latest report on each request that came, from whatever thread.
#[derive(Default)]
struct Latest {
    reports: Mutex<BTreeMap<IncomingCall, Progress>>,
    reader: AtomicWaker,
}

impl Incoming {
    pub(super) fn new(router: &Router, horizon: Horizon) -> Self {
        Self {
            router: router.clone(),
            horizon,
            peer: None,
            way: router.open_way(),
            direct: None,
            run: None,
            delivering: FuturesUnordered::new(),
            answering: FuturesUnordered::new(),
            answers: HashMap::new(),
            opening: FuturesUnordered::new(),
            reports: Arc::default(),
            begun: Begun::default(),
            asked: false,
        }
    }

    pub(super) fn opened(&mut self, peer: RouterId, name: &Arc<str>) {
        self.direct = Some(self.way.leads_to(peer));
        self.peer = Some((peer, Arc::clone(name)));
    }

    /// A notification, or an answer to whoever observes it here. It is handed over with those that follow, and by
    /// [`flush`](Self::flush) at the latest.
    pub(super) fn notification(
        &mut self,
        toward: &mut impl Toward,
        offers: &mut Offers,
        interest: Interest,
        circumstances: Circumstances,
        payload: &[u8],
    ) {
        let (priority, size) = (circumstances.priority, payload.len());
        if !self.takes(circumstances.origin) && !offers.under.get(&interest).is_some_and(Offer::is_addressed)
        {
            return toward.line().handled(priority, size);
        }
        if self.run.as_ref().is_some_and(|run| run.interest != interest || run.priority != priority) {
            self.flush(toward, offers);
        }
        match offers.under.get_mut(&interest) {
            Some(Offer::Notification { run, .. }) => {
                let begin = || Running::begin(self.peer.as_ref(), interest, priority);
                let running = self.run.get_or_insert_with(begin);
                let meta = meta(self.peer.as_ref(), circumstances, &running.beside);
                if let Err(error) = run.add(payload, meta) {
                    tracing::error!(%error, "a notification that came over a link cannot be read");
                    return toward.line().handled(priority, size);
                }
                running.size += Cost::of(size).get() as usize;
                if run.len() >= TOGETHER {
                    self.flush(toward, offers);
                }
            }
            Some(Offer::Observer(Shareable::Request(event))) => {
                let event = event.clone();
                match self.observe(&*event, circumstances, payload) {
                    Ok(doing) => self.deliver(toward, (priority, size), doing),
                    Err(error) => {
                        tracing::error!(%error, event = event.known_name(), "an answer that came over a link cannot be read");
                        toward.line().handled(priority, size);
                    }
                }
            }
            _ => toward.line().handled(priority, size),
        }
    }

    /// Plain notifications under one interest, one after the other: as each of them alone, with one look at where they go.
    pub(super) fn row(&mut self, toward: &mut impl Toward, offers: &mut Offers, row: &mut Row<'_>) {
        let (interest, priority) = (row.interest(), row.priority());
        let is_other = |run: &Running| run.interest != interest || run.priority != priority;
        if self.run.as_ref().is_some_and(is_other) {
            self.flush(toward, offers);
        }
        let is_taken = self.takes(None);
        while !row.is_over() {
            let run = match offers.under.get_mut(&interest) {
                Some(Offer::Notification { run, to }) if is_taken || *to != Addressee::Subscribers => run,
                // Answers, for those who observe them; or it is not taken.
                _ => {
                    return row.for_each(|plain| {
                        let (interest, circumstances, payload) = plain.into();
                        self.notification(toward, offers, interest, circumstances, payload);
                    });
                }
            };
            let begin = || Running::begin(self.peer.as_ref(), interest, priority);
            let running = self.run.get_or_insert_with(begin);
            while run.len() < TOGETHER
                && let Some(plain) = row.next()
            {
                let mut meta = running.beside.clone();
                if let Some(id) = plain.id {
                    meta.set_id(id);
                }
                match run.add(plain.payload, meta) {
                    Ok(()) => running.size += Cost::of(plain.payload.len()).get() as usize,
                    Err(error) => {
                        tracing::error!(%error, "a notification that came over a link cannot be read");
                        toward.line().handled(priority, plain.payload.len());
                    }
                }
            }
            if run.len() >= TOGETHER {
                self.flush(toward, offers);
            }
        }
    }

    /// Whether it has not come by another way, and will not.
    fn takes(&self, before: Option<Origin>) -> bool {
        match before {
            None => self.direct.as_ref().is_none_or(Direct::is_taken),
            Some(_) => self.way.takes(origin(self.peer.as_ref(), before)),
        }
    }

    fn observe(
        &self,
        event: &dyn ShareableRequest,
        circumstances: Circumstances,
        payload: &[u8],
    ) -> Result<Doing<()>, String> {
        let peer = self.peer.as_ref().map_or("the other router", |(_, name)| &**name);
        let (request, outcome) =
            read_observed(payload, event.known_name(), peer).map_err(|error| error.to_string())?;
        let arrival = self.arrival(circumstances, None);
        event
            .observe(&self.router, self.horizon, request, outcome, arrival)
            .map_err(|error| error.to_string())
    }

    /// Hands over the notifications that came.
    pub(super) fn flush(&mut self, toward: &mut impl Toward, offers: &mut Offers) {
        let Some(Running { interest, priority, size, .. }) = self.run.take() else { return };
        let Some(Offer::Notification { run, to }) = offers.under.get_mut(&interest) else { return };
        // As one that counts for as much as all of them.
        let size = size.saturating_sub(Cost::of(0).get() as usize);
        match run.hand_over(&self.router, self.horizon, to, priority) {
            None => toward.line().handled(priority, size),
            Some(waiting) => self.deliver(toward, (priority, size), waiting),
        }
    }

    fn deliver(&mut self, toward: &mut impl Toward, came: (Priority, usize), doing: Doing<()>) {
        match begin(came, doing) {
            Ok(()) => toward.line().handled(came.0, came.1),
            Err(under_way) => {
                self.begun.delivering = true;
                self.delivering.push(under_way);
            }
        }
    }

    /// Begins with a request that came, in the order in which they came: in its first poll it takes its place in the
    /// inbox, or in the line before it.
    pub(super) fn request(
        &mut self,
        toward: &mut impl Toward,
        offers: &mut Offers,
        call: IncomingCall,
        interest: Interest,
        circumstances: Circumstances,
        payload: &Bytes,
    ) {
        self.flush(toward, offers);
        self.asked = true;
        // Those that are under way are bounded by the number of calls.
        toward.line().handled(circumstances.priority, payload.len());
        let Some(Offer::Responder(Shareable::Request(event), responder)) = offers.under.get(&interest) else {
            // It is answered at once, and so there is room.
            let _ = toward.line().answer(call, Err(AnswerError::NoResponder));
            return;
        };
        let arrival = self.arrival(circumstances, Some(call));
        let asking = event.ask(&self.router, *responder, payload, arrival);
        let under_way = match begin(call, asking) {
            Ok(outcome) if toward.line().has_room_for_answers() => {
                // There is room.
                let _ = toward.line().answer(call, answer(outcome));
                return;
            }
            Ok(outcome) => UnderWay::new(call, Box::pin(std::future::ready(outcome))),
            Err(under_way) => under_way,
        };
        let (abort, registration) = AbortHandle::new_pair();
        self.answers.insert(call, abort);
        self.begun.answering = true;
        self.answering.push(Abortable::new(under_way, registration));
    }

    /// Begins with a tunnel that the other end opens.
    pub(super) fn tunnel(
        &mut self,
        toward: &mut impl Toward,
        offers: &mut Offers,
        (tunnel, granted): (TunnelId, u64),
        interest: Interest,
        circumstances: Circumstances,
        payload: &Bytes,
    ) {
        self.flush(toward, offers);
        self.asked = true;
        // Bounded by the number of tunnels.
        toward.line().handled(circumstances.priority, payload.len());
        let Some(Offer::Acceptor(Shareable::Tunnel(event), acceptor)) = offers.under.get(&interest) else {
            toward.line().refuse_tunnel(tunnel, Failure::new("no acceptor", "nobody accepts it any more"));
            return;
        };
        let arrival = self.arrival(circumstances, None);
        let came = (tunnel, granted);
        self.begun.opening = true;
        self.opening.push(match begin(came, event.open(&self.router, *acceptor, payload, arrival)) {
            Ok(opened) => UnderWay::new(came, Box::pin(std::future::ready(opened))),
            Err(under_way) => under_way,
        });
    }

    fn arrival(&self, circumstances: Circumstances, call: Option<IncomingCall>) -> Arrival {
        let mut arrival = arrival(self.peer.as_ref(), circumstances);
        if circumstances.reports == Reports::Wanted {
            arrival.progress = call.map(|call| self.reports.sink(call));
        }
        arrival
    }

    /// Whether those who answer here may be otherwise loaded than when this was asked last.
    pub(super) fn take_asked(&mut self) -> bool {
        std::mem::take(&mut self.asked)
    }

    /// The other end does not wait for the answer any more.
    pub(super) fn cancelled(&mut self, call: IncomingCall) {
        if let Some(abort) = self.answers.remove(&call) {
            abort.abort();
        }
        self.reports.forget(call);
    }

    /// Goes on with what is under way and is due.
    pub(super) fn poll(
        &mut self,
        toward: &mut impl Toward,
        pumps: &mut Pumps,
        (due, ringing): (Due, &Ringing),
    ) -> Happened {
        let mut happened = Happened::Nothing;
        if due.has(Source::Delivering) || std::mem::take(&mut self.begun.delivering) {
            let mut cx = ringing.context(Source::Delivering);
            while let Some(((priority, size), ())) = next(&mut self.delivering, &mut cx) {
                toward.line().handled(priority, size);
                happened = Happened::Something;
            }
        }
        if due.has(Source::Reports) {
            for (call, progress) in self.reports.take(&mut ringing.context(Source::Reports)) {
                toward.line().report(call, progress);
                happened = Happened::Something;
            }
        }
        if due.has(Source::Answering) || std::mem::take(&mut self.begun.answering) {
            happened = happened.or(self.send_answers(toward, &mut ringing.context(Source::Answering)));
        }
        if due.has(Source::Opening) || std::mem::take(&mut self.begun.opening) {
            let mut cx = ringing.context(Source::Opening);
            while let Some(((tunnel, granted), opened)) = next(&mut self.opening, &mut cx) {
                match opened {
                    Ok(ends) => pumps.accept(toward, tunnel, granted, ends),
                    Err(failure) => toward.line().refuse_tunnel(tunnel, failure),
                }
                happened = Happened::Something;
            }
        }
        happened
    }

    fn send_answers(&mut self, toward: &mut impl Toward, cx: &mut Context<'_>) -> Happened {
        let mut happened = Happened::Nothing;
        loop {
            if !toward.line().has_room_for_answers() {
                // To be tried again when there may be.
                self.begun.answering = true;
                return happened;
            }
            let Some(ended) = next(&mut self.answering, cx) else { return happened };
            if let Ok((call, outcome)) = ended {
                self.asked = true;
                self.answers.remove(&call);
                self.reports.forget(call);
                // There is room.
                let _ = toward.line().answer(call, answer(outcome));
            }
            happened = Happened::Something;
        }
    }

    /// The link has ended: requests that came are cancelled. Notifications stay where they stand, and are handled.
    pub(super) fn end(&mut self) {
        let mut delivering = std::mem::take(&mut self.delivering);
        if !delivering.is_empty() {
            tokio::spawn(async move { while delivering.next().await.is_some() {} });
        }
        self.answering.clear();
        self.answers.clear();
        self.opening.clear();
    }
}

/// Polls for the first time.
fn begin<C, T>(came: C, doing: Doing<T>) -> Result<T, UnderWay<C, T>> {
    let mut under_way = UnderWay::new(came, doing);
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(&mut under_way.doing).poll(&mut cx) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => Err(under_way),
    }
}

fn answer(outcome: Result<Vec<u8>, RequestError>) -> Result<Bytes, AnswerError> {
    outcome.map(Bytes::from).map_err(to_wire)
}

/// Where something came from that the other end got from elsewhere, or did not.
fn origin(peer: Option<&(RouterId, Arc<str>)>, before: Option<Origin>) -> Origin {
    match (before, peer) {
        (Some(before), _) => before.further(),
        (None, Some((router, _))) => Origin { router: *router, hops: 1 },
        (None, None) => unreachable!("nothing comes before the greeting has ended"),
    }
}

fn arrival(peer: Option<&(RouterId, Arc<str>)>, circumstances: Circumstances) -> Arrival {
    let Circumstances { id, key, priority, deadline, trace, origin: before, redelivered, .. } = circumstances;
    let mut arrival = Arrival::new(origin(peer, before));
    (arrival.id, arrival.key, arrival.priority) = (id, key, priority);
    (arrival.deadline, arrival.trace, arrival.redelivered) = (deadline, trace, redelivered);
    arrival
}

/// What travels beside a notification: shared with its neighbours, where it has nothing of its own.
fn meta(peer: Option<&(RouterId, Arc<str>)>, circumstances: Circumstances, beside: &Meta) -> Meta {
    let Circumstances {
        id, key: None, deadline: None, trace: None, origin: None, redelivered: false, ..
    } = circumstances
    else {
        return arrival(peer, circumstances).into_meta();
    };
    let mut meta = beside.clone();
    if let Some(id) = id {
        meta.set_id(id);
    }
    meta
}

impl<C, T> UnderWay<C, T> {
    fn new(came: C, doing: Doing<T>) -> Self {
        Self { came, doing: unconstrained(doing) }
    }
}

impl<C: Copy + Unpin, T> Future for UnderWay<C, T> {
    type Output = (C, T);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        Pin::new(&mut this.doing).poll(cx).map(|done| (this.came, done))
    }
}

/// The next that is done, if one is; the task is woken when there is one.
fn next<F: Future>(doing: &mut FuturesUnordered<F>, cx: &mut Context<'_>) -> Option<F::Output> {
    match Pin::new(doing).poll_next(cx) {
        Poll::Ready(done) => done,
        Poll::Pending => None,
    }
}

impl Latest {
    /// Where reports on a request go.
    fn sink(self: &Arc<Self>, call: IncomingCall) -> ProgressSink {
        let latest = Arc::clone(self);
        ProgressSink::new(move |progress| {
            latest.reports.lock().unwrap_or_else(PoisonError::into_inner).insert(call, progress);
            latest.reader.wake();
        })
    }

    fn take(&self, cx: &mut Context<'_>) -> BTreeMap<IncomingCall, Progress> {
        self.reader.register(cx.waker());
        std::mem::take(&mut *self.reports.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn forget(&self, call: IncomingCall) {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).remove(&call);
    }
}
