use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use edri_manager::IntoHost;
use edri_router::Router;
use edri_worker::{Pool, Worker};

use super::checks::Checks;
use super::part::Part;
use super::running::RunningApp;
use crate::error::Error;

/// A program about to be started: its managers and its workers.
///
/// Pools start first, then managers, each in the order in which they were added. At the end managers stop in
/// the reverse order, then pools.
#[must_use = "a program runs when it is started"]
pub struct App {
    router: Router,
    pools: Vec<Start>,
    managers: Vec<Start>,
    grace: Duration,
    /// How often health is asked for, if at all.
    health: Option<Duration>,
}

type Starting<'r> = Pin<Box<dyn Future<Output = Result<Box<dyn Part>, Error>> + Send + 'r>>;
type Start = Box<dyn for<'r> FnOnce(&'r Router) -> Starting<'r> + Send>;

impl App {
    /// A program with nothing in it, and a router of its own.
    pub fn new() -> Self {
        Self::on(Router::new())
    }

    /// A program on a router that exists already.
    pub fn on(router: Router) -> Self {
        let (pools, managers) = (Vec::new(), Vec::new());
        let (grace, health) = (Duration::from_secs(10), Some(Duration::from_secs(10)));
        Self { router, pools, managers, grace, health }
    }

    /// Adds a manager: itself, or a [`Host`](edri_manager::Host) with settings.
    pub fn manager<H: IntoHost>(mut self, manager: H) -> Self {
        let host = manager.into_host();
        self.managers.push(Box::new(move |router| {
            Box::pin(async move { Ok(Box::new(host.start(router).await?) as Box<dyn Part>) })
        }));
        self
    }

    /// Adds a pool of workers, which answer their job's type on the router.
    pub fn workers<W: Worker>(mut self, pool: Pool<W>) -> Self {
        self.pools.push(Box::new(move |router| {
            Box::pin(async move { Ok(Box::new(pool.start(router)?) as Box<dyn Part>) })
        }));
        self
    }

    /// How long the program may take to end after a signal, before it is ended wherever it stands: 10 seconds
    /// unless told otherwise.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How often all parts are asked how they are: when the program has started, and once in so long from there on;
    /// every 10 seconds unless told otherwise. See [`Router::watch_health`].
    pub fn health_every(mut self, period: Duration) -> Self {
        self.health = Some(period);
        self
    }

    /// Nobody is asked how they are, unless somebody [asks](Router::health).
    pub fn without_health_checks(mut self) -> Self {
        self.health = None;
        self
    }

    /// Starts everything.
    ///
    /// # Errors
    /// When a part does not start. Those that had started are told to stop, and end in their own time.
    pub async fn start(self) -> Result<RunningApp, Error> {
        let Self { router, pools, managers, grace, health } = self;
        let mut parts = Vec::new();
        for start in pools.into_iter().chain(managers) {
            parts.push(start(&router).await?);
        }
        let checks = health.map(|period| Checks::begin(&router, period));
        Ok(RunningApp::new(router, parts, grace, checks))
    }
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for App {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("App")
            .field("router", &self.router)
            .field("pools", &self.pools.len())
            .field("managers", &self.managers.len())
            .finish()
    }
}
