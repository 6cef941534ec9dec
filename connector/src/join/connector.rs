use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use edri_event::Failure;
use edri_link::{Closed, Dialer, Durable, DurableSettings, Filter, Limits, Link, Network, Tcp, Token};
use edri_manager::{Entrance, Handled, Manager, Settings};
use edri_router::{Backoff, Context, DeadLetterOffice, Health, Horizon, InboxSettings, Loss, Message};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::accept::{House, accept};
use super::connections::Connections;
use super::dial::{Wire, may_be_plain};
use super::settings::JoinSettings;
use super::watch::Desk;
use crate::switch::{Doors, PlainText, TlsSettings, listen};
#[cfg(feature = "tls")]
use crate::tls::{TlsClient, TlsServer};

/// Joins a router to others: what one of them wants of another goes there, whoever sends it.
#[must_use = "a connector connects when it is started, as any manager"]
pub struct Connector {
    way: Way,
    settings: JoinSettings,
    connections: Connections,
    running: Option<Running>,
}

/// How it comes to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Listen,
    Connect(To),
}

/// What is there where it connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Router,
    Switch,
}

struct Running {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// A connection that has stayed up for so long makes the pauses short again: a switch that is started anew every few seconds
/// finds its routers there.
const SETTLED: Duration = Duration::from_secs(1);

/// A link that has ended is begun anew after so long, and longer and longer while that is of no use.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

impl Connector {
    /// Connects to one other router, at the first of these addresses where it answers, each `HOST:PORT`. Names are resolved
    /// at each attempt.
    pub fn connect<T: Into<String>>(addresses: impl IntoIterator<Item = T>) -> Self {
        Self::new(Way::Connect(To::Router), addresses)
    }

    /// Joins a network by a switch: the first of these addresses where one lets it in, each `HOST:PORT`. When that is lost,
    /// they are tried in turn again, the first one first. Names are resolved at each attempt.
    ///
    /// All routers of the network that are at the same switch are linked with each other.
    pub fn to_switch<T: Into<String>>(addresses: impl IntoIterator<Item = T>) -> Self {
        Self::new(Way::Connect(To::Switch), addresses)
    }

    /// Lets other routers connect here, at each of these addresses.
    pub fn listen<T: Into<String>>(addresses: impl IntoIterator<Item = T>) -> Self {
        Self::new(Way::Listen, addresses)
    }

    fn new<T: Into<String>>(way: Way, addresses: impl IntoIterator<Item = T>) -> Self {
        Self { way, settings: JoinSettings::new(addresses), connections: Connections::new(), running: None }
    }

    /// What the router is called by others, which are people for the most part. A piece of its identity unless told
    /// otherwise. Where certificates are asked for, one of those in its own.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into());
        self
    }

    /// The network that it is in: routers of different networks never hear of each other. That without a name unless told
    /// otherwise.
    pub fn network(mut self, network: impl Into<String>) -> Self {
        self.settings.network = network.into();
        self
    }

