//! Routers in a network, through a switch that comes and goes: what works on one router works across all of them.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "support/hub.rs"]
mod hub;
#[path = "support/network/mod.rs"]
mod network;
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use edri_event::{Failure, Notification, Request};
use edri_link::{Closed, Network, Standing};
use edri_router::{
    Asked, Inbox, InboxSettings, Opening, Overflow, Receiver, Registration, RequestError, Router,
    Subscription, ToInbox, TunnelError,
};
use hub::{Hub, join, join_as, settings};
use serde::{Deserialize, Serialize};
use support::net::{link_apart, settle};
use support::routers::{Ask, Local, Ping, Pipe};

const SECOND: Duration = Duration::from_secs(1);

async fn three(hub: &Hub) -> [(Router, Network); 3] {
    [join(hub, "a").await, join(hub, "b").await, join(hub, "c").await]
}

fn heard(subscription: &mut Subscription<Ping>) -> Vec<u64> {
    std::iter::from_fn(|| subscription.try_recv()).map(|ping| ping.0).collect()
}

fn large() -> InboxSettings {
    InboxSettings::with_capacity(100_000)
}

fn acceptor(router: &Router) -> (Receiver<Opening<Pipe>>, Registration) {
    let (inbox, receiver) = Inbox::new(InboxSettings::default());
    let to = ToInbox::new("acceptor".into(), inbox, std::convert::identity);
    (receiver, router.attach_acceptor(Arc::new(to)))
}

#[tokio::test(start_paused = true)]
async fn all_kinds_of_event_cross_the_network() {
    let hub = Hub::new();
    let [(a, _a), (b, _b), (c, _c)] = three(&hub).await;
    let (mut at_b, mut at_c) = (b.subscribe::<Ping>(), c.subscribe::<Ping>());
    let _adder = c.respond(|ask: Ask| async move {
        if ask.0 == 0 { Err(Failure::new("zero", "there is nothing to add to")) } else { Ok(ask.0 + 1) }
    });
    let mut observed = b.responses::<Ask>();
    let (mut openings, _acceptor) = acceptor(&c);
    settle().await;

    a.notify(Ping(1)).await.unwrap();
    assert_eq!(a.request(Ask(1)).await, Ok(2));
    let failed = b.request(Ask(0)).await;
    assert!(matches!(&failed, Err(RequestError::Failed(failure)) if failure.code() == "zero"), "{failed:?}");
    settle().await;
    assert_eq!((heard(&mut at_b), heard(&mut at_c)), (vec![1], vec![1]));
    let observed: Vec<_> =
        std::iter::from_fn(|| observed.try_recv()).map(|answer| answer.request.0).collect();
    assert_eq!(observed, [1, 0]);

    let mut near = a.open(Pipe(7)).await.unwrap();
    let mut far = openings.recv().await.unwrap().tunnel;
    near.send(1).await.unwrap();
    far.send("one".to_owned()).await.unwrap();
    assert_eq!(far.recv().await.unwrap(), Ok(1));
    assert_eq!(near.recv().await.unwrap(), Ok("one".to_owned()));
    near.finish();
    assert!(far.recv().await.is_none());

    // The first cancels, and whoever was asked learns of it.
    let (inbox, mut asked) = Inbox::<Asked<Later>>::new(InboxSettings::default());
    let _later = b.attach_responder(Arc::new(ToInbox::new("later".into(), inbox, std::convert::identity)));
    settle().await;
    let asking = tokio::spawn({
        let a = a.clone();
        async move { a.request(Later).await }
    });
    let later = asked.recv().await.unwrap();
    asking.abort();
    settle().await;
    assert!(later.reply.is_cancelled());
}

#[derive(Request, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[request(response = (), shareable)]
struct Later;

