use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use edri_event::{Failure, Request};
use edri_router::{Context, DeathCause, Membership, RequestError, WorkerDeath, caught_now};
use tokio::io::Interest;
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until, timeout};

use super::invocation::{Invocation, Output};
use super::outgoing::Outgoing;
use crate::child::{Ending, Ends, Exit, Process, Speaking, Spec, Voice, speak};
use crate::crew::{AtHand, Crew, Seats};
use crate::leftovers::Closing;

/// What is made of a program's output.
pub(super) type Answer<R> =
    dyn Fn(Output) -> Result<<R as Request>::Response, Failure> + Send + Sync + 'static;

/// One place of a pool that starts a program for each job.
pub(super) struct PerJobSlot<R: Request> {
    pub(super) crew: Arc<Crew<R, Invocation>>,
    pub(super) spec: Arc<Spec>,
    pub(super) answer: Arc<Answer<R>>,
    /// Those exit codes with which the output is an answer.
    pub(super) codes: Arc<[i32]>,
    /// The most bytes of an answer.
    pub(super) most: usize,
    pub(super) cx: Context,
    pub(super) worker: Arc<str>,
    pub(super) seats: Arc<Seats>,
    pub(super) _membership: Membership,
}

/// A program at work on one job.
struct Run {
    process: Process,
    stdin: Outgoing,
    stdout: pipe::Receiver,
    stderr: Speaking,
    said: Vec<u8>,
}

/// What has happened to it.
enum Event {
    Ended,
    /// It closed its standard output; it may go on for a moment.
    Closed,
    TooMuch,
    GoneAway,
    Late,
    /// The pool has to end.
    Asked,
}

/// What a process has written before it ended is read within that time.
const LAST_WORDS: Duration = Duration::from_secs(1);
const READ_AT_ONCE: usize = 64 * 1024;

impl<R: Request> PerJobSlot<R> {
    pub(super) async fn run(self) {
        while let Some(taken) = self.crew.next().await {
            if let Some((job, call)) = AtHand::begin(&self.crew, &self.cx, self.seats.take(), taken) {
                self.work(job, call).await;
            }
        }
    }

    async fn work(&self, job: AtHand<R, Invocation>, call: Invocation) {
        match Process::start(&self.spec, call.arguments, &self.worker).await {
            Ok((process, ends)) => self.attend(job, self.begin(process, ends, call.stdin)).await,
            Err(error) => {
                let cause = DeathCause::NotStarted { reason: self.spec.explain(&error) };
                job.lose(&WorkerDeath::new(self.worker.to_string(), cause, Vec::new()));
            }
        }
    }

    fn begin(&self, process: Process, ends: Ends, stdin: Vec<u8>) -> Run {
        let voice = Voice {
            router: self.crew.router.clone(),
            worker: Arc::clone(&self.worker),
            process: process.id(),
        };
        let mut outgoing = Outgoing::new(ends.stdin);
        *outgoing.buffer() = stdin;
        let stderr = speak(voice, ends.stderr);
        Run { process, stdin: outgoing, stdout: ends.stdout, stderr, said: Vec::new() }
    }

    async fn attend(&self, mut job: AtHand<R, Invocation>, mut run: Run) {
        let mut closing = self.crew.closing.clone();
        let (mut is_open, mut asked) = (true, false);
        let exit = loop {
            let to_be_asked = async {
                match self.ask_at(&mut closing).await {
                    Some(at) if !asked => sleep_until(at).await,
                    _ => pending().await,
                }
            };
            let event = tokio::select! {
                read = collect(&run.stdout, &mut run.said, self.most), if is_open => match read {
                    Ok(()) => Event::Closed,
                    Err(TooMuch) => Event::TooMuch,
                },
                () = run.process.ended() => Event::Ended,
                () = job.context().cancelled() => Event::GoneAway,
                () = until(job.due()) => Event::Late,
                () = to_be_asked => Event::Asked,
                () = feed(&mut run.stdin) => continue,
            };
            match event {
                Event::Closed => is_open = false,
                Event::Ended => {
                    // With all that it has started: they may hold its output open.
                    run.process.kill();
                    let rest = collect(&run.stdout, &mut run.said, self.most);
                    if is_open && let Ok(Err(TooMuch)) = timeout(LAST_WORDS, rest).await {
                        run.process.bury().await;
                        return job.answer(Err(self.too_much()));
                    }
                    break run.process.bury().await;
                }
                Event::TooMuch => {
                    run.process.bury().await;
                    return job.answer(Err(self.too_much()));
                }
                Event::GoneAway | Event::Late => {
                    let now = Instant::now();
                    job.abandon(now);
                    let ending = Ending::of_one_at_work(now, self.crew.policy.cancel_grace);
                    run.process.end(ending, || {}, discard(&run.stdout)).await;
                    return job.answer(Err(RequestError::Cancelled));
                }
                Event::Asked => {
                    asked = true;
                    run.process.terminate();
                }
            }
        };
        let stderr = run.stderr.last_words().await;
        match exit {
            Exit::Code(code) if !asked || self.codes.contains(&code) => {
                let output = Output { code, stdout: run.said, stderr };
                job.answer(match self.codes.contains(&code) {
                    true => caught_now(|| (self.answer)(output)),
                    false => Err(RequestError::Failed(output.failure())),
                });
            }
            _ if asked => job.cut(),
            exit => job.lose(&WorkerDeath::new(self.worker.to_string(), exit.into(), stderr)),
        }
    }

    /// When a program that is at work is asked to end, since the pool has to.
    async fn ask_at(&self, closing: &mut tokio::sync::watch::Receiver<Closing>) -> Option<Instant> {
        let closing = closing.wait_for(|closing| matches!(closing, Closing::Until(_))).await.ok()?;
        let Closing::Until(deadline) = *closing else { return None };
        let left = deadline.saturating_duration_since(Instant::now());
        deadline.checked_sub(self.crew.policy.grace.min(left / 4))
    }

    fn too_much(&self) -> RequestError {
        let message = format!("the program wrote more than the {} bytes that an answer may have", self.most);
        RequestError::Failed(Failure::new("answer-too-large", message))
    }
}

/// More was written than may be.
struct TooMuch;

/// All that a program writes, to its end.
///
/// Cancel safe.
async fn collect(pipe: &pipe::Receiver, said: &mut Vec<u8>, most: usize) -> Result<(), TooMuch> {
    loop {
        if said.len() > most {
            return Err(TooMuch);
        }
        if pipe.ready(Interest::READABLE).await.is_err() {
            return Ok(());
        }
        said.reserve(READ_AT_ONCE);
        match pipe.try_read_buf(said) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return Ok(()),
        }
    }
}

async fn discard(pipe: &pipe::Receiver) {
    let mut nothing = Vec::new();
    while let Err(TooMuch) = collect(pipe, &mut nothing, READ_AT_ONCE).await {
        nothing.clear();
    }
}

/// What a program reads, to its end. One that does not want all of it has its reasons.
async fn feed(stdin: &mut Outgoing) {
    if stdin.is_closed() {
        pending().await
    }
    if !stdin.is_empty() {
        let _ = stdin.flush().await;
    }
    stdin.close();
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
