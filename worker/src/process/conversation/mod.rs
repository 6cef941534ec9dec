//! One worker that is a process of this program, from its start to its burial.
//!
//! ```text
//! hear   what it says
//! see    what becomes of its jobs meanwhile
//! bury   its end, and what becomes of the jobs that it has then
//! ```

mod bury;
mod hear;
mod see;

use std::collections::HashMap;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use edri_event::{Failure, Priority, Request};
use edri_link::{CallId, Circumstances, Closed, Interest, Link, Reports, SendError, WriteError};
use edri_router::{Context, RequestError};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::carrier::Carrier;
use super::lent::Loan;
use super::lives::{Begun, ProcessLives};
use super::parcel::Parcel;
use crate::child::{Process, Speaking, Stream, Voice, speak_of};
use crate::crew::{
    Alive, AtHand, Due, End, Flight, LifeContext, Noticed, Patience, Stage, Taken, Times, Watches,
};
use crate::leftovers::Closing;

pub(super) struct Conversation<R: Request> {
    work: Arc<ProcessLives<R>>,
    life: LifeContext,
    cx: Context,
    process: Process,
    carrier: Carrier,
    link: Link,
    stdout: Speaking,
    stderr: Speaking,
    alive: Alive,
    /// The jobs that it has, each with the number by which it is spoken of.
    flights: HashMap<CallId, (u64, Flight<R, Parcel>)>,
    watches: Watches<CallId>,
    next_number: u64,
    /// Where jobs go, once it takes any; and that they are not wanted any more.
    jobs_to: Option<Interest>,
    cancels_to: Option<Interest>,
    /// What it has been lent, by the numbers of the descriptors, and under which it is told of what is given back. What it
    /// still has then is free when its process is no more.
    loans: HashMap<u64, Arc<Loan>>,
    returns: Interest,
    /// Jobs that are not wanted any more, of which it could not be told yet.
    untold: Vec<u64>,
    answered: u64,
    retiring: bool,
    /// There will be no more jobs.
    no_more: bool,
    times: Times,
}

/// Why a conversation ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It has no job, and gets no more.
    InOrder,
    /// The process has ended.
    Ended,
    /// The socket between them is closed, or of no more use.
    Closed(Closed),
    NotReady,
    /// It is another program, or another version of it.
    Misfit(String),
    Overdue,
}

impl<R: Request> Conversation<R> {
    pub(super) fn new(work: Arc<ProcessLives<R>>, life: LifeContext, begun: Begun) -> Self {
        let Begun { process, ends, carrier, link, returns } = begun;
        let crew = &work.crew;
        let voice =
            Voice { router: crew.router.clone(), worker: Arc::clone(&life.worker), process: process.id() };
        Self {
            cx: Context::new(crew.router.clone(), Arc::clone(&life.worker)),
            stdout: speak_of(voice.clone(), Stream::Stdout, ends.stdout),
            stderr: speak_of(voice, Stream::Stderr, ends.stderr),
            alive: crew.standing.come_alive(),
            process,
            carrier,
            link,
            flights: HashMap::new(),
            watches: Watches::new(),
            next_number: 1,
            jobs_to: None,
            cancels_to: None,
            loans: HashMap::new(),
            returns,
            untold: Vec::new(),
            answered: 0,
            retiring: false,
            no_more: false,
            times: Times::begin(&crew.policy, false),
            work,
            life,
        }
    }

    /// To the end of the worker's life.
    pub(super) async fn hold(mut self) -> End {
        let fate = self.talk().await;
        self.bury(fate).await
    }

