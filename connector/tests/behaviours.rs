//! What users of the Python original rely on, in the sense it has here, between routers that connectors have joined: directly, and
//! by a switch. The names say which, by their number in the list of behaviours.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use edri_connector::Connector;
use edri_event::Meta;
use edri_router::{
    Asked, Envelope, Inbox, InboxSettings, Receiver, Registration, Replay, RequestError, Router, ToInbox,
};
use support::routers::{
    Ask, Joined, Kept, LONG, Local, Net, Other, Ping, Pipe, Topology, rest, subscribed, switch_again, until,
};
use tokio::time::timeout;

/// The same test in both topologies.
macro_rules! both {
    ($($(#[$about:meta])* async fn $name:ident($topology:ident: Topology) $body:block)*) => {
        $(
            $(#[$about])*
            mod $name {
                use super::*;

                async fn test($topology: Topology) $body

                #[tokio::test]
                async fn directly() {
                    timeout(LONG, test(Topology::Direct)).await.unwrap();
                }

                #[tokio::test]
                async fn by_a_switch() {
                    timeout(LONG, test(Topology::Switch)).await.unwrap();
                }
            }
        )*
    };
}

fn subscriber(router: &Router) -> (Receiver<Envelope<Ping>>, Registration) {
    let (inbox, receiver) = Inbox::new(InboxSettings::with_capacity(4096));
    (receiver, router.attach_subscriber(Arc::new(ToInbox::new("it".into(), inbox, std::convert::identity))))
}

fn responder(router: &Router) -> (Receiver<Asked<Ask>>, Registration) {
    let (inbox, receiver) = Inbox::new(InboxSettings::default());
    (receiver, router.attach_responder(Arc::new(ToInbox::new("it".into(), inbox, std::convert::identity))))
}

/// Asked before anything is counted.
const PROBE: u64 = 1_000;

/// What came, in order.
async fn pings(receiver: &mut Receiver<Envelope<Ping>>, count: usize) -> Vec<(u64, Meta)> {
    let mut came = Vec::new();
    while came.len() < count {
        let envelope = receiver.recv().await.unwrap();
        came.push((envelope.event.0, envelope.meta));
    }
    came
}

both! {
    async fn b05_b06_a_shareable_event_has_an_identity_of_its_own_that_is_the_same_everywhere(topology: Topology) {
        let net = Net::of(topology, 3).await;
        let a = net.router(0);
        let ((mut here, _h), (mut there, _t), (mut other, _o)) =
            (subscriber(&a), subscriber(&net.router(1)), subscriber(&net.router(2)));
        subscribed::<Ping>(&a, 3).await;
        a.notify(Ping(1)).await.unwrap();
        a.notify(Ping(1)).await.unwrap();
        let here = pings(&mut here, 2).await;
        for there in [pings(&mut there, 2).await, pings(&mut other, 2).await] {
            for (here, there) in here.iter().zip(&there) {
                assert!(here.1.id().is_some() && here.1.id() == there.1.id());
                assert_eq!((here.1.origin(), there.1.origin().map(|origin| origin.router)), (None, Some(a.id())));
            }
            assert_ne!(there[0].1.id(), there[1].1.id());
        }
    }

    async fn b07_an_event_that_is_not_shareable_does_not_leave(topology: Topology) {
        let net = Net::of(topology, 2).await;
        let (mut here, mut there) = (net.router(0).subscribe::<Local>(), net.router(1).subscribe::<Local>());
        rest().await;
        net.router(0).notify(Local).await.unwrap();
        rest().await;
        assert!(here.try_recv().is_some() && there.try_recv().is_none());
    }

    async fn b08_an_answer_keeps_the_requests_identity_and_what_follows_is_ones_own(topology: Topology) {
        let net = Net::of(topology, 2).await;
        let (a, b) = (net.router(0), net.router(1));
        let ((mut asked, _place), (mut heard, _heard)) = (responder(&b), subscriber(&a));
        until(|| a.has_responders::<Ask>() && b.has_subscribers::<Ping>()).await;
        let asking = tokio::spawn({
            let a = a.clone();
            async move { a.request(Ask(1)).await }
        });
        let Asked { event, meta, reply, .. } = asked.recv().await.unwrap();
        assert_eq!(meta.origin().map(|origin| origin.router), Some(a.id()));
        b.notify(Ping(7)).await.unwrap();
        reply.answer(Ok(event.0 + 1));
        assert_eq!(asking.await.unwrap(), Ok(2));
        let (_, follows) = pings(&mut heard, 1).await.remove(0);
        assert!(follows.id() != meta.id() && follows.origin().unwrap().router == b.id());
    }

    async fn b28_b29_what_is_retained_says_who_sent_it_and_is_given_in_order(topology: Topology) {
        let net = Net::of(topology, 3).await;
        let (a, b, c) = (net.router(0), net.router(1), net.router(2));
        let mut live = c.subscribe::<Kept>();
        until(|| a.has_subscribers::<Kept>() && b.has_subscribers::<Kept>()).await;
        for number in 0..10 {
            a.notify(Kept(number)).await.unwrap();
            b.notify(Kept(100 + number)).await.unwrap();
        }
        for _ in 0..20 {
            live.recv().await.unwrap();
        }
        let mut late = c.subscription::<Kept>().from(Replay::All).start();
        let mut of_each = [Vec::new(), Vec::new()];
        for _ in 0..20 {
            let kept = late.recv().await.unwrap();
            of_each[usize::from(kept.0 >= 100)].push(kept.0 % 100);
        }
        assert!(of_each.iter().all(|of_one| of_one.iter().copied().eq(0..10)), "{of_each:?}");
        assert!(late.try_recv().is_none());
    }

    async fn b31_what_is_consumed_is_told_and_what_is_merely_sent_is_not(topology: Topology) {
        let net = Net::of(topology, 2).await;
        let (a, b) = (net.router(0), net.router(1));
        let _wanted = a.subscribe::<Ping>();
        b.notify(Other(1)).await.unwrap();
        until(|| b.has_subscribers::<Ping>()).await;
        rest().await;
        assert!(!a.has_subscribers::<Other>() && !b.has_subscribers::<Other>());
    }

    async fn b32_b35_what_is_wanted_elsewhere_is_sent_there_and_handled_and_withdrawn_is_sent_no_more(topology: Topology) {
        let net = Net::of(topology, 2).await;
        let (a, b) = (net.router(0), net.router(1));
        let mut there = b.subscribe::<Ping>();
        until(|| a.has_subscribers::<Ping>()).await;
        for number in 0..100 {
            a.notify(Ping(number)).await.unwrap();
        }
        for number in 0..100 {
            assert_eq!(there.recv().await.unwrap().0, number);
        }
        drop(there);
        until(|| !a.has_subscribers::<Ping>()).await;
    }

    async fn b33_what_came_from_a_network_is_routed_here_and_not_sent_back(topology: Topology) {
        let net = Net::of(topology, 3).await;
        let mut all: Vec<_> = (0..3).map(|index| net.router(index).subscribe::<Ping>()).collect();
        let a = net.router(0);
        subscribed::<Ping>(&a, 3).await;
        a.notify(Ping(5)).await.unwrap();
        for pings in &mut all {
            assert_eq!(pings.recv().await.unwrap().0, 5);
        }
        rest().await;
        assert!(all.iter_mut().all(|pings| pings.try_recv().is_none()));
    }

    async fn b38_a_request_gets_its_answer_exactly_once_and_so_do_observers_everywhere(topology: Topology) {
        let net = Net::of(topology, 3).await;
        let (a, b, c) = (net.router(0), net.router(1), net.router(2));
        let _adder = b.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
        let mut observed = c.responses::<Ask>();
        until(|| a.has_responders::<Ask>()).await;
        // That somebody observes is known a moment later.
        while observed.try_recv().is_none() {
            a.request(Ask(PROBE)).await.unwrap();
            tokio::task::yield_now().await;
        }
        for number in 0..50 {
            assert_eq!(a.request(Ask(number)).await, Ok(number + 1));
        }
        let mut number = 0;
        while number < 50 {
            let answer = observed.recv().await.unwrap();
            if answer.request.0 != PROBE {
                assert_eq!((answer.request.0, answer.outcome.clone()), (number, Ok(number + 1)));
                number += 1;
            }
        }
        rest().await;
        assert!(observed.try_recv().is_none());
    }

    async fn b39_a_third_that_joins_and_leaves_disturbs_nobody_and_hears_nothing_twice(topology: Topology) {
        let mut net = Net::of(topology, 3).await;
        let (a, b, c) = (net.router(0), net.router(1), net.router(2));
        let ((mut there, _t), (mut third, _o)) = (subscriber(&b), subscriber(&c));
        subscribed::<Ping>(&a, 2).await;
        for number in 0..50 {
            a.notify(Ping(number)).await.unwrap();
        }
        let numbers = |came: Vec<(u64, Meta)>| came.into_iter().map(|(number, _)| number).collect::<Vec<_>>();
        assert!(numbers(pings(&mut third, 50).await).into_iter().eq(0..50));
        let leaves = net.routers.pop().unwrap();
        leaves.leave().await;
        subscribed::<Ping>(&a, 1).await;
        for number in 50..60 {
            a.notify(Ping(number)).await.unwrap();
        }
        assert!(numbers(pings(&mut there, 60).await).into_iter().eq(0..60));
        rest().await;
        assert!(there.try_recv().is_none() && third.try_recv().is_none());
    }

    async fn b41_a_router_that_joins_before_another_says_what_it_wants_works_when_that_does(topology: Topology) {
        let net = Net::of(topology, 2).await;
        let (a, b) = (net.router(0), net.router(1));
        assert!(matches!(a.request(Ask(1)).await, Err(RequestError::NoResponder { .. })));
        let _adder = b.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
        let mut pings = b.subscribe::<Ping>();
        until(|| a.has_responders::<Ask>() && a.has_subscribers::<Ping>()).await;
        assert_eq!(a.request(Ask(1)).await, Ok(2));
        a.notify(Ping(1)).await.unwrap();
        assert_eq!(pings.recv().await.unwrap().0, 1);
    }

    async fn b54_an_answer_goes_to_whoever_asked_and_to_nobody_else(topology: Topology) {
        let net = Net::of(topology, 3).await;
        let _adder = net.router(2).respond(|ask: Ask| async move { Ok(ask.0 * 2) });
        let asking: Vec<_> = (0..2)
            .map(|index| {
                let router = net.router(index);
                tokio::spawn(async move {
                    until(|| router.has_responders::<Ask>()).await;
                    for number in 0..50 {
                        let number = 1000 * index as u64 + number;
                        assert_eq!(router.request(Ask(number)).await, Ok(2 * number));
                    }
                })
            })
            .collect();
        for asks in asking {
            asks.await.unwrap();
        }
    }

    async fn tunnels_go_both_ways_and_end_in_order(topology: Topology) {
        let net = Net::of(topology, 2).await;
        let (a, b) = (net.router(0), net.router(1));
        let (inbox, mut opened) = Inbox::<edri_router::Opening<Pipe>>::new(InboxSettings::default());
        let _place = b.attach_acceptor(Arc::new(ToInbox::new("it".into(), inbox, std::convert::identity)));
        until(|| a.has_acceptors::<Pipe>()).await;
        let opening = tokio::spawn(async move { a.open(Pipe(3)).await.unwrap() });
        let mut there = opened.recv().await.unwrap().tunnel;
        let mut here = opening.await.unwrap();
        let saying = tokio::spawn(async move {
            for number in 0..1000 {
                here.send(number).await.unwrap();
            }
            here.finish();
            let last = here.recv().await.unwrap().unwrap();
            (last, here.recv().await.is_none())
        });
        let mut sum = 0;
        while let Some(number) = there.recv().await {
            sum += number.unwrap();
        }
        there.send(sum.to_string()).await.unwrap();
        there.finish();
        assert_eq!(saying.await.unwrap(), ("499500".to_owned(), true));
    }

    async fn who_gives_up_a_request_has_it_given_up_there_and_deadlines_go_along(topology: Topology) {
        let net = Net::of(topology, 2).await;
        let (a, b) = (net.router(0), net.router(1));
        let (mut asked, _place) = responder(&b);
        until(|| a.has_responders::<Ask>()).await;
        let asking = tokio::spawn({
            let a = a.clone();
            async move { a.request(Ask(1)).timeout(Duration::from_secs(20)).await }
        });
        let request = asked.recv().await.unwrap();
        assert!(request.meta.deadline().is_some());
        asking.abort();
        until(|| request.reply.is_cancelled()).await;
        let late = a.request(Ask(2)).timeout(Duration::from_millis(50)).await;
        assert!(matches!(late, Err(RequestError::TimedOut { .. })), "{late:?}");
    }

    async fn the_members_of_a_group_share_the_work_wherever_they_are(topology: Topology) {
        let net = Net::of(topology, 3).await;
        let mut members: Vec<_> =
            (0..3).map(|index| net.router(index).subscription::<Ping>().group("work").start()).collect();
        let a = net.router(0);
        until(|| a.has_subscribers::<Ping>()).await;
        let (mut shares, mut sent) = ([const { Vec::new() }; 3], 0);
        let mut look = |shares: &mut [Vec<u64>; 3]| {
            for (member, share) in members.iter_mut().zip(shares) {
                share.extend(std::iter::from_fn(|| member.try_recv()).map(|ping| ping.0));
            }
        };
        // It is in turn as soon as all are known.
        while sent < 90 || shares.iter().any(Vec::is_empty) {
            a.notify(Ping(sent)).await.unwrap();
            sent += 1;
            look(&mut shares);
            tokio::task::yield_now().await;
        }
        until(|| {
            look(&mut shares);
            shares.iter().map(Vec::len).sum::<usize>() as u64 >= sent
        })
        .await;
        rest().await;
        look(&mut shares);
        let mut all = shares.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..sent));
    }
}

/// Kills the switch and says something meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b36_what_is_sent_while_the_switch_is_dead_arrives_when_it_is_back_without_being_sent_again() {
    let mut net = Net::of(Topology::Switch, 2).await;
    let (a, b) = (net.router(0), net.router(1));
    let mut there = b.subscribe::<Ping>();
    let _adder = b.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    until(|| a.has_subscribers::<Ping>() && a.has_responders::<Ask>()).await;
    let switch = net.switch.take().unwrap();
    let address = switch.addresses()[0];
    switch.kill();
    until(|| net.routers[0].connections.trouble().is_some()).await;
    for number in 0..200 {
        a.notify(Ping(number)).await.unwrap();
    }
    let asking = tokio::spawn({
        let a = a.clone();
        async move { a.request(Ask(1)).await }
    });
    rest().await;
    assert!(there.try_recv().is_none());
    let _switch = switch_again(address).await;
    for number in 0..200 {
        assert_eq!(timeout(LONG, there.recv()).await.unwrap().unwrap().0, number);
    }
    assert_eq!(timeout(LONG, asking).await.unwrap().unwrap(), Ok(2));
    rest().await;
    assert!(there.try_recv().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b37_traffic_goes_on_through_outages_once_and_in_order() {
    let mut net = Net::of(Topology::Switch, 3).await;
    let (a, b) = (net.router(0), net.router(1));
    let mut there = [net.router(1), net.router(2)].map(|router| router.subscribe::<Ping>());
    let _adder = b.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    until(|| a.has_responders::<Ask>()).await;
    subscribed::<Ping>(&a, 2).await;
    const COUNT: u64 = 20_000;
    let saying = tokio::spawn({
        let a = a.clone();
        async move {
            for number in 0..COUNT {
                a.notify(Ping(number)).await.unwrap();
                if number % 100 == 0 {
                    assert_eq!(a.request(Ask(number)).await, Ok(number + 1));
                }
            }
        }
    });
    let mut switch = net.switch.take().unwrap();
    let address = switch.addresses()[0];
    for number in 0..COUNT {
        for subscriber in &mut there {
            let ping = timeout(LONG, subscriber.recv()).await.unwrap().unwrap();
            assert_eq!(ping.0, number);
        }
        if number % 4_000 == 2_000 {
            switch.kill();
            switch = switch_again(address).await;
        }
    }
    timeout(LONG, saying).await.unwrap().unwrap();
    rest().await;
    assert!(there.iter_mut().all(|pings| pings.try_recv().is_none()));
}

#[tokio::test]
async fn b40_whoever_connects_and_says_nothing_or_nonsense_keeps_nobody_out() {
    use tokio::io::AsyncWriteExt as _;

    for topology in [Topology::Direct, Topology::Switch] {
        let net = Net::of(topology, 1).await;
        let address = match &net.switch {
            Some(switch) => switch.addresses()[0],
            None => net.routers[0].connections.addresses()[0],
        };
        let mut bad = Vec::new();
        for number in 0..100 {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            match number % 4 {
                0 => {}
                1 => stream.write_all(b"short").await.unwrap(),
                2 => stream.write_all(&[0xff; 200]).await.unwrap(),
                _ => stream.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap(),
            }
            bad.push(stream);
        }
        let connector = match topology {
            Topology::Direct => Connector::connect([address.to_string()]),
            Topology::Switch => Connector::to_switch([address.to_string()]),
        };
        let joined = Joined::start(connector.name("good")).await;
        timeout(LONG, joined.connections.ready()).await.unwrap().unwrap();
        let a = net.router(0);
        let mut pings = joined.router.subscribe::<Ping>();
        until(|| a.has_subscribers::<Ping>()).await;
        a.notify(Ping(1)).await.unwrap();
        assert_eq!(timeout(LONG, pings.recv()).await.unwrap().unwrap().0, 1);
    }
}

#[cfg(feature = "status")]
#[tokio::test]
async fn b42_the_status_of_a_switch_tells_who_is_there() {
    let net = Net::of(Topology::Switch, 2).await;
    let _wanted = net.router(1).subscribe::<Ping>();
    until(|| net.router(0).has_subscribers::<Ping>()).await;
    let status = serde_json::to_value(net.switch.as_ref().unwrap().status()).unwrap().to_string();
    let told = ["\"name\":\"a\"", "\"name\":\"b\"", "\"interests\":1", "\"members\":2"];
    assert!(told.iter().all(|told| status.contains(told)), "{status}");
}

#[cfg(feature = "status")]
#[tokio::test]
async fn b43_a_switch_whose_status_port_is_taken_forwards_all_the_same() {
    use edri_connector::switch::{Switch, SwitchSettings};

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = SwitchSettings::new(["127.0.0.1:0"]);
    settings.status = Some(taken.local_addr().unwrap().to_string());
    let switch = Switch::new(settings).start().await.unwrap();
    assert!(switch.status_address().is_none());
    let address = switch.addresses()[0].to_string();
    let a = Joined::start(Connector::to_switch([&address]).name("a")).await;
    let b = Joined::start(Connector::to_switch([&address]).name("b")).await;
    a.sees("b").await;
    let mut pings = b.router.subscribe::<Ping>();
    until(|| a.router.has_subscribers::<Ping>()).await;
    a.router.notify(Ping(1)).await.unwrap();
    assert_eq!(timeout(LONG, pings.recv()).await.unwrap().unwrap().0, 1);
}
