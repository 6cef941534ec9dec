use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edri_event::RouterId;
use edri_link::{Door, Guest, Link, Refusal, Settings, Tcp};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::bearer::Bearer;
use super::watch::Desk;
use crate::switch::{Doors, Standing, SwitchLimits};
#[cfg(feature = "tls")]
use crate::tls::TlsServer;

/// Where routers come in.
pub(super) struct House {
    pub(super) desk: Desk,
    pub(super) settings: Settings,
    pub(super) limits: SwitchLimits,
    pub(super) tcp: Tcp,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsServer>,
    pub(super) doors: Mutex<Doors<AbortHandle>>,
    /// The links there are, by the router at the other end. One at a time is looked up and changed.
    pub(super) links: tokio::sync::Mutex<HashMap<RouterId, Vec<Door<Visitor>>>>,
}

/// A connection that counts for as long as it lasts.
type Visitor = Bearer<Ticket>;

/// A connection's place among all. It is given back when this is dropped.
pub(super) struct Ticket {
    house: Arc<House>,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.house.doors.lock().gone(self.number);
    }
}

/// How long to wait when the system has no room for another connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Lets routers in until the connector is to stop, and waits for their links to end.
pub(super) async fn accept(listener: TcpListener, house: Arc<House>) {
    let mut links = JoinSet::new();
    let stopping = house.desk.clone();
    let stopping = stopping.stopping();
    tokio::pin!(stopping);
    loop {
        tokio::select! {
            () = &mut stopping => break,
            Some(_) = links.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                    arrive(stream, address, &house, &mut links);
                }
                // It went before it was accepted.
                Err(error) if is_of_one(&error) => {}
                Err(error) => {
                    tracing::error!("no connection can be accepted: {error}. It is tried again in {EXHAUSTED:?}");
                    tokio::time::sleep(EXHAUSTED).await;
                }
            },
        }
    }
    drop(listener);
    while links.join_next().await.is_some() {}
}

/// Whether it happened to one connection, and others can be accepted.
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn arrive(stream: TcpStream, address: SocketAddr, house: &Arc<House>, links: &mut JoinSet<()>) {
    let arrived = house.doors.lock().arrive(address.ip(), &house.limits);
    let number = match arrived {
        Ok((number, gives_way)) => {
            if let Some(gives_way) = gives_way {
                gives_way.abort();
            }
            number
        }
        Err(full) => return tracing::warn!(%address, "a connection was turned away: {full}"),
    };
    let ticket = Ticket { house: Arc::clone(house), number };
    let task = links.spawn(meet(stream, address, ticket));
    let too_late = house.doors.lock().attach(number, task);
    if let Some(task) = too_late.filter(|task| !task.is_finished()) {
        task.abort();
    }
}

/// Greets whoever has connected, and stays with its link.
async fn meet(stream: TcpStream, address: SocketAddr, ticket: Ticket) {
    let (house, number) = (Arc::clone(&ticket.house), ticket.number);
    let within = house.settings.handshake;
    let greeting = greet(stream, ticket, &house);
    let greeted = tokio::select! {
        greeted = tokio::time::timeout(within, greeting) => greeted,
        () = house.desk.stopping() => return,
    };
    let guest = match greeted {
        Ok(Ok(guest)) => guest,
        Ok(Err(why)) => return tracing::info!(%address, "a connection came to nothing: {why}"),
        Err(_) => return tracing::info!(%address, "a connection came to nothing within {within:?}"),
    };
    house.doors.lock().greeted(number, Standing::Member);
    if let Some(link) = welcome(guest, &house).await {
        let closed = house.desk.watch_link(link).await;
        tracing::debug!(%address, "a link ended: {closed}");
    }
}

/// Hears who it is.
async fn greet(stream: TcpStream, ticket: Ticket, house: &House) -> Result<Guest<Visitor>, String> {
    if let Err(error) = house.tcp.prepare(&stream) {
        tracing::debug!("a connection could not be set up as it should be: {error}");
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = &house.tls {
        let (stream, names) = tls.accept(stream).await.map_err(|error| format!("no TLS: {error}"))?;
        let bearer = Bearer::encrypted(stream, ticket);
        let guest =
            Guest::greet(bearer, house.settings.clone()).await.map_err(|closed| closed.to_string())?;
        let name = &guest.peer().identity.name;
        if let Some(names) = names.filter(|names| !names.contains(name)) {
            let reason =
                format!("it says it is {name:?}: expected a name of its certificate, which are {names:?}");
            guest.refuse(Refusal::Forbidden, reason.clone()).await;
            return Err(reason);
        }
        return Ok(guest);
    }
    let bearer = Bearer::plain(stream, ticket);
    Guest::greet(bearer, house.settings.clone()).await.map_err(|closed| closed.to_string())
}

/// The link that begins with it; `None` if it belongs to one that there is, or may not come in.
async fn welcome(guest: Guest<Visitor>, house: &House) -> Option<Link> {
    let router = guest.peer().identity.router;
    let mut links = house.links.lock().await;
    links.retain(|_, doors| {
        doors.retain(|door| !door.is_closed());
        !doors.is_empty()
    });
    // Those whose connections are lost count, too: they are kept for those who may come back.
    let all = links.values().map(Vec::len).sum::<usize>();
    let doors = links.entry(router).or_default();
    let mut guest = guest;
    for door in doors.iter() {
        match door.welcome(guest).await {
            Ok(()) => return None,
            Err(given_back) => guest = given_back,
        }
    }
    doors.retain(|door| !door.is_closed());
    if !doors.is_empty() {
        drop(links);
        let reason = "a router of this identity is linked already, and this is not known to be the same";
        guest.refuse(Refusal::Taken, reason).await;
        return None;
    }
    if all >= house.limits.connections {
        drop(links);
        let reason = format!("there are {all} links, those that are lost among them: expected fewer");
        guest.refuse(Refusal::Busy, reason).await;
        return None;
    }
    let (link, door) = Link::accept(&house.desk.router, guest);
    doors.push(door);
    Some(link)
}
