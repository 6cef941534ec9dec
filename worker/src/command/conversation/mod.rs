//! One worker that speaks in lines, from where its process was started to its burial.
//!
//! ```text
//! hear   what it says
//! see    what becomes of its jobs meanwhile
//! bury   its end, and what becomes of the jobs that it has then
//! ```

mod bury;
mod hear;
mod see;

use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::sync::Arc;

use edri_event::{Failure, Request};
use edri_router::{Context, RequestError};
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until};

use super::lines::LineWorkers;
use super::notes::Publishing;
use super::outgoing::Outgoing;
use super::protocol::{JobLine, Ready};
use crate::child::{Ends, Lines, Overlong, Process, Speaking, Voice, fill, speak};
use crate::crew::{Alive, AtHand, Due, End, Flight, LifeContext, Patience, Stage, Taken, Times, Watches};
use crate::leftovers::Closing;

/// One worker that speaks in lines, from where its process was started to its burial.
pub(super) struct Conversation<R: Request> {
    work: Arc<LineWorkers<R>>,
    life: LifeContext,
    cx: Context,
    process: Process,
    stdin: Outgoing,
    stdout: pipe::Receiver,
    lines: Lines,
    voice: Voice,
    stderr: Speaking,
    alive: Alive,
    /// The jobs that it has.
    flights: BTreeMap<u64, Flight<R, Vec<u8>>>,
    watches: Watches<u64>,
    next_id: u64,
    /// A notification that its subscribers have no room for: nothing more is read until they have.
    publishing: Option<Publishing>,
    /// What it has said of itself.
    ready: Option<Ready>,
    answered: u64,
    /// Lines in a row that could not be read.
    unreadable: u32,
    /// Lines that could not be read, and may have been the answer to any of several jobs.
    unattributed: usize,
    /// What was wrong with the last of them.
    suspicion: String,
    retiring: bool,
    /// There will be no more jobs.
    no_more: bool,
    times: Times,
}

/// Why a conversation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It has no job, and gets no more.
    InOrder,
    /// The process has ended.
    Ended,
    /// It closed one of its pipes.
    Closed,
    NotReady,
    Overdue,
    Babbled,
}

impl<R: Request> Conversation<R> {
    pub(super) fn new(work: Arc<LineWorkers<R>>, life: LifeContext, process: Process, ends: Ends) -> Self {
        let crew = &work.crew;
        let voice =
            Voice { router: crew.router.clone(), worker: Arc::clone(&life.worker), process: process.id() };
        if crew.policy.ready_within.is_none() {
            life.stage.send_replace(Stage::Up);
        }
        Self {
            cx: Context::new(crew.router.clone(), Arc::clone(&life.worker)),
            stdin: Outgoing::new(ends.stdin),
            stdout: ends.stdout,
            lines: Lines::new(work.bounds.line, Overlong::Skip),
            stderr: speak(voice.clone(), ends.stderr),
            voice,
            alive: crew.standing.come_alive(),
            process,
            flights: BTreeMap::new(),
            watches: Watches::new(),
            next_id: 1,
            publishing: None,
            ready: None,
            answered: 0,
            unreadable: 0,
            unattributed: 0,
            suspicion: String::new(),
            retiring: false,
            no_more: false,
            times: Times::begin(&crew.policy, crew.policy.ready_within.is_none()),
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
            let (takes, alarm) = (self.takes_jobs(), self.times.alarm(is_closed));
            tokio::select! {
                read = fill(&self.stdout, &mut self.lines), if self.publishing.is_none() => {
                    if !matches!(read, Ok(1..)) {
                        return Fate::Closed;
                    }
                }
                () = published(&mut self.publishing) => self.publishing = None,
                written = self.stdin.flush(), if !self.stdin.is_empty() => {
                    if written.is_err() {
                        return Fate::Closed;
                    }
                }
                taken = work.crew.next(), if takes => match taken {
                    Some(taken) => self.begin(taken),
                    None => self.no_more = true,
                },
                noticed = poll_fn(|cx| self.watches.poll(cx)) => {
                    if let Some(fate) = self.see(noticed) {
                        return fate;
                    }
                }
                () = self.process.ended() => return Fate::Ended,
                () = alarmed(alarm) => {
                    if let Some(fate) = self.rouse(Instant::now()) {
                        return fate;
                    }
                }
                Ok(()) = self.life.retire.changed() => self.retire(),
                Ok(()) = closing.changed() => self.times.heed(*closing.borrow_and_update()),
            }
        }
    }

    fn takes_jobs(&self) -> bool {
        let is_open = !self.retiring && !self.no_more && !self.times.was_asked();
        self.times.is_ready() && is_open && self.flights.len() < self.room() && self.stdin.has_room()
    }

    /// How many jobs it takes at a time.
    fn room(&self) -> usize {
        let asked_for = self.ready.and_then(|ready| ready.concurrency).unwrap_or(1);
        asked_for.clamp(1, self.work.bounds.jobs)
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
                    self.process.terminate();
                }
                if steady {
                    self.note_use();
                }
            }
        }
        None
    }

    fn note_use(&mut self) {
        self.times.note_use();
        self.work.crew.note_use();
    }

    fn begin(&mut self, taken: Taken<R, Vec<u8>>) {
        let work = Arc::clone(&self.work);
        if *self.life.retire.borrow() {
            // Whoever asks when it was told to retire is served by another.
            return work.crew.put_back(taken);
        }
        let Some((job, payload)) = AtHand::begin(&work.crew, &self.cx, self.life.seats.take(), taken) else {
            return;
        };
        if payload.len() > work.bounds.line {
            let (length, most) = (payload.len(), work.bounds.line);
            let message = format!("the job has {length} bytes as JSON, expected at most {most}");
            return job.answer(Err(RequestError::Failed(Failure::new("job-too-large", message))));
        }
        let id = self.next_id;
        self.next_id += 1;
        let time = job.due().map(|due| due.saturating_duration_since(Instant::now()));
        let line = JobLine { id, event: R::name(), job: &payload, time, trace: job.trace() };
        line.write(self.stdin.buffer());
        self.stdin.flush_now();
        let flight = self.watches.begin(id, job);
        self.flights.insert(id, flight);
    }

    /// Whether it is at nothing any more but jobs that it does not leave.
    fn is_lost(&self) -> bool {
        self.times.is_condemned() && self.flights.values().all(|flight| flight.patience == Patience::Lost)
    }
}

async fn published(publishing: &mut Option<Publishing>) {
    match publishing {
        Some(publishing) => publishing.await,
        None => pending().await,
    }
}

async fn alarmed(alarm: Option<Instant>) {
    match alarm {
        Some(alarm) => sleep_until(alarm).await,
        None => pending().await,
    }
}
