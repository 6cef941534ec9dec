use std::any::TypeId;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::Waker;

use edri_event::{CodecError, Event, Failure, Fingerprint, Meta, Notification, Request, Tunnel, Wire};

use super::arrival::{Arrival, Arriving};
use super::demand::{ConsumerId, Demand, Role};
use super::description::ShareableId;
use super::ends::EncodedEnd;
use super::horizon::Horizon;
use super::outlet::Outlet;
use super::place::Place;
use super::run::{Notifications, Run};
use super::shareable::{
    Ref, Sealed, Shareable, ShareableEvent, ShareableNotification, ShareableRequest, ShareableTunnel,
};
use crate::dead_letter::{DeadLetterOffice, Loss};
use crate::envelope::Shared;
use crate::registration::Registration;
use crate::request::{Asking, Observed, RequestError};
use crate::route::{NotificationRoute, Observer, RequestRoute, TunnelRoute, Wait};
use crate::router::Router;
use crate::tunnel::{Open, OpenError};

/// One type of event, without an event.
struct Of<E>(PhantomData<fn(E)>);

struct OfNotification<E>(Of<E>);
struct OfRequest<R>(Of<R>);
struct OfTunnel<T>(Of<T>);

/// The notification `E` as what may cross; `None` if it stays in its process.
pub(crate) fn notification<E: Notification>() -> Option<Shareable> {
    E::SHAREABLE
        .then_some(Shareable::Notification(Ref::Known(const { &OfNotification::<E>(Of(PhantomData)) })))
}

/// The request `R` as what may cross; `None` if it stays in its process.
pub(crate) fn request<R: Request>() -> Option<Shareable> {
    R::SHAREABLE.then_some(Shareable::Request(Ref::Known(const { &OfRequest::<R>(Of(PhantomData)) })))
}

/// The tunnel `T` as what may cross; `None` if it stays in its process.
pub(crate) fn tunnel<T: Tunnel>() -> Option<Shareable> {
    T::SHAREABLE.then_some(Shareable::Tunnel(Ref::Known(const { &OfTunnel::<T>(Of(PhantomData)) })))
}

/// The wire of something shareable.
pub(super) fn there<T>(wire: Option<Wire<T>>) -> Wire<T> {
    match wire {
        Some(wire) => wire,
        None => unreachable!(
            "what is shareable has a wire: `Event::SHAREABLE` says so, and only that is introduced"
        ),
    }
}

pub(crate) fn encode<T>(wire: Option<Wire<T>>, value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    there(wire).encode(value, &mut bytes).map(|()| bytes)
}

impl<E: Event> Sealed for OfNotification<E> {}
impl<R: Event> Sealed for OfRequest<R> {}
impl<T: Event> Sealed for OfTunnel<T> {}

impl<E: Notification> ShareableEvent for OfNotification<E> {
    fn name(&self) -> &str {
        E::name()
    }

    fn known_name(&self) -> &'static str {
        E::name()
    }

    fn version(&self) -> u32 {
        E::VERSION
    }

    fn codec(&self) -> &str {
        there(E::wire()).codec()
    }

    fn shapes(&self) -> Vec<Fingerprint> {
        vec![there(E::wire()).fingerprint()]
    }

    fn id(&self) -> ShareableId {
        ShareableId::Known(TypeId::of::<E>())
    }

    fn demands(&self, router: &Router, horizon: Horizon) -> Vec<Demand> {
        router.table().with(TypeId::of::<E>(), |route: Option<&NotificationRoute<E>>| {
            let Some(route) = route else { return Vec::new() };
            let listeners = route.listeners(horizon).map(|listener| listener.place());
            let together = of_all(Role::Subscriber, listeners);
            let members = route.members().filter_map(|(group, id, member)| {
                one(|| Role::Member(Arc::clone(group)), id, member.place(), || member.load(), horizon)
            });
            together.into_iter().chain(members).collect()
        })
    }
}

impl<R: Request> ShareableEvent for OfRequest<R> {
    fn name(&self) -> &str {
        R::name()
    }

