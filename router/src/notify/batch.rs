use std::any::TypeId;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;

use edri_event::{EventId, Meta, Notification};
use tokio::task::coop;

use super::outcome::{Delivered, NotifyError};
use super::outstanding::Outstanding;
use crate::envelope::{Envelope, Shared};
use crate::route::{Deliver, NotificationRoute, Wait};
use crate::router::Router;
use crate::trace::{SenderSpan, mark};

/// How many events are handed over at a time.
const CHUNK: usize = 256;

type Taker<E> = Arc<dyn Deliver<Envelope<E>>>;

/// See [`Router::notify_all`].
pub(crate) async fn notify_all<E, I>(router: &Router, events: I) -> Result<Delivered, NotifyError>
where
    E: Notification,
    I: IntoIterator<Item = E>,
{
    let mut events = events.into_iter();
    let mut outstanding = Outstanding::new();
    let mut chunk = VecDeque::with_capacity(CHUNK);
    loop {
        chunk.extend(events.by_ref().take(CHUNK).map(with_identity));
        if chunk.is_empty() {
            return outstanding.count.result(E::name());
        }
        coop::consume_budget().await;
        let takers: Vec<Taker<E>> =
            router.table().with(TypeId::of::<E>(), |route: Option<&NotificationRoute<E>>| {
                route.map(|route| route.subscribers.iter().cloned().collect()).unwrap_or_default()
            });
        match &takers[..] {
            [] => chunk.clear(),
            [only] => hand_over(only, &mut chunk, &mut outstanding).await,
            all => share(all, &mut chunk, &mut outstanding).await,
        }
    }
}

fn with_identity<E: Notification>(event: E) -> Envelope<E> {
    let mut meta = Meta::new();
    if E::SHAREABLE {
        meta.set_id(EventId::fresh());
    }
    mark(&mut meta, SenderSpan::MayEnd);
    Envelope { event: Shared::Own(event), meta }
}

/// First to each what it has room for, then to each the rest: a slow one holds up no other within a chunk.
async fn share<E: Notification>(
    takers: &[Taker<E>],
    chunk: &mut VecDeque<Envelope<E>>,
    outstanding: &mut Outstanding<Envelope<E>>,
) {
    let shared: Vec<(Arc<E>, Meta)> = chunk
        .drain(..)
        .filter_map(|envelope| match envelope.event {
            Shared::Own(event) => Some((Arc::new(event), envelope.meta)),
            Shared::Of(_) => None,
        })
        .collect();
    let mut rests = Vec::new();
    for taker in takers {
        let copies = shared
            .iter()
            .map(|(event, meta)| Envelope { event: Shared::Of(Arc::clone(event)), meta: meta.clone() });
        let mut rest: VecDeque<_> = copies.collect();
        let before = rest.len();
        let open = taker.deliver_many(&mut rest, E::PRIORITY);
        outstanding.count.accept(before - rest.len());
        if open && !rest.is_empty() {
            rests.push((taker, rest));
        }
    }
    for (taker, mut rest) in rests {
        hand_over(taker, &mut rest, outstanding).await;
    }
}

/// All of `parcels` in order: as many at once as there is room for, and where there is none, one by the policy.
async fn hand_over<E: Notification>(
    taker: &Taker<E>,
    parcels: &mut VecDeque<Envelope<E>>,
    outstanding: &mut Outstanding<Envelope<E>>,
) {
    while !parcels.is_empty() {
        let before = parcels.len();
        if !taker.deliver_many(parcels, E::PRIORITY) {
            parcels.clear();
            return;
        }
        outstanding.count.accept(before - parcels.len());
        let mut next = parcels.pop_front();
        if next.is_some() {
            poll_fn(|cx| {
                if next.is_some() {
                    let delivery = taker.deliver(&mut next, E::PRIORITY, Wait::Woken(cx.waker()));
                    outstanding.note(taker, delivery);
                    next = None;
                }
                outstanding.poll_settled(cx)
            })
            .await;
        }
    }
}
