use std::collections::VecDeque;
use std::fmt;
use std::fmt::Debug;
use std::future::{Future, pending};
use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use edri_event::{Failure, Meta, Priority, Request};
use edri_router::{
    Answering, Patience as Manners, Registration, RequestError, Respond, Router, Ticket, caught_now,
};
use tokio::time::sleep;

use super::journal::{Journal, lock};
use super::record::{Patience, Unread};

/// A responder that does with each request what it was told, in order: one step for one request. Made by
/// [`Testbed::script`](super::Testbed::script); it answers from then on, until it is dropped.
///
/// A request for which there is no step left is answered with a failure, whose code is `unexpected`, and
/// [`verify`](Self::verify) tells of it.
#[must_use = "a script answers for as long as it is kept"]
pub struct Script<R: Request> {
    part: Arc<Part<R>>,
    patience: Duration,
    /// For the next step that is told.
    delay: Duration,
    _registration: Registration,
}

struct Part<R: Request> {
    script: Mutex<Steps<R>>,
    asked: Unread<R>,
    journal: Arc<Journal>,
}

struct Steps<R: Request> {
    steps: VecDeque<Step<R>>,
    /// When there is no step left.
    always: Option<Arc<Answer<R>>>,
    unexpected: Vec<String>,
    more_unexpected: usize,
}

struct Step<R: Request> {
    name: &'static str,
    delay: Duration,
    action: Action<R>,
}

enum Action<R: Request> {
    Answer(Box<Once<R>>),
    Hang,
    Refuse,
}

type Outcome<R> = Result<<R as Request>::Response, RequestError>;
type Once<R> = dyn FnOnce(&R) -> Outcome<R> + Send;
type Answer<R> = dyn Fn(&R) -> Result<<R as Request>::Response, Failure> + Send + Sync;

/// So many unexpected requests are told of one by one.
const UNEXPECTED: usize = 16;

impl<R: Request + Debug> Script<R> {
    pub(super) fn new(router: &Router, journal: &Arc<Journal>, patience: Duration) -> Self {
        let steps =
            Steps { steps: VecDeque::new(), always: None, unexpected: Vec::new(), more_unexpected: 0 };
        let part =
            Arc::new(Part { script: Mutex::new(steps), asked: Unread::new(), journal: Arc::clone(journal) });
        let registration = router.attach_responder::<R>(Arc::clone(&part) as Arc<_>);
        Self { part, patience, delay: Duration::ZERO, _registration: registration }
    }

    /// Then it answers with this.
    pub fn answer(self, response: R::Response) -> Self {
        self.outcome("answer", Ok(response))
    }

    /// Then it answers what `answer` makes of the request. A panic in it is answered as one.
    pub fn then(self, answer: impl FnOnce(&R) -> Result<R::Response, Failure> + Send + 'static) -> Self {
        self.step("then", Action::Answer(Box::new(move |request| caught_now(|| answer(request)))))
    }

    /// So many times it answers what `answer` makes of the request.
    pub fn repeat(
        mut self,
        times: usize,
        answer: impl Fn(&R) -> Result<R::Response, Failure> + Send + Sync + 'static,
    ) -> Self {
        let (answer, delay) = (Arc::new(answer), self.delay);
        for _ in 0..times {
            let answer = Arc::clone(&answer);
            self = self.delay(delay).then(move |request| answer(request));
        }
        self
    }

    /// Then it fails.
    pub fn fail(self, failure: Failure) -> Self {
        self.outcome("fail", Err(RequestError::Failed(failure)))
    }

    /// Then it panics, as its requester sees it.
    pub fn panic(self, message: impl Into<String>) -> Self {
        self.outcome("panic", Err(RequestError::Panicked { message: message.into() }))
    }

    /// Then it answers with any error: [`RequestError::Stopped`], for instance.
    pub fn error(self, error: RequestError) -> Self {
        self.outcome("error", Err(error))
    }

    /// Then it never answers: its requester waits until it gives up.
    pub fn hang(self) -> Self {
        self.step("hang", Action::Hang)
    }

    /// Then it has no room: its requester gets [`RequestError::Overloaded`], or another responder is asked.
    pub fn refuse(self) -> Self {
        self.step("refuse", Action::Refuse)
    }

    /// The answer that is told next takes so long; a refusal is at once, and what hangs does anyway.
    pub fn delay(self, time: Duration) -> Self {
        Self { delay: time, ..self }
    }

    /// When there are no steps left, it answers what `answer` makes of the request, any number of times.
    pub fn always(self, answer: impl Fn(&R) -> Result<R::Response, Failure> + Send + Sync + 'static) -> Self {
        lock(&self.part.script).always = Some(Arc::new(answer));
        self
    }

