//! A switch that runs on the clock of its runtime, and connections with it in memory, which can be cut.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edri_link::memory::{Conditions, MemoryStream, pair};
use edri_link::wire::Departure;
use edri_link::{Dial, Dialer, Identity, Network, Settings};
use edri_router::{Backoff, Jitter, Router};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::network::switch::Switch;

/// Where a switch is, or is not for now.
#[derive(Clone)]
pub(crate) struct Hub {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
    conditions: Conditions,
}

struct State {
    switch: Option<Switch>,
    /// How many switches there have been.
    lives: u128,
    connections: Vec<Connection>,
    next: usize,
    /// Under which addresses it is not found.
    hidden: BTreeSet<String>,
    drops: Option<u64>,
}

struct Connection {
    link: usize,
    address: String,
    task: AbortHandle,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self::dropping(None)
    }

    /// One that drops one relay of so many.
    pub(crate) fn dropping(drops: Option<u64>) -> Self {
        let mut conditions = Conditions::default();
        conditions.latency = Duration::from_millis(1);
        let state = State {
            switch: None,
            lives: 0,
            connections: Vec::new(),
            next: 0,
            hidden: BTreeSet::new(),
            drops,
        };
        let hub = Self { state: Arc::new(Mutex::new(state)), changed: watch::channel(0).0, conditions };
        hub.start();
        hub
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is there, perhaps again, and knows nobody.
    pub(crate) fn start(&self) {
        let mut state = self.state();
        state.lives += 1;
        let room = 4 * 1024 * 1024;
        state.switch = Some(Switch::new(1_000 + state.lives, room, state.drops));
    }

    /// It is gone, and with it all connections.
    pub(crate) fn kill(&self) {
        self.state().switch = None;
        self.cut();
    }

    /// All connections break.
    pub(crate) fn cut(&self) {
        self.cut_those(|_| true);
    }

    /// The connections of those who know it under that address break.
    pub(crate) fn cut_one(&self, address: &str) {
        self.cut_those(|connection| connection.address == address);
    }

    /// It is not found any more by those who know it under that address, and their connections break.
    pub(crate) fn hide(&self, address: &str) {
        self.state().hidden.insert(address.to_owned());
        self.cut_one(address);
    }

    fn cut_those(&self, which: impl Fn(&Connection) -> bool) {
        let all = std::mem::take(&mut self.state().connections);
        let (cut, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(which);
        self.state().connections = kept;
        for Connection { link, task, .. } in cut {
            task.abort();
            self.disconnect(link);
        }
    }

    fn disconnect(&self, link: usize) {
        if let Some(switch) = &mut self.state().switch {
            switch.disconnect(link, Departure::Lost);
        }
        self.changed.send_modify(|version| *version += 1);
    }

    fn connect(&self, address: &str) -> io::Result<MemoryStream> {
        let mut state = self.state();
        let link = state.next;
        state.next += 1;
        let is_hidden = state.hidden.contains(address);
        let Some(switch) = state.switch.as_mut().filter(|_| !is_hidden) else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        switch.connect(link, now());
        let (near, far) = pair(self.conditions.clone());
        let hub = self.clone();
        let task = tokio::spawn(async move {
            let _ = hub.serve(link, far).await;
            hub.disconnect(link);
        });
        let (address, task) = (address.to_owned(), task.abort_handle());
        state.connections.push(Connection { link, address, task });
        Ok(near)
    }

    async fn serve(&self, link: usize, stream: MemoryStream) -> io::Result<()> {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut changed = self.changed.subscribe();
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let out = self.state().switch.as_mut().map(|switch| switch.transmit(link, 64 * 1024, now()));
            let Some(Some(out)) = out else { return Ok(()) };
            let writing = async {
                match out.is_empty() {
                    true => tokio::time::sleep(Duration::from_millis(250)).await,
                    false => writer.write_all(&out).await?,
                }
                io::Result::Ok(())
            };
            tokio::pin!(writing);
            loop {
                tokio::select! {
                    written = &mut writing => break written?,
                    length = reader.read(&mut bytes) => {
                        let length = length?;
                        if length == 0 {
                            return Ok(());
                        }
                        if let Some(switch) = &mut self.state().switch {
                            switch.receive(link, &bytes[..length], now());
                        }
                        self.changed.send_modify(|version| *version += 1);
                    }
                    _ = changed.changed(), if out.is_empty() => break,
                }
            }
        }
    }
}

impl Dial for Hub {
    type Stream = MemoryStream;

    async fn dial(&self, address: &str) -> io::Result<MemoryStream> {
        self.connect(address)
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

pub(crate) fn settings(router: &Router, name: &str) -> Settings {
    let mut settings = Settings::network(Identity::new(router.id(), name));
    settings.rejoin = Some(Duration::from_secs(20));
    settings
}

/// One that knows the switch under that address.
pub(crate) fn dialer(hub: &Hub, address: &str) -> Dialer<Hub> {
    let pauses = Backoff::doubling(Duration::from_millis(20), Duration::from_millis(200)).jitter(Jitter::Off);
    Dialer::new(hub.clone(), [address]).backoff(pauses)
}

/// A router that has joined. Its name is the address under which it knows the switch.
pub(crate) async fn join(hub: &Hub, name: &str) -> (Router, Network) {
    let router = Router::new();
    let network = join_as(hub, &router, settings(&router, name), name).await;
    (router, network)
}

pub(crate) async fn join_as(hub: &Hub, router: &Router, settings: Settings, address: &str) -> Network {
    let network = Network::join(router, dialer(hub, address), settings);
    network.joined().await.unwrap();
    network
}
