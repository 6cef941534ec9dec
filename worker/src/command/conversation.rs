use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use edri_event::{Failure, Request};
use edri_router::{Context, DeathCause, RequestError, WorkerDeath, caught_now};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until, timeout};

use super::flight::{Flight, Patience, Watched, Watching};
use super::lines::LineWorkers;
use super::notes::Publishing;
use super::outgoing::Outgoing;
use super::protocol::{JobLine, Ready, Said, Unreadable, cancel_line, read};
use crate::child::{
    Ending, Ends, Exit, Line, Lines, Overlong, Process, Speaking, Stream, Voice, fill, speak,
};
use crate::crew::{Alive, AtHand, End, How, LifeContext, STEADY, Stage, Taken};
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
    watches: FuturesUnordered<Watching>,
    next_id: u64,
    /// A notification that its subscribers have no room for: nothing more is read until they have.
    publishing: Option<Publishing>,
    /// What it has said of itself.
    ready: Option<Ready>,
    born: Instant,
    answered: u64,
    was_of_use: bool,
    /// Lines in a row that could not be read.
    unreadable: u32,
    /// Lines that could not be read, and may have been the answer to any of several jobs.
    unattributed: usize,
    /// What was wrong with the last of them.
    suspicion: String,
    retiring: bool,
    /// There will be no more jobs.
    no_more: bool,
    /// When it is ended though it still has jobs, since others of them are lost.
    condemned: Option<Instant>,
    /// When it is asked to end though it still has jobs, since the pool has to.
    to_be_asked: Option<Instant>,
    /// It was.
    asked: bool,
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

