use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use edri_manager::{Host, IntoHost, Manager, Placement};
use edri_router::Router;
use edri_worker::Workers;

use super::checks::Checks;
use super::order::{Order, order};
use super::part::{Essential, Part};
use super::running::RunningApp;
use crate::error::Error;
#[cfg(feature = "metrics")]
use crate::observe::Observe;

/// A program about to be started: its managers and its workers.
///
/// Connectors start first, then pools, then managers, then [sources](edri_manager::Host::source), each in the order in which they were
/// added, but for managers that [need](edri_manager::Host::needs) others. At the end [sources](edri_manager::Host::source) stop first, then the other
/// managers, each before those that it needs and otherwise in the reverse order, then pools, then connectors.
#[must_use = "a program runs when it is started"]
pub struct App {
    router: Router,
    connectors: Vec<Start>,
    pools: Vec<Start>,
    managers: Vec<NewManager>,
    grace: Duration,
    /// How often health is asked for, if at all.
    health: Option<Duration>,
    #[cfg(feature = "metrics")]
    observe: Observe,
}

/// A manager that has not been started.
struct NewManager {
    name: String,
    placement: Placement,
    start: Start,
}

type Starting<'r> = Pin<Box<dyn Future<Output = Result<Box<dyn Part>, Error>> + Send + 'r>>;
type Start = Box<dyn for<'r> FnOnce(&'r Router) -> Starting<'r> + Send>;

/// How a manager becomes a part of a program.
fn start_of<M: Manager>(host: Host<M>) -> Start {
    let essential = host.settings().supervision.essential;
    Box::new(move |router| {
        Box::pin(async move {
            let managed = host.start(router).await?;
            Ok(match essential {
                edri_manager::Essential::No => Box::new(managed) as Box<dyn Part>,
                edri_manager::Essential::Yes => Box::new(Essential(managed)),
            })
        })
    })
}

impl App {
    /// A program with nothing in it, and a router of its own.
    pub fn new() -> Self {
        Self::on(Router::new())
    }

    /// A program on a router that exists already.
    pub fn on(router: Router) -> Self {
        Self {
            router,
            connectors: Vec::new(),
            pools: Vec::new(),
            managers: Vec::new(),
            grace: Duration::from_secs(10),
            health: Some(Duration::from_secs(10)),
            #[cfg(feature = "metrics")]
            observe: Observe::nothing(),
        }
    }

    /// Adds a manager: itself, or a [`Host`](edri_manager::Host) with settings.
    pub fn manager<H: IntoHost>(mut self, manager: H) -> Self {
        let host = manager.into_host();
        self.managers.push(NewManager {
            name: host.settings().name.clone().into_owned(),
            placement: host.placement().clone(),
            start: start_of(host),
        });
        self
    }

    /// Adds a scheduler: a manager that sends events at set times.
    #[cfg(feature = "scheduler")]
    pub fn scheduler(self, scheduler: edri_scheduler::Scheduler) -> Self {
        self.manager(scheduler)
    }

    /// Adds a store, which starts before the managers and stops after them, whatever the order in which they were added.
    ///
    /// Whoever has the router has the store: by [`StoreHandle::on`](edri_kvstore::StoreHandle::on), or by its events.
    #[cfg(feature = "kvstore")]
    pub fn store<H: IntoHost<Manager = edri_kvstore::Store>>(mut self, store: H) -> Self {
        self = self.manager(store);
        self.managers.rotate_right(1);
        self
    }

    /// Adds a connector: itself, or a [`Host`](edri_manager::Host) with settings. It is started before all else and stopped
    /// after all else, so that what managers and pools still say and answer at the end goes out.
    #[cfg(feature = "connector")]
    pub fn connector<H>(mut self, connector: H) -> Self
    where
        H: IntoHost<Manager = edri_connector::Connector>,
    {
        self.connectors.push(start_of(connector.into_host()));
        self
    }

    /// Adds a pool of workers, which answer their job's type on the router: a [`Pool`](edri_worker::Pool), or one of
    /// [commands](edri_worker::Pool::command).
    pub fn workers<P: Workers>(mut self, pool: P) -> Self {
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

    /// Tells the facade [`metrics`](https://docs.rs/metrics), `every` so often, what managers and pools have done: the
    /// guide lists the metrics. Needs a recorder, which the program installs; [`prometheus`](Self::prometheus) brings one.
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, every: Duration) -> Self {
        self.observe.every = Some(every);
        self
    }

    /// Serves metrics for Prometheus to fetch: `http://address/metrics`, from the start until the program has shut down.
    /// It installs the recorder of this process, so that the program's own metrics are served, too. They are
    /// [published](Self::metrics) every second unless told otherwise.
    ///
    /// Whoever reaches the address reads them: choose it with care.
    #[cfg(feature = "prometheus")]
    pub fn prometheus(mut self, address: impl Into<std::net::SocketAddr>) -> Self {
        self.observe.prometheus = Some(address.into());
        self
    }

    /// Starts everything.
    ///
    /// # Errors
    /// When managers cannot be put in an order; nothing has been started then. When a part does not start. Those that
    /// had started are told to stop, and end in their own time.
    pub async fn start(self) -> Result<RunningApp, Error> {
        #[cfg(feature = "metrics")]
        let observe = self.observe;
        let Self { router, connectors, pools, managers, grace, health, .. } = self;
        let placed: Vec<_> = managers.iter().map(|new| (&*new.name, &new.placement)).collect();
        let Order { start, stop, sources } = order(&placed)?;
        let mut connector_parts = Vec::new();
        for start in connectors {
            connector_parts.push(start(&router).await?);
        }
        let mut pool_parts = Vec::new();
        for start in pools {
            pool_parts.push(start(&router).await?);
        }
        let mut new: Vec<_> = managers.into_iter().map(|new| Some(new.start)).collect();
        let mut started: Vec<_> = new.iter().map(|_| None).collect();
        for index in start {
            if let Some(start) = new[index].take() {
                started[index] = Some(start(&router).await?);
            }
        }
        let managers = stop.into_iter().filter_map(|index| started[index].take());
        let rest = pool_parts.into_iter().rev().chain(connector_parts.into_iter().rev());
        let parts = managers.chain(rest).collect();
        let checks = health.map(|period| Checks::begin(&router, period));
        let app = RunningApp::new(router, parts, sources, grace, checks);
        #[cfg(feature = "metrics")]
        let app = app.observed(observe)?;
        Ok(app)
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
            .field("connectors", &self.connectors.len())
            .field("pools", &self.pools.len())
            .field("managers", &self.managers.len())
            .finish()
    }
}
