use std::any::TypeId;
use std::sync::Arc;

use bytes::Bytes;
use edri_event::{CodecError, Event, Failure, Key, Meta, Notification, Priority, Request, Tunnel, Wire};
use edri_router::{
    Asked, Context, DeadLetterOffice, Envelope, Loss, Message, Opening, Reason, Router, TunnelReceiver,
    TunnelSender,
};
use tokio::time::Instant;

use super::calls::Pending;
use super::pump::{Ends, pump};
use crate::call::CallId;
use crate::endpoint::{Endpoint, SendError};
use crate::interest::Interest;
use crate::message::{Circumstances, Reports};
use crate::tunnel::TunnelId;

/// An event on its way out, as it waits in the link's inbox.
pub(super) struct Departure(Box<dyn Departing>);

/// What can be done with it, whatever its type.
trait Departing: Send {
    fn event(&self) -> TypeId;
    fn key(&self) -> Option<Key>;
    /// Whether anybody still wants to know what becomes of it.
    fn is_abandoned(&self) -> bool;
    fn encode(&self) -> Result<Bytes, CodecError>;
    fn meta(&self) -> &Meta;
    fn kind(&self) -> Kind;
    /// It has been taken by the link.
    fn left(self: Box<Self>, sent: Sent, router: &Router) -> Gone;
    fn discard(self: Box<Self>, loss: Loss, office: &DeadLetterOffice);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Notification,
    Request,
    Tunnel,
}

/// As what the link has taken it.
enum Sent {
    Notification,
    Request(CallId),
    Tunnel(TunnelId),
}

/// What is left of it here.
pub(super) enum Gone {
    Notification,
    Request(CallId, Pending),
    Tunnel(TunnelId, Ends),
}

/// What became of an attempt to send it.
pub(super) enum Departed {
    /// The link has it.
    Gone(Gone),
    /// The link has no room now.
    Waits(Departure),
    /// It could not be sent; whoever waited was told.
    Discarded,
}

/// How much of a tunnel may be on its way, in [cost](crate::Cost), in each direction.
pub(super) const TUNNEL_WINDOW: u32 = 256 * 1024;

impl Departure {
    pub(super) fn event(&self) -> TypeId {
        self.0.event()
    }

    /// Hands it to the link, which announced that it is wanted under `to`.
    pub(super) fn depart(
        self,
        to: Interest,
        lane: Priority,
        endpoint: &mut Endpoint,
        router: &Router,
        office: &DeadLetterOffice,
    ) -> Departed {
        let departing = self.0;
        if departing.is_abandoned() {
            return Departed::Discarded;
        }
        let kind = departing.kind();
        let room = match kind {
            Kind::Notification => endpoint.has_room(lane),
            Kind::Request => endpoint.has_room_for_request(lane),
            Kind::Tunnel => endpoint.has_room_for_tunnel(lane),
        };
        if !room {
            return Departed::Waits(Self(departing));
        }
        let payload = match departing.encode() {
            Ok(payload) => payload,
            Err(error) => {
                departing.discard(Loss::unhandled(Reason::Failed(error.into())), office);
                return Departed::Discarded;
            }
        };
        let circumstances = circumstances(departing.meta(), lane);
        let sent = match kind {
            Kind::Notification => endpoint.notify(to, circumstances, payload).map(|()| Sent::Notification),
            Kind::Request => endpoint.request(to, circumstances, payload).map(Sent::Request),
            Kind::Tunnel => endpoint.open_tunnel(to, circumstances, payload, TUNNEL_WINDOW).map(Sent::Tunnel),
        };
        match sent {
            Ok(sent) => Departed::Gone(departing.left(sent, router)),
            Err(SendError::Full) => Departed::Waits(Self(departing)),
            Err(error) => {
                let reason = match error {
                    SendError::Unwanted => Reason::NoSubscriber,
                    SendError::NotOpen => Reason::Stopped,
                    other => Reason::Failed(other.into()),
                };
                departing.discard(Loss::unhandled(reason), office);
                Departed::Discarded
            }
        }
    }
}

fn circumstances(meta: &Meta, priority: Priority) -> Circumstances {
    Circumstances {
        id: meta.id(),
        key: meta.key(),
        priority,
        deadline: meta.deadline(),
        trace: None,
        reports: if meta.progress().is_some() { Reports::Wanted } else { Reports::Unwanted },
        ..Circumstances::default()
    }
}

