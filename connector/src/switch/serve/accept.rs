use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edri_link::wire::{Frame, Refusal, Refused, write};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::super::hub::{Bearer, Hub, Origin, Session};
use super::doors::{Doors, Full, Standing};
use super::driver::Driver;
use crate::switch::status::{Status, collect};
#[cfg(feature = "tls")]
use crate::tls::TlsServer;

/// What all connections share.
#[derive(Debug)]
pub(super) struct House {
    pub(super) hub: Arc<Hub>,
    pub(super) doors: Mutex<Doors<AbortHandle>>,
    /// Somebody has gone.
    pub(super) gone: Notify,
    #[cfg(feature = "tls")]
    pub(super) tls: Mutex<Option<TlsServer>>,
}

impl House {
    /// What happens in it.
    pub(super) fn status(&self, listen: &[SocketAddr]) -> Status {
        let counts = {
            let doors = self.doors.lock();
            (doors.all(), doors.pending())
        };
        collect(&self.hub, listen, counts, tokio::time::Instant::now().into_std())
    }
}

/// A connection's place among all. It is given back when this is dropped.
pub(super) struct Ticket {
    house: Arc<House>,
    number: u64,
    is_pending: bool,
}

impl Ticket {
    /// The connection has been let in.
    pub(super) fn greeted(&mut self, standing: Standing) {
        if self.is_pending && standing != Standing::Pending {
            self.is_pending = false;
            self.house.doors.lock().greeted(self.number, standing);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.house.doors.lock().gone(self.number);
        self.house.gone.notify_one();
    }
}

/// How long to wait when the system has no room for another connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Accepts connections, for as long as it is let.
pub(super) async fn accept(listener: TcpListener, house: Arc<House>) {
    loop {
        match listener.accept().await {
            // One of IPv4 that came by way of IPv6 is one of IPv4.
            Ok((stream, address)) => {
                arrive(stream, SocketAddr::new(address.ip().to_canonical(), address.port()), &house);
            }
            // It went before it was accepted.
            Err(error) if is_of_one(&error) => {}
            Err(error) => {
                tracing::error!("no connection can be accepted: {error}. It is tried again in {EXHAUSTED:?}");
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

/// Whether it happened to one connection, and others can be accepted.
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn arrive(stream: TcpStream, address: SocketAddr, house: &Arc<House>) {
    let settings = house.hub.settings();
    let arrived = house.doors.lock().arrive(address.ip(), &settings.limits);
    let number = match arrived {
        Ok((number, gives_way)) => {
            if let Some(gives_way) = gives_way {
                house.hub.tally.gave_way();
                gives_way.abort();
            }
            number
        }
        Err(full) => {
            house.hub.tally.turned_away();
            house.hub.say_little(|| tracing::warn!(%address, "a connection was turned away: {full}"));
            #[cfg(feature = "tls")]
            let is_plain = house.tls.lock().is_none();
            #[cfg(not(feature = "tls"))]
            let is_plain = true;
            if is_plain {
                turn_away(&stream, full);
            }
            return;
        }
    };
    let ticket = Ticket { house: Arc::clone(house), number, is_pending: true };
    // What is small is not to wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%address, "small packets may be delayed: {error}");
    }
    let task = tokio::spawn(meet(stream, address, ticket, Arc::clone(house)));
    let too_late = house.doors.lock().attach(number, task.abort_handle());
    if let Some(task) = too_late.filter(|task| !task.is_finished()) {
        task.abort();
    }
}

/// Says why, as far as that can be said at once.
fn turn_away(stream: &TcpStream, full: Full) {
    let mut bytes = Vec::new();
    write(&mut bytes, &Frame::Refused(Refused::new(Refusal::Busy, full.to_string())));
    let _ = stream.try_write(&bytes);
}

async fn meet(stream: TcpStream, address: SocketAddr, ticket: Ticket, house: Arc<House>) {
    let began = tokio::time::Instant::now();
    let hub = &house.hub;
    #[cfg(feature = "tls")]
    {
        let tls = house.tls.lock().clone();
        if let Some(tls) = tls {
            let within = hub.settings().limits.handshake;
            let why = match tokio::time::timeout_at(began + within, tls.accept(stream)).await {
                Ok(Ok((stream, names))) => {
                    let bearer = names.map_or(Bearer::Encrypted, Bearer::Certified);
                    let session = Session::new(Arc::clone(hub), Origin { address, bearer }, began.into_std());
                    // The handshake of TLS needed much more room than what comes now.
                    return Box::pin(Driver::new(session, stream, ticket)).await;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("it did not finish the handshake within {within:?}"),
            };
            hub.tally.unfinished_handshake();
            hub.say_little(|| tracing::info!(%address, "no TLS with a connection: {why}"));
            return;
        }
    }
    let session = Session::new(Arc::clone(hub), Origin { address, bearer: Bearer::Plain }, began.into_std());
    Driver::new(session, stream, ticket).await;
}
