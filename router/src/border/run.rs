use std::any::TypeId;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use edri_event::{CodecError, Meta, Notification, Priority};

use super::arrival::Arriving;
use super::demand::ConsumerId;
use super::horizon::Horizon;
use super::typed::there;
use super::waiting::Waiting;
use crate::dead_letter::{Loss, Reason, lose};
use crate::envelope::{Envelope, Shared};
use crate::notify::Passing;
use crate::route::{Deliver, Delivery, Group, NotificationRoute, Wait};
use crate::router::Router;

/// Notifications of one type that came in, one after the other: handed over together, at a fraction of the price of
/// each alone.
pub trait Run: Send {
    /// Adds one to those that are to be handed over.
    ///
    /// # Errors
    /// If it cannot be read; it is not added.
    fn add(&mut self, payload: &[u8], meta: Meta) -> Result<(), CodecError>;

    /// How many are to be handed over.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands them over, in order; what has to wait for room is given back, as something that is ready when there was room
    /// for all of it. (Dropped before, it stays in line.)
    ///
    /// It goes to those of this router and to those behind other borders, but never to those behind the horizon that it
    /// came over. What nobody consumes any more is a [dead letter](crate::DeadLetter), and so is what a consumer's policy
    /// refuses: its sender is far away.
    fn hand_over(
        &mut self,
        router: &Router,
        horizon: Horizon,
        to: &Addressee,
        lane: Priority,
    ) -> Option<Arriving<()>>;
}

/// For whom a notification is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Addressee {
    /// All who subscribe, but for groups.
    Subscribers,
    /// That member of that group; when he has left, another one of this router.
    Member(Arc<str>, ConsumerId),
}

type Parcels<E> = VecDeque<Envelope<E>>;
type Taker<E> = Arc<dyn Deliver<Envelope<E>>>;

pub(super) struct Notifications<E>(Parcels<E>);

impl<E> Default for Notifications<E> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<E: Notification> Run for Notifications<E> {
    fn add(&mut self, payload: &[u8], meta: Meta) -> Result<(), CodecError> {
        let event = there(E::wire()).decode(payload)?;
        self.0.push_back(Envelope { event: Shared::Own(event), meta });
        Ok(())
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn hand_over(
        &mut self,
        router: &Router,
        horizon: Horizon,
        to: &Addressee,
        lane: Priority,
    ) -> Option<Arriving<()>> {
        let mut waiting = Waiting::new();
        let parcels = &mut self.0;
        match to {
            Addressee::Subscribers => to_subscribers(router, horizon, parcels, lane, &mut waiting),
            Addressee::Member(group, member) => {
                to_member(router, group, *member, parcels, lane, &mut waiting);
            }
        }
        if waiting.is_over() { None } else { Some(Box::pin(waiting)) }
    }
}

fn to_subscribers<E: Notification>(
    router: &Router,
    horizon: Horizon,
    parcels: &mut Parcels<E>,
    lane: Priority,
    waiting: &mut Waiting<Envelope<E>>,
) {
    // Recorded before its subscribers are looked up, as what is sent here is.
    let mut passing = Passing::default();
    passing.record(router, parcels);
    let takers: Vec<Taker<E>> =
        router.table().with(TypeId::of::<E>(), |route: Option<&NotificationRoute<E>>| {
            route.map(|route| route.listeners(horizon).cloned().collect()).unwrap_or_default()
        });
    if let [only] = &takers[..] {
        if !give(router, only, parcels, lane, waiting) {
            router.take_off(only);
        }
        parcels.drain(..).for_each(|envelope| passing.to_nobody(router, envelope));
        return;
    }
    let all: Vec<(Arc<E>, Meta)> =
        parcels.drain(..).map(|envelope| (envelope.event.into_shared(), envelope.meta)).collect();
    let mut somebodys = 0;
    for taker in &takers {
        let copies = all
            .iter()
            .map(|(event, meta)| Envelope { event: Shared::Of(Arc::clone(event)), meta: meta.clone() });
        let mut copies: Parcels<E> = copies.collect();
        if !give(router, taker, &mut copies, lane, waiting) {
            router.take_off(taker);
        }
        somebodys = somebodys.max(all.len() - copies.len());
    }
    for (event, meta) in all.into_iter().skip(somebodys) {
        passing.to_nobody(router, Envelope { event: Shared::Of(event), meta });
    }
}

fn to_member<E: Notification>(
    router: &Router,
    group: &Arc<str>,
    member: ConsumerId,
    parcels: &mut Parcels<E>,
    lane: Priority,
    waiting: &mut Waiting<Envelope<E>>,
) {
    let group = router.table().with(TypeId::of::<E>(), |route: Option<&NotificationRoute<E>>| {
        route.and_then(|route| route.group(group)).cloned()
    });
    while let Some(envelope) = parcels.pop_front() {
        let mut parcel = Some(envelope);
        if let Some(group) = &group {
            let wait = Wait::Woken(Waker::noop());
            match group.deliver_to(member, &mut parcel, lane, wait) {
                Delivery::Waiting(ticket) => {
                    let group: Taker<E> = Arc::<Group<E>>::clone(group);
                    waiting.stand_apart(&group, ticket);
                }
                Delivery::Running(running) => waiting.run(running),
                Delivery::Full | Delivery::Rejected => refused(router, group.name(), parcel.take()),
                Delivery::Accepted | Delivery::Displaced | Delivery::Dropped | Delivery::Gone => {}
            }
        }
        if let Some(Envelope { event, meta }) = parcel {
            lose(router, event, &meta, None, Loss::unhandled(Reason::NoSubscriber));
        }
    }
}

/// All of `parcels`, in order: as many at once as there is room for, the rest by the taker's policy. `false` if it takes no
/// more; what it did not take is left then.
fn give<E: Notification>(
    router: &Router,
    taker: &Taker<E>,
    parcels: &mut Parcels<E>,
    lane: Priority,
    waiting: &mut Waiting<Envelope<E>>,
) -> bool {
    if !taker.deliver_many(parcels, lane) {
        return false;
    }
    if !parcels.is_empty()
        && let Some(last) = taker.line_up(parcels, lane, Waker::noop())
    {
        waiting.stand(taker, last);
    }
    while let Some(next) = parcels.pop_front() {
        let mut parcel = Some(next);
        match taker.deliver(&mut parcel, lane, Wait::Woken(Waker::noop())) {
            Delivery::Accepted | Delivery::Displaced | Delivery::Dropped => {}
            Delivery::Waiting(ticket) => waiting.stand(taker, ticket),
            Delivery::Running(running) => waiting.run(running),
            Delivery::Full | Delivery::Rejected => refused(router, taker.name(), parcel),
            Delivery::Gone => {
                if let Some(left) = parcel {
                    parcels.push_front(left);
                }
                return false;
            }
        }
    }
    true
}

/// Its sender is far away, and cannot be told.
#[cold]
fn refused<E: Notification>(router: &Router, taker: &str, parcel: Option<Envelope<E>>) {
    if let Some(Envelope { event, meta }) = parcel {
        lose(router, event, &meta, Some(taker.into()), Loss::unhandled(Reason::Overflow));
    }
}
