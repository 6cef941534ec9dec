//! Who gets a notification, and when.

mod support;

use std::sync::Arc;

use edri_event::{Event, Notification, Priority};
use edri_router::{Envelope, Inbox, InboxSettings, Overflow, Router, ToInbox};
use futures_util::StreamExt as _;
use support::{Ask, Ping, settings, subscriber, waiting};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};

#[derive(Notification)]
#[notification(name = "the same name")]
struct Here;

#[derive(Notification)]
#[notification(name = "the same name")]
struct There;

#[tokio::test]
async fn a_subscription_gets_events_from_the_moment_subscribe_returns() {
    let router = Router::new();
    router.notify(Ping(1)).await.unwrap();
    let mut subscription = router.subscribe::<Ping>();
    router.notify(Ping(2)).await.unwrap();
    assert_eq!(waiting(&mut subscription), [2]);
}

#[tokio::test]
async fn two_subscribers_of_the_same_name_both_get_the_event() {
    let router = Router::new();
    let (mut first, _inbox, _first) = subscriber::<Ping>(&router, InboxSettings::default());
    let (mut second, _inbox, _second) = subscriber::<Ping>(&router, InboxSettings::default());
    assert_eq!(router.notify(Ping(1)).await.unwrap().accepted, 2);
    assert_eq!(first.recv().await.unwrap().event.0, 1);
    assert_eq!(second.recv().await.unwrap().event.0, 1);
}

#[tokio::test]
async fn two_events_of_the_same_name_have_routes_of_their_own() {
    assert_eq!(Here::name(), There::name());
    let router = Router::new();
    let here = router.subscribe::<Here>();
    let there = router.subscribe::<There>();
    router.notify(Here).await.unwrap();
    assert_eq!((here.len(), there.len()), (1, 0));
}

#[tokio::test]
async fn nobody_registered_is_not_an_error_and_harms_nothing() {
    let router = Router::new();
    let mut other = router.subscribe::<Here>();
    assert_eq!(router.notify(Ping(1)).await.unwrap().accepted, 0);
    assert_eq!(router.try_notify(Ping(2)).unwrap().accepted, 0);
    assert_eq!(router.notify_all((0..1_000).map(Ping)).await.unwrap().accepted, 0);
    assert!(other.try_recv().is_none());

    let mut subscription = router.subscribe::<Ping>();
    assert_eq!(router.notify(Ping(3)).await.unwrap().accepted, 1);
    assert_eq!(waiting(&mut subscription), [3]);
}

#[tokio::test]
async fn every_subscriber_of_the_type_gets_the_event_exactly_once() {
    let router = Router::new();
    let mut subscriptions: Vec<_> = (0..600).map(|_| router.subscribe::<Ping>()).collect();
    let other = router.subscribe::<Here>();
    let delivered = router.notify(Ping(1)).await.unwrap();
    assert_eq!((delivered.accepted, delivered.dropped), (600, 0));
    assert_eq!(router.try_notify(Ping(2)).unwrap().accepted, 600);
    assert_eq!(router.notify_all([Ping(3), Ping(4)]).await.unwrap().accepted, 1_200);
    for subscription in &mut subscriptions {
        assert_eq!(waiting(subscription), [1, 2, 3, 4]);
    }
    assert!(other.is_empty());
}

#[tokio::test]
async fn dropping_a_subscription_stops_exactly_that_one() {
    let router = Router::new();
    let mut subscriptions: Vec<_> = (0..5).map(|_| router.subscribe::<Ping>()).collect();
    drop(subscriptions.remove(2));
    assert_eq!(router.notify(Ping(1)).await.unwrap().accepted, 4);
    subscriptions.iter_mut().for_each(|subscription| assert_eq!(waiting(subscription), [1]));
    drop(subscriptions);
    assert_eq!(router.notify(Ping(2)).await.unwrap().accepted, 0);
    assert_eq!(router.subscribe::<Ping>().len(), 0);
}

