//! The connector as a manager: what it tells, how it goes on, and how it ends.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use edri_connector::switch::{Secret, Switch, SwitchSettings, TokenRule};
use edri_connector::{Connector, NeighbourChange, NeighbourChanged, NeighbourKind};
use edri_event::Event as _;
use edri_link::Filter;
use edri_manager::Host;
use edri_router::{InboxSettings, Overflow, Reason, RequestError, Router, Status, Subscription};
use support::routers::{Ask, Joined, LONG, Other, Ping, rest, subscribed, switch, switch_again, until};
use tokio::time::{Instant, timeout};

const LOOPBACK: &str = "127.0.0.1:0";

async fn news(subscription: &mut Subscription<NeighbourChanged>) -> (String, NeighbourKind, NeighbourChange) {
    let news = timeout(LONG, subscription.recv()).await.unwrap().unwrap();
    (news.neighbour.name.to_string(), news.neighbour.kind, news.change.clone())
}

fn to(address: impl ToString, name: &str) -> Connector {
    Connector::to_switch([address.to_string()]).name(name)
}

#[tokio::test]
async fn managers_learn_who_has_come_is_lost_is_back_and_has_left() {
    let first = switch(LOOPBACK.parse().unwrap()).await;
    let address = first.addresses()[0];
    let router = Router::new();
    let mut heard = router.subscribe::<NeighbourChanged>();
    let a = Joined::on(router, to(address, "a")).await;
    let (_, kind, change) = news(&mut heard).await;
    assert_eq!((kind, change), (NeighbourKind::Switch, NeighbourChange::Joined));

    let b = Joined::start(to(address, "b")).await;
    assert_eq!(news(&mut heard).await, ("b".to_owned(), NeighbourKind::Router, NeighbourChange::Joined));
    assert_eq!(a.connections.routers().len(), 1);

    first.kill();
    let (_, kind, change) = news(&mut heard).await;
    assert!(kind == NeighbourKind::Switch && matches!(change, NeighbourChange::Lost { .. }), "{change:?}");
    let health = a.connector.health(LONG).await;
    assert!(health.status == Status::Degraded && health.reason.is_some(), "{health:?}");

    let _second = switch_again(address).await;
    // Started anew, a switch is another.
    let mut switches = Vec::new();
    while switches.last() != Some(&NeighbourChange::Joined) {
        let (_, kind, change) = news(&mut heard).await;
        if kind == NeighbourKind::Switch {
            switches.push(change);
        }
    }
    until(|| a.connections.trouble().is_none()).await;
    assert_eq!(a.connector.health(LONG).await.status, Status::Ok);

    b.leave().await;
    loop {
        let (name, _, change) = news(&mut heard).await;
        if let NeighbourChange::Left { .. } = change
            && name == "b"
        {
            break;
        }
    }
    assert!(a.connections.routers().is_empty());
    a.leave().await;
}

/// A manager that learns of a neighbour sends it something at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_to_have_joined_gets_the_next_event() {
    const VISITS: usize = 20;

    for to_switch in [true, false] {
        let switch = switch(LOOPBACK.parse().unwrap()).await;
        let here = Router::new();
        let mut heard = here.subscribe::<NeighbourChanged>();
        let (address, connector) = match to_switch {
            true => (switch.addresses()[0].to_string(), to(switch.addresses()[0], "here")),
            false => (String::new(), Connector::listen([LOOPBACK]).name("here")),
        };
        let joined = Joined::on(here.clone(), connector).await;
        for visit in 0..VISITS {
            let router = Router::new();
            let mut pings = router.subscribe::<Ping>();
            let _many: Vec<_> = (0..8).map(|_| router.subscribe::<Other>()).collect();
            let connector = match to_switch {
                true => to(&address, "guest"),
                false => Connector::connect([joined.connections.addresses()[0].to_string()]).name("guest"),
            };
            let guest = Joined::on(router, connector).await;
            while news(&mut heard).await
                != ("guest".to_owned(), NeighbourKind::Router, NeighbourChange::Joined)
            {}
            // The one before may not be known to have left.
            assert!(here.notify(Ping(visit as u64)).await.unwrap().accepted >= 1);
            assert_eq!(timeout(LONG, pings.recv()).await.unwrap().unwrap().0, visit as u64);
            guest.leave().await;
        }
    }
}

