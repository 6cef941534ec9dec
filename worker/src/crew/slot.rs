use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use edri_event::Request;
use edri_router::{Context, DeathCause, Delays, RequestError, WorkerDeath};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::at_hand::AtHand;
use super::breaker::Gate;
use super::control::{Reload, ReloadError};
use super::crew::{Crew, Taken};
use super::life::{Begun, End, How, Lives, Living, Stage};
use super::news::{CrashLoop, CrashLoopOver, WorkerLost};
use super::seats::Seats;
use crate::leftovers::Closing;

/// One place in a pool: there is a worker in it, or there will be, until the pool is closed and nothing waits.
pub(crate) struct Slot<R: Request, P, L> {
    crew: Arc<Crew<R, P>>,
    lives: Arc<L>,
    worker: Arc<str>,
    number: usize,
    seats: Arc<Seats>,
    cx: Context,
    reloads: mpsc::Receiver<Reload>,
    /// Lives that take no more jobs.
    former: FuturesUnordered<Living>,
    delays: Delays,
    /// How many workers in a row have died here without an answer.
    failures: u32,
    /// No worker is started before.
    not_before: Instant,
    /// Whoever wants to know whether the next one gets up.
    reload: Option<Reload>,
}

/// What comes after a time without a worker.
enum Next {
    Worker,
    Nothing,
}

/// When the pool is closed, it is looked again so soon whether somebody else has done what waited.
const WHEN_CLOSED: Duration = Duration::from_millis(50);

