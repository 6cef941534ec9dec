use std::fmt;
use std::time::Duration;

use edri_router::Router;
use tokio::time::Instant;

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
}

impl RunningApp {
    pub(super) fn new(router: Router, parts: Vec<Box<dyn Part>>, grace: Duration) -> Self {
        Self { router, parts, grace }
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
        let mut signals = Signals::listen()?;
        let signal = signals.next().await;
        tracing::info!("{signal}: shutting down");
        let grace = self.grace;
        tokio::select! {
            report = self.shutdown(grace) => {
                tracing::info!("{report}");
                report.into_result()
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