#[tokio::test]
async fn a_link_begins_again_when_the_router_at_the_other_end_is_another() {
    let there = Joined::start(Connector::listen([LOOPBACK]).name("first")).await;
    let address = there.connections.addresses()[0];
    let router = Router::new();
    let mut heard = router.subscribe::<NeighbourChanged>();
    let here = Joined::on(router, Connector::connect([address.to_string()]).name("here")).await;
    assert_eq!(news(&mut heard).await.0, "first");
    there.leave().await;
    assert!(matches!(news(&mut heard).await.2, NeighbourChange::Left { .. }));

    let again = Joined::start(Connector::listen([address.to_string()]).name("second")).await;
    let mut pings = again.router.subscribe::<Ping>();
    assert_eq!(news(&mut heard).await.0, "second");
    subscribed::<Ping>(&here.router, 1).await;
    here.router.notify(Ping(3)).await.unwrap();
    assert_eq!(timeout(LONG, pings.recv()).await.unwrap().unwrap().0, 3);
}

#[tokio::test]
async fn several_switches_stand_in_for_each_other() {
    let (first, second) = (switch(LOOPBACK.parse().unwrap()).await, switch(LOOPBACK.parse().unwrap()).await);
    let addresses = [first.addresses()[0].to_string(), second.addresses()[0].to_string()];
    let a = Joined::start(Connector::to_switch(addresses.clone()).name("a")).await;
    let b = Joined::start(Connector::to_switch(addresses).name("b")).await;
    a.sees("b").await;
    let mut pings = b.router.subscribe::<Ping>();
    subscribed::<Ping>(&a.router, 1).await;
    a.router.notify(Ping(0)).await.unwrap();
    assert_eq!(pings.recv().await.unwrap().0, 0);
    first.kill();
    for number in 1..100 {
        a.router.notify(Ping(number)).await.unwrap();
    }
    for number in 1..100 {
        assert_eq!(timeout(LONG, pings.recv()).await.unwrap().unwrap().0, number);
    }
    rest().await;
    assert!(pings.try_recv().is_none());
    assert_eq!(second.status().connections.len(), 2);
}

