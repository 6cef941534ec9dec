use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use edri_event::{Origin, ProgressSink, Request, RouterId};
use edri_link::{
    AnswerError, Circumstances, Closed, Consumer, Event, IncomingCall, Interest, Reports as Wanted, Schema,
};
use edri_router::{Arrival, Reply};
use parking_lot::{Mutex, MutexGuard};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use tokio::sync::Notify;

use super::order::{AtWork, Order, Reports, Wanted as WantedBy};
use super::watchdog::Watchdog;
use crate::process::carrier::{Carrier, now};
use crate::process::language::{GIVEN_BACK, HEAD, give_back, number};
use crate::process::lent::Returns;
use crate::process::parcel::Parcel;
use crate::process::registry::ProcessWorker;

type Response<W> = <<W as crate::Worker>::Job as Request>::Response;

/// What both threads reach: what comes is read, and an answer written, by the one that has use for it or has it, since to
/// wake the other would take longer.
///
/// The worker's thread reads while it has nothing to do: what comes is mostly for it. While it is at a job nobody reads, for
/// [so long](LONG) at most; from then on the process's first thread does, so that it is heard at once what is not wanted any
/// more, however long the worker may be at something without looking up. When the worker has nothing left, it reads again.
pub(super) struct Top<W: ProcessWorker> {
    papers: Mutex<Papers<W>>,
    pub(super) reports: Arc<Reports>,
    pub(super) returns: Arc<Returns>,
    /// There is something to do for the first thread.
    pub(super) look: Notify,
    /// Wakes the first thread when the worker has been at something for long.
    watchdog: Watchdog,
    /// Wakes the worker's thread where it waits for the socket.
    nudge: OwnedFd,
}

pub(super) struct Papers<W: ProcessWorker> {
    pub(super) carrier: Carrier,
    /// What the parent is told by, and of, what goes back to it.
    gives_back_to: Option<Interest>,
    returns: Arc<Returns>,
    reader: Reader,
    /// The jobs that have come and were not begun, and the one that was.
    orders: VecDeque<Order>,
    at_work: Option<AtWork<Response<W>>>,
    /// Since when the worker has been at jobs without reading.
    busy_since: Option<Instant>,
    /// Answers for which the link had no room.
    late: VecDeque<(IncomingCall, Result<Parcel, AnswerError>)>,
    /// How many answers were given to the link and not written, and since when.
    unwritten: usize,
    unwritten_since: Instant,
    is_watched: bool,
    /// Under which it is told of jobs that are not wanted any more.
    cancels: Interest,
    /// Under which it gets jobs, once it takes any.
    pub(super) takes: Option<Interest>,
    parent: RouterId,
    /// How the parent's end was closed.
    pub(super) closed: Option<Closed>,
}

/// Who reads, and sees to it that what was said is written in the end, and that nothing is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    FirstThread,
    Worker(Doing),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Jobs,
    Waiting,
}

/// So many short answers are written at once, while there are further jobs to do.
const TOGETHER: usize = 64;
/// An answer waits no longer than this for the end of the job that ends next; and no longer than [`LONG`] in any case.
const SOON: Duration = Duration::from_micros(100);
/// After so long the first thread reads, and writes, for a worker that is at something.
const LONG: Duration = Duration::from_millis(1);