    fn known_name(&self) -> &'static str {
        R::name()
    }

    fn version(&self) -> u32 {
        R::VERSION
    }

    fn codec(&self) -> &str {
        there(R::wire()).codec()
    }

    fn shapes(&self) -> Vec<Fingerprint> {
        vec![there(R::wire()).fingerprint(), there(R::response_wire()).fingerprint()]
    }

    fn id(&self) -> ShareableId {
        ShareableId::Known(TypeId::of::<R>())
    }

    fn demands(&self, router: &Router, horizon: Horizon) -> Vec<Demand> {
        router.table().with(TypeId::of::<R>(), |route: Option<&RequestRoute<R>>| {
            let Some(route) = route else { return Vec::new() };
            let observers = route.observers.iter().map(Observer::place);
            let together = of_all(Role::Observer, observers.filter(|place| !is_behind(*place, horizon)));
            let responders = route.responders.entries().filter_map(|entry| {
                let who = &entry.who;
                one(|| Role::Responder, entry.id, who.place(), || who.load(), horizon)
            });
            together.into_iter().chain(responders).collect()
        })
    }
}

impl<T: Tunnel> ShareableEvent for OfTunnel<T> {
    fn name(&self) -> &str {
        T::name()
    }

    fn known_name(&self) -> &'static str {
        T::name()
    }

    fn version(&self) -> u32 {
        T::VERSION
    }

    fn codec(&self) -> &str {
        there(T::wire()).codec()
    }

    fn shapes(&self) -> Vec<Fingerprint> {
        let (send, receive) = (there(T::send_wire()), there(T::receive_wire()));
        vec![there(T::wire()).fingerprint(), send.fingerprint(), receive.fingerprint()]
    }

    fn id(&self) -> ShareableId {
        ShareableId::Known(TypeId::of::<T>())
    }

    fn demands(&self, router: &Router, horizon: Horizon) -> Vec<Demand> {
        router.table().with(TypeId::of::<T>(), |route: Option<&TunnelRoute<T>>| {
            let Some(route) = route else { return Vec::new() };
            let acceptors = route.acceptors.entries().filter_map(|entry| {
                let who = &entry.who;
                one(|| Role::Acceptor, entry.id, who.place(), || who.load(), horizon)
            });
            acceptors.collect()
        })
    }
}

/// Those who are told of together, if there is anybody.
fn of_all<'r>(role: Role, mut all: impl Iterator<Item = Option<&'r Place>>) -> Option<Demand> {
    let mut hops = all.next()?.map_or(0, Place::hops);
    // Nobody is nearer than those of this router.
    while hops > 0
        && let Some(next) = all.next()
    {
        hops = hops.min(next.map_or(0, Place::hops));
    }
    Some(Demand { role, consumer: None, hops, load: 0 })
}

/// One who is told from the others, unless he is behind that horizon.
fn one(
    role: impl FnOnce() -> Role,
    id: u64,
    place: Option<&Place>,
    load: impl FnOnce() -> usize,
    horizon: Horizon,
) -> Option<Demand> {
    let (consumer, hops) = match place {
        None => (ConsumerId(id), 0),
        Some(place) if place.horizon == horizon => return None,
        Some(place) => (place.consumer?, place.hops()),
    };
    Some(Demand { role: role(), consumer: Some(consumer), hops, load: load() })
}

pub(super) fn is_behind(place: Option<&Place>, horizon: Horizon) -> bool {
    place.is_some_and(|place| place.horizon == horizon)
}

impl<E: Notification> ShareableNotification for OfNotification<E> {
    fn attach(&self, router: &Router, place: Place) -> Registration {
        router.attach_place::<NotificationRoute<E>>(
            TypeId::of::<E>(),
            |route, id| route.subscribers.add(id, Arc::new(Outlet::new(place))),
            |route, id| route.subscribers.remove(id),
        )
    }

    fn attach_to_group(&self, router: &Router, group: &Arc<str>, place: Place) -> Registration {
        router.attach_place::<NotificationRoute<E>>(
            TypeId::of::<E>(),
            |route, id| route.join(group, id, Arc::new(Outlet::new(place))),
            NotificationRoute::leave,
        )
    }

    fn run(&self) -> Box<dyn Run> {
        Box::new(Notifications::<E>::default())
    }