    fn outcome(self, name: &'static str, outcome: Outcome<R>) -> Self {
        let outcome = Mutex::new(Some(outcome));
        let answer = move |_: &R| lock(&outcome).take().unwrap_or(Err(RequestError::Cancelled));
        self.step(name, Action::Answer(Box::new(answer)))
    }

    fn step(mut self, name: &'static str, action: Action<R>) -> Self {
        let delay = std::mem::take(&mut self.delay);
        lock(&self.part.script).steps.push_back(Step { name, delay, action });
        self
    }

    /// The next request that it was asked and that was not read yet; at most 1,024 are kept. Cancel safe.
    ///
    /// # Panics
    /// If none comes within the patience of the testbed.
    #[track_caller]
    pub fn expect(&self) -> impl Future<Output = R> {
        let at = Location::caller();
        async move {
            let patience = Patience { at, longest: self.patience, journal: &self.part.journal };
            self.part.asked.expect(format_args!("the request {}", R::name()), |_| true, patience).await
        }
    }

    /// That it was asked exactly as often as it was told steps.
    ///
    /// # Panics
    /// If it was not: with the steps that are left, or the requests that were too many.
    #[track_caller]
    pub fn verify(&self) {
        let script = lock(&self.part.script);
        let mut wrong = Vec::new();
        if !script.steps.is_empty() {
            let names: Vec<_> = script.steps.iter().map(|step| step.name).collect();
            wrong.push(format!("it was not asked for its last {}: {}", names.len(), names.join(", ")));
        }
        if !script.unexpected.is_empty() {
            let count = script.unexpected.len() + script.more_unexpected;
            wrong.push(format!("it was asked {count} times too often: {}", script.unexpected.join(", ")));
        }
        drop(script);
        if !wrong.is_empty() {
            panic!("the script for {}: {}; {}", R::name(), wrong.join("; "), self.part.journal);
        }
    }
}

impl<R: Request + Debug> Part<R> {
    /// What is to be done, and how long it takes; `None` to refuse.
    fn next(&self, request: &R) -> Option<(Duration, Option<Outcome<R>>)> {
        let mut script = lock(&self.script);
        if let Some(Step { name, delay, action }) = script.steps.pop_front() {
            drop(script);
            self.journal.note(format_args!("request {}: {request:?}, {name}", R::name()));
            return match action {
                Action::Answer(answer) => Some((delay, Some(answer(request)))),
                Action::Hang => Some((delay, None)),
                Action::Refuse => None,
            };
        }
        if let Some(always) = script.always.clone() {
            drop(script);
            self.journal.note(format_args!("request {}: {request:?}, always", R::name()));
            return Some((Duration::ZERO, Some(caught_now(|| always(request)))));
        }
        drop(script);
        let unexpected = format!("{request:?}");
        let mut script = lock(&self.script);
        if script.unexpected.len() < UNEXPECTED {
            script.unexpected.push(unexpected);
        } else {
            script.more_unexpected += 1;
        }
        drop(script);
        self.journal.note(format_args!("request {}: {request:?}, not expected", R::name()));
        let message = format!("the script for {} has no step left for {request:?}", R::name());
        Some((Duration::ZERO, Some(Err(RequestError::Failed(Failure::new("unexpected", message))))))
    }

    fn refuses(&self) -> bool {
        let script = lock(&self.script);
        script.steps.front().is_some_and(|step| matches!(step.action, Action::Refuse))
    }
}

impl<R: Request + Debug> Respond<R> for Part<R> {
    fn ask(&self, call: &mut Option<(R, Meta)>, _: Priority, manners: Manners, _: &Waker) -> Answering<R> {
        // Asked for room first, and by its policy after that: both are one step.
        if manners == Manners::Room && self.refuses() {
            return Answering::Full;
        }
        let Some((request, meta)) = call.take() else { return Answering::Gone };
        let Some((delay, outcome)) = self.next(&request) else {
            *call = Some((request, meta));
            return Answering::Refused;
        };
        self.asked.add(request);
        match outcome {
            Some(outcome) if delay.is_zero() => Answering::Answered(outcome),
            Some(outcome) => Answering::Running(Box::pin(async move {
                sleep(delay).await;
                outcome
            })),
            None => Answering::Running(Box::pin(pending())),
        }
    }

    fn withdraw(&self, _: Ticket) {}

    fn name(&self) -> &str {
        "a script"
    }
}

impl<R: Request> fmt::Debug for Script<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = lock(&self.part.script).steps.len();
        formatter.debug_struct("Script").field("event", &R::name()).field("steps_left", &steps).finish()
    }
}