#[tokio::test(start_paused = true)]
async fn b31_b32_b33_only_what_somebody_wants_travels_and_nothing_comes_back() {
    let hub = Hub::new();
    let [(a, _a), (b, _b), (c, _c)] = three(&hub).await;
    let mut back = a.subscribe::<Ping>();
    assert!(a.notify(Local).await.is_ok());
    settle().await;
    // Nobody else consumes it: it is announced by its consumer alone.
    assert!(b.has_subscribers::<Ping>() && !b.has_subscribers::<Local>());
    let mut at_c = c.subscribe::<Ping>();
    settle().await;
    for number in 0..10 {
        a.notify(Ping(number)).await.unwrap();
    }
    settle().await;
    assert!(heard(&mut back).into_iter().eq(0..10) && heard(&mut at_c).into_iter().eq(0..10));
    drop(at_c);
    drop(back);
    settle().await;
    assert!(![&a, &b, &c].iter().any(|router| router.has_subscribers::<Ping>()));
}

#[tokio::test(start_paused = true)]
async fn b35_b41_whoever_joins_late_in_whatever_order_is_found() {
    let hub = Hub::new();
    let (a, _a) = join(&hub, "a").await;
    a.notify(Ping(0)).await.unwrap();
    // It consumes before it has joined.
    let b = Router::new();
    let mut early = b.subscribe::<Ping>();
    let _b = join_as(&hub, &b, settings(&b, "b"), "b").await;
    settle().await;
    a.notify(Ping(1)).await.unwrap();
    // It has joined before it consumes.
    let (c, _c) = join(&hub, "c").await;
    settle().await;
    let mut late = c.subscribe::<Ping>();
    settle().await;
    a.notify(Ping(2)).await.unwrap();
    settle().await;
    assert_eq!((heard(&mut early), heard(&mut late)), (vec![1, 2], vec![2]));
}

