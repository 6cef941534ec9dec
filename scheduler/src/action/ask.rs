use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use edri_event::{Failure, Notification, Request};
use edri_router::{RequestError, Router};
use tokio::time::{Instant, sleep};

use super::source::{Copied, Made, Source, Stamp};
use super::{Action, Encoded, Kind, Sending};
use crate::tick::{Stamped, Tick};

/// A request to be made when a schedule is due, and what becomes of the answer: unless told otherwise it is dropped, but
/// for a failure, which is told as [`RunFailed`](crate::RunFailed).
///
/// ```
/// # use edri_event::{Notification, Request};
/// # use edri_scheduler::{Answered, Ask, Schedule};
/// # use std::time::Duration;
/// #[derive(Request, Clone)]
/// #[request(response = u64)]
/// struct Backup;
///
/// #[derive(Notification)]
/// struct BackupDone { bytes: Option<u64> }
///
/// let nightly = Schedule::send(
///     Ask::new(Backup)
///         .timeout(Duration::from_secs(3_600))
///         .answer(|answered: Answered<Backup>| BackupDone { bytes: answered.outcome.ok() }),
/// )
/// .cron("30 2 * * *");
/// ```
pub struct Ask<R: Request> {
    source: Box<dyn Source<R>>,
    answer: Option<Answer<R>>,
    timeout: Option<Duration>,
}

/// An answer to a request that a schedule made.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answered<R: Request> {
    /// The run by which it was asked.
    pub tick: Tick,
    /// What was answered.
    pub outcome: Result<R::Response, RequestError>,
}

/// Where an answer goes.
pub(super) struct Answer<R: Request> {
    /// The name of the notification that it becomes, if that can be said in another process.
    name: Option<&'static str>,
    pass: Pass<R>,
}

type Pass<R> = Arc<dyn Fn(Answered<R>, Router) -> Sending + Send + Sync>;

impl<R: Request> Ask<R> {
    /// Asks the same at each run.
    pub fn new(request: R) -> Self
    where
        R: Clone + Sync,
    {
        Self::of(Copied(request))
    }

    /// Asks the same at each run, [stamped](Stamped) with its tick.
    pub fn stamped(request: R) -> Self
    where
        R: Clone + Sync + Stamped,
    {
        Self::of(Stamp(request))
    }

    /// Asks what `make` makes of the tick of each run.
    pub fn with(make: impl Fn(&Tick) -> R + Send + Sync + 'static) -> Self {
        Self::of(Made(make))
    }

    fn of(source: impl Source<R>) -> Self {
        Self { source: Box::new(source), answer: None, timeout: None }
    }

    /// How long an answer is waited for: without it, as long as the responder lives, and what the schedule does at its
    /// next run is for its [overlap policy](crate::Overlap) to say.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Sends what `make` makes of each answer, failures included. Only within this process: for a schedule that is durable
    /// or somebody else's, see [`answer_to`](Self::answer_to).
    #[must_use]
    pub fn answer<N: Notification>(self, make: impl Fn(Answered<R>) -> N + Send + Sync + 'static) -> Self {
        Self { answer: Some(Answer { name: None, pass: passing(make) }), ..self }
    }

    /// Sends each answer, failures included, as a notification that can be made from it.
    #[must_use]
    pub fn answer_to<N: Notification + From<Answered<R>>>(self) -> Self {
        Self { answer: Some(Answer::to::<N>()), ..self }
    }
}

impl<R: Request> Answer<R> {
    pub(super) fn to<N: Notification + From<Answered<R>>>() -> Self {
        Self { name: Some(N::name()), pass: passing(N::from) }
    }
}

impl<R: Request> Clone for Answer<R> {
    fn clone(&self) -> Self {
        Self { name: self.name, pass: Arc::clone(&self.pass) }
    }
}

fn passing<R: Request, N: Notification>(make: impl Fn(Answered<R>) -> N + Send + Sync + 'static) -> Pass<R> {
    let make = Arc::new(make);
    Arc::new(move |answered, router| {
        let make = Arc::clone(&make);
        Box::pin(async move {
            router.notify(make(answered)).await?;
            Ok(())
        })
    })
}

/// How long to wait until somebody may be there to answer.
const UNTIL_AGAIN: Duration = Duration::from_millis(100);

/// Asks and waits for the answer; again and again until `patience` while nobody is there to answer.
pub(super) async fn ask<R: Request>(
    router: &Router,
    make: impl Fn() -> Result<R, Failure>,
    timeout: Option<Duration>,
    patience: Instant,
) -> Result<Result<R::Response, RequestError>, Failure> {
    loop {
        let asking = router.request(make()?);
        let asking = match timeout {
            None => asking,
            Some(timeout) => asking.timeout(timeout),
        };
        match asking.await {
            Err(RequestError::NoResponder { .. }) if Instant::now() < patience => sleep(UNTIL_AGAIN).await,
            outcome => return Ok(outcome),
        }
    }
}

/// Passes an answer on. That the request failed is the run's failure, too.
pub(super) async fn pass_on<R: Request>(
    router: Router,
    tick: Tick,
    outcome: Result<R::Response, RequestError>,
    answer: Option<&Answer<R>>,
) -> Result<(), Failure> {
    let ended = match &outcome {
        Ok(_) => Ok(()),
        Err(RequestError::Failed(failure)) => Err(failure.clone()),
        Err(error) => Err(error.clone().into()),
    };
    if let Some(answer) = answer {
        (answer.pass)(Answered { tick, outcome }, router).await?;
    }
    ended
}

impl<R: Request> Action for Ask<R> {
    fn event(&self) -> &str {
        R::name()
    }

    fn kind(&self) -> Kind {
        Kind::Request
    }

    fn send(self: Arc<Self>, router: Router, tick: Tick, patience: Instant) -> Sending {
        Box::pin(async move {
            let outcome = ask(&router, || Ok(self.source.make(&tick)), self.timeout, patience).await?;
            pass_on(router, tick, outcome, self.answer.as_ref()).await
        })
    }

    fn encode(&self) -> Result<Encoded, Failure> {
        let answer_to = match &self.answer {
            None => None,
            Some(Answer { name: Some(name), .. }) => Some((*name).to_owned()),
            Some(Answer { name: None, .. }) => {
                return Err(crate::Refusal::Event
                    .because(format!(
                        "the answer to {} goes to a closure, which cannot leave its process; \
                         expected none, or answer_to",
                        R::name()
                    ))
                    .into());
            }
        };
        let encoded = Encoded::of(Kind::Request, self.source.event())?;
        Ok(Encoded { answer_to, timeout: self.timeout, ..encoded })
    }
}

impl<R: Request> fmt::Debug for Ask<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ask").field("request", &R::name()).field("timeout", &self.timeout).finish()
    }
}
