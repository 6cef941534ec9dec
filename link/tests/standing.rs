//! How links and networks stand, as those see it who watch them; and how they end when nothing carries them.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "support/hub.rs"]
mod hub;
#[path = "support/network/mod.rs"]
mod network;
mod support;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edri_link::memory::{Conditions, MemoryStream, pair};
use edri_link::{Closed, Dial, Dialer, Door, Guest, Link, LinkStatus, Refusal, Settings, Standing};
use edri_router::{Backoff, InboxSettings, Jitter, RequestError, Router};
use hub::{Hub, join, settings};
use support::net::settle;
use support::routers::{Ask, Ping};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Where a router can be found, for as long as one is there, and connections can be cut.
#[derive(Clone)]
struct Town(Arc<Mutex<Streets>>);

struct Streets {
    gate: Option<mpsc::UnboundedSender<MemoryStream>>,
    connections: Vec<AbortHandle>,
    /// Each connection breaks after so many bytes.
    breaks_after: Option<u64>,
}

impl Town {
    fn new(breaks_after: Option<u64>) -> Self {
        Self(Arc::new(Mutex::new(Streets { gate: None, connections: Vec::new(), breaks_after })))
    }

    /// Somebody lives there from here on, and nobody else.
    fn move_in(&self) -> mpsc::UnboundedReceiver<MemoryStream> {
        let (gate, arrivals) = mpsc::unbounded_channel();
        self.0.lock().unwrap().gate = Some(gate);
        arrivals
    }

    /// Nobody is there any more, and all connections break.
    fn burn_down(&self) {
        let mut streets = self.0.lock().unwrap();
        streets.gate = None;
        streets.connections.drain(..).for_each(|connection| connection.abort());
    }
}

impl Dial for Town {
    type Stream = MemoryStream;

    async fn dial(&self, _: &str) -> io::Result<MemoryStream> {
        let mut streets = self.0.lock().unwrap();
        let Some(gate) = streets.gate.clone() else { return Err(io::ErrorKind::ConnectionRefused.into()) };
        let mut conditions = Conditions::default();
        conditions.latency = Duration::from_millis(1);
        conditions.breaks_after = streets.breaks_after;
        let ((near, mut mine), (mut other, far)) = (pair(conditions), pair(Conditions::default()));
        gate.send(far).map_err(|_| io::ErrorKind::ConnectionRefused)?;
        let passing = tokio::spawn(async move {
            drop(tokio::io::copy_bidirectional(&mut mine, &mut other).await);
        });
        streets.connections.push(passing.abort_handle());
        Ok(near)
    }
}

/// Lets in whoever comes, to one link of `router`.
fn let_in(
    router: &Router,
    mut arrivals: mpsc::UnboundedReceiver<MemoryStream>,
    settings: Settings,
) -> mpsc::UnboundedReceiver<Link> {
    let (tell, links) = mpsc::unbounded_channel();
    let router = router.clone();
    tokio::spawn(async move {
        let mut door: Option<Door<MemoryStream>> = None;
        while let Some(stream) = arrivals.recv().await {
            let Ok(guest) = Guest::greet(stream, settings.clone()).await else { continue };
            match door.as_ref().filter(|door| !door.is_closed()) {
                None => {
                    let (link, its) = Link::accept(&router, guest);
                    door = Some(its);
                    drop(tell.send(link));
                }
                Some(door) => {
                    if let Err(guest) = door.welcome(guest).await {
                        guest.refuse(Refusal::Taken, "another is here").await;
                    }
                }
            }
        }
    });
    links
}

fn dialer(town: &Town) -> Dialer<Town> {
    let pauses = Backoff::doubling(Duration::from_millis(50), Duration::from_millis(400)).jitter(Jitter::Off);
    Dialer::new(town.clone(), ["town"]).backoff(pauses)
}

/// How it stood, each time that it stood otherwise.
fn watched(link: &Link) -> tokio::task::JoinHandle<Vec<LinkStatus>> {
    let mut watch = link.watch();
    tokio::spawn(async move {
        let mut seen = vec![watch.current()];
        while let Some(status) = watch.changed().await {
            if seen.last().is_none_or(|last| last.standing != status.standing) {
                seen.push(status);
            }
        }
        seen
    })
}