impl<W: ProcessWorker> Top<W> {
    pub(super) fn new(mut carrier: Carrier, cancels: Interest, parent: RouterId) -> io::Result<Self> {
        let returns = carrier.borrow();
        let papers = Papers {
            carrier,
            gives_back_to: None,
            returns: Arc::clone(&returns),
            reader: Reader::FirstThread,
            orders: VecDeque::new(),
            at_work: None,
            busy_since: None,
            late: VecDeque::new(),
            unwritten: 0,
            unwritten_since: Instant::now(),
            is_watched: false,
            cancels,
            takes: None,
            parent,
            closed: None,
        };
        Ok(Self {
            papers: Mutex::new(papers),
            reports: Arc::default(),
            returns,
            look: Notify::new(),
            watchdog: Watchdog::new()?,
            nudge: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    pub(super) fn papers(&self) -> MutexGuard<'_, Papers<W>> {
        self.papers.lock()
    }

    pub(super) fn watchdog(&self) -> &Watchdog {
        &self.watchdog
    }

    /// The worker was set up, or could not be: either way it takes jobs.
    pub(super) fn take_jobs(&self) {
        self.returns.look_from_here();
        let mut papers = self.papers.lock();
        if let Some(schema) = Schema::of_request::<W::Job>() {
            papers.takes = Some(papers.carrier.endpoint.announce(schema, None, Consumer::own(Some(0), 0)));
        }
    }

    /// For the worker: its next job, for which its thread waits; `None` when there are no more.
    pub(super) fn next(&self) -> Option<Order> {
        let mut papers = self.papers.lock();
        if let Some(order) = papers.next_order() {
            if papers.unwritten > 0 {
                self.watch(&mut papers);
            }
            return Some(order);
        }
        papers.busy_since = None;
        papers.carrier.deafen();
        loop {
            papers.reader = Reader::Worker(Doing::Jobs);
            self.hear(&mut papers);
            papers.give_late();
            if papers.write() {
                // It may have been the last word.
                self.hear(&mut papers);
            }
            if papers.closed.is_some() {
                self.look.notify_one();
                return None;
            }
            if let Some(order) = papers.next_order() {
                papers.busy_since = Some(Instant::now());
                self.watch(&mut papers);
                return Some(order);
            }
            let read = papers.carrier.take_in();
            papers.carrier.note_time();
            if read {
                continue;
            }
            papers.reader = Reader::Worker(Doing::Waiting);
            papers = self.wait(papers);
        }
    }

    /// For the worker's thread, which waits for the socket, or until something is due, or somebody nudges it.
    fn wait<'a>(&'a self, papers: MutexGuard<'a, Papers<W>>) -> MutexGuard<'a, Papers<W>> {
        let (socket, due) = (papers.carrier.socket(), papers.carrier.endpoint.next_timeout());
        let mut ways = PollFlags::IN;
        ways.set(PollFlags::OUT, !papers.carrier.is_flushed());
        drop(papers);
        let mut ends = [PollFd::new(&*socket, ways), PollFd::new(&self.nudge, PollFlags::IN)];
        // It is looked again whatever it says.
        let _ = poll(&mut ends, due.map(time_until).as_ref());
        if !ends[1].revents().is_empty() {
            let _ = rustix::io::read(&self.nudge, &mut [0_u8; 8]);
        }
        let mut papers = self.papers.lock();
        papers.carrier.note_time();
        papers
    }

    /// The worker has got its job.
    pub(super) fn begin(&self, reply: Reply<Response<W>>) {
        let mut papers = self.papers.lock();
        if let Some(at_work) = &mut papers.at_work
            && matches!(at_work.reply, WantedBy::Opening)
        {
            at_work.reply = WantedBy::By(reply);
        } else {
            drop(papers);
            drop(reply);
        }
    }

    /// The worker has left its job: whether an answer is still wanted.
    pub(super) fn end(&self) -> WantedBy<Response<W>> {
        self.papers.lock().at_work.take().map_or(WantedBy::ByNobody, |at_work| at_work.reply)
    }

    /// A job has ended, and the next is about to begin, if there is one.
    pub(super) fn answer(&self, call: IncomingCall, outcome: Result<Parcel, AnswerError>) {
        let mut papers = self.papers.lock();
        papers.late.push_back((call, outcome));
        papers.give_late();
        // Where there is no other, they are written when it is seen that none has come.
        let others = !papers.orders.is_empty();
        if others && (papers.unwritten >= TOGETHER || papers.unwritten_since.elapsed() >= SOON) {
            papers.write();
        }
    }

    /// The first thread looks in a while what the worker is doing.
    fn watch(&self, papers: &mut Papers<W>) {
        self.watch_in(papers, LONG);
    }

    fn watch_in(&self, papers: &mut Papers<W>, time: Duration) {
        if !papers.is_watched {
            papers.is_watched = true;
            self.watchdog.wake(time);
        }
    }

    /// For the first thread, when the watchdog has woken it.
    pub(super) fn look_after(&self) {
        let mut papers = self.papers.lock();
        papers.is_watched = false;
        papers.write();
        let Some(busy_since) = papers.busy_since.filter(|_| papers.reader == Reader::Worker(Doing::Jobs))
        else {
            return;
        };
        let left = LONG.saturating_sub(busy_since.elapsed());
        if !left.is_zero() {
            self.watch_in(&mut papers, left);
        } else if papers.carrier.listen().is_ok() {
            papers.reader = Reader::FirstThread;
        } else {
            // The system has no room for it now; it may have later.
            self.watch(&mut papers);
        }
    }

    /// For the first thread: all that has come, if it reads, and all that is to go.
    pub(super) fn go_through(&self) -> Option<Closed> {
        let mut papers = self.papers.lock();
        if papers.reader == Reader::FirstThread {
            self.hear(&mut papers);
        }
        if let Some((call, progress)) = self.reports.take() {
            papers.carrier.endpoint.report(call, progress);
        }
        papers.give_late();
        let wrote = papers.write();
        if (wrote || !papers.carrier.is_flushed()) && papers.reader == Reader::Worker(Doing::Waiting) {
            // What it waits for may be something else now.
            let _ = rustix::io::write(&self.nudge, &1_u64.to_ne_bytes());
        }
        papers.closed.clone()
    }

    /// Whether the first thread reads.
    pub(super) fn is_read_by_first_thread(papers: &Papers<W>) -> bool {
        papers.reader == Reader::FirstThread
    }

    /// All that was read.
    fn hear(&self, papers: &mut MutexGuard<'_, Papers<W>>) {
        while let Some(event) = papers.carrier.next() {
            if let Some(unwanted) = self.learn(papers, event) {
                // Whoever watches the requester is woken, and not under the lock.
                MutexGuard::unlocked(papers, || drop(unwanted));
            }
        }
    }

    fn learn(&self, papers: &mut Papers<W>, event: Event) -> Option<WantedBy<Response<W>>> {
        match event {
            Event::Opened(peer) => papers.parent = peer.identity.router,
            Event::Request { call, circumstances, payload, .. } => {
                // Bounded by the number of calls.
                papers.carrier.endpoint.handled(circumstances.priority, payload.len());
                self.take_in(papers, call, circumstances, payload);
            }
            Event::Notification { interest, circumstances, payload } => {
                papers.carrier.endpoint.handled(circumstances.priority, payload.len());
                let job = number(&payload).filter(|_| interest == papers.cancels);
                return job.and_then(|job| papers.cancel(job));
            }
            Event::Wanted { interest, schema, .. } if schema == give_back() => {
                papers.gives_back_to = Some(interest);
            }
            Event::Closed(closed) => papers.closed = Some(closed),
            _ => {}
        }
        None
    }

    fn take_in(
        &self,
        papers: &mut Papers<W>,
        call: IncomingCall,
        circumstances: Circumstances,
        mut payload: Bytes,
    ) {
        let read = number(&payload).ok_or_else(|| "expected a job's number".to_owned());
        let read = read.and_then(|number| {
            payload.advance(HEAD);
            Ok((number, papers.carrier.unpack(payload)?))
        });
        let (number, payload) = match read {
            Ok(read) => read,
            Err(reason) => return papers.late.push_back((call, Err(AnswerError::Codec { reason }))),
        };
        let arrival = self.arrival(papers.parent, call, circumstances);
        papers.orders.push_back(Order { call, number, payload, arrival, is_cancelled: false });
    }

    fn arrival(&self, parent: RouterId, call: IncomingCall, circumstances: Circumstances) -> Arrival {
        let Circumstances { id, key, priority, deadline, trace, origin: before, reports, .. } = circumstances;
        let origin = before.map_or(Origin { router: parent, hops: 1 }, Origin::further);
        let mut arrival = Arrival::new(origin);
        (arrival.id, arrival.key, arrival.priority) = (id, key, priority);
        (arrival.deadline, arrival.trace) = (deadline, trace);
        if reports == Wanted::Wanted {
            let reports = Arc::clone(&self.reports);
            arrival.progress = Some(ProgressSink::new(move |progress| reports.put(call, progress)));
        }
        arrival
    }
}

impl<W: ProcessWorker> Papers<W> {
    /// The next job that somebody wants; those that nobody does are answered.
    fn next_order(&mut self) -> Option<Order> {
        loop {
            let order = self.orders.pop_front()?;
            if !order.is_cancelled {
                self.at_work = Some(AtWork { number: order.number, reply: WantedBy::Opening });
                return Some(order);
            }
            self.late.push_back((order.call, Err(AnswerError::Cancelled)));
            self.give_late();
        }
    }

    /// Nobody wants that job any more: if the worker is at it, this is to be dropped, by which it learns so.
    fn cancel(&mut self, job: u64) -> Option<WantedBy<Response<W>>> {
        match &mut self.at_work {
            Some(at_work) if at_work.number == job => {
                return Some(std::mem::replace(&mut at_work.reply, WantedBy::ByNobody));
            }
            _ => {}
        }
        if let Some(order) = self.orders.iter_mut().find(|order| order.number == job) {
            order.is_cancelled = true;
        }
        None
    }

    /// Gives answers to the link, as far as it has room.
    fn give_late(&mut self) {
        let before = self.unwritten;
        self.give_back();
        while self.carrier.endpoint.has_room_for_answers()
            && let Some((call, outcome)) = self.late.pop_front()
        {
            // There is room. What goes beside it is for nobody else, should the answer be too long.
            let _ = match outcome {
                Err(error) => self.carrier.endpoint.answer(call, Err(error)),
                Ok(parcel) => match parcel.whole() {
                    Some(bytes) => self.carrier.endpoint.answer_copied(call, Ok(bytes)),
                    None => {
                        let mut bytes = Vec::new();
                        parcel.write(&mut bytes, self.carrier.next_descriptor());
                        self.carrier.send_along(parcel.files());
                        self.carrier.endpoint.answer_copied(call, Ok(&bytes))
                    }
                },
            };
            self.unwritten += 1;
        }
        if before == 0 && self.unwritten > 0 {
            self.unwritten_since = Instant::now();
        }
    }

    /// Says what is read no more.
    fn give_back(&mut self) {
        let Some(to) = self.gives_back_to else { return };
        let numbers = self.returns.take();
        for some in numbers.chunks(GIVEN_BACK) {
            let circumstances = Circumstances::default();
            let payload: Vec<u8> = some.iter().flat_map(|number| number.to_le_bytes()).collect();
            // There is room: no more are given back than were lent, and there are not so many. If the link has ended, nobody
            // wants them.
            let _ = self.carrier.endpoint.notify(to, circumstances, payload.into());
        }
    }

    /// Writes what can be written; whether anything was.
    fn write(&mut self) -> bool {
        self.unwritten = 0;
        self.carrier.flush()
    }
}

/// As `poll` wants it.
fn time_until(due: Instant) -> Timespec {
    let left = due.saturating_duration_since(now());
    Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
}
