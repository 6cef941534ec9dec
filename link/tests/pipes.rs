//! Tunnels between routers, and links over Unix sockets.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use edri_event::{Event as _, Failure};
use edri_link::Closed;
use edri_link::memory::Conditions;
use edri_router::{
    Inbox, InboxSettings, OpenError, Opening, Receiver, Registration, Router, ToInbox, TunnelError,
};
use proptest::prelude::*;
use support::routers::{Ask, Blob, Ping, Pipe, Routers, link_over, linked, until};
use tokio::net::UnixStream;

const SECOND: Duration = Duration::from_secs(1);

fn acceptor(router: &Router) -> (Receiver<Opening<Pipe>>, Registration) {
    let (inbox, receiver) = Inbox::new(InboxSettings::default());
    let to = ToInbox::new("acceptor".into(), inbox, std::convert::identity);
    (receiver, router.attach_acceptor(Arc::new(to)))
}

fn slow() -> Conditions {
    let mut conditions = Conditions::default();
    conditions.latency = Duration::from_millis(2);
    conditions.pieces = vec![1, 50, 100_000];
    conditions
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_carries_items_both_ways_and_each_direction_ends_on_its_own() {
    let Routers { left, right, links: _links } = linked(slow()).await;
    let (mut openings, _place) = acceptor(&right);
    until(|| left.has_acceptors::<Pipe>()).await;
    let mut opened = left.open(Pipe(7)).await.unwrap();
    let opening = openings.recv().await.unwrap();
    assert_eq!(opening.event, Pipe(7));
    let mut accepted = opening.tunnel;
    let echo = tokio::spawn(async move {
        while let Some(item) = accepted.recv().await {
            accepted.send(item.unwrap().to_string()).await.unwrap();
        }
        accepted.send("done".to_owned()).await.unwrap();
        accepted.finish();
        assert!(accepted.recv().await.is_none());
    });
    let (mut sender, mut receiver) = {
        for number in 0..10 {
            opened.send(number).await.unwrap();
        }
        opened.split()
    };
    let sending = tokio::spawn(async move {
        for number in 10..1_000 {
            sender.send(number).await.unwrap();
        }
        sender.finish();
    });
    for number in 0..1_000 {
        assert_eq!(receiver.recv().await.unwrap().unwrap(), number.to_string());
    }
    assert_eq!(receiver.recv().await.unwrap().unwrap(), "done");
    assert!(receiver.recv().await.is_none());
    sending.await.unwrap();
    echo.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_nobody_accepts_is_refused_with_the_reason() {
    let Routers { left, right, links } = linked(slow()).await;
    let (_openings, place) = acceptor(&right);
    until(|| left.has_acceptors::<Pipe>()).await;
    // What is on its way then is refused.
    drop(place);
    let mut opened = left.open(Pipe(1)).await.unwrap();
    let Some(Err(TunnelError::Aborted(failure))) = opened.recv().await else { panic!("it was accepted") };
    assert_eq!(failure.code(), "no acceptor");
    assert!(opened.send(1).await.is_err());
    drop(links);
    tokio::time::sleep(SECOND).await;
    assert!(matches!(left.open(Pipe(1)).await, Err(OpenError::NoAcceptor { .. })));
}

#[tokio::test(start_paused = true)]
async fn aborting_dropping_and_losing_the_link_show_at_the_other_end() {
    let Routers { left, right, links } = linked(slow()).await;
    let (mut openings, _place) = acceptor(&right);
    until(|| left.has_acceptors::<Pipe>()).await;
    let mut pipe = async || {
        let opened = left.open(Pipe(1)).await.unwrap();
        (opened, openings.recv().await.unwrap().tunnel)
    };

    let (opened, mut accepted) = pipe().await;
    let failure = Failure::new("broken", "the file is broken");
    opened.abort(failure.clone());
    assert_eq!(accepted.recv().await, Some(Err(TunnelError::Aborted(failure.clone()))));

    let (mut opened, accepted) = pipe().await;
    accepted.abort(failure.clone());
    assert_eq!(opened.recv().await, Some(Err(TunnelError::Aborted(failure))));
    tokio::time::sleep(SECOND).await;
    assert!(opened.send(1).await.is_err());

    let (mut opened, accepted) = pipe().await;
    drop(accepted);
    assert!(matches!(opened.recv().await, Some(Err(TunnelError::Lost { .. }))));

    let (mut opened, mut accepted) = pipe().await;
    drop(links);
    assert!(matches!(opened.recv().await, Some(Err(TunnelError::LinkLost { .. }))));
    assert!(matches!(accepted.recv().await, Some(Err(TunnelError::LinkLost { .. }))));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_does_not_receive_stops_its_sender_within_the_windows() {
    let Routers { left, right, links: _links } = linked(Conditions::default()).await;
    let (mut openings, _place) = acceptor(&right);
    until(|| left.has_acceptors::<Pipe>()).await;
    let mut opened = left.open(Pipe(1)).await.unwrap();
    let mut accepted = openings.recv().await.unwrap().tunnel;
    let mut sent = 0;
    while tokio::time::timeout(SECOND, opened.send(sent)).await.is_ok() {
        sent += 1;
        assert!(sent < 10_000, "nothing stops it");
    }
    // Meanwhile other tunnels and requests go on.
    let _adder = right.respond(|ask: Ask| async move { Ok(ask.0) });
    until(|| left.has_responders::<Ask>()).await;
    assert_eq!(left.request(Ask(3)).await, Ok(3));
    let mut other = left.open(Pipe(2)).await.unwrap();
    other.send(9).await.unwrap();
    let mut second = openings.recv().await.unwrap().tunnel;
    assert_eq!(second.recv().await, Some(Ok(9)));
    for number in 0..sent {
        assert_eq!(accepted.recv().await, Some(Ok(number)));
    }
}

#[tokio::test]
async fn everything_goes_over_a_unix_socket() {
    let (near, far) = UnixStream::pair().unwrap();
    let ends = [(Router::new(), near), (Router::new(), far)];
    let Routers { left, right, links } = link_over(ends, |_| {}).await;
    let mut blobs = left.subscribe::<Blob>();
    let mut pings = right.subscribe_with::<Ping>(InboxSettings::with_capacity(64));
    let _adder = right.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    until(|| right.has_subscribers::<Blob>()).await;
    until(|| left.has_subscribers::<Ping>()).await;
    until(|| left.has_responders::<Ask>()).await;
    let publishing = tokio::spawn({
        let (left, right) = (left.clone(), right.clone());
        async move {
            right.notify(Blob(vec![7; 2_000_000])).await.unwrap();
            for number in 0..20_000 {
                left.notify(Ping(number)).await.unwrap();
            }
        }
    });
    for number in 0..20_000 {
        assert_eq!(pings.recv().await.unwrap().0, number);
        if number % 1_000 == 0 {
            assert_eq!(left.request(Ask(number)).await, Ok(number + 1));
        }
    }
    publishing.await.unwrap();
    assert_eq!(blobs.recv().await.unwrap().0.len(), 2_000_000);
    links[1].close();
    assert_eq!(links[0].closed().await, Closed::Orderly);
    assert_eq!(links[1].closed().await, Closed::Orderly);
}

#[tokio::test]
async fn a_socket_whose_peer_is_gone_ends_the_link() {
    let (near, far) = UnixStream::pair().unwrap();
    let router = Router::new();
    let settings = support::routers::settings_of(&router, "left");
    let link = edri_link::Link::start(&router, near, edri_link::End::Accepting, settings);
    drop(far);
    let closed = link.opened().await.unwrap_err();
    assert!(matches!(closed, Closed::Lost { .. }), "{closed}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever the connection is like, and however both sides mix what they send.
    #[test]
    fn what_two_routers_say_to_each_other_arrives_once_in_order_and_is_answered(
        latency in 0..20_u64,
        pieces in prop::collection::vec(prop_oneof![1..30_usize, 1_000..100_000_usize], 0..5),
        capacity in 16..100_000_usize,
        inbox in 1..20_usize,
        window in 1..20_000_u32,
        says in prop::collection::vec((0..2_usize, 0..4_u8), 1..150),
    ) {
        let mut conditions = Conditions::default();
        conditions.latency = Duration::from_millis(latency);
        conditions.pieces = pieces;
        conditions.capacity = capacity;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async move {
            let (near, far) = edri_link::memory::pair(conditions);
            let ends = [(Router::new(), near), (Router::new(), far)];
            let routers = link_over(ends, |settings| {
                settings.limits.window = window;
                settings.inbox = InboxSettings::with_capacity(inbox);
            })
            .await;
            let sides = [routers.left, routers.right];
            let mut heard = sides.each_ref().map(|router| router.subscribe_with::<Ping>(
                InboxSettings::with_capacity(inbox),
            ));
            let _adders = sides.each_ref().map(|router| {
                router.respond(|ask: Ask| async move {
                    tokio::time::sleep(Duration::from_millis(ask.0 % 7)).await;
                    Ok(ask.0 + 1)
                })
            });
            for router in &sides {
                let registered = |name: &str| {
                    let routes = router.snapshot().routes;
                    routes.iter().find(|route| route.event == name).map_or(0, |route| route.registered)
                };
                until(|| registered(Ping::name()) == 2 && registered(Ask::name()) == 2).await;
            }
            let total = says.iter().filter(|(_, what)| *what < 3).count();
            let readers = heard.each_mut().map(|heard| async move {
                let mut got = Vec::new();
                while got.len() < total {
                    got.push(heard.recv().await.unwrap().0);
                }
                got
            });
            let saying = [0, 1].map(|side| {
                let (router, says) = (&sides[side], &says);
                async move {
                    for (number, (who, what)) in says.iter().enumerate() {
                        let number = number as u64;
                        match what {
                            _ if *who != side => {}
                            0..3 => drop(router.notify(Ping(number)).await.unwrap()),
                            _ => assert_eq!(router.request(Ask(number)).await, Ok(number + 1)),
                        }
                    }
                }
            });
            let [first, second] = readers;
            let [one, other] = saying;
            let all = async { tokio::join!(one, other, first, second) };
            let (_, _, first, second) = tokio::time::timeout(SECOND * 3_600, all).await.expect("it stalls");
            for got in [first, second] {
                for side in [0, 1] {
                    let says = says.iter().enumerate().filter(|(_, (who, what))| *who == side && *what < 3);
                    let expected: Vec<_> = says.map(|(number, _)| number as u64).collect();
                    let of_side: Vec<_> = got.iter().copied().filter(|number| expected.contains(number)).collect();
                    assert_eq!(of_side, expected);
                }
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_responder_may_notify_across_the_link_before_it_answers() {
    let Routers { left, right, links: _links } = linked(slow()).await;
    let (inbox, mut asked) = Inbox::<edri_router::Asked<Ask>>::new(InboxSettings::default());
    let to = ToInbox::new("right".into(), inbox, std::convert::identity);
    let _place = right.attach_responder(Arc::new(to));
    let mut heard = left.subscribe::<Ping>();
    until(|| left.has_responders::<Ask>()).await;
    until(|| right.has_subscribers::<Ping>()).await;
    tokio::spawn(async move {
        while let Some(question) = asked.recv().await {
            right.notify(Ping(question.event.0)).await.unwrap();
            question.reply.answer(Ok(question.event.0 + 1));
        }
    });
    for number in 0..20 {
        assert_eq!(left.request(Ask(number)).await, Ok(number + 1));
        assert_eq!(heard.recv().await.unwrap().0, number);
    }
}