#[tokio::test(start_paused = true)]
async fn who_watches_a_link_sees_it_connected_lost_back_and_closed() {
    let (left, right) = (Router::new(), Router::new());
    let town = Town::new(Some(40_000));
    let mut links = let_in(&right, town.move_in(), settings(&right, "right"));
    let mut ear = right.subscribe_with::<Ping>(InboxSettings::with_capacity(10_000));
    let near = Link::dial(&left, dialer(&town), settings(&left, "left"));
    let seen = watched(&near);
    near.opened().await.unwrap();
    let far = links.recv().await.unwrap();
    // More than goes over one connection.
    for number in 0..3_000 {
        left.notify(Ping(number)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    settle().await;
    assert!(std::iter::from_fn(|| ear.try_recv()).map(|ping| ping.0).eq(0..3_000));
    near.close();
    assert_eq!(near.closed().await, Closed::Orderly);
    assert_eq!(far.closed().await, Closed::Orderly);
    let seen = seen.await.unwrap();
    let status = seen.last().unwrap();
    assert!(status.resumed > 0 && status.restarted == 0, "{status:?}");
    assert_eq!(status.peer.as_ref().unwrap().identity.name, "right");
    let names: Vec<_> = seen
        .iter()
        .map(|status| match &status.standing {
            Standing::Connecting => 'c',
            Standing::Open => 'o',
            Standing::Suspended { .. } => 's',
            Standing::Closed(_) => 'x',
            _ => '?',
        })
        .collect();
    let expected: Vec<_> =
        "co".chars().chain("so".chars().cycle().take(2 * status.resumed as usize)).chain(['x']).collect();
    assert_eq!(names, expected);
}

#[tokio::test(start_paused = true)]
async fn a_link_whose_other_router_is_started_anew_says_so_and_sends_it_what_it_had_not_taken() {
    let left = Router::new();
    let town = Town::new(None);
    let near = Link::dial(&left, dialer(&town), settings(&left, "left"));
    let before = Router::new();
    let mut links = let_in(&before, town.move_in(), settings(&before, "right"));
    near.opened().await.unwrap();
    let mut old_ear = before.subscribe_with::<Ping>(InboxSettings::with_capacity(100));
    let _never = before.respond(|_: Ask| std::future::pending());
    let _old = links.recv().await.unwrap();
    settle().await;
    let asking = tokio::spawn({
        let left = left.clone();
        async move { left.request(Ask(1)).await }
    });
    for number in 0..10 {
        left.notify(Ping(number)).await.unwrap();
    }
    settle().await;
    assert!(std::iter::from_fn(|| old_ear.try_recv()).map(|ping| ping.0).eq(0..10));
    town.burn_down();
    settle().await;
    for number in 10..110 {
        left.notify(Ping(number)).await.unwrap();
    }
    let anew = Router::with_id(before.id());
    let mut ear = anew.subscribe_with::<Ping>(InboxSettings::with_capacity(1_000));
    let _links = let_in(&anew, town.move_in(), settings(&anew, "right"));
    settle().await;
    tokio::time::sleep(SECOND).await;
    assert!(std::iter::from_fn(|| ear.try_recv()).map(|ping| ping.0).eq(10..110));
    let answer = asking.await.unwrap();
    assert!(
        matches!(&answer, Err(RequestError::LinkLost(lost)) if lost.reason.contains("anew")),
        "{answer:?}"
    );
    let status = near.status();
    assert_eq!((status.standing, status.restarted, status.resumed), (Standing::Open, 1, 0));
    left.notify(Ping(110)).await.unwrap();
    settle().await;
    assert_eq!(ear.try_recv().map(|ping| ping.0), Some(110));
}

#[tokio::test(start_paused = true)]
async fn a_membership_that_is_closed_while_it_is_cut_off_ends_in_time_and_loses_nothing_in_silence() {
    let hub = Hub::new();
    let ((a, at_a), (b, _b)) = (join(&hub, "a").await, join(&hub, "b").await);
    let _ear = b.subscribe::<Ping>();
    let _never = b.respond(|_: Ask| std::future::pending());
    settle().await;
    let asking = tokio::spawn({
        let a = a.clone();
        async move { a.request(Ask(1)).await }
    });
    settle().await;
    hub.kill();
    settle().await;
    for number in 0..50 {
        a.notify(Ping(number)).await.unwrap();
    }
    let began = Instant::now();
    at_a.close();
    let closed = at_a.closed().await;
    assert!(began.elapsed() <= SECOND * 11, "{:?}", began.elapsed());
    assert!(matches!(closed, Closed::GivenUpHere { .. }), "{closed}");
    let answer = asking.await.unwrap();
    assert!(matches!(&answer, Err(RequestError::LinkLost(lost)) if lost.peer == "b"), "{answer:?}");
    assert_eq!(a.snapshot().dead_letters.total(), 50);
    let mut own = a.subscribe::<Ping>();
    a.notify(Ping(1)).await.unwrap();
    assert_eq!(own.try_recv().map(|ping| ping.0), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_not_taken_up_again_is_lost_with_what_waited_for_it() {
    let (left, right) = (Router::new(), Router::new());
    let town = Town::new(None);
    let mut links = let_in(&right, town.move_in(), settings(&right, "right"));
    let _ear = right.subscribe::<Ping>();
    let near = Link::dial(&left, dialer(&town), settings(&left, "left"));
    near.opened().await.unwrap();
    let far = links.recv().await.unwrap();
    settle().await;
    town.burn_down();
    settle().await;
    for number in 0..7 {
        left.notify(Ping(number)).await.unwrap();
    }
    assert!(near.status().trouble.is_some(), "it tries, and says why that came to nothing");
    let began = Instant::now();
    let lost = [near.closed().await, far.closed().await];
    assert!(lost.iter().all(|closed| matches!(closed, Closed::Lost { .. })), "{lost:?}");
    assert!(began.elapsed() <= SECOND * 20);
    assert_eq!(left.snapshot().dead_letters.total(), 7);
    assert_eq!(left.notify(Ping(1)).await.unwrap().accepted, 0);
}