#[tokio::test]
async fn subscriptions_may_be_dropped_in_any_order_and_come_again() {
    let router = Router::new();
    let mut live = Vec::new();
    for round in 0..2_000_usize {
        if round % 3 == 2 {
            live.remove(round * 7 % live.len());
        } else {
            live.push(router.subscribe::<Ping>());
        }
    }
    let count = live.len();
    assert_eq!(router.notify(Ping(1)).await.unwrap().accepted, count);
    live.iter_mut().for_each(|subscription| assert_eq!(waiting(subscription), [1]));
    live.clear();
    assert_eq!(router.try_notify(Ping(2)).unwrap().accepted, 0);
}

#[tokio::test]
async fn a_closed_subscription_gets_what_waited_and_then_ends() {
    let router = Router::new();
    let mut subscription = router.subscribe::<Ping>();
    router.notify_all([Ping(1), Ping(2)]).await.unwrap();
    subscription.close();
    assert_eq!(router.notify(Ping(3)).await.unwrap().accepted, 0);
    let rest: Vec<u64> = subscription.map(|ping| ping.0).collect().await;
    assert_eq!(rest, [1, 2]);
}

#[tokio::test]
async fn when_the_router_goes_subscriptions_get_what_waited_and_then_end() {
    let router = Router::new();
    let mut subscription = router.subscribe::<Ping>();
    let clone = router.clone();
    router.notify(Ping(1)).await.unwrap();
    drop(router);
    clone.notify(Ping(2)).await.unwrap();
    drop(clone);
    assert_eq!(subscription.recv().await.unwrap().0, 1);
    assert_eq!(subscription.recv().await.unwrap().0, 2);
    assert!(subscription.recv().await.is_none());
    assert!(subscription.recv().await.is_none());
}

#[test]
fn a_waiting_subscription_is_woken_when_the_router_goes() {
    let router = Router::new();
    let mut subscription = router.subscribe::<Ping>();
    let mut receiving = task::spawn(subscription.recv());
    assert_pending!(receiving.poll());
    drop(router);
    assert!(receiving.is_woken());
    assert!(assert_ready!(receiving.poll()).is_none());
}

#[tokio::test]
async fn a_registration_that_is_kept_lasts_as_long_as_the_router() {
    let router = Router::new();
    let (mut receiver, inbox, registration) = subscriber::<Ping>(&router, InboxSettings::default());
    registration.keep();
    drop(inbox);
    router.notify(Ping(1)).await.unwrap();
    assert_eq!(receiver.recv().await.unwrap().event.0, 1);
    drop(router);
    assert!(receiver.recv().await.is_none());
}

#[tokio::test]
async fn routers_in_one_process_know_nothing_of_each_other() {
    let (one, other) = (Router::new(), Router::new());
    assert_ne!(one.id(), other.id());
    let mut subscription = one.subscribe::<Ping>();
    assert_eq!(other.notify(Ping(1)).await.unwrap().accepted, 0);
    assert!(subscription.try_recv().is_none());
}

#[test]
fn an_event_that_is_not_polled_is_not_sent() {
    let router = Router::new();
    let subscription = router.subscribe::<Ping>();
    drop(router.notify(Ping(1)));
    drop(router.notify_all([Ping(2)]));
    assert!(subscription.is_empty());
}

#[test]
fn those_that_have_room_get_the_event_while_another_makes_its_sender_wait() {
    let router = Router::new();
    let mut stalled = router.subscribe_with::<Ping>(settings(1, Overflow::Wait));
    let mut roomy = router.subscribe::<Ping>();
    router.try_notify(Ping(1)).unwrap();

    let mut sending = task::spawn(router.notify(Ping(2)));
    assert_pending!(sending.poll());
    assert_eq!(waiting(&mut roomy), [1, 2]);
    assert_eq!(stalled.try_recv().unwrap().0, 1);
    assert!(sending.is_woken());
    assert_eq!(assert_ready_ok!(sending.poll()).accepted, 2);
    assert_eq!(waiting(&mut stalled), [2]);
}

