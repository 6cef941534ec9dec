use std::fmt;

use edri_router::Router;
use tokio::sync::watch;
use tokio::time::Instant;

use super::program::Program;
use crate::bridge::closing::{Asker, Closing};
use crate::bridge::status::{self, NetworkStatus, Watch};
use crate::closed::Closed;
use crate::drive::Driver;
use crate::membership::Membership;
use crate::settings::Settings;
use crate::transport::{Dial, Dialer, Transport};
use crate::wire::Peer;

/// A router's membership in a network of routers, through a switch. It lasts until it is closed, or the switch will not have
/// this router; dropping the handle leaves the network in order.
///
/// All that goes over a [`Link`](crate::Link) goes here, between each two of the network's routers, and in the same way: what
/// is shareable goes to those who want it, and nothing has to be declared. An event is encoded once, however many get it.
/// A membership keeps its router alive.
///
/// # Order and delivery
/// As over a link, for each two of them. The switch only passes on: while the connection to it is lost, or it is started
/// anew, what is sent waits, within its bounds, and goes on over the next one, once and in order. A router that is away for
/// longer than [`Settings::rejoin`] is given up: requests to it fail with
/// [`RequestError::LinkLost`](edri_router::RequestError), tunnels are lost, and notifications it has not acknowledged are
/// dead letters. Until then what others can have as well goes to them. One that was started anew gets what its predecessor
/// had not acknowledged, marked as redelivered, and the requests that may be asked twice; others fail.
///
/// A router that is slow stops those who send to it, and nobody else.
///
/// ```no_run
/// # #[cfg(feature = "tcp")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use edri_link::{Dialer, Identity, Network, Settings, Standing, Tcp};
/// use edri_router::Router;
///
/// let router = Router::new();
/// let settings = Settings::network(Identity::new(router.id(), "depot"));
/// let switches = Dialer::new(Tcp::default(), ["switch.local:8899", "spare.local:8899"]);
/// let network = Network::join(&router, switches, settings);
///
/// network.joined().await?;
/// let mut watch = network.watch();
/// while let Some(status) = watch.changed().await {
///     match status.standing {
///         Standing::Suspended { reason } => println!("cut off: {reason}"),
///         standing => println!("{standing:?}, with {} others", status.members.len()),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping a membership leaves the network"]
pub struct Network {
    status: watch::Receiver<NetworkStatus>,
    asker: Asker,
}

impl Network {
    /// Joins the network that a switch at one of the dialer's addresses holds, over one connection after the other: with
    /// [`Settings::rejoin`] the membership goes on when a connection is lost. Needs a tokio runtime, and its timer.
    ///
    /// The first connection is waited for until the membership is closed.
    pub fn join<D: Dial>(router: &Router, dialer: Dialer<D>, settings: Settings) -> Self {
        let (network, program) = Self::prepare(router, &settings);
        tokio::spawn(Driver::over(dialer, Membership::unconnected(settings), program));
        network
    }

    /// The same over one connection to a switch, and no other.
    pub fn join_over<T: Transport>(router: &Router, transport: T, settings: Settings) -> Self {
        let (network, program) = Self::prepare(router, &settings);
        let membership = Membership::joining(settings, Instant::now().into_std());
        tokio::spawn(Driver::new(transport, membership, program));
        network
    }

    fn prepare(router: &Router, settings: &Settings) -> (Self, Program) {
        let (tell, status) = watch::channel(NetworkStatus::default());
        let asker = Asker::new();
        let program = Program::new(router, settings, tell, Closing::new(&asker, settings.closing));
        (Self { status, asker }, program)
    }

    /// Ready when the switch has let this router in, and who is there and what they want is known; which switch it is.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// How it ended, if it did.
    pub async fn joined(&self) -> Result<Peer, Closed> {
        status::opened(&self.status).await
    }

    /// Ready when the membership has ended.
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> Closed {
        status::closed(&self.status).await
    }

    /// What is known of it.
    pub fn status(&self) -> NetworkStatus {
        self.status.borrow().clone()
    }

    /// Watches how it stands, and who is there.
    pub fn watch(&self) -> Watch<NetworkStatus> {
        Watch::new(&self.status)
    }

    /// Leaves the network in order: what waits to be sent to those who are there still is. See [`closed`](Self::closed) for
    /// when that is done.
    pub fn close(&self) {
        self.asker.ask();
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Network").field("status", &*self.status.borrow()).finish()
    }
}