#[tokio::test]
async fn networks_at_one_switch_do_not_hear_of_each_other() {
    let switch = switch(LOOPBACK.parse().unwrap()).await;
    let address = switch.addresses()[0];
    let join = async |network: &str, name: &str| Joined::start(to(address, name).network(network)).await;
    let (a, b) = (join("one", "a").await, join("one", "b").await);
    let (c, d) = (join("two", "c").await, join("two", "d").await);
    a.sees("b").await;
    c.sees("d").await;
    let (mut in_one, mut in_two) = (b.router.subscribe::<Ping>(), d.router.subscribe::<Ping>());
    let _adder = d.router.respond(|ask: Ask| async move { Ok(ask.0) });
    subscribed::<Ping>(&a.router, 1).await;
    subscribed::<Ping>(&c.router, 1).await;
    a.router.notify(Ping(1)).await.unwrap();
    c.router.notify(Ping(2)).await.unwrap();
    assert_eq!((in_one.recv().await.unwrap().0, in_two.recv().await.unwrap().0), (1, 2));
    assert!(matches!(a.router.request(Ask(1)).await, Err(RequestError::NoResponder { .. })));
    let names = |joined: &Joined| {
        joined.connections.routers().iter().map(|router| router.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((names(&a), names(&c)), (vec!["b".to_owned()], vec!["d".to_owned()]));
    rest().await;
    assert!(in_one.try_recv().is_none() && in_two.try_recv().is_none());
}

#[tokio::test]
async fn whoever_gives_the_wrong_token_stays_out_and_is_told_why() {
    const SECRET: &str = "a secret of some length";
    let mut settings = SwitchSettings::new([LOOPBACK]);
    settings.tokens = vec![TokenRule::new(Secret::new(SECRET).unwrap())];
    let switch = Switch::new(settings).start().await.unwrap();
    let there = Joined::start(Connector::listen([LOOPBACK]).token(SECRET)).await;
    let (by_switch, direct) =
        (switch.addresses()[0].to_string(), there.connections.addresses()[0].to_string());
    let wrong = [
        Joined::start(Connector::to_switch([&by_switch]).token("another secret of some length")).await,
        Joined::start(Connector::connect([&direct]).token("another secret of some length")).await,
        Joined::start(Connector::connect([&direct])).await,
    ];
    for joined in &wrong {
        until(|| joined.connections.trouble().is_some_and(|trouble| trouble.contains("token"))).await;
        assert_eq!(joined.connector.health(LONG).await.status, Status::Degraded);
    }
    let right = [
        Joined::start(Connector::to_switch([&by_switch]).token(SECRET)).await,
        Joined::start(Connector::connect([&direct]).token(SECRET)).await,
    ];
    for joined in right {
        timeout(LONG, joined.connections.ready()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn what_cannot_work_is_said_when_it_is_started() {
    let router = Router::new();
    let start = async |connector: Connector| {
        Host::new(connector).start(&router).await.map(drop).unwrap_err().to_string()
    };
    let taken = std::net::TcpListener::bind(LOOPBACK).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (connector, expected) in [
        (Connector::to_switch(["nowhere"]), "expected HOST:PORT"),
        (Connector::listen(["0.0.0.0:0"]), "there is no TLS"),
        (Connector::listen([&address]), "cannot listen at"),
        (Connector::connect(Vec::<String>::new()), "no address was given"),
    ] {
        let told = start(connector).await;
        assert!(told.contains(expected), "{told}");
    }
}

/// Nothing that is local waits for a link that is dead, and what waits for it does so within bounds.
#[tokio::test]
async fn a_dead_link_stalls_nothing_here_and_when_its_outbox_is_full_the_policy_applies() {
    let first = switch(LOOPBACK.parse().unwrap()).await;
    let address = first.addresses()[0];
    let inbox = InboxSettings::with_capacity(8).overflow(Overflow::Reject);
    let a = Joined::start(to(address, "a").inbox(inbox).outbox(16 * 1024).rejoin(LONG)).await;
    let b = Joined::start(to(address, "b")).await;
    let mut far = b.router.subscribe::<Ping>();
    subscribed::<Ping>(&a.router, 1).await;
    first.kill();
    until(|| a.connections.trouble().is_some()).await;
    let mut near = a.router.subscribe_with::<Ping>(InboxSettings::with_capacity(100_000));
    let (mut taken, mut rejected) = (0, 0);
    let began = Instant::now();
    for number in 0..20_000 {
        match a.router.notify(Ping(number)).await {
            Ok(_) => taken += 1,
            // It is heard here all the same.
            Err(error) => {
                assert_eq!(error.refused, 1, "{error}");
                rejected += 1;
            }
        }
    }
    assert!(rejected > 10_000 && taken > 8, "{taken} were taken, {rejected} rejected");
    assert!(began.elapsed() < LONG);
    for number in 0..20_000 {
        assert_eq!(near.recv().await.unwrap().0, number);
    }
    let _second = switch_again(address).await;
    let mut arrived = 0;
    while arrived < taken {
        timeout(LONG, far.recv()).await.unwrap().unwrap();
        arrived += 1;
    }
    rest().await;
    assert!(far.try_recv().is_none());
}

#[tokio::test]
async fn what_could_not_be_delivered_is_a_dead_letter_where_it_was_sent() {
    let first = switch(LOOPBACK.parse().unwrap()).await;
    let a = Joined::start(to(first.addresses()[0], "a").rejoin(Duration::from_millis(200))).await;
    let b = Joined::start(to(first.addresses()[0], "b")).await;
    let _pings = b.router.subscribe::<Ping>();
    let asked = Arc::new(AtomicBool::new(false));
    let _never = b.router.respond({
        let asked = Arc::clone(&asked);
        move |_: Ask| {
            asked.store(true, Ordering::Relaxed);
            std::future::pending()
        }
    });
    subscribed::<Ping>(&a.router, 1).await;
    until(|| a.router.has_responders::<Ask>()).await;
    let mut letters = a.router.dead_letters::<Ping>();
    let asking = tokio::spawn({
        let router = a.router.clone();
        async move { router.request(Ask(1)).await }
    });
    until(|| asked.load(Ordering::Relaxed)).await;
    first.kill();
    until(|| a.connections.trouble().is_some()).await;
    for number in 0..5 {
        a.router.notify(Ping(number)).await.unwrap();
    }
    let outcome = timeout(LONG, asking).await.unwrap().unwrap();
    assert!(matches!(outcome, Err(RequestError::LinkLost(_))), "{outcome:?}");
    for number in 0..5 {
        let waited = timeout(Duration::from_secs(3), letters.recv()).await;
        assert!(
            waited.is_ok(),
            "{number} {:?} {:?}",
            a.router.dead_letter_counts(),
            a.router.recent_dead_letters()
        );
        let letter = waited.unwrap().unwrap();
        assert_eq!(letter.event.0, number);
        assert!(matches!(letter.letter.reason, Reason::LinkLost { .. }), "{letter:?}");
    }
    assert!(!a.router.has_subscribers::<Ping>());
}

#[tokio::test]
async fn it_ends_in_order_with_all_that_was_sent() {
    for direct in [true, false] {
        let switch = switch(LOOPBACK.parse().unwrap()).await;
        let there = match direct {
            true => Joined::start(Connector::listen([LOOPBACK]).name("there")).await,
            false => Joined::start(to(switch.addresses()[0], "there")).await,
        };
        let here = match direct {
            true => {
                let address = there.connections.addresses()[0];
                Joined::start(Connector::connect([address.to_string()]).name("here")).await
            }
            false => Joined::start(to(switch.addresses()[0], "here")).await,
        };
        there.sees("here").await;
        let mut pings = there.router.subscribe_with::<Ping>(InboxSettings::with_capacity(10_000));
        subscribed::<Ping>(&here.router, 1).await;
        for number in 0..5_000 {
            here.router.notify(Ping(number)).await.unwrap();
        }
        here.leave().await;
        for number in 0..5_000 {
            assert_eq!(timeout(LONG, pings.recv()).await.unwrap().unwrap().0, number);
        }
    }
}

/// Nobody takes what waits: the end comes all the same.
#[tokio::test]
async fn it_ends_within_its_time_whoever_is_at_the_other_end() {
    let first = switch(LOOPBACK.parse().unwrap()).await;
    let closing = Duration::from_millis(300);
    let a = Joined::start(to(first.addresses()[0], "a").closing(closing)).await;
    let b = Joined::start(to(first.addresses()[0], "b")).await;
    let _pings = b.router.subscribe::<Ping>();
    subscribed::<Ping>(&a.router, 1).await;
    first.kill();
    until(|| a.connections.trouble().is_some()).await;
    let mut letters = a.router.dead_letters::<Ping>();
    for number in 0..10 {
        a.router.notify(Ping(number)).await.unwrap();
    }
    let began = Instant::now();
    let router = a.leave().await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // What did not go out is not lost without a word.
    for number in 0..10 {
        assert_eq!(timeout(LONG, letters.recv()).await.unwrap().unwrap().event.0, number);
    }
    drop(router);
}

/// Somebody with many names fills no more than there is room for, and whoever is there already stays.
#[tokio::test]
async fn so_many_may_be_linked_at_a_time_and_no_more() {
    let listens = Connector::listen([LOOPBACK]).name("there").connections_at_most(3, 100);
    let there = Joined::start(listens).await;
    let address = there.connections.addresses()[0].to_string();
    let mut joined = Vec::new();
    for name in ["a", "b", "c"] {
        joined.push(Joined::start(Connector::connect([&address]).name(name)).await);
        there.sees(name).await;
    }
    let turned_away = Joined::start(Connector::connect([&address]).name("d")).await;
    until(|| turned_away.connections.trouble().is_some_and(|trouble| !trouble.contains("yet"))).await;
    assert_eq!(there.connections.routers().len(), 3);
    // Where one leaves there is room for another.
    joined.pop().unwrap().leave().await;
    there.sees("d").await;
    let mut pings = turned_away.router.subscribe::<Ping>();
    subscribed::<Ping>(&there.router, 1).await;
    there.router.notify(Ping(1)).await.unwrap();
    assert_eq!(timeout(LONG, pings.recv()).await.unwrap().unwrap().0, 1);
}

/// One router in two networks: what one of them wants of the other passes through it, though it has no such event itself.
#[tokio::test]
async fn a_router_in_two_networks_passes_on_what_one_wants_of_the_other() {
    let (first, second) = (switch(LOOPBACK.parse().unwrap()).await, switch(LOOPBACK.parse().unwrap()).await);
    let (one, two) = (first.addresses()[0], second.addresses()[0]);
    let a = Joined::start(to(one, "a").network("one")).await;
    let b = Joined::start(to(two, "b").network("two")).await;
    let router = Router::new();
    let between_one = Joined::on(router.clone(), to(one, "between").network("one")).await;
    let between_two = Joined::on(router, to(two, "between").network("two")).await;
    between_one.sees("a").await;
    between_two.sees("b").await;
    let mut there = b.router.subscribe::<Ping>();
    let mut here = a.router.subscribe::<Ping>();
    let _adder = b.router.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    subscribed::<Ping>(&a.router, 2).await;
    until(|| a.router.has_responders::<Ask>()).await;
    for number in 0..100 {
        a.router.notify(Ping(number)).await.unwrap();
        assert_eq!(a.router.request(Ask(number)).await, Ok(number + 1));
    }
    for number in 0..100 {
        assert_eq!(timeout(LONG, there.recv()).await.unwrap().unwrap().0, number);
        assert_eq!(here.recv().await.unwrap().0, number);
    }
    rest().await;
    assert!(there.try_recv().is_none() && here.try_recv().is_none());
}

#[tokio::test]
async fn a_filter_keeps_an_event_where_it_is_and_lets_others_pass() {
    let switch = switch(LOOPBACK.parse().unwrap()).await;
    let address = switch.addresses()[0];
    let a = Joined::start(to(address, "a").filter(Filter::all().deny(["*::Ask", Ping::name()]))).await;
    let b = Joined::start(to(address, "b")).await;
    a.sees("b").await;
    let (mut pings, mut others) = (b.router.subscribe::<Ping>(), b.router.subscribe::<Other>());
    subscribed::<Other>(&a.router, 1).await;
    rest().await;
    a.router.notify(Ping(1)).await.unwrap();
    a.router.notify(Other(2)).await.unwrap();
    assert_eq!(timeout(LONG, others.recv()).await.unwrap().unwrap().0, 2);
    assert!(!a.router.has_subscribers::<Ping>() && pings.try_recv().is_none());
}

#[tokio::test]
async fn addresses_may_be_names_and_of_either_family() {
    let mut listens = vec![LOOPBACK];
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        listens.push("[::1]:0");
    } else {
        println!("skipped for IPv6: there is none here");
    }
    let there = Joined::start(Connector::listen(listens).name("there")).await;
    let mut addresses: Vec<_> =
        there.connections.addresses().iter().map(std::net::SocketAddr::to_string).collect();
    let port = there.connections.addresses()[0].port();
    addresses.push(format!("localhost:{port}"));
    for address in addresses {
        // The first one is nobody's: the next one is tried.
        let nobody = "127.0.0.1:1".to_owned();
        let here = Joined::start(Connector::connect([nobody, address]).name("here")).await;
        timeout(LONG, here.connections.ready()).await.unwrap().unwrap();
        here.leave().await;
    }
}
