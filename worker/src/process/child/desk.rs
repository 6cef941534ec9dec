use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edri_event::{Origin, ProgressSink, RouterId};
use edri_link::{
    AnswerError, Circumstances, Closed, Consumer, Endpoint, Event, IncomingCall, Interest, Reports as Wanted,
    Schema,
};
use edri_router::{Arrival, Router};
use parking_lot::Mutex;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::bench;
use super::order::{Order, Reports, Stand};
use super::{GREETING, Post};
use crate::process::carrier::{Carrier, now, settings};
use crate::process::language::{HEAD, cancel, number};
use crate::process::parcel::Parcel;
use crate::process::registry::ProcessWorker;

/// Takes jobs in, and gives answers out that the worker's thread has put on it.
pub(super) struct Desk<W: ProcessWorker> {
    top: Arc<Top<W>>,
    orders: mpsc::UnboundedSender<Order<W::Job>>,
    /// The worker's thread has ended.
    ended: oneshot::Receiver<()>,
    parent: RouterId,
    /// Under which it is told of jobs that are not wanted any more.
    cancels: Interest,
    terminate: Signal,
}

/// What both threads reach: an answer is written by the one that has it, since to wake the other would take longer.
pub(super) struct Top<W: ProcessWorker> {
    papers: Mutex<Papers<W>>,
    reports: Arc<Reports>,
    /// There is something to do for whoever attends.
    look: Notify,
}

struct Papers<W: ProcessWorker> {
    carrier: Carrier,
    /// The jobs without an answer: by what their parent calls them, and by what the link does.
    stands: HashMap<u64, Arc<Stand<W::Job>>>,
    numbers: HashMap<IncomingCall, u64>,
    /// Answers for which the link had no room.
    late: Vec<(IncomingCall, Result<Parcel, AnswerError>)>,
    /// Answers that were given to the link, and not written.
    unwritten: usize,
    /// Under which it gets jobs, once it takes any.
    takes: Option<Interest>,
}

/// So many short answers are written at once, while there are further jobs to do.
const TOGETHER: usize = 32;
/// An answer waits no longer for others.
const SOON: Duration = Duration::from_millis(1);

impl<W: ProcessWorker> Desk<W> {
    pub(super) fn new(post: &Post, router: &Router, socket: OwnedFd) -> io::Result<Self> {
        let mut endpoint = Endpoint::connecting(settings(router.id(), &post.worker, GREETING), now());
        let cancels = endpoint.announce(cancel(), None, Consumer::default());
        let papers = Papers {
            carrier: Carrier::new(socket, endpoint)?,
            stands: HashMap::new(),
            numbers: HashMap::new(),
            late: Vec::new(),
            unwritten: 0,
            takes: None,
        };
        let (papers, look) = (Mutex::new(papers), Notify::new());
        let top = Arc::new(Top { papers, reports: Arc::default(), look });
        let (orders, ended) = bench::set_up(post, router, Arc::clone(&top))?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { top, orders, ended, parent: router.id(), cancels, terminate })
    }

    /// Until the parent wants no more, or is gone.
    pub(super) async fn attend(mut self) -> Result<(), String> {
        let top = Arc::clone(&self.top);
        // When answers are written that wait for others.
        let mut due = None;
        loop {
            if let Some(closed) = self.go_through(&mut due) {
                return self.leave(closed).await;
            }
            tokio::select! {
                () = poll_fn(|cx| top.papers.lock().carrier.poll(cx)) => {}
                () = top.look.notified() => {}
                () = top.reports.some.notified() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                // It gets no more jobs, and those that it has are done or cancelled.
                Some(()) = self.terminate.recv() => {
                    let mut papers = top.papers.lock();
                    if let Some(takes) = papers.takes.take() {
                        papers.carrier.endpoint.withdraw(takes);
                    }
                }
            }
        }
    }

    /// All that has come, and all that is to go; how the parent's end was closed, if it was.
    fn go_through(&mut self, due: &mut Option<Instant>) -> Option<Closed> {
        let top = Arc::clone(&self.top);
        let mut papers = top.papers.lock();
        while let Some(event) = papers.carrier.next() {
            if let Event::Closed(closed) = event {
                return Some(closed);
            }
            self.learn(&mut papers, event);
        }
        if let Some((call, progress)) = top.reports.take() {
            papers.carrier.endpoint.report(call, progress);
        }
        papers.give_late();
        let waits = papers.unwritten > 0 && due.is_none_or(|due| Instant::now() < due);
        if waits {
            due.get_or_insert_with(|| Instant::now() + SOON);
        } else {
            papers.write();
            *due = None;
        }
        papers.carrier.hold(waits);
        None
    }

    /// The worker is dropped before the process ends, if it was ever set up.
    async fn leave(self, closed: Closed) -> Result<(), String> {
        if closed != Closed::Orderly {
            return Err(format!("its parent is gone: {closed}"));
        }
        let was_set_up = self.top.papers.lock().takes.is_some();
        drop(self.orders);
        if was_set_up {
            let _ = self.ended.await;
        }
        Ok(())
    }

    fn learn(&mut self, papers: &mut Papers<W>, event: Event) {
        match event {
            Event::Opened(peer) => self.parent = peer.identity.router,
            Event::Request { call, circumstances, payload, .. } => {
                // Bounded by the number of calls.
                papers.carrier.endpoint.handled(circumstances.priority, payload.len());
                self.take_in(papers, call, circumstances, &payload);
            }
            Event::Notification { interest, circumstances, payload } => {
                papers.carrier.endpoint.handled(circumstances.priority, payload.len());
                let job = number(&payload).filter(|_| interest == self.cancels);
                if let Some(stand) = job.and_then(|job| papers.stands.get(&job)) {
                    stand.cancel();
                }
            }
            _ => {}
        }
    }

    fn take_in(
        &self,
        papers: &mut Papers<W>,
        call: IncomingCall,
        circumstances: Circumstances,
        payload: &Bytes,
    ) {
        let read = number(payload).ok_or_else(|| "expected a job's number".to_owned());
        let read = read.and_then(|number| Ok((number, papers.carrier.unpack(payload.slice(HEAD..))?)));
        let (number, payload) = match read {
            Ok(read) => read,
            Err(reason) => return papers.late.push((call, Err(AnswerError::Codec { reason }))),
        };
        let stand = Stand::new();
        papers.stands.insert(number, Arc::clone(&stand));
        papers.numbers.insert(call, number);
        let arrival = self.arrival(call, circumstances);
        // Its thread ends after this does.
        let _ = self.orders.send(Order { call, payload, arrival, stand });
    }

    fn arrival(&self, call: IncomingCall, circumstances: Circumstances) -> Arrival {
        let Circumstances { id, key, priority, deadline, trace, origin: before, reports, .. } = circumstances;
        let origin = match before {
            Some(Origin { router, hops }) => Origin { router, hops: hops.saturating_add(1) },
            None => Origin { router: self.parent, hops: 1 },
        };
        let mut arrival = Arrival::new(origin);
        (arrival.id, arrival.key, arrival.priority) = (id, key, priority);
        (arrival.deadline, arrival.trace) = (deadline, trace);
        if reports == Wanted::Wanted {
            let reports = Arc::clone(&self.top.reports);
            arrival.progress = Some(ProgressSink::new(move |progress| reports.put(call, progress)));
        }
        arrival
    }
}