    async fn talk(&mut self) -> Fate {
        let work = Arc::clone(&self.work);
        let mut closing = work.crew.closing.clone();
        self.times.heed(*closing.borrow_and_update());
        // What happens once or twice in a life is asked for when it wakes, and not with every job.
        let mut rare = FuturesUnordered::<BoxFuture<'static, Rare>>::new();
        rare.push(Box::pin(ended(&self.process)));
        rare.push(Box::pin(changed(self.life.retire.clone(), Rare::Retire)));
        rare.push(Box::pin(changed(closing.clone(), Rare::Closing)));
        let mut taking = pin!(None);
        let mut alarm = pin!(sleep_until(Instant::now()));
        loop {
            if let Some(fate) = self.hear() {
                return fate;
            }
            // One that is not ready does not hear from the inbox that there is nothing left to do.
            let is_closed = *closing.borrow() != Closing::Open;
            self.no_more |= is_closed && !self.times.is_ready() && work.crew.is_done();
            if self.flights.is_empty() && (self.retiring || self.no_more) {
                return Fate::InOrder;
            }
            self.tell();
            self.carrier.flush();
            match (self.takes_jobs(), taking.is_some()) {
                (true, false) => taking.set(Some(work.crew.next())),
                (false, true) => taking.set(None),
                _ => {}
            }
            let due = self.times.alarm(is_closed);
            if let Some(due) = due.filter(|due| alarm.deadline() != *due) {
                alarm.as_mut().reset(due);
            }
            // What is rare first: what comes from the worker may never end.
            let happened = poll_fn(|cx| {
                if let Poll::Ready(Some(rare)) = rare.poll_next_unpin(cx) {
                    return Poll::Ready(Happened::Rare(rare));
                }
                if let Poll::Ready(noticed) = self.watches.poll(cx) {
                    return Poll::Ready(Happened::Noticed(noticed));
                }
                if due.is_some() && alarm.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Happened::Alarm);
                }
                if let Some(next) = taking.as_mut().as_pin_mut()
                    && let Poll::Ready(taken) = next.poll(cx)
                {
                    taking.set(None);
                    return Poll::Ready(Happened::Taken(taken));
                }
                self.carrier.poll(cx).map(|()| Happened::Moved)
            });
            let fate = match happened.await {
                Happened::Moved => None,
                Happened::Taken(Some(taken)) => {
                    self.begin_all(taken);
                    None
                }
                Happened::Taken(None) => {
                    self.no_more = true;
                    None
                }
                Happened::Noticed(noticed) => self.see(noticed),
                Happened::Alarm => self.rouse(Instant::now()),
                Happened::Rare(Rare::Ended) => Some(Fate::Ended),
                Happened::Rare(Rare::Retire) => {
                    self.retire();
                    None
                }
                Happened::Rare(Rare::Closing) => {
                    self.times.heed(*closing.borrow_and_update());
                    rare.push(Box::pin(changed(closing.clone(), Rare::Closing)));
                    None
                }
            };
            if let Some(fate) = fate {
                return fate;
            }
        }
    }

    fn takes_jobs(&self) -> bool {
        let is_open = !self.retiring && !self.no_more && !self.times.was_asked();
        let has_room = self.flights.len() < self.work.jobs;
        is_open && has_room && self.times.is_ready() && self.carrier.endpoint.has_room_for_request(LANE)
    }

    fn retire(&mut self) {
        self.retiring = true;
        self.life.stage.send_replace(Stage::Retiring);
    }

    fn rouse(&mut self, now: Instant) -> Option<Fate> {
        match self.times.due(now) {
            Due::NotReady => return Some(Fate::NotReady),
            Due::Overdue => return Some(Fate::Overdue),
            Due::Living { ask, steady } => {
                if ask {
                    self.ask_to_end();
                }
                if steady {
                    self.note_use();
                }
            }
        }
        None
    }

    /// Its jobs are cancelled, and it is sent the signal, with all that it has started.
    fn ask_to_end(&mut self) {
        let untold = self.flights.values_mut().filter(|(_, flight)| !flight.told);
        self.untold.extend(untold.map(|(number, flight)| {
            flight.told = true;
            *number
        }));
        self.process.terminate();
    }

    fn note_use(&mut self) {
        self.times.note_use();
        self.work.crew.note_use();
    }

    /// This job, and those that wait behind it as far as there is room: one turn for all of them.
    fn begin_all(&mut self, first: Taken<R, Parcel>) {
        let work = Arc::clone(&self.work);
        if *self.life.retire.borrow() {
            // Whoever asks when it was told to retire is served by another.
            return work.crew.put_back(first);
        }
        let mut next = Some(first);
        while let Some(taken) = next {
            self.begin(taken);
            next = self.takes_jobs().then(|| work.crew.try_next()).flatten();
        }
    }

    fn begin(&mut self, taken: Taken<R, Parcel>) {
        let work = Arc::clone(&self.work);
        let Some((job, payload)) = AtHand::begin(&work.crew, &self.cx, self.life.seats.take(), taken) else {
            return;
        };
        let number = self.next_number;
        self.next_number += 1;
        let circumstances = circumstances(&job);
        let first = self.carrier.next_descriptor();
        let write = |out: &mut Vec<u8>| -> Result<(), SendError> {
            out.extend_from_slice(&number.to_le_bytes());
            payload.write(out, first);
            Ok(())
        };
        let sent = match self.jobs_to {
            Some(to) => self.carrier.endpoint.request_with(to, &circumstances, write),
            None => Err(SendError::NotOpen.into()),
        };
        match sent {
            Ok(call) => {
                self.carrier.send_along(payload.files());
                self.loans.extend(payload.loans().map(|(at, loan)| (first + at, loan)));
                let flight = self.watches.begin(call, job);
                self.flights.insert(call, (number, flight));
            }
            Err(WriteError::NotSent(error) | WriteError::NotWritten(error)) => {
                let code = match error {
                    SendError::TooLong { .. } => "job-too-large",
                    _ => "not-sent",
                };
                job.answer(Err(RequestError::Failed(Failure::new(code, error.to_string()))));
            }
        }
    }

    /// Says which jobs are not wanted any more, as far as there is room.
    fn tell(&mut self) {
        let Some(to) = self.cancels_to else { return };
        while let Some(number) = self.untold.last()
            && self.carrier.endpoint.has_room(LANE)
        {
            let mut circumstances = Circumstances::default();
            circumstances.priority = LANE;
            let payload = Bytes::copy_from_slice(&number.to_le_bytes());
            // It may be about to end.
            let _ = self.carrier.endpoint.notify(to, circumstances, payload);
            self.untold.pop();
        }
    }

    /// Whether it is at nothing any more but jobs that it does not leave.
    fn is_lost(&self) -> bool {
        self.times.is_condemned()
            && self.flights.values().all(|(_, flight)| flight.patience == Patience::Lost)
    }
}