#[tokio::test(start_paused = true)]
async fn b36_b37_what_is_sent_while_the_switch_is_down_arrives_once_and_in_order_when_it_is_back() {
    let hub = Hub::dropping(Some(20));
    let [(a, at_a), (b, _b), (c, _c)] = three(&hub).await;
    let mut ears = [b.subscribe_with::<Ping>(large()), c.subscribe_with::<Ping>(large())];
    settle().await;
    let mut watch = at_a.watch();
    watch.current();
    let sending = tokio::spawn(async move {
        for number in 0..6_000 {
            a.notify(Ping(number)).await.unwrap();
            if number % 10 == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    for round in 0..4 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        hub.kill();
        let suspended = watch.changed().await.unwrap();
        assert!(matches!(suspended.standing, Standing::Suspended { .. }), "{suspended:?}");
        tokio::time::sleep(Duration::from_millis(if round == 2 { 3_000 } else { 400 })).await;
        hub.start();
        while watch.changed().await.unwrap().standing != Standing::Open {}
    }
    sending.await.unwrap();
    tokio::time::sleep(SECOND * 5).await;
    for ear in &mut ears {
        assert!(heard(ear).into_iter().eq(0..6_000));
    }
    let status = at_a.status();
    assert_eq!((status.resumed, status.members.len()), (4, 2));
    assert!(status.trouble.is_none() && status.members.values().all(|member| !member.is_away), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn b38_requests_that_are_under_way_when_the_switch_dies_are_answered_once() {
    let hub = Hub::dropping(Some(30));
    let [(a, _a), (b, _b), _c] = three(&hub).await;
    let counts = Arc::new(std::sync::Mutex::new(BTreeMap::<u64, u32>::new()));
    let counting = Arc::clone(&counts);
    let _adder = b.respond(move |ask: Ask| {
        *counting.lock().unwrap().entry(ask.0).or_default() += 1;
        async move {
            tokio::time::sleep(Duration::from_millis(ask.0 % 50)).await;
            Ok(ask.0 + 1)
        }
    });
    settle().await;
    let asking: Vec<_> = (0..40)
        .map(|task| {
            let a = a.clone();
            tokio::spawn(async move {
                for number in 0..25 {
                    let number = 100 * task + number;
                    assert_eq!(a.request(Ask(number)).await, Ok(number + 1));
                }
            })
        })
        .collect();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        hub.kill();
        tokio::time::sleep(Duration::from_millis(70)).await;
        hub.start();
    }
    for asking in asking {
        asking.await.unwrap();
    }
    let counts = counts.lock().unwrap();
    assert!(counts.len() == 1_000 && counts.values().all(|count| *count == 1));
}

#[tokio::test(start_paused = true)]
async fn b39_a_router_that_comes_and_goes_has_nobody_hear_anything_twice() {
    let hub = Hub::new();
    let [(a, _a), (b, _b), (c, at_c)] = three(&hub).await;
    let (mut at_b, mut before) = (b.subscribe_with::<Ping>(large()), c.subscribe_with::<Ping>(large()));
    settle().await;
    let sending = tokio::spawn(async move {
        for number in 0..400 {
            a.notify(Ping(number)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    tokio::time::sleep(SECOND).await;
    at_c.close();
    assert_eq!(at_c.closed().await, Closed::Orderly);
    tokio::time::sleep(SECOND).await;
    // Another router, and whoever follows it.
    let (d, _d) = join(&hub, "d").await;
    let mut after = d.subscribe_with::<Ping>(large());
    sending.await.unwrap();
    settle().await;
    assert!(heard(&mut at_b).into_iter().eq(0..400));
    for part in [heard(&mut before), heard(&mut after)] {
        assert!(part.len() > 50 && part.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{part:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_reached_is_not_asked_where_another_can_and_is_given_up_in_time() {
    let hub = Hub::new();
    let [(a, at_a), (b, _b), (c, _c)] = three(&hub).await;
    let _one = b.respond(|ask: Ask| async move { Ok(ask.0) });
    let _never = c.respond(|_: Ask| std::future::pending());
    let (mut openings, _acceptor) = acceptor(&c);
    settle().await;
    let mut tunnel = a.open(Pipe(1)).await.unwrap();
    let _far = openings.recv().await.unwrap().tunnel;
    // Of two, one is asked, and then the other: which is the one that never answers.
    let asking: Vec<_> = (0..2)
        .map(|number| {
            let a = a.clone();
            tokio::spawn(async move { a.request(Ask(number)).await })
        })
        .collect();
    settle().await;
    // Its program is gone, and nobody has said so.
    hub.hide("c");
    while !at_a.status().members.values().any(|member| member.is_away) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for number in 0..20 {
        assert_eq!(a.request(Ask(number)).await, Ok(number));
    }
    let began = tokio::time::Instant::now();
    let mut answers = Vec::new();
    for asking in asking {
        answers.push(asking.await.unwrap());
    }
    assert!(began.elapsed() < SECOND * 21);
    let lost = answers
        .iter()
        .filter(|answer| matches!(answer, Err(RequestError::LinkLost(lost)) if lost.peer == "c"));
    assert_eq!((lost.count(), answers.iter().filter(|answer| answer.is_ok()).count()), (1, 1), "{answers:?}");
    let end = tunnel.recv().await;
    assert!(matches!(&end, Some(Err(TunnelError::LinkLost(lost))) if lost.peer == "c"), "{end:?}");
    assert_eq!(at_a.status().members.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_router_that_is_started_anew_gets_what_its_predecessor_had_not_taken() {
    let hub = Hub::new();
    let (a, at_a) = join(&hub, "a").await;
    let b = Router::new();
    let (id, old) = (b.id(), join_as(&hub, &b, settings(&b, "b"), "b").await);
    let ears = b.subscribe_with::<Ping>(InboxSettings::with_capacity(4));
    let (mut openings, acceptor_of_old) = acceptor(&b);
    settle().await;
    let mut tunnel = a.open(Pipe(1)).await.unwrap();
    let _far = openings.recv().await.unwrap().tunnel;
    hub.hide("b");
    while !at_a.status().members.values().any(|member| member.is_away) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for number in 0..500 {
        a.notify(Ping(number)).await.unwrap();
    }
    drop((old, ears, acceptor_of_old, b));
    let anew = Router::with_id(id);
    let mut ears = anew.subscribe_with::<Ping>(large());
    let _anew = join_as(&hub, &anew, settings(&anew, "b"), "b again").await;
    settle().await;
    assert!(heard(&mut ears).into_iter().eq(0..500));
    let end = tunnel.recv().await;
    assert!(
        matches!(&end, Some(Err(TunnelError::LinkLost(lost))) if lost.reason.contains("anew")),
        "{end:?}"
    );
    a.notify(Ping(500)).await.unwrap();
    settle().await;
    assert_eq!(heard(&mut ears), [500]);
    assert_eq!(at_a.status().members.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_router_that_is_slow_stops_those_who_send_to_it_and_nobody_else() {
    let hub = Hub::new();
    let [(a, _a), (b, _b), (c, _c)] = three(&hub).await;
    let mut slow = b.subscribe_with::<Ping>(InboxSettings::with_capacity(1));
    let mut quick = c.subscribe_with::<Other>(large());
    settle().await;
    let sending = tokio::spawn({
        let a = a.clone();
        async move {
            for number in 0..100_000 {
                a.notify(Ping(number)).await.unwrap();
            }
        }
    });
    settle().await;
    assert!(!sending.is_finished(), "nothing stops it");
    for number in 0..2_000 {
        a.notify(Other(number)).await.unwrap();
    }
    settle().await;
    assert!(std::iter::from_fn(|| quick.try_recv()).map(|other| other.0).eq(0..2_000));
    // And when it is quick again, nothing is missing.
    for number in 0..100_000 {
        assert_eq!(slow.recv().await.unwrap().0, number);
    }
    sending.await.unwrap();
}

#[derive(Notification, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[notification(shareable)]
struct Other(u64);

#[tokio::test(start_paused = true)]
async fn where_there_is_no_room_the_policy_of_the_network_holds_and_what_is_lost_is_a_dead_letter() {
    let hub = Hub::new();
    let a = Router::new();
    let mut of_a = settings(&a, "a");
    of_a.inbox = InboxSettings::with_capacity(16).overflow(Overflow::DropNewest);
    of_a.outbox = 1_000;
    let at_a = join_as(&hub, &a, of_a, "a").await;
    let (b, _b) = join(&hub, "b").await;
    let mut ears = b.subscribe_with::<Ping>(large());
    settle().await;
    hub.kill();
    settle().await;
    for number in 0..500 {
        // Dropped or not, nobody waits.
        let _ = a.notify(Ping(number)).await;
    }
    hub.start();
    tokio::time::sleep(SECOND * 2).await;
    let came = heard(&mut ears);
    let letters = a.snapshot().dead_letters;
    assert!(!came.is_empty() && came.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!((came.len() as u64 + letters.overflow, letters.total()), (500, letters.overflow));
    drop(at_a);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_in_order_says_all_it_had_to_say() {
    let hub = Hub::new();
    let [(a, at_a), (b, at_b), (_c, at_c)] = three(&hub).await;
    let mut ears = b.subscribe_with::<Ping>(large());
    settle().await;
    for number in 0..5_000 {
        a.notify(Ping(number)).await.unwrap();
    }
    at_a.close();
    assert_eq!(at_a.closed().await, Closed::Orderly);
    assert_eq!(at_a.status().standing, Standing::Closed(Closed::Orderly));
    settle().await;
    assert!(heard(&mut ears).into_iter().eq(0..5_000));
    assert_eq!((at_b.status().members.len(), at_c.status().members.len()), (1, 1));
    assert_eq!(a.snapshot().dead_letters.total(), 0);
    // The router itself goes on.
    let mut own = a.subscribe::<Ping>();
    a.notify(Ping(1)).await.unwrap();
    assert_eq!(heard(&mut own), [1]);
}

#[tokio::test(start_paused = true)]
async fn while_there_is_no_switch_it_says_why_and_local_events_do_not_wait() {
    let hub = Hub::new();
    hub.kill();
    let a = Router::new();
    let network = Network::join(&a, hub::dialer(&hub, "a"), settings(&a, "a"));
    let mut own = a.subscribe::<Ping>();
    settle().await;
    let status = network.status();
    assert_eq!(status.standing, Standing::Connecting);
    assert!(status.trouble.unwrap().contains("no connection to a:"));
    a.notify(Ping(1)).await.unwrap();
    assert_eq!(heard(&mut own), [1]);
    hub.start();
    network.joined().await.unwrap();
    assert!(network.status().trouble.is_none());
    hub.kill();
    drop(network);
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn the_members_of_a_group_share_what_comes_wherever_they_are() {
    let hub = Hub::new();
    let [(a, _a), (b, _b), (c, _c)] = three(&hub).await;
    let member = |router: &Router| router.subscription::<Ping>().group("workers").inbox(large()).start();
    let mut members = [member(&a), member(&b), member(&b), member(&c)];
    settle().await;
    for router in [&a, &b, &c] {
        for number in 0..400 {
            router.notify(Ping(number)).await.unwrap();
        }
    }
    settle().await;
    let counts = members.each_mut().map(|member| heard(member).len());
    assert_eq!(counts.iter().sum::<usize>(), 1_200, "{counts:?}");
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_child_says_reaches_the_network_of_its_parent_and_back() {
    let hub = Hub::new();
    let [(a, _a), (b, _b), (c, _c)] = three(&hub).await;
    let child = Router::new();
    let _link = link_apart(&child, &a).await;
    let mut ears = [a.subscribe::<Ping>(), b.subscribe::<Ping>(), c.subscribe::<Ping>()];
    let mut at_child = child.subscribe::<Ping>();
    let _adder = c.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    settle().await;
    child.notify(Ping(1)).await.unwrap();
    b.notify(Ping(2)).await.unwrap();
    assert_eq!(child.request(Ask(1)).await, Ok(2));
    settle().await;
    for ear in ears.iter_mut().chain([&mut at_child]) {
        let mut heard = heard(ear);
        heard.sort_unstable();
        assert_eq!(heard, [1, 2]);
    }
}

#[derive(Notification, Serialize, Deserialize)]
#[notification(shareable, name = "changed")]
struct Numbered {
    number: u64,
}

#[derive(Notification, Serialize, Deserialize)]
#[notification(shareable, name = "changed")]
struct Worded {
    text: String,
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_something_else_elsewhere_does_not_travel_and_both_are_told() {
    let hub = Hub::new();
    let [(a, at_a), (b, at_b), (c, _c)] = three(&hub).await;
    let mut numbers = c.subscribe::<Numbered>();
    let mut texts = b.subscribe::<Worded>();
    let mut pings = b.subscribe::<Ping>();
    settle().await;
    a.notify(Numbered { number: 1 }).await.unwrap();
    a.notify(Ping(1)).await.unwrap();
    settle().await;
    assert_eq!(numbers.try_recv().map(|changed| changed.number), Some(1));
    assert!(texts.try_recv().is_none());
    assert_eq!(heard(&mut pings), [1]);
    let of = |network: &Network| -> Vec<_> {
        network
            .status()
            .mismatches
            .iter()
            .map(|(name, mismatch)| (name.to_string(), mismatch.ours.name.clone()))
            .collect()
    };
    assert!(of(&at_a).contains(&("b".to_owned(), "changed".to_owned())), "{:?}", of(&at_a));
    assert!(of(&at_b).contains(&("a".to_owned(), "changed".to_owned())), "{:?}", of(&at_b));
    b.notify(Worded { text: String::new() }).await.unwrap();
}
