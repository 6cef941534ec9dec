//! Routers in a network whose switch is killed and whose connections break all the time, at random: whoever listens hears each
//! of the others once and in order, and whoever asks is answered once.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "support/hub.rs"]
mod hub;
#[path = "support/network/mod.rs"]
mod network;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edri_link::Network;
use edri_router::{InboxSettings, Registration, Router, Subscription};
use hub::{Hub, join_as, settings};
use network::Rng;
use support::routers::{Ask, Ping};

const ROUNDS: u64 = 120;

struct Member {
    router: Router,
    network: Network,
    ear: Subscription<Ping>,
    asked: Arc<AtomicU64>,
    answers: Option<Registration>,
}

async fn member(hub: &Hub, number: usize, rng: &mut Rng) -> Member {
    let router = Router::new();
    let mut settings = settings(&router, &format!("{number}"));
    settings.rejoin = Some(Duration::from_secs(300));
    if rng.chance(2) {
        settings.limits.window = 2_000;
        settings.outbox = 3_000;
        settings.limits.calls = 4;
        settings.inbox = InboxSettings::with_capacity(8);
    }
    let ear = router.subscribe_with::<Ping>(InboxSettings::with_capacity(rng.within(1..400) as usize));
    let asked = Arc::<AtomicU64>::default();
    let counting = Arc::clone(&asked);
    let slow = rng.chance(2);
    // Those without a responder of their own ask the others.
    let answers = (number % 2 == 1).then(|| {
        router.respond(move |ask: Ask| {
            counting.fetch_add(1, Ordering::Relaxed);
            async move {
                if slow {
                    tokio::time::sleep(Duration::from_millis(ask.0 % 40)).await;
                }
                Ok(ask.0 + 1)
            }
        })
    });
    let network = join_as(hub, &router, settings, &format!("{number}")).await;
    Member { router, network, ear, asked, answers }
}

/// What a member says, and asks the others.
async fn talk(router: Router, number: usize) -> u64 {
    let mut answered = 0;
    for round in 0..ROUNDS {
        router.notify(Ping(1_000 * number as u64 + round)).await.unwrap();
        if round % 4 == 0 {
            match router.request(Ask(round)).await {
                Ok(answer) => assert_eq!(answer, round + 1),
                Err(error) => panic!("a request of {number} failed: {error}"),
            }
            answered += 1;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    answered
}

/// All that is heard, but for what was said to find the others, until all has been.
async fn listen(mut ear: Subscription<Ping>, count: usize) -> Vec<u64> {
    let mut heard = Vec::new();
    while heard.len() < count * ROUNDS as usize {
        match tokio::time::timeout(Duration::from_secs(200), ear.recv()).await {
            Ok(Some(ping)) => heard.extend(Some(ping.0).filter(|number| *number != u64::MAX)),
            Ok(None) => break,
            Err(_) => panic!("it stalls after {} of {}", heard.len(), count * ROUNDS as usize),
        }
    }
    heard
}

async fn weather(seed: u64) {
    let mut rng = Rng::new(seed);
    let hub = Hub::dropping(rng.chance(2).then(|| rng.within(3..40)));
    let count = rng.within(2..6) as usize;
    let (mut routers, mut ears, mut asked, mut kept) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 0..count {
        let member = member(&hub, number, &mut rng).await;
        routers.push(member.router);
        kept.push((member.network, member.answers));
        ears.push(tokio::spawn(listen(member.ear, count)));
        asked.push(member.asked);
    }
    for router in &routers {
        // All know of all: with itself, each has so many subscribers.
        while router.notify(Ping(u64::MAX)).await.unwrap().accepted < count || !router.has_responders::<Ask>()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let talking: Vec<_> = routers
        .iter()
        .enumerate()
        .map(|(number, router)| tokio::spawn(talk(router.clone(), number)))
        .collect();
    while !talking.iter().all(tokio::task::JoinHandle::is_finished) {
        tokio::time::sleep(Duration::from_millis(rng.within(1..400))).await;
        match rng.below(4) {
            0 => {
                hub.kill();
                tokio::time::sleep(Duration::from_millis(rng.within(1..1_500))).await;
                hub.start();
            }
            1 => hub.cut(),
            2 => hub.cut_one(&format!("{}", rng.below(count))),
            _ => {}
        }
    }
    let mut answered = 0;
    for talking in talking {
        answered += talking.await.unwrap();
    }
    for ear in ears {
        let heard: Vec<_> = ear.await.unwrap();
        for number in 0..count as u64 {
            let of: Vec<_> = heard.iter().copied().filter(|ping| ping / 1_000 == number).collect();
            assert!(
                of.iter().copied().eq((0..ROUNDS).map(|round| 1_000 * number + round)),
                "of {number}: {of:?}"
            );
        }
    }
    let asked: u64 = asked.iter().map(|asked| asked.load(Ordering::Relaxed)).sum();
    assert_eq!(asked, answered, "somebody was asked twice");
    for router in &routers {
        assert_eq!(router.snapshot().dead_letters.total(), 0);
    }
}

#[test]
fn in_foul_weather_everybody_hears_everything_once_and_every_request_is_answered_once() {
    let number =
        |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("it is a number"));
    let seeds = match number("LINK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LINK_SEEDS").unwrap_or(20),
    };
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let run = || runtime.unwrap().block_on(weather(seed));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        assert!(outcome.is_ok(), "the seed {seed} fails: LINK_SEED={seed} tries it alone");
    }
}
