use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;

use edri_event::{Event, Notification, Request, Tunnel};
use edri_router::{Registration, Router};

use super::arrival::{Accepts, Answers, Arrives, Subscribes};
use super::departure::{notification, request, tunnel};
use super::outlet::Inboxes;
use crate::interest::Schema;

/// Which events go over a link: what this router has to say there, and what it wants to hear. What the other end does
/// not want does not travel, and neither does what this end did not name.
///
/// ```
/// use edri_event::{Notification, Request};
/// use edri_link::Events;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Notification, Serialize, Deserialize)]
/// #[notification(shareable)]
/// struct Added { sum: u64 }
///
/// #[derive(Request, Serialize, Deserialize)]
/// #[request(response = u64, shareable)]
/// struct Add { a: u64, b: u64 }
///
/// // Of a router that adds for others.
/// let events = Events::new().answers::<Add>().publishes::<Added>();
/// ```
#[derive(Default)]
pub struct Events {
    pub(super) outward: Vec<Box<dyn Departs>>,
    pub(super) inward: Vec<Box<dyn Arrives>>,
    pub(super) wrong: Option<NotShareable>,
}

/// An event was given to a link that does not leave its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} is not shareable: expected `shareable` on its derive, since it is to go over a link")]
pub struct NotShareable {
    /// The event's name.
    pub event: &'static str,
}

/// An event that may go out, whatever its type.
pub(super) trait Departs: Send {
    fn schema(&self) -> &Schema;
    fn event(&self) -> TypeId;
    /// Puts the link on its route.
    fn attach(&self, router: &Router, inboxes: &Inboxes) -> Registration;
}

impl Events {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notifications of this router go to the other end.
    pub fn publishes<E: Notification>(self) -> Self {
        self.outward::<E, Publishes<E>>(Schema::of_notification::<E>(), Publishes)
    }

    /// Notifications of the other end come to this router.
    pub fn subscribes<E: Notification>(self) -> Self {
        self.inward::<E, _>(Schema::of_notification::<E>(), Subscribes::<E>::new)
    }

    /// Requests of this router may be answered by the other end.
    pub fn asks<R: Request>(self) -> Self {
        self.outward::<R, Asks<R>>(Schema::of_request::<R>(), Asks)
    }

    /// Requests of the other end may be answered by this router.
    pub fn answers<R: Request>(self) -> Self {
        self.inward::<R, _>(Schema::of_request::<R>(), Answers::<R>::new)
    }

    /// Tunnels that this router opens may be accepted by the other end.
    pub fn opens<T: Tunnel>(self) -> Self {
        self.outward::<T, Opens<T>>(Schema::of_tunnel::<T>(), Opens)
    }

    /// Tunnels that the other end opens may be accepted by this router.
    pub fn accepts<T: Tunnel>(self) -> Self {
        self.inward::<T, _>(Schema::of_tunnel::<T>(), Accepts::<T>::new)
    }

    fn outward<E: Event, D: Departs + 'static>(
        mut self,
        schema: Option<Schema>,
        make: fn(Schema, Of<E>) -> D,
    ) -> Self {
        match schema {
            Some(schema) => self.outward.push(Box::new(make(schema, PhantomData))),
            None => self.wrong = self.wrong.or(Some(NotShareable { event: E::name() })),
        }
        self
    }

    fn inward<E: Event, A: Arrives + 'static>(
        mut self,
        schema: Option<Schema>,
        make: fn(Schema) -> A,
    ) -> Self {
        match schema {
            Some(schema) => self.inward.push(Box::new(make(schema))),
            None => self.wrong = self.wrong.or(Some(NotShareable { event: E::name() })),
        }
        self
    }
}

/// Of what type it is.
type Of<E> = PhantomData<fn(E)>;

struct Publishes<E>(Schema, Of<E>);
struct Asks<R>(Schema, Of<R>);
struct Opens<T>(Schema, Of<T>);

impl<E: Notification> Departs for Publishes<E> {
    fn schema(&self) -> &Schema {
        &self.0
    }

    fn event(&self) -> TypeId {
        TypeId::of::<E>()
    }

    fn attach(&self, router: &Router, inboxes: &Inboxes) -> Registration {
        router.attach_subscriber::<E>(inboxes.outlet(self.event(), notification::<E>))
    }
}

impl<R: Request> Departs for Asks<R> {
    fn schema(&self) -> &Schema {
        &self.0
    }

    fn event(&self) -> TypeId {
        TypeId::of::<R>()
    }

    fn attach(&self, router: &Router, inboxes: &Inboxes) -> Registration {
        router.attach_responder::<R>(inboxes.outlet(self.event(), request::<R>))
    }
}

impl<T: Tunnel> Departs for Opens<T> {
    fn schema(&self) -> &Schema {
        &self.0
    }

    fn event(&self) -> TypeId {
        TypeId::of::<T>()
    }

    fn attach(&self, router: &Router, inboxes: &Inboxes) -> Registration {
        router.attach_acceptor::<T>(inboxes.outlet(self.event(), tunnel::<T>))
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outward: Vec<_> = self.outward.iter().map(|event| &event.schema().name).collect();
        let inward: Vec<_> = self.inward.iter().map(|event| &event.schema().name).collect();
        formatter.debug_struct("Events").field("outward", &outward).field("inward", &inward).finish()
    }
}