/// A worker that writes so many lines in a row that cannot be read is ended.
const BABBLE: u32 = 16;
/// A process that has closed its pipes usually ends within that time.
const SETTLE: Duration = Duration::from_millis(200);
/// How soon a worker that is not ready looks again whether it is still needed, when its pool is closed.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// What a process has written before it ended is read within that time.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

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
            watches: FuturesUnordered::new(),
            next_id: 1,
            publishing: None,
            ready: None,
            born: Instant::now(),
            answered: 0,
            was_of_use: false,
            unreadable: 0,
            unattributed: 0,
            suspicion: String::new(),
            retiring: false,
            no_more: false,
            condemned: None,
            to_be_asked: None,
            asked: false,
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
        self.heed(*closing.borrow_and_update());
        loop {
            if let Some(fate) = self.hear() {
                return fate;
            }
            // One that is not ready does not hear from the inbox that there is nothing left to do.
            let is_closed = *closing.borrow() != Closing::Open;
            self.no_more |= is_closed && !self.is_ready() && work.crew.is_done();
            if self.flights.is_empty() && (self.retiring || self.no_more) {
                return Fate::InOrder;
            }
            let look_again = (is_closed && !self.is_ready()).then(|| Instant::now() + LOOK_AGAIN);
            let (takes, alarm) = (self.takes_jobs(), self.alarm().into_iter().chain(look_again).min());
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
                Some(watched) = self.watches.next() => {
                    if let Some(fate) = self.see(watched) {
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
                Ok(()) = closing.changed() => self.heed(*closing.borrow_and_update()),
            }
        }
    }

    fn takes_jobs(&self) -> bool {
        let is_open = !self.retiring && !self.no_more && !self.asked;
        self.is_ready() && is_open && self.flights.len() < self.room() && self.stdin.has_room()
    }

    fn is_ready(&self) -> bool {
        self.ready.is_some() || self.work.crew.policy.ready_within.is_none()
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

    /// The pool is closed, or has to end by a certain time: then the worker is asked to before that.
    fn heed(&mut self, closing: Closing) {
        if let Closing::Until(deadline) = closing {
            let now = Instant::now();
            let kept = self.work.crew.policy.grace.min(deadline.saturating_duration_since(now) / 4);
            self.to_be_asked = deadline.checked_sub(kept);
        }
    }

    /// When something is due that nobody tells.
    fn alarm(&self) -> Option<Instant> {
        let ready = self.ready_by();
        let steady = (!self.was_of_use).then(|| self.born + STEADY);
        let asked = self.to_be_asked.filter(|_| !self.asked);
        [ready, steady, asked, self.condemned].into_iter().flatten().min()
    }

    fn ready_by(&self) -> Option<Instant> {
        let within = self.work.crew.policy.ready_within.filter(|_| self.ready.is_none())?;
        Some(self.born + within)
    }

    fn rouse(&mut self, now: Instant) -> Option<Fate> {
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if is_due(self.ready_by()) {
            return Some(Fate::NotReady);
        }
        if is_due(self.condemned) {
            return Some(Fate::Overdue);
        }
        if is_due(self.to_be_asked) && !self.asked {
            self.asked = true;
            self.process.terminate();
        }
        if now >= self.born + STEADY {
            self.note_use();
        }
        None
    }

    fn note_use(&mut self) {
        self.was_of_use = true;
        self.work.crew.note_use();
    }

    fn begin(&mut self, taken: Taken<R, Vec<u8>>) {
        let work = Arc::clone(&self.work);
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
        let (flight, watching) = Flight::new(id, job);
        self.watches.push(watching);
        self.flights.insert(id, flight);
    }

    /// What has become of a job in the meantime.
    fn see(&mut self, watched: Watched) -> Option<Fate> {
        let (grace, cancel_grace) = (self.work.crew.policy.grace, self.work.crew.policy.cancel_grace);
        let (Watched::GoneAway(id) | Watched::Late(id) | Watched::Lost(id)) = watched else { return None };
        let flight = self.flights.get_mut(&id)?;
        if !flight.told && self.ready.is_some_and(|ready| ready.cancel) {
            flight.told = true;
            cancel_line(id, self.stdin.buffer());
        }
        match watched {
            Watched::Over => {}
            Watched::GoneAway(_) => self.watches.push(flight.watch_on(id)),
            Watched::Late(_) => self.watches.push(flight.be_late(id, Instant::now(), cancel_grace)),
            Watched::Lost(_) => {
                flight.patience = Patience::Lost;
                self.condemned.get_or_insert_with(|| Instant::now() + grace);
                self.retire();
                return self.is_lost().then_some(Fate::Overdue);
            }
        }
        None
    }

    /// Whether it is at nothing any more but jobs that it does not leave.
    fn is_lost(&self) -> bool {
        self.condemned.is_some() && self.flights.values().all(|flight| flight.patience == Patience::Lost)
    }

    /// The lines that have been read.
    fn hear(&mut self) -> Option<Fate> {
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(1, Overlong::Skip));
        let mut fate = None;
        while self.publishing.is_none() && fate.is_none() {
            let Some(line) = lines.next() else { break };
            fate = match line {
                Line::Whole(line) => match read(line) {
                    Ok(said) => self.take_in(said),
                    Err(Unreadable { id, why }) => {
                        self.voice.say(Stream::Stdout, &String::from_utf8_lossy(line));
                        self.cannot_read(id.map_or(Blame::AnyJob, Blame::Job), why)
                    }
                },
                Line::TooLong(bytes) => {
                    let most = self.work.bounds.line;
                    let why = format!("a line of {bytes} bytes, expected at most {most}");
                    self.cannot_read(Blame::AnyJob, why)
                }
            };
        }
        self.lines = lines;
        fate
    }

    fn take_in(&mut self, said: Said<'_>) -> Option<Fate> {
        let (id, outcome) = match said {
            Said::Response { id, response } => {
                let decode = self.work.decode;
                (id, caught_now(|| decode(response.get())))
            }
            Said::Failure { id, failure } => (id, Err(RequestError::Failed(failure))),
            Said::Progress { id, progress } => {
                if let Some(flight) = self.flights.get(&id) {
                    flight.job.progress(progress);
                }
                return None;
            }
            Said::Notify { event, data } => {
                match self.work.notes.publish(&event, data, &self.work.crew.router) {
                    Ok(publishing) => self.publishing = Some(publishing),
                    Err(why) => return self.cannot_read(Blame::NoJob, why),
                }
                return None;
            }
            Said::Ready(ready) => {
                self.ready = Some(ready);
                self.alive.set_room(self.room());
                if !self.retiring {
                    self.life.stage.send_replace(Stage::Up);
                }
                return None;
            }
        };
        let Some(flight) = self.flights.remove(&id) else {
            let why =
                format!("an answer to {id}, which it does not have: it was answered before, or never asked");
            return self.cannot_read(Blame::NoJob, why);
        };
        flight.job.answer(outcome);
        self.unreadable = 0;
        self.answered += 1;
        self.note_use();
        self.recycle();
        self.settle_blame();
        self.is_lost().then_some(Fate::Overdue).filter(|_| !self.flights.is_empty())
    }

    /// A worker is replaced after so many jobs, or when it has grown too much.
    fn recycle(&mut self) {
        let policy = &self.work.crew.policy;
        let is_old = policy.recycle_jobs.is_some_and(|jobs| self.answered >= jobs);
        let too_much = |most| self.process.memory().is_some_and(|memory| memory > most);
        if !self.retiring && (is_old || policy.recycle_memory.is_some_and(too_much)) {
            tracing::debug!(
                worker = &*self.life.worker,
                jobs = self.answered,
                "a worker is replaced in order"
            );
            self.retire();
        }
    }

    /// A line that says nothing. The job that it is about fails, and no other.
    fn cannot_read(&mut self, blame: Blame, why: String) -> Option<Fate> {
        tracing::warn!(worker = &*self.life.worker, "a worker said what is no answer: {why}");
        self.unreadable += 1;
        match blame {
            Blame::Job(id) => {
                if let Some(flight) = self.flights.remove(&id) {
                    flight.job.answer(malformed(&why));
                }
            }
            Blame::AnyJob if !self.flights.is_empty() => {
                self.unattributed += 1;
                self.suspicion = why;
            }
            Blame::AnyJob | Blame::NoJob => {}
        }
        self.settle_blame();
        (self.unreadable >= BABBLE).then_some(Fate::Babbled)
    }

    /// Lines that may have been the answer to any job are laid to those that are left when all others have been answered.
    /// The worker gets no further job: what it says next might be laid to that.
    fn settle_blame(&mut self) {
        if self.unattributed == 0 {
            return;
        }
        self.retire();
        if self.flights.len() > self.unattributed {
            return;
        }
        self.unattributed = 0;
        for (_, flight) in std::mem::take(&mut self.flights) {
            flight.job.answer(malformed(&self.suspicion));
        }
    }

    /// Ends the process, and says what became of its jobs.
    async fn bury(mut self, fate: Fate) -> End {
        let work = Arc::clone(&self.work);
        let policy = &work.crew.policy;
        if fate == Fate::InOrder {
            let left = match *self.work.crew.closing.borrow() {
                Closing::Until(deadline) => deadline.saturating_duration_since(Instant::now()),
                Closing::Open | Closing::Closed => policy.grace,
            };
            let how = if self.no_more { How::Done } else { How::Retired };
            drop(self.alive);
            let ending = Ending::new(Instant::now(), policy.grace.min(left));
            let drain = async {
                while let Ok(1..) = fill(&self.stdout, &mut self.lines).await {
                    while self.lines.next().is_some() {}
                }
            };
            self.process.end(ending, || self.stdin.close(), drain).await;
            // For those who read what it says.
            self.stderr.last_words().await;
            return End { how, was_of_use: true };
        }
        let has_ended = match fate {
            Fate::Closed => timeout(SETTLE, self.process.ended()).await.is_ok(),
            _ => fate == Fate::Ended,
        };
        // With all that it has started: they may hold its pipes, and nothing else would end what it writes.
        self.process.kill();
        let _ = timeout(LAST_ANSWERS, self.last_answers()).await;
        let within = policy.ready_within.unwrap_or_default();
        let exit = self.process.bury().await;
        let cause = match (exit, fate) {
            (Exit::OverLimit(_), _) => exit.into(),
            (_, Fate::Closed | Fate::Ended) if has_ended => exit.into(),
            (_, Fate::NotReady) => DeathCause::NotStarted {
                reason: format!("it did not say within {within:?} that it is ready"),
            },
            (_, Fate::Overdue) => DeathCause::Overdue,
            (_, Fate::Babbled) => DeathCause::Babbled,
            (_, Fate::Closed | Fate::Ended | Fate::InOrder) => DeathCause::ClosedPipe,
        };
        let death = WorkerDeath::new(self.life.worker.to_string(), cause, self.stderr.last_words().await);
        drop(self.alive);
        for (_, flight) in self.flights {
            if self.asked { flight.job.cut() } else { flight.job.lose(&death) }
        }
        let how = if self.asked { How::Retired } else { How::Died(death) };
        End { how, was_of_use: self.was_of_use }
    }

    /// What the process has written before it ended, or was.
    async fn last_answers(&mut self) {
        while self.hear().is_none() {
            if self.publishing.is_some() {
                published(&mut self.publishing).await;
                self.publishing = None;
            } else if !matches!(fill(&self.stdout, &mut self.lines).await, Ok(1..)) {
                return;
            }
        }
    }
}

/// Whose answer a line may have been that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    Job(u64),
    AnyJob,
    NoJob,
}

fn malformed<T>(why: &str) -> Result<T, RequestError> {
    Err(RequestError::Failed(Failure::new("malformed-answer", why)))
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
