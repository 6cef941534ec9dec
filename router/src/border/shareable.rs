use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use edri_event::{CodecError, Failure, Fingerprint, Meta};

use super::arrival::{Arrival, Arriving};
use super::demand::{ConsumerId, Demand};
use super::description::{Description, ShareableId};
use super::ends::EncodedEnd;
use super::horizon::Horizon;
use super::place::Place;
use super::run::Run;
use crate::dead_letter::{DeadLetterOffice, Loss};
use crate::registration::Registration;
use crate::request::RequestError;
use crate::router::Router;
use crate::snapshot::RouteKind;

/// A shareable event, whatever its type: all that has to be known of it to carry it to another router and back.
#[derive(Clone)]
#[non_exhaustive]
pub enum Shareable {
    /// A notification.
    Notification(Ref<dyn ShareableNotification>),
    /// A request.
    Request(Ref<dyn ShareableRequest>),
    /// A tunnel.
    Tunnel(Ref<dyn ShareableTunnel>),
}

/// What is known of one event.
#[derive(Debug)]
pub enum Ref<T: ?Sized + 'static> {
    /// One that this program has.
    Known(&'static T),
    /// One that only passes from one border to others.
    Passing(Arc<T>),
}

impl<T: ?Sized> Deref for Ref<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Known(event) => event,
            Self::Passing(event) => event,
        }
    }
}

impl<T: ?Sized> Clone for Ref<T> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Known(event) => Self::Known(event),
            Self::Passing(event) => Self::Passing(Arc::clone(event)),
        }
    }
}

/// Only this crate knows the types.
pub(crate) trait Sealed: Send + Sync {}

/// What is known of every shareable event.
#[expect(private_bounds, private_interfaces, reason = "nobody else implements it")]
pub trait ShareableEvent: Sealed {
    /// Its name.
    fn name(&self) -> &str;

    /// What it is called in errors: its name, if this program has such an event.
    fn known_name(&self) -> &'static str;

    /// Its version.
    fn version(&self) -> u32;

    /// The name of its codec.
    fn codec(&self) -> &str;

    /// The shapes of all that travels: the event; its response; what a tunnel's opener sends and receives.
    fn shapes(&self) -> Vec<Fingerprint>;

    /// What tells it from others of this router.
    #[doc(hidden)]
    fn id(&self) -> ShareableId;

    /// The event that it has become, if it was [foreign](Router::foreign) and has been introduced since.
    fn known(&self) -> Option<Shareable> {
        None
    }

    /// Who consumes it on this router or behind its borders, but for those behind `horizon`.
    fn demands(&self, router: &Router, horizon: Horizon) -> Vec<Demand>;
}

/// A shareable notification.
pub trait ShareableNotification: ShareableEvent {
    /// Puts somebody far away among the subscribers.
    fn attach(&self, router: &Router, place: Place) -> Registration;

    /// Makes somebody far away a member of a group.
    fn attach_to_group(&self, router: &Router, group: &Arc<str>, place: Place) -> Registration;

    /// For notifications that come in.
    fn run(&self) -> Box<dyn Run>;

    /// One that departed was lost on its way.
    fn lose(&self, payload: &[u8], meta: Meta, loss: Loss, office: &DeadLetterOffice);
}

/// A shareable request.
pub trait ShareableRequest: ShareableEvent {
    /// Puts somebody far away among the responders.
    fn attach(&self, router: &Router, place: Place) -> Registration;

    /// Whether it does no harm to ask it twice.
    fn is_idempotent(&self) -> bool;

    /// Puts somebody far away among those who see the answers.
    fn attach_observer(&self, router: &Router, place: Place) -> Registration;

    /// Asks `responder`, on behalf of a requester on another router. Where he takes no more, or is not there any more,
    /// another of this router's is asked, by the route's policy. Observers here are not told of the answer: the
    /// requester's router tells all.
    ///
    /// It has asked by the end of its first poll. Dropped, it is cancelled.
    fn ask(
        &self,
        router: &Router,
        responder: ConsumerId,
        request: &[u8],
        arrival: Arrival,
    ) -> Arriving<Result<Vec<u8>, RequestError>>;

    /// Tells the observers of this router, and those behind borders of other horizons, of an answer that was given
    /// elsewhere. Nothing happens if nobody observes it here any more.
    fn observe(
        &self,
        router: &Router,
        horizon: Horizon,
        request: &[u8],
        outcome: Result<&[u8], RequestError>,
        arrival: Arrival,
    ) -> Result<Arriving<()>, CodecError>;
}

/// A shareable tunnel.
pub trait ShareableTunnel: ShareableEvent {
    /// Puts somebody far away among the acceptors.
    fn attach(&self, router: &Router, place: Place) -> Registration;

    /// Opens one to `acceptor`, on behalf of an opener on another router; as [`ShareableRequest::ask`].
    fn open(
        &self,
        router: &Router,
        acceptor: ConsumerId,
        event: &[u8],
        arrival: Arrival,
    ) -> Arriving<Result<EncodedEnd, Failure>>;
}

impl Shareable {
    fn as_event(&self) -> &dyn ShareableEvent {
        match self {
            Self::Notification(event) => &**event,
            Self::Request(event) => &**event,
            Self::Tunnel(event) => &**event,
        }
    }

    /// What kind of event it is.
    pub fn kind(&self) -> RouteKind {
        match self {
            Self::Notification(_) => RouteKind::Notification,
            Self::Request(_) => RouteKind::Request,
            Self::Tunnel(_) => RouteKind::Tunnel,
        }
    }

    /// What another router has to mean by it, too.
    pub fn description(&self) -> Description {
        Description {
            name: self.name().to_owned(),
            kind: self.kind(),
            version: self.version(),
            codec: self.codec().to_owned(),
            shapes: self.shapes(),
        }
    }
}

impl Sealed for Shareable {}

#[expect(private_interfaces, reason = "nobody else implements it")]
impl ShareableEvent for Shareable {
    fn name(&self) -> &str {
        self.as_event().name()
    }

    fn known_name(&self) -> &'static str {
        self.as_event().known_name()
    }

    fn version(&self) -> u32 {
        self.as_event().version()
    }

    fn codec(&self) -> &str {
        self.as_event().codec()
    }

    fn shapes(&self) -> Vec<Fingerprint> {
        self.as_event().shapes()
    }

    fn id(&self) -> ShareableId {
        self.as_event().id()
    }

    fn known(&self) -> Option<Shareable> {
        self.as_event().known()
    }

    fn demands(&self, router: &Router, horizon: Horizon) -> Vec<Demand> {
        self.as_event().demands(router, horizon)
    }
}

impl PartialEq for Shareable {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Shareable {}

impl Hash for Shareable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Debug for Shareable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Shareable").field(&self.name()).finish()
    }
}
