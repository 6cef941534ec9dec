//! What users of the Python original rely on, in the sense it has here. The names say which, by their number in the list of
//! behaviours.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::sync::Arc;

use edri_event::{Event as _, Notification, Retention};
use edri_router::{
    Asked, Envelope, Inbox, InboxSettings, Receiver, Registration, Replay, RequestError, Router, ToInbox,
};
use serde::{Deserialize, Serialize};
use support::net::{link, link_apart, settle};
use support::routers::{Ask, Local, Ping};

#[derive(Notification, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[notification(shareable)]
struct Other(u64);

fn subscriber(router: &Router) -> (Receiver<Envelope<Ping>>, Registration) {
    let (inbox, receiver) = Inbox::new(InboxSettings::default());
    (receiver, router.attach_subscriber(Arc::new(ToInbox::new("it".into(), inbox, std::convert::identity))))
}

fn responder(router: &Router) -> (Receiver<Asked<Ask>>, Registration) {
    let (inbox, receiver) = Inbox::new(InboxSettings::default());
    (receiver, router.attach_responder(Arc::new(ToInbox::new("it".into(), inbox, std::convert::identity))))
}

async fn two() -> (Router, Router, [edri_link::Link; 2]) {
    let (a, b) = (Router::new(), Router::new());
    let links = link(&a, &b).await;
    (a, b, links)
}

#[tokio::test(start_paused = true)]
async fn b05_b06_a_shareable_event_has_an_identity_of_its_own_that_is_the_same_everywhere() {
    let (a, b, _links) = two().await;
    let ((mut here, _h), (mut there, _t)) = (subscriber(&a), subscriber(&b));
    settle().await;
    a.notify(Ping(1)).await.unwrap();
    a.notify(Ping(1)).await.unwrap();
    settle().await;
    let mut pairs = Vec::new();
    while let (Some(here), Some(there)) = (here.try_recv(), there.try_recv()) {
        assert_eq!((*here.event).clone(), *there.event);
        assert_eq!(here.meta.id(), there.meta.id());
        assert_eq!(
            (here.meta.origin(), there.meta.origin().map(|origin| origin.router)),
            (None, Some(a.id()))
        );
        pairs.push(here.meta.id().unwrap());
    }
    assert!(pairs.len() == 2 && pairs[0] != pairs[1]);
}

#[tokio::test(start_paused = true)]
async fn b07_an_event_that_is_not_shareable_has_no_identity_and_does_not_leave() {
    let (a, b, _links) = two().await;
    let (inbox, mut here) = Inbox::<Envelope<Local>>::new(InboxSettings::default());
    let _place = a.attach_subscriber(Arc::new(ToInbox::new("it".into(), inbox, std::convert::identity)));
    let mut there = b.subscribe::<Local>();
    settle().await;
    a.notify(Local).await.unwrap();
    settle().await;
    assert!(here.try_recv().unwrap().meta.id().is_none() && there.try_recv().is_none());
}

#[tokio::test(start_paused = true)]
async fn b08_what_is_answered_to_a_request_that_came_keeps_its_identity_and_what_follows_is_ones_own() {
    let (a, b, _links) = two().await;
    let (mut asked, _place) = responder(&b);
    let (mut heard, _heard) = subscriber(&a);
    settle().await;
    let asking = tokio::spawn({
        let a = a.clone();
        async move { a.request(Ask(1)).await }
    });
    let question = asked.recv().await.unwrap();
    assert_eq!(question.meta.origin().map(|origin| origin.router), Some(a.id()));
    assert!(question.meta.id().is_some());
    b.notify(Ping(1)).await.unwrap();
    question.reply.answer(Ok(2));
    assert_eq!(asking.await.unwrap(), Ok(2));
    settle().await;
    assert_eq!(heard.try_recv().unwrap().meta.origin().map(|origin| origin.router), Some(b.id()));
}