    fn lose(&self, payload: &[u8], meta: Meta, loss: Loss, office: &DeadLetterOffice) {
        match there(E::wire()).decode(payload) {
            Ok(event) => office.hand_in(Shared::Own(event), meta, loss),
            // Not what its own codec wrote.
            Err(_) => office.hand_in_unseen(E::name(), &meta, loss),
        }
    }
}

impl<R: Request> ShareableRequest for OfRequest<R> {
    fn attach(&self, router: &Router, place: Place) -> Registration {
        router.attach_place::<RequestRoute<R>>(
            TypeId::of::<R>(),
            |route, id| route.responders.add(id, Arc::new(Outlet::new(place))),
            |route, id| route.responders.remove(id),
        )
    }

    fn is_idempotent(&self) -> bool {
        R::IDEMPOTENT
    }

    fn attach_observer(&self, router: &Router, place: Place) -> Registration {
        router.attach_place::<RequestRoute<R>>(
            TypeId::of::<R>(),
            |route, id| route.observers.add(id, Observer::Afar(place)),
            |route, id| route.observers.remove(id),
        )
    }

    fn ask(
        &self,
        router: &Router,
        responder: ConsumerId,
        request: &[u8],
        arrival: Arrival,
    ) -> Arriving<Result<Vec<u8>, RequestError>> {
        let request = match there(R::wire()).decode(request) {
            Ok(request) => request,
            Err(error) => return Box::pin(std::future::ready(Err(unreadable(&error)))),
        };
        let router = router.clone();
        Box::pin(async move {
            let response = Asking::arrived(&router, responder, request, arrival).await?;
            encode(R::response_wire(), &response).map_err(|error| unreadable(&error))
        })
    }

    fn observe(
        &self,
        router: &Router,
        horizon: Horizon,
        request: &[u8],
        outcome: Result<&[u8], RequestError>,
        arrival: Arrival,
    ) -> Result<Arriving<()>, CodecError> {
        let request = (there(R::wire()).decode(request)?, request.to_vec());
        let outcome = match outcome {
            Ok(response) => Ok(there(R::response_wire()).decode(response)?),
            Err(error) => Err(error),
        };
        let observed = router.table().with(TypeId::of::<R>(), |route: Option<&RequestRoute<R>>| {
            Observed::arrived(request, route, arrival.into_meta(), horizon)
        });
        let mut told = observed.tell(router, &outcome, Wait::Woken(Waker::noop()));
        Ok(Box::pin(poll_fn(move |cx| told.poll_settled(cx))))
    }
}

impl<T: Tunnel> ShareableTunnel for OfTunnel<T> {
    fn attach(&self, router: &Router, place: Place) -> Registration {
        router.attach_place::<TunnelRoute<T>>(
            TypeId::of::<T>(),
            |route, id| route.acceptors.add(id, Arc::new(Outlet::new(place))),
            |route, id| route.acceptors.remove(id),
        )
    }

    fn open(
        &self,
        router: &Router,
        acceptor: ConsumerId,
        event: &[u8],
        arrival: Arrival,
    ) -> Arriving<Result<EncodedEnd, Failure>> {
        let event = match there(T::wire()).decode(event) {
            Ok(event) => event,
            Err(error) => return Box::pin(std::future::ready(Err(Failure::new("codec", error.to_string())))),
        };
        let router = router.clone();
        Box::pin(async move {
            let opened = Open::arrived(&router, acceptor, event, arrival).await.map_err(not_opened)?;
            Ok(EncodedEnd::new(opened, there(T::send_wire()), there(T::receive_wire())))
        })
    }
}

fn unreadable(error: &CodecError) -> RequestError {
    RequestError::Failed(Failure::new("codec", error.to_string()))
}

/// What the opener finds the tunnel aborted with.
fn not_opened(error: OpenError) -> Failure {
    let code = match error {
        OpenError::NoAcceptor { .. } => "no acceptor",
        OpenError::Overloaded { .. } => "overloaded",
        OpenError::TimedOut { .. } | OpenError::Expired { .. } => "expired",
        OpenError::Cancelled { .. } => "cancelled",
    };
    Failure::new(code, error.to_string())
}