#[test]
fn a_sender_that_waits_is_let_go_when_its_subscriber_leaves() {
    let router = Router::new();
    let stalled = router.subscribe_with::<Ping>(settings(1, Overflow::Wait));
    router.try_notify(Ping(1)).unwrap();
    let mut one = task::spawn(router.notify(Ping(2)));
    let mut many = task::spawn(router.notify_all((3..1_000).map(Ping)));
    assert_pending!(one.poll());
    assert_pending!(many.poll());
    drop(stalled);
    assert!(one.is_woken() && many.is_woken());
    assert_ready_ok!(one.poll());
    assert_ready_ok!(many.poll());
}

#[tokio::test]
async fn a_single_subscriber_gets_the_event_itself_and_several_share_one() {
    let router = Router::new();
    let mut first = router.subscribe::<Ping>();
    router.notify(Ping(1)).await.unwrap();
    assert!(matches!(first.recv().await.unwrap(), edri_router::Shared::Own(Ping(1))));

    let mut second = router.subscribe::<Ping>();
    router.notify(Ping(2)).await.unwrap();
    let (one, two) = (first.recv().await.unwrap(), second.recv().await.unwrap());
    assert!(std::ptr::eq::<Ping>(&*one, &*two));
    assert_eq!((one.into_owned(), two.into_owned()), (Ping(2), Ping(2)));
}

#[tokio::test]
async fn the_key_and_the_identity_travel_beside_the_event() {
    #[derive(Notification, serde::Serialize, serde::Deserialize)]
    #[notification(shareable)]
    struct Travels;

    let router = Router::new();
    let mut subscription = router.subscribe::<Travels>();
    router.notify(Travels).key("tea").await.unwrap();
    router.notify_all([Travels]).await.unwrap();
    let first = subscription.recv_envelope().await.unwrap();
    let second = subscription.recv_envelope().await.unwrap();
    assert_eq!(first.meta.key(), Some(edri_event::Key::of("tea")));
    assert!(first.meta.id().is_some() && second.meta.id().is_some());
    assert_ne!(first.meta.id(), second.meta.id());
}

#[tokio::test]
async fn one_inbox_may_stand_on_several_routes() {
    enum Either {
        Ping(Envelope<Ping>),
        Here,
    }
    impl edri_router::Message for Either {
        fn discard(self, _loss: edri_router::Loss, _office: &edri_router::DeadLetterOffice) {}
    }

    let router = Router::new();
    let (inbox, mut receiver) = Inbox::new(InboxSettings::default());
    let ping = ToInbox::new("both".into(), inbox.clone(), Either::Ping);
    let here = ToInbox::new("both".into(), inbox, |_: Envelope<Here>| Either::Here);
    let _ping = router.attach_subscriber(Arc::new(ping));
    let _here = router.attach_subscriber(Arc::new(here));
    router.notify(Ping(1)).await.unwrap();
    router.notify(Here).await.unwrap();
    router.notify(Ping(2)).priority(Priority::Control).await.unwrap();
    assert!(matches!(receiver.recv().await, Some(Either::Ping(envelope)) if envelope.event.0 == 2));
    assert!(matches!(receiver.recv().await, Some(Either::Ping(envelope)) if envelope.event.0 == 1));
    assert!(matches!(receiver.recv().await, Some(Either::Here)));
}

#[tokio::test]
async fn observers_of_answers_are_no_subscribers_and_no_responders() {
    let router = Router::new();
    let answers = router.responses::<Ask>();
    let error = router.request(Ask(1)).await.unwrap_err();
    assert!(matches!(error, edri_router::RequestError::NoResponder { .. }));
    assert_eq!(answers.len(), 1, "they see that nobody answered");
}
