use std::any::TypeId;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use edri_event::{Event, EventId, Meta, Notification};

use super::letter::DeadLetter;
use super::reason::Loss;
use super::undelivered::Undelivered;
use crate::border;
use crate::envelope::{Envelope, Shared};
use crate::route::{Delivery, NotificationRoute, Wait};
use crate::router::Router;

/// An event is lost: counts it, keeps the letter, and tells those who subscribe to such letters.
///
/// To be called outside all locks: what it runs, and what it drops, is the user's. It never waits, and calls itself
/// no deeper than once: what is lost on the way is a letter, and letters are only counted.
#[cold]
pub(crate) fn lose<E: Event + Sync>(
    router: &Router,
    event: Shared<E>,
    meta: &Meta,
    consumer: Option<Arc<str>>,
    loss: Loss,
) {
    if E::TELLS_OF_LOSS {
        router.letters().count_untold();
        return;
    }
    let letter = note(router, Cow::Borrowed(E::name()), meta, consumer, loss);
    let wanted = router
        .table()
        .with(TypeId::of::<Undelivered<E>>(), |route: Option<&NotificationRoute<Undelivered<E>>>| {
            route.is_some()
        });
    let mut event = Some(event);
    if wanted && let Some(event) = event.take() {
        let mut about = Meta::new();
        if let Some(key) = meta.key() {
            about.set_key(key);
        }
        tell(router, Undelivered { event, letter: letter.clone() }, about);
    }
    tell_letter(router, letter);
    // Last of all: what its own code does when it is dropped comes after its letter.
    drop(event);
}

/// As [`lose`], of an event that is not to be had any more.
#[cold]
pub(crate) fn lose_unseen(router: &Router, event: &str, meta: &Meta, consumer: Option<Arc<str>>, loss: Loss) {
    let letter = note(router, Cow::Owned(event.to_owned()), meta, consumer, loss);
    tell_letter(router, letter);
}

/// Counts it, and keeps the letter.
fn note(
    router: &Router,
    event: Cow<'static, str>,
    meta: &Meta,
    consumer: Option<Arc<str>>,
    loss: Loss,
) -> DeadLetter {
    let letters = router.letters();
    let Loss { reason, attempts } = loss;
    letters.count(&reason);
    let letter = DeadLetter { event, id: meta.id(), reason, attempts, consumer, time: SystemTime::now() };
    letters.keep(&letter);
    letter
}

fn tell_letter(router: &Router, letter: DeadLetter) {
    router.introduce(border::notification::<DeadLetter>());
    let mut about = Meta::new();
    about.set_id(EventId::fresh());
    tell(router, letter, about);
}

/// To all who subscribe to it and have room. Not by [`Router::notify`]: that would lose what nobody takes, whose loss
/// would be told in turn, and the compiler would follow these types without end.
fn tell<N: Notification>(router: &Router, letter: N, meta: Meta) {
    router.table().with(TypeId::of::<N>(), |route: Option<&NotificationRoute<N>>| {
        let Some(route) = route else { return };
        let mut copies = Copies::new(letter, meta, route.subscribers.len());
        for taker in route.subscribers.iter() {
            let mut parcel = copies.next();
            match taker.deliver(&mut parcel, N::PRIORITY, Wait::Never) {
                // What its policy drops, its inbox hands in, to be counted.
                Delivery::Accepted | Delivery::Displaced | Delivery::Dropped => {}
                // Borders are not told, and hear of it when his registration ends: the compiler would follow these types
                // without end.
                Delivery::Gone => {
                    router
                        .table()
                        .change::<NotificationRoute<N>>(TypeId::of::<N>(), |route| route.take_off(taker));
                }
                Delivery::Full | Delivery::Rejected => router.letters().count_untold(),
                Delivery::Waiting(ticket) => {
                    taker.withdraw(ticket);
                    router.letters().count_untold();
                }
                Delivery::Running(handling) => {
                    drop(handling);
                    router.letters().count_untold();
                }
            }
        }
    });
}

/// One letter for each of its takers: itself for a single one, shared otherwise.
struct Copies<N> {
    event: Option<Shared<N>>,
    meta: Meta,
}

impl<N> Copies<N> {
    fn new(letter: N, meta: Meta, takers: usize) -> Self {
        let event = if takers == 1 { Shared::Own(letter) } else { Shared::Of(Arc::new(letter)) };
        Self { event: Some(event), meta }
    }

    fn next(&mut self) -> Option<Envelope<N>> {
        let event = match self.event.take()? {
            Shared::Of(letter) => {
                self.event = Some(Shared::Of(Arc::clone(&letter)));
                Shared::Of(letter)
            }
            only => only,
        };
        Some(Envelope { event, meta: self.meta.clone() })
    }
}