impl<R: Request, P: Clone + Send + 'static, L: Lives> Slot<R, P, L> {
    pub(crate) fn new(
        crew: Arc<Crew<R, P>>,
        lives: Arc<L>,
        (cx, number): (Context, usize),
        seats: Arc<Seats>,
        reloads: mpsc::Receiver<Reload>,
    ) -> Self {
        let delays = crew.policy.backoff.delays();
        Self {
            worker: cx.name().into(),
            number,
            crew,
            lives,
            seats,
            cx,
            reloads,
            former: FuturesUnordered::new(),
            delays,
            failures: 0,
            not_before: Instant::now(),
            reload: None,
        }
    }

    pub(crate) async fn run(mut self) {
        loop {
            if let Next::Worker = self.wait().await {
                let begun = if self.reload.is_some() { Begun::Anew } else { Begun::AsBefore };
                let living = self.begin(begun);
                self.accompany(living).await;
            } else if self.former.next().await.is_none() {
                return;
            }
            // One of the former may have died, and left a job that is tried again.
        }
    }

    fn begin(&self, begun: Begun) -> Living {
        Living::begin(&self.lives, (&self.worker, self.number), &self.seats, begun)
    }

    /// A worker to the end of its life, or to where it retires: those that come in its place by a reload, too.
    async fn accompany(&mut self, mut living: Living) {
        if let Some(Reload(told)) = self.reload.take() {
            let up = self.until_up(&mut living).await;
            let has_ended = up.is_err();
            let _ = told.send(up);
            if has_ended {
                return;
            }
        }
        loop {
            let retires = living.reaches(Stage::Retiring);
            tokio::select! {
                end = &mut living => {
                    self.note(end);
                    return;
                }
                () = retires => {
                    self.former.push(living);
                    return;
                }
                Some(Reload(told)) = self.reloads.recv() => {
                    let mut new = self.begin(Begun::Anew);
                    let up = self.until_up(&mut new).await;
                    if up.is_ok() {
                        living.retire();
                        self.former.push(std::mem::replace(&mut living, new));
                    }
                    let _ = told.send(up);
                }
                Some(_) = self.former.next() => {}
            }
        }
    }

    /// Until a new worker takes jobs; an error if it has ended before.
    async fn until_up(&mut self, new: &mut Living) -> Result<(), ReloadError> {
        let is_up = new.reaches(Stage::Up);
        tokio::select! {
            biased;
            end = new => Err(match self.note(end) {
                How::Died(death) => ReloadError::Died(death),
                How::Done | How::Retired => ReloadError::NotRunning,
            }),
            () = is_up => Ok(()),
        }
    }

    /// What follows from the end of a worker.
    fn note(&mut self, end: End) -> How {
        let How::Died(death) = &end.how else {
            // Should it have been the one on trial, others may follow.
            self.crew.standing.close();
            return end.how;
        };
        let crew = &self.crew;
        self.seats.renewed();
        let now = Instant::now();
        let mut tripped = None;
        if end.was_of_use {
            self.failures = 0;
            self.not_before = now;
        } else {
            self.failures = self.failures.saturating_add(1);
            self.not_before = now + self.delays.before(self.failures);
            tripped = crew.standing.useless(death, now);
        }
        let again_in = self.not_before - now;
        tracing::warn!(pool = &*crew.name, worker = &*self.worker, ?again_in, "a worker died: {death}");
        crew.router.announce(|| WorkerLost { pool: crew.name.to_string(), death: death.clone(), again_in });
        if let Some(tripped) = tripped {
            let (deaths, pause) = (tripped.deaths, tripped.pause);
            tracing::error!(
                pool = &*crew.name,
                ?pause,
                "crash loop: {deaths} workers died in a row without an answer, and none is started for now: {death}"
            );
            crew.router.announce(|| CrashLoop {
                pool: crew.name.to_string(),
                deaths,
                death: death.clone(),
                pause,
            });
        }
        end.how
    }

    /// Until it is time for a worker, or no more is needed.
    async fn wait(&mut self) -> Next {
        let mut standing = self.crew.standing.watch();
        let mut closing = self.crew.closing.clone();
        loop {
            if self.crew.is_done() {
                return Next::Nothing;
            }
            let now = Instant::now();
            let gate = if now < self.not_before {
                Gate::Until(self.not_before)
            } else {
                self.crew.standing.gate(now)
            };
            let mut until = match gate {
                Gate::Open => return Next::Worker,
                Gate::Until(until) => Some(until),
                Gate::Trial => None,
            };
            if *closing.borrow_and_update() != Closing::Open {
                let soon = now + WHEN_CLOSED;
                until = Some(until.map_or(soon, |until| until.min(soon)));
            }
            standing.borrow_and_update();
            let crash_loop = self.crew.standing.crash_loop();
            tokio::select! {
                () = async { match until {
                    Some(until) => sleep_until(until).await,
                    None => pending().await,
                } } => {}
                Ok(()) = standing.changed() => {}
                Ok(()) = closing.changed() => {}
                Some(reload) = self.reloads.recv() => {
                    self.crew.standing.close();
                    (self.failures, self.not_before) = (0, now);
                    self.reload = Some(reload);
                    return Next::Worker;
                }
                taken = self.crew.next(), if crash_loop.is_some() => match (taken, crash_loop) {
                    (Some(taken), Some((deaths, last))) => self.refuse(taken, deaths, last),
                    _ => return Next::Nothing,
                },
                Some(_) = self.former.next() => {}
            }
        }
    }

    /// Nobody is there to do a job, and it is not known when there will be.
    fn refuse(&self, taken: Taken<R, P>, deaths: u32, last: WorkerDeath) {
        if let Some((job, _)) = AtHand::begin(&self.crew, &self.cx, self.seats.take(), taken) {
            let WorkerDeath { cause: last, stderr, .. } = last;
            let cause = DeathCause::CrashLoop { deaths, last: Box::new(last) };
            let death = WorkerDeath::new(self.worker.to_string(), cause, stderr);
            job.answer(Err(RequestError::WorkerDied(Box::new(death))));
        }
    }
}

impl<R: Request, P: Send + 'static> Crew<R, P> {
    /// A worker has been of use.
    pub(crate) fn note_use(&self) {
        if self.standing.close() {
            tracing::info!(pool = &*self.name, "the crash loop is over: a worker has been of use");
            self.router.announce(|| CrashLoopOver { pool: self.name.to_string() });
        }
    }
}