    /// The secret by which it may join; of a connector that listens, the one that it asks for. It travels through TLS, or
    /// within this machine.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.settings.token = Some(Token::new(token));
        self
    }

    /// Speaks TLS to whom it connects to.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: TlsClient) -> Self {
        self.settings.tls = Some(tls);
        self
    }

    /// Speaks TLS to those who connect, by these certificates. Whoever shows one has to bear a name in it.
    pub fn certificates(mut self, tls: TlsSettings) -> Self {
        self.settings.certificates = Some(tls);
        self
    }

    /// Where it speaks without TLS, if it has none: [on this machine](PlainText::OnLoopback) unless told otherwise.
    pub fn plain_text(mut self, plain_text: PlainText) -> Self {
        self.settings.plain_text = plain_text;
        self
    }

    /// Which events may go over, in either direction: all that are shareable unless told otherwise.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.settings.filter = filter;
        self
    }

    /// What is behind this connector, as a whole: nothing goes from one horizon to the same again. Its network unless told
    /// otherwise.
    pub fn horizon(mut self, horizon: Horizon) -> Self {
        self.settings.horizon = Some(horizon);
        self
    }

    /// How long somebody who is lost is waited for, and what is for them kept; then what was under way fails, and
    /// notifications become dead letters. 60 s unless told otherwise.
    pub fn rejoin(mut self, rejoin: Duration) -> Self {
        self.settings.rejoin = rejoin;
        self
    }

    /// How long is waited, after a switch was started anew or another has taken its place, for a router that does not come
    /// to it: it may have left while no switch could hear that. 20 s unless told otherwise, which is enough for one that lives
    /// and [beats](Self::heartbeat) every 5 s; never longer than [`rejoin`](Self::rejoin).
    pub fn absence(mut self, absence: Duration) -> Self {
        self.settings.absence = absence;
        self
    }

    /// Where events wait for a link that has no room: how many in each priority lane, and what becomes of more.
    pub fn inbox(mut self, inbox: InboxSettings) -> Self {
        self.settings.inbox = inbox;
        self
    }

    /// How many bytes of encoded messages a link keeps that wait to be sent, in each lane. 1 MiB unless told otherwise.
    pub fn outbox(mut self, bytes: u32) -> Self {
        self.settings.outbox = bytes;
        self
    }

    /// Keeps what must last in a folder: notifications between this router and others that keep it, too. What is sent to them is
    /// on this disk before it goes out, and stays there until it has been handled, whether they are there or not, and through
    /// restarts of both ends; and what they send is handled once. See [`DurableSettings`] for how much is kept and for how long,
    /// and [`Connections::durable`] for how to wait for the disk.
    ///
    /// The router has to be the one that the folder belongs to.
    ///
    /// ```no_run
    /// use edri_connector::{Connector, DurableSettings};
    ///
    /// # fn example() -> Result<(), edri_connector::DurableError> {
    /// let durable = DurableSettings::in_folder("state/orders");
    /// let router = durable.router()?;
    /// let connector = Connector::to_switch(["switch.local:8899"]).durable(durable);
    /// // App::on(router).connector(connector)
    /// # let _ = (router, connector);
    /// # Ok(())
    /// # }
    /// ```
    pub fn durable(mut self, settings: impl Into<DurableSettings>) -> Self {
        self.settings.durable = Some(settings.into());
        self
    }

    /// What it is willing to hold of what others send.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// How often the ends of a link hear from each other at least: whoever says nothing for three times as long is lost. 5 s
    /// unless told otherwise, at least 10 ms.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.settings.heartbeat = heartbeat;
        self
    }

    /// How long links may take at the end until all that waits has gone. 5 s unless told otherwise.
    pub fn closing(mut self, closing: Duration) -> Self {
        self.settings.closing = closing;
        self
    }

    /// How many may connect where it listens, in all and from one address, those in their handshake included. 1,024 and 256
    /// unless told otherwise.
    pub fn connections_at_most(mut self, all: usize, from_one_address: usize) -> Self {
        self.settings.doors.connections = all;
        self.settings.doors.per_address = from_one_address;
        self
    }

    /// What it sees, to be looked at when it has been handed to an `App` or a host.
    pub fn connections(&self) -> Connections {
        self.connections.clone()
    }

    async fn begin(&mut self, cx: &Context) -> Result<(), Failure> {
        self.settings.check()?;
        if let Some(durable) = self.settings.durable.clone() {
            let router = cx.clone().router().clone();
            let open = Durable::open(&router, durable, &self.settings.link(&router)).await;
            let open = open.map_err(|error| Failure::new("durable", error.to_string()))?;
            self.connections.keeps(open.clone());
            self.settings.open = Some(open);
        }
        let (stop, stopping) = watch::channel(false);
        let desk = Desk {
            router: cx.clone().router().clone(),
            name: cx.name().into(),
            connections: self.connections.clone(),
            stop: stopping,
        };
        let mut tasks = JoinSet::new();
        match self.way {
            Way::Connect(to) => {
                desk.connections.connects();
                tasks.spawn(keep_connected(desk, to, self.settings.clone()));
            }
            Way::Listen => self.let_in(desk, &mut tasks).await?,
        }
        self.running = Some(Running { stop, tasks });
        Ok(())
    }

    async fn let_in(&self, desk: Desk, tasks: &mut JoinSet<()>) -> Result<(), Failure> {
        let settings = &self.settings;
        let failure = |error: &dyn fmt::Display| Failure::new("listen", error.to_string());
        #[cfg(feature = "tls")]
        let tls = settings
            .certificates
            .as_ref()
            .map(TlsServer::load)
            .transpose()
            .map_err(|error| failure(&error))?;
        #[cfg(not(feature = "tls"))]
        if settings.certificates.is_some() {
            return Err(Failure::new("feature", "this program was built without the feature `tls`"));
        }
        let is_plain = settings.certificates.is_none();
        let may_listen = |address| !is_plain || may_be_plain(settings.plain_text, address);
        let listeners = listen(&settings.addresses, may_listen).await.map_err(|error| failure(&error))?;
        let connections = desk.connections.clone();
        let link = settings.link(&desk.router);
        let house = Arc::new(House {
            desk,
            settings: link,
            limits: settings.doors.clone(),
            tcp: Tcp::default(),
            #[cfg(feature = "tls")]
            tls,
            doors: Mutex::new(Doors::new()),
            links: tokio::sync::Mutex::new(HashMap::new()),
        });
        let addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        for listener in listeners {
            tasks.spawn(accept(listener, Arc::clone(&house)));
        }
        for address in &addresses {
            tracing::info!(connector = &*house.desk.name, %address, "routers may connect");
        }
        connections.listens(addresses);
        Ok(())
    }
}

