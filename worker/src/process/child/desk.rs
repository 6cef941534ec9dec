use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use edri_event::RouterId;
use edri_link::{
    AnswerError, Circumstances, Closed, Consumer, Endpoint, Event, IncomingCall, Interest, Reports as Wanted,
    Schema,
};
use edri_router::{Arrival, Router};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::bench::{Bench, origin, sink};
use super::order::{News, Order, Reports, Stand};
use super::{GREETING, Post};
use crate::process::carrier::{Carrier, now, settings};
use crate::process::language::{HEAD, cancel, number};
use crate::process::parcel::Parcel;
use crate::process::registry::ProcessWorker;

/// Takes jobs in and gives answers out.
pub(super) struct Desk<W: ProcessWorker> {
    carrier: Carrier,
    bench: Bench<W>,
    /// The jobs without an answer: by what their parent calls them, and by what the link does.
    stands: HashMap<u64, Arc<Stand<W::Job>>>,
    numbers: HashMap<IncomingCall, u64>,
    reports: Arc<Reports>,
    parent: RouterId,
    /// Under which it is told of jobs that are not wanted any more.
    cancels: Interest,
    /// Under which it gets jobs, once it takes any.
    takes: Option<Interest>,
    terminate: Signal,
}

impl<W: ProcessWorker> Desk<W> {
    pub(super) fn new(post: &Post, router: &Router, socket: OwnedFd) -> io::Result<Self> {
        let mut endpoint = Endpoint::connecting(settings(router.id(), &post.worker, GREETING), now());
        let cancels = endpoint.announce(cancel(), None, Consumer::default());
        Ok(Self {
            carrier: Carrier::new(socket, endpoint)?,
            bench: Bench::set_up(post, router)?,
            stands: HashMap::new(),
            numbers: HashMap::new(),
            reports: Arc::default(),
            parent: router.id(),
            cancels,
            takes: None,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Until the parent wants no more, or is gone.
    pub(super) async fn attend(mut self) -> Result<(), String> {
        loop {
            while let Some(event) = self.carrier.next() {
                if let Event::Closed(closed) = event {
                    return self.leave(closed).await;
                }
                self.learn(event);
            }
            self.carrier.flush();
            let answers = self.carrier.endpoint.has_room_for_answers();
            tokio::select! {
                () = self.carrier.moves() => {}
                Some(news) = self.bench.news.recv(), if answers => self.hear(news),
                () = self.reports.some.notified() => {
                    if let Some((call, progress)) = self.reports.take() {
                        self.carrier.endpoint.report(call, progress);
                    }
                }
                // It gets no more jobs, and those that it has are done or cancelled.
                Some(()) = self.terminate.recv() => {
                    if let Some(takes) = self.takes.take() {
                        self.carrier.endpoint.withdraw(takes);
                    }
                }
            }
        }
    }

    /// The worker is dropped before the process ends, if it was ever set up.
    async fn leave(self, closed: Closed) -> Result<(), String> {
        if closed != Closed::Orderly {
            return Err(format!("its parent is gone: {closed}"));
        }
        let was_set_up = self.takes.is_some();
        drop(self.bench.orders);
        if was_set_up {
            let _ = self.bench.ended.await;
        }
        Ok(())
    }

    fn learn(&mut self, event: Event) {
        match event {
            Event::Opened(peer) => self.parent = peer.identity.router,
            Event::Request { call, circumstances, payload, .. } => {
                // Bounded by the number of calls.
                self.carrier.endpoint.handled(circumstances.priority, payload.len());
                self.take_in(call, circumstances, &payload);
            }
            Event::Notification { interest, circumstances, payload } => {
                self.carrier.endpoint.handled(circumstances.priority, payload.len());
                let job = number(&payload).filter(|_| interest == self.cancels);
                if let Some(stand) = job.and_then(|job| self.stands.get(&job)) {
                    stand.cancel();
                }
            }
            _ => {}
        }
    }

    fn take_in(&mut self, call: IncomingCall, circumstances: Circumstances, payload: &Bytes) {
        let read = number(payload).ok_or_else(|| "expected a job's number".to_owned());
        let read = read.and_then(|number| Ok((number, self.carrier.unpack(payload.slice(HEAD..))?)));
        let (number, payload) = match read {
            Ok(read) => read,
            Err(reason) => {
                // There is room, or the answers that there are come first.
                let _ = self.carrier.endpoint.answer(call, Err(AnswerError::Codec { reason }));
                return;
            }
        };
        let stand = Stand::new();
        self.stands.insert(number, Arc::clone(&stand));
        self.numbers.insert(call, number);
        let arrival = self.arrival(call, circumstances);
        let order = Order { call, payload, arrival, stand };
        // Its thread ends after this does.
        let _ = self.bench.orders.send(order);
    }

    fn arrival(&self, call: IncomingCall, circumstances: Circumstances) -> Arrival {
        let Circumstances { id, key, priority, deadline, trace, origin: before, reports, .. } = circumstances;
        let mut arrival = Arrival::new(origin(before, self.parent));
        (arrival.id, arrival.key, arrival.priority) = (id, key, priority);
        (arrival.deadline, arrival.trace) = (deadline, trace);
        if reports == Wanted::Wanted {
            arrival.progress = Some(sink(&self.reports, call));
        }
        arrival
    }

    fn hear(&mut self, news: News) {
        match news {
            News::SetUp => {
                let schema = Schema::of_request::<W::Job>();
                let announce =
                    |schema| self.carrier.endpoint.announce(schema, None, Consumer::own(Some(0), 0));
                self.takes = schema.map(announce);
            }
            News::Done(call, outcome) => {
                if let Some(number) = self.numbers.remove(&call) {
                    self.stands.remove(&number);
                }
                let first = self.carrier.next_descriptor();
                let files: Vec<_> = outcome.iter().flat_map(Parcel::files).collect();
                let outcome = outcome.map(|parcel| parcel.into_bytes(first));
                // There is room. What goes beside it is for nobody else, should the answer be too long.
                let _ = self.carrier.endpoint.answer(call, outcome);
                self.carrier.send_along(files.into_iter());
            }
        }
    }
}
