use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use edri_event::{Failure, Priority, Progress};
use edri_router::Router;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::{FuturesUnordered, Stream};
use futures_util::task::AtomicWaker;
use tokio::task::coop::{Unconstrained, unconstrained};

use super::arrival::{Arrives, Dispatch, Report};
use super::echo::{LinkId, arriving};
use super::pump::Ends;
use super::pumps::Pumps;
use crate::call::IncomingCall;
use crate::drive::Happened;
use crate::endpoint::Endpoint;
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

/// A tunnel that the other end opens, and what it grants.
type Opened = UnderWay<(TunnelId, u64), Result<Ends, Failure>>;

/// What comes in, and is under way on the local router. What the other end may have under way bounds it all.
pub(super) struct Incoming {
    router: Router,
    link: LinkId,
    events: HashMap<Interest, Box<dyn Arrives>>,
    delivering: FuturesUnordered<UnderWay<(Priority, usize), ()>>,
    answering: FuturesUnordered<Abortable<UnderWay<IncomingCall, Result<Bytes, AnswerError>>>>,
    answers: HashMap<IncomingCall, AbortHandle>,
    opening: FuturesUnordered<Opened>,
    reports: Arc<Latest>,
}

/// What came, and how it is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    Notification,
    Request(IncomingCall),
    Tunnel(TunnelId, u64),
}

/// The latest report on each request that came, from whatever thread.
#[derive(Default)]
struct Latest {
    reports: Mutex<BTreeMap<IncomingCall, Progress>>,
    reader: AtomicWaker,
}

impl Incoming {
    pub(super) fn new(
        router: &Router,
        link: LinkId,
        events: Vec<Box<dyn Arrives>>,
        endpoint: &mut Endpoint,
    ) -> Self {
        let announced = events.into_iter().map(|event| (endpoint.announce(event.schema().clone(), 0), event));
        Self {
            router: router.clone(),
            link,
            events: announced.collect(),
            delivering: FuturesUnordered::new(),
            answering: FuturesUnordered::new(),
            answers: HashMap::new(),
            opening: FuturesUnordered::new(),
            reports: Arc::default(),
        }
    }

    /// Begins with an event that came, in the order in which they came: in its first poll it takes its place in the
    /// inboxes, or in the lines before them.
    pub(super) fn arrived(
        &mut self,
        endpoint: &mut Endpoint,
        interest: Interest,
        circumstances: Circumstances,
        payload: &Bytes,
        came: Came,
    ) {
        let (priority, size) = (circumstances.priority, payload.len());
        let Some(event) = self.events.get(&interest) else { return endpoint.handled(priority, size) };
        let dispatch =
            event.dispatch(&self.router, circumstances, payload, self.reports.sink(came, &circumstances));
        let (link, event) = (self.link, event.event());
        match (dispatch, came) {
            (Dispatch::Notification(doing), _) => match begin(link, event, (priority, size), doing) {
                Ok(()) => endpoint.handled(priority, size),
                Err(under_way) => self.delivering.push(under_way),
            },
            (Dispatch::Request(doing), Came::Request(call)) => {
                // Those that are under way are bounded by the number of calls.
                endpoint.handled(priority, size);
                let under_way = match begin(link, event, call, doing) {
                    Ok(outcome) if endpoint.has_room_for_answers() => {
                        // There is room.
                        let _ = endpoint.answer(call, outcome);
                        return;
                    }
                    Ok(outcome) => UnderWay::new(call, Box::pin(std::future::ready(outcome))),
                    Err(under_way) => under_way,
                };
                let (abort, registration) = AbortHandle::new_pair();
                self.answers.insert(call, abort);
                self.answering.push(Abortable::new(under_way, registration));
            }
            (Dispatch::Tunnel(doing), Came::Tunnel(tunnel, granted)) => {
                // And these by the number of tunnels.
                endpoint.handled(priority, size);
                let came = (tunnel, granted);
                self.opening.push(match begin(link, event, came, doing) {
                    Ok(opened) => UnderWay::new(came, Box::pin(std::future::ready(opened))),
                    Err(under_way) => under_way,
                });
            }
            // The endpoint hands out what was announced in one role in that role only.
            (Dispatch::Request(_) | Dispatch::Tunnel(_), _) => endpoint.handled(priority, size),
        }
    }

    /// The other end does not wait for the answer any more.
    pub(super) fn cancelled(&mut self, call: IncomingCall) {
        if let Some(abort) = self.answers.remove(&call) {
            abort.abort();
        }
        self.reports.forget(call);
    }

    /// Goes on with what is under way.
    pub(super) fn poll(
        &mut self,
        endpoint: &mut Endpoint,
        pumps: &mut Pumps,
        cx: &mut Context<'_>,
    ) -> Happened {
        let mut happened = Happened::Nothing;
        while let Some(((priority, size), ())) = next(&mut self.delivering, cx) {
            endpoint.handled(priority, size);
            happened = Happened::Something;
        }
        for (call, progress) in self.reports.take(cx) {
            endpoint.report(call, progress);
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
        while let Some(((tunnel, granted), opened)) = next(&mut self.opening, cx) {
            match opened {
                Ok(ends) => pumps.accept(endpoint, tunnel, granted, ends),
                Err(failure) => endpoint.refuse_tunnel(tunnel, failure),
            }
            happened = Happened::Something;
        }
        happened
    }

    /// The link has ended: requests that came are cancelled. Notifications stay where they stand.
    pub(super) fn end(&mut self) {
        self.answering.clear();
        self.answers.clear();
        self.opening.clear();
    }
}

/// Polls for the first time, while it is known where it came from: what it sends at once does not go back there.
fn begin<C, T>(link: LinkId, event: TypeId, came: C, doing: Doing<T>) -> Result<T, UnderWay<C, T>> {
    let mut under_way = UnderWay::new(came, doing);
    let mut cx = Context::from_waker(Waker::noop());
    match arriving(link, event, || Pin::new(&mut under_way.doing).poll(&mut cx)) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => Err(under_way),
    }
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
pub(super) fn next<F: Future>(doing: &mut FuturesUnordered<F>, cx: &mut Context<'_>) -> Option<F::Output> {
    match Pin::new(doing).poll_next(cx) {
        Poll::Ready(done) => done,
        Poll::Pending => None,
    }
}

impl Latest {
    /// Where reports on what came go, if anybody wants them.
    fn sink(self: &Arc<Self>, came: Came, circumstances: &Circumstances) -> Option<Report> {
        let Came::Request(call) = came else { return None };
        if circumstances.reports == Reports::Unwanted {
            return None;
        }
        let latest = Arc::clone(self);
        Some(Box::new(move |progress| {
            latest.reports.lock().unwrap_or_else(PoisonError::into_inner).insert(call, progress);
            latest.reader.wake();
        }))
    }

    fn take(&self, cx: &mut Context<'_>) -> BTreeMap<IncomingCall, Progress> {
        self.reader.register(cx.waker());
        std::mem::take(&mut *self.reports.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn forget(&self, call: IncomingCall) {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).remove(&call);
    }
}
