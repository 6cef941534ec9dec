use std::fmt;

use edri_router::Router;
use tokio::sync::watch;
use tokio::time::Instant;

use super::closing::{Asker, Closing};
use super::program::Program;
use super::status::{self, LinkStatus, Watch};
use crate::closed::Closed;
use crate::drive::Driver;
use crate::endpoint::Endpoint;
use crate::guest::{Door, Guest};
use crate::settings::Settings;
use crate::transport::{Dial, Dialer, Transport};
use crate::wire::Peer;

/// A router's link to another router. It lives until either end closes it, or the connection is lost; dropping the
/// handle closes it in order.
///
/// Whatever is shareable goes over a link when the other end wants it: nothing has to be declared. The link is one more
/// subscriber, responder or acceptor on this router's routes, for as long as somebody behind it wants the event. What came
/// over a link does not go back over it, nor over others of its [horizon](Settings::horizon); it goes on over the rest.
/// A link keeps its router alive.
///
/// # Order and delivery
/// While the link lives, what one sender sends in one priority lane arrives once and in the order sent, back-pressure
/// included: where the other end's consumer is slow, events wait in the link's [inbox](Settings::inbox), and its overflow
/// policy holds. When it ends, every request under way fails with [`RequestError::LinkLost`](edri_router::RequestError),
/// both ends of every tunnel are lost, and what waited in the inbox are dead letters. What had been sent and not been
/// handled is not known.
///
/// ```
/// use edri_event::Request;
/// use edri_link::{End, Identity, Link, Settings, memory};
/// use edri_router::Router;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Request, Serialize, Deserialize)]
/// #[request(response = u64, shareable)]
/// struct Add(u64, u64);
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (here, there) = (Router::new(), Router::new());
/// let settings = |router: &Router, name| Settings::new(Identity::new(router.id(), name));
/// let (near, far) = memory::pair(memory::Conditions::default());
///
/// let _adder = there.respond(|add: Add| async move { Ok(add.0 + add.1) });
/// let _there = Link::start(&there, far, End::Accepting, settings(&there, "there"));
/// let link = Link::start(&here, near, End::Connecting, settings(&here, "here"));
///
/// link.opened().await?;
/// assert_eq!(here.request(Add(1, 2)).await?, 3);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping a link closes it"]
pub struct Link {
    status: watch::Receiver<LinkStatus>,
    asker: Asker,
}

/// Which end of the connection a router has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It says hello.
    Connecting,
    /// It waits for a hello.
    Accepting,
}

impl Link {
    /// Links `router` over `transport`, on a task of its own. Needs a tokio runtime, and its timer.
    ///
    /// How it goes shows in [`opened`](Self::opened) and [`closed`](Self::closed).
    pub fn start<T: Transport>(router: &Router, transport: T, end: End, settings: Settings) -> Self {
        let now = Instant::now().into_std();
        let (link, program) = Self::prepare(router, &settings);
        let endpoint = match end {
            End::Connecting => Endpoint::connecting(settings, now),
            End::Accepting => Endpoint::accepting(settings, now),
        };
        tokio::spawn(Driver::new(transport, endpoint, program));
        link
    }

    /// Links `router` with whatever router answers at one of the dialer's addresses, over one connection after the other: with
    /// [`Settings::rejoin`] the link goes on when a connection is lost. Needs a tokio runtime, and its timer.
    ///
    /// The first connection is waited for until the link is closed.
    pub fn dial<D: Dial>(router: &Router, dialer: Dialer<D>, settings: Settings) -> Self {
        let (link, program) = Self::prepare(router, &settings);
        tokio::spawn(Driver::over(dialer, Endpoint::unconnected(settings), program));
        link
    }

    /// Links `router` with a router that has connected, and says where connections of the same router are to be handed over
    /// when it comes back. With the settings that it was greeted with.
    pub fn accept<T: Transport>(router: &Router, guest: Guest<T>) -> (Self, Door<T>) {
        let (endpoint, streams, door) = guest.into_streams();
        let (link, program) = Self::prepare(router, endpoint.settings());
        tokio::spawn(Driver::over(streams, endpoint, program));
        (link, door)
    }

    fn prepare(router: &Router, settings: &Settings) -> (Self, Program) {
        let (tell, status) = watch::channel(LinkStatus::default());
        let asker = Asker::new();
        let program = Program::new(router, settings, tell, Closing::new(&asker, settings.closing));
        (Self { status, asker }, program)
    }

    /// Ready when both ends know each other, and this one knows what the other wants.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// How it ended, if it did.
    pub async fn opened(&self) -> Result<Peer, Closed> {
        status::opened(&self.status).await
    }

    /// Ready when the link has ended.
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> Closed {
        status::closed(&self.status).await
    }

    /// What is known of it.
    pub fn status(&self) -> LinkStatus {
        self.status.borrow().clone()
    }

    /// Watches how it stands: connected, lost, back, given up.
    pub fn watch(&self) -> Watch<LinkStatus> {
        Watch::new(&self.status)
    }

    /// Closes it in order: what waits to be sent still is, and so is what waits at the other end. See
    /// [`closed`](Self::closed) for when that is done.
    pub fn close(&self) {
        self.asker.ask();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").field("status", &*self.status.borrow()).finish()
    }
}
