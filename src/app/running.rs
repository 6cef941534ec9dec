use std::convert::Infallible;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::task::{Context, Poll};
use std::time::Duration;

use edri_router::Router;
use tokio::time::Instant;

use super::checks::Checks;
use super::part::Part;
use super::report::Report;
use super::signals::Signals;
use crate::error::Error;
#[cfg(feature = "metrics")]
use crate::observe::{Observe, Observing};

/// A program at work. Dropping it tells everything to stop, and waits for nothing.
#[must_use = "dropping it stops the program"]
pub struct RunningApp {
    router: Router,
    /// In the order in which they will be stopped.
    parts: Vec<Box<dyn Part>>,
    /// So many of them, the first, bring events in, and stop together.
    sources: usize,
    grace: Duration,
    checks: Option<Checks>,
    #[cfg(feature = "metrics")]
    observing: Observing,
}

/// Of the time to shut down, the part with this divisor is kept for those that are stopped after one that is stuck.
const KEPT: u32 = 8;

impl RunningApp {
    pub(super) fn new(
        router: Router,
        parts: Vec<Box<dyn Part>>,
        sources: usize,
        grace: Duration,
        checks: Option<Checks>,
    ) -> Self {
        Self {
            router,
            parts,
            sources,
            grace,
            checks,
            #[cfg(feature = "metrics")]
            observing: Observing::default(),
        }
    }

    /// Tells those who watch from outside, from here on.
    #[cfg(feature = "metrics")]
    pub(super) fn observed(mut self, observe: Observe) -> Result<Self, Error> {
        self.observing = observe.start(&self.router)?;
        Ok(self)
    }

    /// The program's router.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Runs until SIGINT or SIGTERM (Ctrl-C where there are no signals), or until an
    /// [essential](edri_manager::Host::essential) manager has ended by itself, then shuts down.
    ///
    /// # Errors
    /// [`Error::Lost`] names the essential manager. [`Error::Unfinished`] if something was left when the
    /// [grace](crate::App::grace) was over, [`Error::Interrupted`] if a second signal came first: nothing more is
    /// waited for then.
    ///
    /// # Exit codes
    /// Of a program whose `main` has [`#[edri::main]`](macro@crate::main) and ends with this: 0 for an orderly end, 1 if
    /// something was left or lost, and after a second signal what shells say of a program that was ended by it: 130 for
    /// SIGINT, 143 for SIGTERM. See [`Error::exit_code`] for other ways to end. Should the program be so blocked that it
    /// does not notice the second signal within a second, it is ended with the same code from another thread.
    pub async fn run(self) -> Result<(), Error> {
        self.run_until(pending::<Infallible>()).await.map(drop)
    }

    /// Runs until `work` is done, whose output it gives back, or until a signal as [`run`](Self::run), which drops
    /// `work` and gives `None`; then shuts down. Signals are heard from before `work` begins.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_until<T>(mut self, work: impl Future<Output = T>) -> Result<Option<T>, Error> {
        let mut signals = Signals::listen().await?;
        let output = tokio::select! {
            output = work => Ok(Some(output)),
            signal = signals.next() => {
                tracing::info!("{signal}: shutting down");
                Ok(None)
            }
            lost = poll_fn(|cx| self.poll_lost(cx)) => {
                tracing::error!("{lost}: shutting down");
                Err(lost)
            }
        };
        let grace = self.grace;
        tokio::select! {
            report = self.shutdown(grace) => {
                tracing::info!("{report}");
                // What made the program end comes before what was left then.
                let output = output?;
                report.into_result().map(|()| output)
            }
            signal = signals.next() => {
                tracing::warn!("{signal}: ending at once");
                Err(Error::Interrupted { signal })
            }
        }
    }

    /// Ready when a part has been lost without which the program is not to go on.
    fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let lost = self.parts.iter_mut().find_map(|part| match part.poll_lost(cx) {
            Poll::Ready(lost) => Some(lost),
            Poll::Pending => None,
        });
        lost.map_or(Poll::Pending, Poll::Ready)
    }

    /// Shuts down in order: [sources](edri_manager::Host::source), then managers, each before those that it
    /// [needs](edri_manager::Host::needs) and otherwise in the reverse order of their start, then pools. Each takes no
    /// more in, handles what waits, and ends before the next one is told. When `deadline` is over, what is left is ended
    /// wherever it stands, and whoever waits for an answer is told.
    ///
    /// One that is stuck does not take all of the time: an eighth of it is kept for those after it.
    pub async fn shutdown(mut self, deadline: Duration) -> Report {
        let begun = Instant::now();
        // From here on it is no news that parts are not ready.
        self.checks = None;
        let sources = self.sources;
        let mut parts = std::mem::take(&mut self.parts);
        parts.iter_mut().take(sources).for_each(|source| source.close());
        let mut left = Vec::new();
        let mut later = u32::try_from(parts.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let kept_for_each = deadline / KEPT / later.max(1);
        for part in parts {
            let part = part.stop(begun + deadline.saturating_sub(kept_for_each * later)).await;
            if part.events > 0 || part.running > 0 {
                left.push(part);
            }
            later = later.saturating_sub(1);
        }
        Report { took: begun.elapsed(), left }
    }
}

impl fmt::Debug for RunningApp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RunningApp")
            .field("router", &self.router)
            .field("parts", &self.parts.len())
            .finish()
    }
}
