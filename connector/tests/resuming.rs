//! What a router gets whose line was cut and is mended: behaviours of the Python original that are about resuming, between routers
//! that connectors have joined, directly and by a switch.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::time::Duration;

use edri_connector::Connector;
use edri_connector::switch::RunningSwitch;
use edri_router::{Replay, Subscription};
use support::line::Line;
use support::routers::{Joined, Kept, LONG, Local, Other, Ping, Topology, rest, subscribed, switch, until};
use tokio::sync::watch;
use tokio::time::timeout;

/// One who sends, one who has a line to it that can be cut, and perhaps one who has not.
struct Cuttable {
    sender: Joined,
    behind: Joined,
    line: Line,
    beside: Joined,
    _switch: Option<RunningSwitch>,
}

fn patient(connector: Connector, name: &str) -> Connector {
    connector.name(name).rejoin(LONG).absence(LONG)
}

async fn cuttable(topology: Topology) -> Cuttable {
    let switch = match topology {
        Topology::Switch => Some(switch(([127, 0, 0, 1], 0).into()).await),
        Topology::Direct => None,
    };
    let sender = match &switch {
        Some(switch) => Connector::to_switch([switch.addresses()[0].to_string()]),
        None => Connector::listen(["127.0.0.1:0"]),
    };
    let sender = Joined::start(patient(sender, "sender")).await;
    let there = match &switch {
        Some(switch) => switch.addresses()[0],
        None => sender.connections.addresses()[0],
    };
    let to = |address| match topology {
        Topology::Switch => Connector::to_switch([address]),
        Topology::Direct => Connector::connect([address]),
    };
    let line = Line::to(there).await;
    let behind = Joined::start(patient(to(line.address()), "behind")).await;
    let beside = Joined::start(patient(to(there.to_string()), "beside")).await;
    sender.sees("behind").await;
    sender.sees("beside").await;
    Cuttable { sender, behind, line, beside, _switch: switch }
}

/// The next of them, and after a while still no more.
async fn exactly(pings: &mut Subscription<Ping>, numbers: std::ops::Range<u64>) {
    for number in numbers {
        assert_eq!(timeout(LONG, pings.recv()).await.unwrap().unwrap().0, number);
    }
    rest().await;
    assert!(pings.try_recv().is_none(), "something came twice, or that nobody wanted");
}

/// The line is cut, and the one behind it knows.
async fn cut(net: &Cuttable) {
    net.line.cut();
    until(|| net.behind.connections.trouble().is_some()).await;
}

async fn b34(topology: Topology) {
    let net = cuttable(topology).await;
    let (a, b) = (net.sender.router.clone(), net.behind.router.clone());
    let (mut pings, live, mut local) = (b.subscribe::<Ping>(), b.subscribe::<Kept>(), b.subscribe::<Local>());
    subscribed::<Ping>(&a, 1).await;
    subscribed::<Kept>(&a, 1).await;
    let say = async |numbers: std::ops::Range<u64>| {
        for number in numbers {
            a.notify(Ping(number)).await.unwrap();
            a.notify(Kept(number)).await.unwrap();
            a.notify(Other(number)).await.unwrap();
            a.notify(Local).await.unwrap();
        }
    };
    say(0..10).await;
    exactly(&mut pings, 0..10).await;
    cut(&net).await;
    say(10..30).await;
    rest().await;
    assert!(pings.try_recv().is_none(), "the line is cut");
    net.line.mend();
    // From where it was: what it has had does not come again.
    exactly(&mut pings, 10..30).await;
    assert!(local.try_recv().is_none(), "what is not shareable stays where it is");
    assert_eq!(b.retained::<Other>().events, 0, "nobody wants it there");
    // From nowhere in particular: all that there is.
    until(|| b.retained::<Kept>().events == 30).await;
    drop(live);
    let mut late = b.subscription::<Kept>().from(Replay::All).start();
    let all: Vec<_> = std::iter::from_fn(|| late.try_recv()).map(|kept| kept.0).collect();
    assert!(all.iter().copied().eq(0..30), "{all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b34_who_resumes_gets_what_it_wants_from_where_it_was_and_who_comes_late_the_whole_window_directly() {
    timeout(LONG, b34(Topology::Direct)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b34_who_resumes_gets_what_it_wants_from_where_it_was_and_who_comes_late_the_whole_window_by_a_switch()
 {
    timeout(LONG, b34(Topology::Switch)).await.unwrap();
}

async fn b39(topology: Topology) {
    const COUNT: u64 = 3_000;

    let net = cuttable(topology).await;
    let a = net.sender.router.clone();
    let (mut beside, mut behind) =
        (net.beside.router.subscribe::<Ping>(), net.behind.router.subscribe::<Ping>());
    subscribed::<Ping>(&a, 2).await;
    let (told, mut said) = watch::channel(0);
    let saying = tokio::spawn(async move {
        for number in 0..COUNT {
            a.notify(Ping(number)).await.unwrap();
            told.send_replace(number);
            if number % 10 == 0 {
                // A pace at which something is on its way at each cut.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    for cuts in 1..=4 {
        timeout(LONG, said.wait_for(|said| *said >= cuts * COUNT / 6)).await.unwrap().unwrap();
        cut(&net).await;
        net.line.mend();
        until(|| net.behind.connections.trouble().is_none()).await;
    }
    timeout(LONG, saying).await.unwrap().unwrap();
    exactly(&mut beside, 0..COUNT).await;
    exactly(&mut behind, 0..COUNT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b39_a_third_that_reconnects_hears_each_once_and_nobody_else_hears_anything_again_directly() {
    timeout(LONG, b39(Topology::Direct)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b39_a_third_that_reconnects_hears_each_once_and_nobody_else_hears_anything_again_by_a_switch() {
    timeout(LONG, b39(Topology::Switch)).await.unwrap();
}
