use std::any::TypeId;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use edri_event::{EventId, Meta, Notification};
use tokio::task::coop;

use super::outcome::{Delivered, NotifyError};
use super::outstanding::Outstanding;
use crate::border;
use crate::dead_letter::{Loss, Reason, lose};
use crate::envelope::{Envelope, Shared};
use crate::route::{Deliver, Delivery, NotificationRoute, Wait};
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
    let mut passing = Passing::default();
    // Those who left with events still in the chunk: never asked again, so that each round gets on.
    let mut left: Vec<Taker<E>> = Vec::new();
    loop {
        chunk.extend(events.by_ref().take(CHUNK - chunk.len()).map(with_identity));
        if chunk.is_empty() {
            return outstanding.count.result(E::name());
        }
        coop::consume_budget().await;
        passing.record(router, &mut chunk);
        let mut takers: Vec<Taker<E>> =
            router.table().with(TypeId::of::<E>(), |route: Option<&NotificationRoute<E>>| {
                route.map(|route| route.subscribers.iter().cloned().collect()).unwrap_or_default()
            });
        if !left.is_empty() {
            takers.retain(|taker| !left.iter().any(|left| Arc::ptr_eq(left, taker)));
        }
        match &takers[..] {
            // Somebody far away may want it, and not have known that there is such an event.
            [] if router.introduce(border::notification::<E>()) => {}
            [] => chunk.drain(..).for_each(|envelope| passing.to_nobody(router, envelope)),
            [only] => match hand_over(only, &mut chunk, &mut outstanding).await {
                Taken::All => {}
                // The rest is for whoever subscribes now.
                Taken::UntilItLeft => {
                    router.take_off(only);
                    left.push(Arc::clone(only));
                }
            },
            all => share(router, all, &mut chunk, &mut outstanding, &passing).await,
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

/// The numbers, rising, of those events of a chunk that were recorded but not kept.
#[derive(Default)]
pub(crate) struct Passing(Vec<u64>);

impl Passing {
    /// Where the type is retained: before its subscribers are looked up, as for a single event.
    pub(crate) fn record<E: Notification>(&mut self, router: &Router, chunk: &mut VecDeque<Envelope<E>>) {
        let Some(history) = router.history::<E>() else { return };
        // Those that were left over by a taker that went away are the first, and have their numbers.
        let oldest = chunk.front().and_then(|envelope| envelope.meta.sequence());
        self.0.retain(|number| oldest.is_some_and(|oldest| *number >= oldest));
        let record = |envelope: Envelope<E>| {
            if envelope.meta.sequence().is_some() {
                return envelope;
            }
            let (envelope, is_kept) = envelope.recorded(&history, E::retained_bytes);
            self.0.extend(envelope.meta.sequence().filter(|_| !is_kept));
            envelope
        };
        *chunk = chunk.drain(..).map(record).collect();
    }

    /// Nobody subscribes: it is a dead letter, unless it is kept.
    pub(crate) fn to_nobody<E: Notification>(&self, router: &Router, Envelope { event, meta }: Envelope<E>) {
        if meta.sequence().is_none_or(|number| self.0.binary_search(&number).is_ok()) {
            lose(router, event, &meta, None, Loss::unhandled(Reason::NoSubscriber));
        }
    }
}

/// First to each what it has room for, then to each the rest: a slow one holds up no other within a chunk.
async fn share<E: Notification>(
    router: &Router,
    takers: &[Taker<E>],
    chunk: &mut VecDeque<Envelope<E>>,
    outstanding: &mut Outstanding<Envelope<E>>,
    passing: &Passing,
) {
    let shared: Vec<(Arc<E>, Meta)> =
        chunk.drain(..).map(|envelope| (envelope.event.into_shared(), envelope.meta)).collect();
    let mut rests = Vec::new();
    // Each taker has a beginning of the batch, all of it unless it leaves; this is the longest.
    let mut somebodys = 0;
    for taker in takers {
        let copies = shared
            .iter()
            .map(|(event, meta)| Envelope { event: Shared::Of(Arc::clone(event)), meta: meta.clone() });
        let mut rest: VecDeque<_> = copies.collect();
        let before = rest.len();
        let open = taker.deliver_many(&mut rest, E::PRIORITY);
        outstanding.count.accept(before - rest.len());
        somebodys = somebodys.max(before - rest.len());
        if !open {
            router.take_off(taker);
        } else if !rest.is_empty() {
            rests.push((taker, rest));
        }
    }
    for (taker, mut rest) in rests {
        if let Taken::UntilItLeft = hand_over(taker, &mut rest, outstanding).await {
            router.take_off(taker);
        }
        somebodys = somebodys.max(shared.len() - rest.len());
    }
    for (event, meta) in shared.into_iter().skip(somebodys) {
        passing.to_nobody(router, Envelope { event: Shared::Of(event), meta });
    }
}

/// How much of a batch a taker has had.
enum Taken {
    All,
    /// It has left; the rest is still there.
    UntilItLeft,
}

/// All of `parcels` in order: as many at once as there is room for, and where there is none, one by the policy.
async fn hand_over<E: Notification>(
    taker: &Taker<E>,
    parcels: &mut VecDeque<Envelope<E>>,
    outstanding: &mut Outstanding<Envelope<E>>,
) -> Taken {
    while !parcels.is_empty() {
        let before = parcels.len();
        if !taker.deliver_many(parcels, E::PRIORITY) {
            return Taken::UntilItLeft;
        }
        outstanding.count.accept(before - parcels.len());
        let mut next = parcels.pop_front();
        if next.is_some() {
            let has_left = poll_fn(|cx| {
                if next.is_some() {
                    match taker.deliver(&mut next, E::PRIORITY, Wait::Woken(cx.waker())) {
                        Delivery::Gone => return Poll::Ready(true),
                        delivery => outstanding.note(taker, delivery),
                    }
                    next = None;
                }
                outstanding.poll_settled(cx).map(|()| false)
            })
            .await;
            if has_left {
                if let Some(next) = next {
                    parcels.push_front(next);
                }
                return Taken::UntilItLeft;
            }
        }
    }
    Taken::All
}
