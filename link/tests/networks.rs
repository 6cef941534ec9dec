//! More than two routers: what goes on over other links, what does not come back, and that each hears everything once.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use edri_event::Failure;
use edri_router::{
    Inbox, InboxSettings, Opening, Receiver, Registration, RequestError, Router, Subscription, ToInbox,
    TunnelError,
};
use proptest::prelude::*;
use support::net::{link, link_apart, settle};
use support::routers::{Ask, Ping, Pipe};

fn heard(subscription: &mut Subscription<Ping>) -> Vec<u64> {
    std::iter::from_fn(|| subscription.try_recv()).map(|ping| ping.0).collect()
}

fn acceptor(router: &Router) -> (Receiver<Opening<Pipe>>, Registration) {
    let (inbox, receiver) = Inbox::new(InboxSettings::default());
    let to = ToInbox::new("acceptor".into(), inbox, std::convert::identity);
    (receiver, router.attach_acceptor(Arc::new(to)))
}

#[tokio::test(start_paused = true)]
async fn a_child_reaches_the_network_through_a_parent_that_knows_none_of_its_events() {
    let [child, parent, peer] = [Router::new(), Router::new(), Router::new()];
    let _links = [link_apart(&child, &parent).await, link(&parent, &peer).await];
    let (mut below, mut beyond) = (child.subscribe::<Ping>(), peer.subscribe::<Ping>());
    let _adder = peer.respond(|ask: Ask| async move {
        if ask.0 == 0 { Err(Failure::new("zero", "nothing")) } else { Ok(ask.0 + 1) }
    });
    let (mut openings, _place) = acceptor(&peer);
    settle().await;

    child.notify(Ping(1)).await.unwrap();
    peer.notify(Ping(2)).await.unwrap();
    settle().await;
    assert_eq!(heard(&mut below), [1, 2]);
    assert_eq!(heard(&mut beyond), [2, 1]);

    assert_eq!(child.request(Ask(6)).await, Ok(7));
    let failed = child.request(Ask(0)).await.unwrap_err();
    assert_eq!(failed.failure().map(Failure::code), Some("zero"));

    let mut opened = child.open(Pipe(1)).await.unwrap();
    let mut accepted = openings.recv().await.unwrap().tunnel;
    for number in 0..1_000 {
        opened.send(number).await.unwrap();
        assert_eq!(accepted.recv().await, Some(Ok(number)));
    }
    accepted.send("well".to_owned()).await.unwrap();
    accepted.abort(Failure::new("full", "no more"));
    assert_eq!(opened.recv().await, Some(Ok("well".to_owned())));
    let Some(Err(TunnelError::Aborted(failure))) = opened.recv().await else { panic!("it goes on") };
    assert_eq!(failure.code(), "full");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_is_cancelled_two_links_away() {
    let [child, parent, peer] = [Router::new(), Router::new(), Router::new()];
    let _links = [link_apart(&child, &parent).await, link(&parent, &peer).await];
    let (inbox, mut asked) = Inbox::<edri_router::Asked<Ask>>::new(InboxSettings::default());
    let to = ToInbox::new("responder".into(), inbox, std::convert::identity);
    let _place = peer.attach_responder(Arc::new(to));
    settle().await;
    let asking = tokio::spawn({
        let child = child.clone();
        async move { child.request(Ask(1)).await }
    });
    let asked = asked.recv().await.unwrap();
    let origin = asked.meta.origin().unwrap();
    assert_eq!((origin.router, origin.hops), (child.id(), 2));
    asking.abort();
    settle().await;
    assert!(asked.reply.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_lost_further_on_says_which_it_was() {
    let [child, parent, peer] = [Router::new(), Router::new(), Router::new()];
    let _below = link_apart(&child, &parent).await;
    let beyond = link(&parent, &peer).await;
    let _never = peer.respond(|_: Ask| std::future::pending());
    let (mut openings, _place) = acceptor(&peer);
    settle().await;
    let mut opened = child.open(Pipe(1)).await.unwrap();
    let _accepted = openings.recv().await.unwrap();
    let asking = tokio::spawn({
        let child = child.clone();
        async move { child.request(Ask(1)).await }
    });
    settle().await;
    drop(beyond);
    let outcome = asking.await.unwrap();
    let Err(RequestError::LinkLost(lost)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(lost.peer, "other", "as the parent calls the peer");
    assert!(matches!(opened.recv().await, Some(Err(TunnelError::Lost { .. } | TunnelError::LinkLost(_)))));
    settle().await;
    assert!(matches!(child.request(Ask(1)).await, Err(RequestError::NoResponder { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_type_may_appear_in_the_middle_while_events_pass() {
    let [child, parent, peer] = [Router::new(), Router::new(), Router::new()];
    let _links = [link_apart(&child, &parent).await, link(&parent, &peer).await];
    let mut beyond = peer.subscribe::<Ping>();
    settle().await;
    let sending = tokio::spawn({
        let child = child.clone();
        async move {
            for number in 0..600 {
                child.notify(Ping(number)).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut middle = parent.subscribe::<Ping>();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let seen = heard(&mut middle);
    drop(middle);
    sending.await.unwrap();
    settle().await;
    assert!(heard(&mut beyond).into_iter().eq(0..600));
    assert!(seen.len() > 100 && seen.iter().zip(&seen[1..]).all(|(one, next)| one + 1 == *next), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn routers_of_one_network_hear_each_other_once_and_pass_nothing_on() {
    let routers = [Router::new(), Router::new(), Router::new()];
    let [a, b, c] = &routers;
    let _links = [link(a, b).await, link(b, c).await, link(c, a).await];
    let mut subscriptions = routers.each_ref().map(Router::subscribe::<Ping>);
    settle().await;
    for (number, router) in routers.iter().enumerate() {
        router.notify(Ping(number as u64)).await.unwrap();
    }
    settle().await;
    for subscription in &mut subscriptions {
        let mut heard = heard(subscription);
        heard.sort_unstable();
        assert_eq!(heard, [0, 1, 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_triangle_through_different_horizons_delivers_once_and_forgets_who_left() {
    let routers = [Router::new(), Router::new(), Router::new()];
    let [a, b, c] = &routers;
    let _links = [link_apart(a, b).await, link_apart(b, c).await, link_apart(c, a).await];
    let mut subscriptions = routers.each_ref().map(Router::subscribe::<Ping>);
    settle().await;
    for round in 0..50 {
        for (number, router) in routers.iter().enumerate() {
            router.notify(Ping(100 * round + number as u64)).await.unwrap();
        }
    }
    settle().await;
    for subscription in &mut subscriptions {
        let mut heard = heard(subscription);
        heard.sort_unstable();
        assert!(
            heard.into_iter().eq((0..50).flat_map(|round| (0..3).map(move |number| 100 * round + number)))
        );
    }
    let lost = routers.each_ref().map(|router| router.snapshot().dead_letters.total());
    assert_eq!(lost, [0; 3]);
    drop(subscriptions);
    settle().await;
    for router in &routers {
        assert!(!router.has_subscribers::<Ping>(), "somebody is still believed to listen");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is linked with whatever, each link apart from all others: whoever can be reached hears everything once and
    /// in order, and nobody hears what he said himself a second time.
    #[test]
    fn in_any_network_everybody_hears_everything_once(
        count in 2..6_usize,
        pairs in prop::collection::btree_set((0..6_usize, 0..6_usize), 1..9),
    ) {
        let pairs: Vec<_> =
            pairs.into_iter().map(|(one, other)| (one % count, other % count)).filter(|(one, other)| one < other).collect();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let routers: Vec<_> = (0..count).map(|_| Router::new()).collect();
            let mut links = Vec::new();
            for (one, other) in &pairs {
                links.push(link_apart(&routers[*one], &routers[*other]).await);
            }
            let mut subscriptions: Vec<_> = routers.iter().map(Router::subscribe::<Ping>).collect();
            settle().await;
            for round in 0..20 {
                for (number, router) in routers.iter().enumerate() {
                    router.notify(Ping(100 * number as u64 + round)).await.unwrap();
                }
                if round % 7 == 3 {
                    settle().await;
                }
            }
            settle().await;
            for (number, subscription) in subscriptions.iter_mut().enumerate() {
                let heard = heard(subscription);
                for other in 0..count {
                    let of: Vec<_> = heard.iter().copied().filter(|ping| ping / 100 == other as u64).collect();
                    let rounds = if reaches(&pairs, count, number, other) { 20 } else { 0 };
                    let expected = (0..rounds).map(|round| 100 * other as u64 + round);
                    assert!(of.iter().copied().eq(expected), "{number} heard {of:?} of {other} over {pairs:?}");
                }
            }
        });
    }
}

fn reaches(pairs: &[(usize, usize)], count: usize, from: usize, to: usize) -> bool {
    let mut reached = vec![false; count];
    reached[from] = true;
    for _ in 0..count {
        for &(one, other) in pairs {
            let either = reached[one] || reached[other];
            (reached[one], reached[other]) = (either, either);
        }
    }
    reached[to]
}