impl<W: ProcessWorker> Top<W> {
    /// The worker was set up, or could not be: either way it takes jobs.
    pub(super) fn take_jobs(&self) {
        let mut papers = self.papers.lock();
        if let Some(schema) = Schema::of_request::<W::Job>() {
            papers.takes = Some(papers.carrier.endpoint.announce(schema, None, Consumer::own(Some(0), 0)));
        }
        drop(papers);
        self.look.notify_one();
    }

    /// A job has ended, and the next is about to begin, if there is one.
    pub(super) fn answer(&self, call: IncomingCall, outcome: Result<Parcel, AnswerError>, others: Others) {
        let mut papers = self.papers.lock();
        if let Some(number) = papers.numbers.remove(&call) {
            papers.stands.remove(&number);
        }
        papers.late.push((call, outcome));
        papers.give_late();
        let waits = others == Others::Wait && papers.unwritten < TOGETHER;
        // Of the first that waits, it is seen to that it does not wait for long.
        let look = if waits { papers.unwritten <= 1 } else { !papers.write() };
        drop(papers);
        if look {
            self.look.notify_one();
        }
    }
}

/// Whether there are further jobs for the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Wait,
    None,
}

impl<W: ProcessWorker> Papers<W> {
    /// Gives answers to the link, as far as it has room.
    fn give_late(&mut self) {
        let mut given = 0;
        while given < self.late.len() && self.carrier.endpoint.has_room_for_answers() {
            let (call, outcome) = &self.late[given];
            let first = self.carrier.next_descriptor();
            let files: Vec<_> = outcome.iter().flat_map(Parcel::files).collect();
            let outcome = outcome.clone().map(|parcel| parcel.into_bytes(first));
            // There is room. What goes beside it is for nobody else, should the answer be too long.
            let _ = self.carrier.endpoint.answer(*call, outcome);
            self.carrier.send_along(files.into_iter());
            given += 1;
        }
        self.unwritten += given;
        self.late.drain(..given);
    }

    /// Writes what can be written; whether that was all.
    fn write(&mut self) -> bool {
        self.carrier.flush();
        self.unwritten = 0;
        self.late.is_empty() && self.carrier.is_flushed()
    }
}
