//! Routers that are joined by connectors, and what they say to each other.

use std::net::SocketAddr;
use std::time::Duration;

use edri_connector::switch::{RunningSwitch, Switch, SwitchSettings};
use edri_connector::{Connections, Connector};
use edri_event::{Notification, Request, Tunnel};
use edri_manager::{Host, Managed};
use edri_router::Router;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

#[derive(Notification, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[notification(shareable)]
pub struct Ping(pub u64);

#[derive(Notification, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[notification(shareable)]
pub struct Other(pub u64);

#[derive(Notification, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[notification(shareable, retain = 100)]
pub struct Kept(pub u64);

#[derive(Notification)]
pub struct Local;

#[derive(Request, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[request(response = u64, shareable)]
pub struct Ask(pub u64);

#[derive(Tunnel, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[tunnel(send = u64, receive = String, shareable)]
pub struct Pipe(pub u64);

/// Long enough for a machine that does other things, too.
pub const LONG: Duration = Duration::from_secs(30);

/// A router with its connector.
pub struct Joined {
    pub router: Router,
    pub connector: Managed,
    pub connections: Connections,
    /// Further connectors, which stop with it.
    others: Vec<Managed>,
}

impl Joined {
    pub async fn start(connector: Connector) -> Self {
        Self::on(Router::new(), connector).await
    }

    pub async fn on(router: Router, connector: Connector) -> Self {
        let connections = connector.connections();
        let connector = Host::new(connector).start(&router).await.unwrap();
        Self { router, connector, connections, others: Vec::new() }
    }

    /// Stops its connector in order.
    pub async fn leave(self) -> Router {
        for other in self.others {
            assert_eq!(other.stop(Instant::now() + LONG).await, 0);
        }
        assert_eq!(self.connector.stop(Instant::now() + LONG).await, 0);
        self.router
    }

    #[track_caller]
    pub fn sees(&self, name: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        let name = name.to_owned();
        async move {
            let waited = timeout(LONG, self.connections.router(&name)).await;
            assert!(matches!(waited, Ok(Ok(_))), "at {place}: {name} did not come: {:?}", self.connections);
        }
    }
}

/// How routers are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Each with each.
    Direct,
    /// By a switch.
    Switch,
}

/// Routers of one network.
pub struct Net {
    pub routers: Vec<Joined>,
    pub switch: Option<RunningSwitch>,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

impl Net {
    /// So many routers that know each other.
    pub async fn of(topology: Topology, count: usize) -> Self {
        let mut net = Self { routers: Vec::new(), switch: None };
        if topology == Topology::Switch {
            net.switch = Some(switch(([127, 0, 0, 1], 0).into()).await);
        }
        for name in &NAMES[..count] {
            let joined = match &net.switch {
                Some(switch) => {
                    let address = switch.addresses()[0].to_string();
                    let joined = Joined::start(Connector::to_switch([address]).name(*name)).await;
                    for (other, called) in net.routers.iter().zip(NAMES) {
                        joined.sees(called).await;
                        other.sees(name).await;
                    }
                    joined
                }
                None => net.directly(name).await,
            };
            net.routers.push(joined);
        }
        net
    }

    /// One that listens, and is connected to all who do.
    async fn directly(&self, name: &str) -> Joined {
        let mut joined = Joined::start(Connector::listen(["127.0.0.1:0"]).name(name)).await;
        for other in &self.routers {
            let address = other.connections.addresses()[0].to_string();
            let connector = Connector::connect([address]).name(name);
            let connections = connector.connections();
            joined.others.push(Host::new(connector).start(&joined.router).await.unwrap());
            timeout(LONG, connections.ready()).await.unwrap().unwrap();
            other.sees(name).await;
        }
        joined
    }

    /// The routers, by their place.
    pub fn router(&self, index: usize) -> Router {
        self.routers[index].router.clone()
    }
}

pub async fn switch(address: SocketAddr) -> RunningSwitch {
    Switch::new(SwitchSettings::new([address.to_string()])).start().await.unwrap()
}

/// A switch where there was one a moment ago.
pub async fn switch_again(address: SocketAddr) -> RunningSwitch {
    let deadline = Instant::now() + LONG;
    loop {
        match Switch::new(SwitchSettings::new([address.to_string()])).start().await {
            Ok(switch) => return switch,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Ready when it is so.
#[track_caller]
pub fn until(mut is_so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + LONG;
        while !is_so() {
            assert!(Instant::now() < deadline, "what {place} waits for did not happen");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A while in which whatever should not happen could. What goes over real sockets tells nobody that it is not coming: this is
/// for that only, and what should happen is waited for with [`until`].
pub async fn rest() {
    tokio::time::sleep(Duration::from_millis(80)).await;
}

/// Ready when so many subscribers are known to a router, here and elsewhere.
#[track_caller]
pub fn subscribed<E: Notification>(router: &Router, count: usize) -> impl Future<Output = ()> {
    until(move || {
        // A router that has never heard of an event has no route for it.
        let any = router.has_subscribers::<E>();
        let snapshot = router.snapshot();
        snapshot.route(E::name()).map_or(0, |route| route.registered) == count && any == (count > 0)
    })
}
