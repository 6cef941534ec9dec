use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use edri_event::RouterId;
use edri_link::Durable;
use edri_router::Health;
use tokio::sync::watch;

use super::news::{Neighbour, NeighbourChange, NeighbourKind};

/// What a connector sees, for others to look at: each clone looks at the same.
#[derive(Clone)]
pub struct Connections {
    picture: Arc<watch::Sender<Picture>>,
}

/// The connector has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connector has stopped")]
pub struct Stopped;

#[derive(Debug, Default)]
struct Picture {
    addresses: Vec<SocketAddr>,
    neighbours: BTreeMap<(RouterId, u64), (Neighbour, Presence)>,
    /// What it set out to do has been done once.
    ready: bool,
    stopped: bool,
    /// Why it is not connected, if it should be.
    trouble: Option<String>,
    connects: bool,
    losses: u64,
    /// What lasts, while it runs.
    durable: Option<Durable>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    There,
    Away,
}

impl Connections {
    pub(super) fn new() -> Self {
        Self { picture: Arc::new(watch::Sender::default()) }
    }

    /// Where it listens; empty for one that does not, or not yet.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.picture.borrow().addresses.clone()
    }

    /// The routers that can be reached now, by their names.
    pub fn routers(&self) -> Vec<Neighbour> {
        let picture = self.picture.borrow();
        let there = picture.neighbours.values().filter(|(neighbour, presence)| {
            neighbour.kind == NeighbourKind::Router && *presence == Presence::There
        });
        let mut routers: Vec<_> = there.map(|(neighbour, _)| neighbour.clone()).collect();
        routers.sort_by(|one, other| one.name.cmp(&other.name));
        routers
    }

    /// Why it is not connected, where it should be: what went wrong last.
    pub fn trouble(&self) -> Option<String> {
        self.picture.borrow().trouble.clone()
    }

    /// What lasts, of a connector that was told to [keep](super::Connector::durable) something, from its start on: to wait until
    /// what was sent is on the disk, or was handled, and to see what is kept.
    pub fn durable(&self) -> Option<Durable> {
        self.picture.borrow().durable.clone()
    }

    /// Ready when it has done for the first time what it is for: it listens; it is linked, and knows what is wanted at the
    /// other end; it is in its network, and knows who is there.
    ///
    /// Cancel safe. Without somebody at the other end it takes for ever.
    ///
    /// # Errors
    /// It has stopped.
    pub async fn ready(&self) -> Result<(), Stopped> {
        self.until(|picture| picture.ready).await
    }

    /// Ready when a router of that name can be reached.
    ///
    /// Cancel safe. Without such a router it takes for ever.
    ///
    /// # Errors
    /// It has stopped.
    pub async fn router(&self, name: &str) -> Result<Neighbour, Stopped> {
        let called = |picture: &Picture| {
            let mut there = picture.neighbours.values().filter(|(_, presence)| *presence == Presence::There);
            there.find(|(neighbour, _)| *neighbour.name == *name).map(|(neighbour, _)| neighbour.clone())
        };
        self.until(|picture| called(picture).is_some()).await?;
        called(&self.picture.borrow()).ok_or(Stopped)
    }

    async fn until(&self, is_so: impl Fn(&Picture) -> bool) -> Result<(), Stopped> {
        let mut watching = self.picture.subscribe();
        match watching.wait_for(|picture| picture.stopped || is_so(picture)).await {
            Ok(picture) if is_so(&picture) => Ok(()),
            _ => Err(Stopped),
        }
    }

    pub(super) fn listens(&self, addresses: Vec<SocketAddr>) {
        self.picture.send_modify(|picture| {
            picture.addresses = addresses;
            picture.ready = true;
        });
    }

    /// It is to be connected, and is not yet.
    pub(super) fn connects(&self) {
        self.picture.send_modify(|picture| {
            picture.connects = true;
            picture.trouble = Some("it has not been connected yet".to_owned());
        });
    }

    pub(super) fn connected(&self) {
        self.picture.send_modify(|picture| {
            picture.ready = true;
            picture.trouble = None;
        });
    }

    pub(super) fn troubled(&self, trouble: String) {
        self.picture.send_modify(|picture| picture.trouble = Some(trouble));
    }

    pub(super) fn note(&self, neighbour: &Neighbour, change: &NeighbourChange) {
        let key = (neighbour.router, neighbour.incarnation);
        let there = |presence| (neighbour.clone(), presence);
        self.picture.send_modify(|picture| match change {
            NeighbourChange::Joined | NeighbourChange::Back => {
                picture.neighbours.insert(key, there(Presence::There));
            }
            NeighbourChange::Lost { .. } => {
                picture.losses += 1;
                picture.neighbours.insert(key, there(Presence::Away));
            }
            NeighbourChange::Left { .. } => {
                picture.neighbours.remove(&key);
            }
        });
    }

    pub(super) fn keeps(&self, durable: Durable) {
        self.picture.send_modify(|picture| picture.durable = Some(durable));
    }

    pub(super) fn stopped(&self) {
        self.picture.send_modify(|picture| {
            picture.stopped = true;
            picture.durable = None;
        });
    }

    pub(super) fn health(&self) -> Health {
        let picture = self.picture.borrow();
        let routers = |presence| {
            let is_one = |(neighbour, is): &&(Neighbour, Presence)| {
                neighbour.kind == NeighbourKind::Router && *is == presence
            };
            picture.neighbours.values().filter(is_one).count()
        };
        let kept = picture.durable.as_ref().map(Durable::status);
        let disk = kept.as_ref().and_then(|kept| kept.trouble.as_deref());
        let health = match (&picture.trouble, disk) {
            (Some(trouble), _) if picture.connects => Health::degraded(trouble.as_str()),
            (_, Some(trouble)) => Health::degraded(trouble),
            _ => Health::ok(),
        };
        let health = match kept {
            Some(kept) => health
                .with("kept", kept.destinations.iter().map(|destination| destination.events).sum::<u64>()),
            None => health,
        };
        health
            .with("routers", routers(Presence::There))
            .with("away", routers(Presence::Away))
            .with("losses", picture.losses)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let picture = self.picture.borrow();
        formatter
            .debug_struct("Connections")
            .field("addresses", &picture.addresses)
            .field("neighbours", &picture.neighbours.values())
            .field("trouble", &picture.trouble)
            .finish()
    }
}
