use std::convert::Infallible;
use std::fmt;
use std::future::{Future, pending};
use std::time::Duration;

use edri_router::Router;
use tokio::time::Instant;

use super::checks::Checks;
use super::part::Part;
use super::report::Report;
use super::signals::Signals;
use crate::error::Error;

/// A program at work. Dropping it tells everything to stop, and waits for nothing.
#[must_use = "dropping it stops the program"]
pub struct RunningApp {
    router: Router,
    /// In the order in which they were started.
    parts: Vec<Box<dyn Part>>,
    grace: Duration,
    checks: Option<Checks>,
}

impl RunningApp {
    pub(super) fn new(
        router: Router,
        parts: Vec<Box<dyn Part>>,
        grace: Duration,
        checks: Option<Checks>,
    ) -> Self {
        Self { router, parts, grace, checks }
    }

    /// The program's router.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Runs until SIGINT or SIGTERM (Ctrl-C where there are no signals), then shuts down.
    ///
    /// # Errors
    /// [`Error::Unfinished`] if something was left when the [grace](crate::App::grace) was over,
    /// [`Error::Interrupted`] if a second signal came first. From `main` each ends the process with exit code 1;
    /// an orderly end with 0.
    pub async fn run(self) -> Result<(), Error> {
        self.run_until(pending::<Infallible>()).await.map(drop)
    }

    /// Runs until `work` is done, whose output it gives back, or until a signal as [`run`](Self::run), which drops
    /// `work` and gives `None`; then shuts down. Signals are heard from before `work` begins.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_until<T>(self, work: impl Future<Output = T>) -> Result<Option<T>, Error> {
        let mut signals = Signals::listen()?;
        let output = tokio::select! {
            output = work => Some(output),
            signal = signals.next() => {
                tracing::info!("{signal}: shutting down");
                None
            }
        };
        let grace = self.grace;
        tokio::select! {
            report = self.shutdown(grace) => {
                tracing::info!("{report}");
                report.into_result().map(|()| output)
            }
            signal = signals.next() => {
                tracing::warn!("{signal}: ending at once");
                Err(Error::Interrupted)
            }
        }
    }

    /// Shuts down in order: managers in the reverse order of their addition, then pools; each takes no more in,
    /// handles what waits, and ends. When `deadline` is over, what is left is ended wherever it stands, and
    /// whoever waits for an answer is told.
    pub async fn shutdown(self, deadline: Duration) -> Report {
        let begun = Instant::now();
        // From here on it is no news that parts are not ready.
        drop(self.checks);
        let mut left = Vec::new();
        for part in self.parts.into_iter().rev() {
            let part = part.stop(begun + deadline).await;
            if part.events > 0 || part.running > 0 {
                left.push(part);
            }
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