/// The pool has put jobs in order: they overtake each other no more, and that one is not wanted does not overtake it.
const LANE: Priority = Priority::Normal;

fn circumstances<R: Request>(job: &AtHand<R, Parcel>) -> Circumstances {
    let meta = job.context().meta();
    let mut circumstances = Circumstances::default();
    (circumstances.id, circumstances.key, circumstances.origin) = (meta.id(), meta.key(), meta.origin());
    circumstances.priority = LANE;
    circumstances.deadline = job.due().map(Instant::into_std);
    circumstances.trace = job.trace();
    if meta.progress().is_some() {
        circumstances.reports = Reports::Wanted;
    }
    circumstances
}

/// What happens while nothing is said.
enum Happened<R: Request> {
    /// Something has come, or been written.
    Moved,
    Taken(Option<Taken<R, Parcel>>),
    Noticed(Noticed<CallId>),
    Alarm,
    Rare(Rare),
}

#[derive(Clone, Copy)]
enum Rare {
    /// The process has.
    Ended,
    /// It is told to.
    Retire,
    /// How the pool is closed has changed.
    Closing,
}

fn ended(process: &Process) -> impl Future<Output = Rare> + use<> {
    let ended = process.ended();
    async move {
        ended.await;
        Rare::Ended
    }
}

async fn changed<T>(mut watch: watch::Receiver<T>, rare: Rare) -> Rare {
    if watch.changed().await.is_err() {
        pending::<()>().await;
    }
    rare
}