/// Links the router with whoever answers, again and again, until the connector is to stop.
async fn keep_connected(desk: Desk, to: To, settings: JoinSettings) {
    let mut pauses = Backoff::doubling(AGAIN.0, AGAIN.1).delays();
    let mut tries = 0;
    while !desk.is_stopping() {
        let wire = Wire {
            tcp: Tcp::default(),
            plain_text: settings.plain_text,
            #[cfg(feature = "tls")]
            tls: settings.tls.clone(),
        };
        let dialer = Dialer::new(wire, settings.addresses.iter().cloned()).settled(SETTLED);
        let link = settings.link(&desk.router);
        let began = tokio::time::Instant::now();
        let closed = match to {
            To::Router => desk.watch_link(Link::dial(&desk.router, dialer, link)).await,
            To::Switch => desk.watch_network(Network::join(&desk.router, dialer, link)).await,
        };
        if desk.is_stopping() {
            break;
        }
        if !matches!(closed, Closed::Orderly) {
            tracing::warn!(connector = &*desk.name, "a link ended, and is begun anew: {closed}");
        }
        desk.connections.troubled(closed.to_string());
        tries = if began.elapsed() >= AGAIN.1 { 1 } else { tries + 1 };
        tokio::select! {
            () = tokio::time::sleep(pauses.before(tries)) => {}
            () = desk.stopping() => break,
        }
    }
}

impl Manager for Connector {
    type Inbox = Nothing;

    fn settings() -> Settings {
        Settings::new("Connector")
    }

    fn attach(_: &mut Entrance<'_, Self>) {}

    async fn handle(&mut self, message: Nothing, _: &mut Context) -> Handled<Nothing> {
        match message {}
    }

    async fn started(&mut self, cx: &Context) -> Result<(), Failure> {
        self.begin(cx).await
    }

    async fn stopping(&mut self, _: &Context) -> Result<(), Failure> {
        if let Some(mut running) = self.running.take() {
            running.stop.send_replace(true);
            while running.tasks.join_next().await.is_some() {}
        }
        let durable = self.settings.open.take();
        self.connections.stopped();
        match durable {
            Some(durable) => {
                durable.close().await.map_err(|error| Failure::new("durable", error.to_string()))
            }
            None => Ok(()),
        }
    }

    fn health(&self) -> Health {
        self.connections.health()
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        // Its tasks are gone with it, and its links end in their own time.
        self.connections.stopped();
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connector")
            .field("way", &self.way)
            .field("addresses", &self.settings.addresses)
            .field("network", &self.settings.network)
            .finish_non_exhaustive()
    }
}

/// What waits for a connector: nothing ever does. It speaks of its own accord.
#[derive(Debug)]
pub enum Nothing {}

impl Message for Nothing {
    fn discard(self, _: Loss, _: &DeadLetterOffice) {
        match self {}
    }
}