impl Message for Departure {
    fn key(&self) -> Option<Key> {
        self.0.key()
    }

    fn discard(self, loss: Loss, office: &DeadLetterOffice) {
        self.0.discard(loss, office);
    }
}

/// Encodes by a wire that is there, because only shareable events are given to a link.
fn encode<T>(wire: Option<Wire<T>>, value: &T) -> Result<Bytes, CodecError> {
    let mut bytes = Vec::new();
    if let Some(wire) = wire {
        wire.encode(value, &mut bytes)?;
    }
    Ok(bytes.into())
}

pub(super) fn notification<E: Notification>(envelope: Envelope<E>) -> Departure {
    Departure(Box::new(envelope))
}

pub(super) fn request<R: Request>(asked: Asked<R>) -> Departure {
    Departure(Box::new(asked))
}

pub(super) fn tunnel<T: Tunnel>(opening: Opening<T>) -> Departure {
    Departure(Box::new(opening))
}

impl<E: Notification> Departing for Envelope<E> {
    fn event(&self) -> TypeId {
        TypeId::of::<E>()
    }

    fn key(&self) -> Option<Key> {
        Message::key(self)
    }

    fn is_abandoned(&self) -> bool {
        false
    }

    fn encode(&self) -> Result<Bytes, CodecError> {
        encode(E::wire(), &self.event)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn kind(&self) -> Kind {
        Kind::Notification
    }

    fn left(self: Box<Self>, _: Sent, _: &Router) -> Gone {
        Gone::Notification
    }

    fn discard(self: Box<Self>, loss: Loss, office: &DeadLetterOffice) {
        Message::discard(*self, loss, office);
    }
}

impl<R: Request> Departing for Asked<R> {
    fn event(&self) -> TypeId {
        TypeId::of::<R>()
    }

    fn key(&self) -> Option<Key> {
        Message::key(self)
    }

    fn is_abandoned(&self) -> bool {
        Asked::is_abandoned(self)
    }

    fn encode(&self) -> Result<Bytes, CodecError> {
        encode(R::wire(), &self.event)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn kind(&self) -> Kind {
        Kind::Request
    }

    fn left(self: Box<Self>, sent: Sent, router: &Router) -> Gone {
        let Sent::Request(call) = sent else { return Gone::Notification };
        let Self { meta, reply, .. } = *self;
        let progress = meta.progress().cloned();
        let mut cx = Context::new(router.clone(), Arc::from("a link"));
        cx.begin_request::<R>(Meta::new(), &reply);
        let asked = Instant::now();
        Gone::Request(call, Pending::new::<R>(reply, progress, asked, async move { cx.cancelled().await }))
    }

    fn discard(self: Box<Self>, loss: Loss, office: &DeadLetterOffice) {
        Message::discard(*self, loss, office);
    }
}

impl<T: Tunnel> Departing for Opening<T> {
    fn event(&self) -> TypeId {
        TypeId::of::<T>()
    }

    fn key(&self) -> Option<Key> {
        Message::key(self)
    }

    fn is_abandoned(&self) -> bool {
        false
    }

    fn encode(&self) -> Result<Bytes, CodecError> {
        encode(T::wire(), &self.event)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn kind(&self) -> Kind {
        Kind::Tunnel
    }

    fn left(self: Box<Self>, sent: Sent, _: &Router) -> Gone {
        let Sent::Tunnel(id) = sent else { return Gone::Notification };
        let (sender, receiver): (TunnelSender<T::Receive>, TunnelReceiver<T::Send>) = self.tunnel.split();
        let (Some(outward), Some(inward)) = (T::send_wire(), T::receive_wire()) else {
            return Gone::Notification;
        };
        Gone::Tunnel(id, pump(receiver, outward, sender, inward))
    }

    fn discard(self: Box<Self>, loss: Loss, office: &DeadLetterOffice) {
        Message::discard(*self, loss, office);
    }
}

/// What is said of what is lost when a link ends.
pub(super) fn link_lost(reason: &str) -> Failure {
    Failure::new("link lost", reason)
}

/// The name of an event, for those who answer without it.
pub(super) fn name_of<E: Event>() -> &'static str {
    E::name()
}
