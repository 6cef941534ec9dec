use crate::codec::Wire;
use crate::meta::Key;
use crate::policy::RoutePolicy;
use crate::priority::Priority;
use crate::retention::Retention;

/// What all three kinds have in common. Derived together with the kind.
///
/// The *name* and the *version* say which event this is to another process; inside one program an event is
/// routed by its Rust type alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "derive one kind: `#[derive(Notification)]`, `#[derive(Request)]` or `#[derive(Tunnel)]`"
)]
pub trait Event: Sized + Send + 'static {
    /// Raised by its author when the meaning or the shape of a shareable event changes.
    const VERSION: u32 = 1;

    /// The lane its sends take in an inbox unless a send says otherwise.
    const PRIORITY: Priority = Priority::Normal;

    /// Whether it may leave the process. [`wire`](Event::wire) answers `Some` exactly if this is true.
    const SHAREABLE: bool = false;

    /// Whether it tells that another event was lost: its own loss is counted, and nobody is told, so that
    /// nothing goes round in circles.
    #[doc(hidden)]
    const TELLS_OF_LOSS: bool = false;

    /// The stable name: crate, module and type, joined by `::`, unless the derive was given another.
    fn name() -> &'static str;

    /// The key this event carries by itself (`key = field` on the derive); a send may set another.
    fn key(&self) -> Option<Key> {
        None
    }

    /// How to encode and decode it; `None` for an event that stays in its process.
    fn wire() -> Option<Wire<Self>> {
        None
    }
}

/// Announces something; every subscriber gets it, and nobody answers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a notification",
    label = "only a notification can be used here",
    note = "derive it with `#[derive(Notification)]`; a request is sent with `router.request(…)`, a tunnel opened with `router.open(…)`"
)]
pub trait Notification: Event + Sync {
    /// What a router keeps of this type for late subscribers.
    const RETENTION: Retention = Retention::NOTHING;

    /// For how many bytes it counts where [`Retention::bytes`] is given (`measure = path` on the derive): its size in
    /// memory without what it points to, or its encoded size if it is shareable and that is larger.
    fn retained_bytes(&self) -> usize {
        let mut encoded = Vec::new();
        let shareable = Self::wire().is_some_and(|wire| wire.encode(self, &mut encoded).is_ok());
        let encoded = if shareable { encoded.len() } else { 0 };
        encoded.max(size_of::<Self>())
    }
}

/// Asks something; exactly one responder answers with a [`Response`](Request::Response).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a request",
    label = "only a request can be used here",
    note = "derive it with `#[derive(Request)]` and `#[request(response = …)]`; a notification is sent with `router.notify(…)`, a tunnel opened with `router.open(…)`"
)]
pub trait Request: Event {
    /// What a responder answers.
    type Response: Send + 'static;

    /// Which of several responders is asked unless a router is told otherwise.
    const POLICY: RoutePolicy = RoutePolicy::LocalFirst;

    /// Whether it does no harm to ask it twice (`idempotent` on the derive): when a worker dies, or a link is lost, before
    /// the answer is there, it may be asked again. One that is not is answered with what happened.
    const IDEMPOTENT: bool = false;

    /// How to encode and decode the response; `Some` exactly if the request is shareable.
    fn response_wire() -> Option<Wire<Self::Response>> {
        None
    }
}

/// Opens a two-way typed stream with back-pressure; named as its opener sees it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tunnel",
    label = "only a tunnel can be used here",
    note = "derive it with `#[derive(Tunnel)]` and `#[tunnel(send = …, receive = …)]`; a notification is sent with `router.notify(…)`, a request with `router.request(…)`"
)]
pub trait Tunnel: Event {
    /// What the opener sends and the acceptor receives.
    type Send: Send + 'static;

    /// What the opener receives and the acceptor sends.
    type Receive: Send + 'static;

    /// Which of several acceptors is asked unless a router is told otherwise.
    const POLICY: RoutePolicy = RoutePolicy::LocalFirst;

    /// How to encode and decode what the opener sends; `Some` exactly if the tunnel is shareable.
    fn send_wire() -> Option<Wire<Self::Send>> {
        None
    }

    /// How to encode and decode what the opener receives; `Some` exactly if the tunnel is shareable.
    fn receive_wire() -> Option<Wire<Self::Receive>> {
        None
    }
}