#[tokio::test(start_paused = true)]
async fn b28_what_is_retained_says_which_router_sent_it() {
    let routers = [Router::new(), Router::new(), Router::new()];
    let [a, b, c] = &routers;
    let _links = [link(a, b).await, link(b, c).await, link(c, a).await];
    a.retain::<Ping>(Retention::last(10));
    let (_live, _place) = subscriber(a);
    settle().await;
    for (number, router) in (0_u64..).zip([b, c, a, b]) {
        router.notify(Ping(number)).await.unwrap();
        settle().await;
    }
    assert_eq!(a.retained::<Ping>().events, 4);
    let (inbox, mut late) = Inbox::<Envelope<Ping>>::new(InboxSettings::default());
    let to = ToInbox::new("late".into(), inbox, std::convert::identity);
    let _late = a.attach_subscriber_from(Arc::new(to), Replay::All);
    let numbers: Vec<_> = std::iter::from_fn(|| late.try_recv()).map(|envelope| envelope.event.0).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn b31_what_a_router_consumes_is_told_when_they_are_linked_and_what_it_merely_sends_is_not() {
    let (a, b) = (Router::new(), Router::new());
    let _ping = a.subscribe::<Ping>();
    let _local = a.subscribe::<Local>();
    let _adder = a.respond(|ask: Ask| async move { Ok(ask.0) });
    a.notify(Other(1)).await.unwrap();
    let _links = link(&a, &b).await;
    assert!(b.has_subscribers::<Ping>() && b.has_responders::<Ask>());
    assert!(!b.has_subscribers::<Other>() && !b.has_subscribers::<Local>());
}

#[tokio::test(start_paused = true)]
async fn b32_b35_what_is_wanted_elsewhere_is_sent_there_and_handled() {
    let (a, b, _links) = two().await;
    let mut there = b.subscribe::<Ping>();
    settle().await;
    assert_eq!(a.notify(Ping(7)).await.unwrap().accepted, 1);
    assert_eq!(a.notify(Other(7)).await.unwrap().accepted, 0);
    assert_eq!(there.recv().await.map(|ping| ping.0), Some(7));
}

#[tokio::test(start_paused = true)]
async fn b33_what_came_from_a_network_is_routed_here_and_not_sent_back() {
    let routers = [Router::new(), Router::new(), Router::new()];
    let [a, b, c] = &routers;
    let _links = [link(a, b).await, link(b, c).await, link_apart(c, a).await];
    let mut subscriptions = routers.each_ref().map(Router::subscribe::<Ping>);
    settle().await;
    a.notify(Ping(1)).await.unwrap();
    settle().await;
    for subscription in &mut subscriptions {
        assert_eq!(std::iter::from_fn(|| subscription.try_recv()).count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn b34_one_that_comes_late_gets_from_the_past_what_came_here_while_it_was_away() {
    let (a, b, _links) = two().await;
    b.retain::<Ping>(Retention::last(100));
    let first = b.subscribe::<Ping>();
    settle().await;
    for number in 0..10 {
        a.notify(Ping(number)).await.unwrap();
        a.notify(Other(number)).await.unwrap();
    }
    settle().await;
    let mut last = b.subscribe::<Ping>().from(Replay::Last(3));
    assert!(std::iter::from_fn(|| last.try_recv()).map(|ping| ping.0).eq(7..10));
    let mut all = b.subscribe::<Ping>().from(Replay::All);
    assert!(std::iter::from_fn(|| all.try_recv()).map(|ping| ping.0).eq(0..10));
    drop(first);
    assert_eq!(b.retained::<Other>().events, 0, "nobody wanted it here");
}

#[tokio::test(start_paused = true)]
async fn b38_a_request_over_the_network_gets_its_answer_exactly_once() {
    let routers = [Router::new(), Router::new(), Router::new()];
    let [a, b, c] = &routers;
    let _links = [link(a, b).await, link(b, c).await, link(c, a).await];
    let _responders = [b, c].map(|router| router.respond(|ask: Ask| async move { Ok(ask.0 + 1) }));
    let mut answers = a.responses::<Ask>();
    settle().await;
    for number in 0..50 {
        assert_eq!(a.request(Ask(number)).await, Ok(number + 1));
    }
    settle().await;
    assert!(std::iter::from_fn(|| answers.try_recv()).map(|answer| answer.request.0).eq(0..50));
}

#[tokio::test(start_paused = true)]
async fn b41_a_router_that_joins_before_another_says_what_it_wants_works_when_that_does() {
    let (a, b, _links) = two().await;
    assert_eq!(a.request(Ask(1)).await, Err(RequestError::NoResponder { event: Ask::name() }));
    a.notify(Ping(1)).await.unwrap();
    let mut there = b.subscribe::<Ping>();
    let _adder = b.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    settle().await;
    assert_eq!(a.request(Ask(1)).await, Ok(2));
    a.notify(Ping(2)).await.unwrap();
    settle().await;
    assert_eq!(there.try_recv().map(|ping| ping.0), Some(2));
    assert!(there.try_recv().is_none());
}
