//! Routers that connectors have joined.

use edri::{
    event::Priority,
    prelude::{App, Connector, InboxSettings, Registration, Router, RunningApp},
};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use super::{LARGE, SET_UP, event::Large, hub::Hub};
use crate::{
    contender::Contender,
    drive::{self, AskerInTurn, Teller},
    event::{Event, Request, Small, Work},
    measure::{Sample, Stopwatch},
    runtime::on_two_workers_with_io,
    scenario::{BATCH, CAPACITY, Scenario},
    tally::{Arrivals, Tally, tally},
};

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::LinkDirect, "edri", |events| run(Way::Direct, events, one_by_one)),
        Contender::new(Scenario::LinkDirect, "edri-batches", |events| run(Way::Direct, events, in_batches)),
        Contender::new(Scenario::LinkHub, "edri", |events| run(Way::Switch, events, one_by_one)),
        Contender::new(Scenario::LinkHub, "edri-batches", |events| run(Way::Switch, events, in_batches)),
        Contender::new(Scenario::LinkAsk, "edri-direct", |requests| ask(Way::Direct, requests)),
        Contender::new(Scenario::LinkAsk, "edri-switch", |requests| ask(Way::Switch, requests)),
        Contender::new(Scenario::LinkBulk, "edri-direct", |events| bulk(Way::Direct, events)),
        Contender::new(Scenario::LinkBulk, "edri-switch", |events| bulk(Way::Switch, events)),
    ]
}

#[derive(Clone, Copy)]
pub(super) enum Way {
    Direct,
    Switch,
}

#[derive(edri::event::Request, Serialize, Deserialize)]
#[request(response = u64, shareable)]
pub(super) struct Number(pub(super) u64);

/// Two routers that are joined, and what joins them.
pub(super) struct Joined {
    pub(super) here: RunningApp,
    pub(super) there: RunningApp,
    _hub: Option<Hub>,
}

pub(super) async fn joined(way: Way) -> Joined {
    let (hub, there, here) = match way {
        Way::Direct => {
            let listens = Connector::listen(["127.0.0.1:0"]).name("there");
            let connections = listens.connections();
            let there = App::new().connector(listens).start().await.expect("it listens");
            let address = connections.addresses()[0].to_string();
            (None, there, Connector::connect([address]))
        }
        Way::Switch => {
            let hub = Hub::switch();
            let connector = |name| Connector::to_switch([hub.address.to_string()]).name(name);
            let there = App::new().connector(connector("there")).start().await.expect("it starts");
            let here = connector("here");
            (Some(hub), there, here)
        }
    };
    let here = App::new().connector(here).start().await.expect("it starts");
    Joined { here, there, _hub: hub }
}

pub(super) async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    timeout(SET_UP, waiting).await.expect("the routers are joined");
}

fn run<F: Future<Output = Sample> + Send>(
    way: Way,
    events: u64,
    send: impl FnOnce(u64, Router, Arrivals) -> F + Send + 'static,
) -> Sample {
    on_two_workers_with_io(async move {
        let joined = joined(way).await;
        let (tally, arrivals) = tally(events);
        count(joined.there.router(), tally);
        let router = joined.here.router().clone();
        until(|| router.has_subscribers::<Small>()).await;
        send(events, router, arrivals).await
    })
}

pub(super) fn count(router: &Router, mut tally: Tally) {
    let mut events = router.subscribe_with::<Small>(InboxSettings::with_capacity(CAPACITY));
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            tally.count(&Event::numbered(event.number));
        }
    });
}

struct Notifier(Router);

impl Teller for Notifier {
    async fn tell(&mut self, event: Event) {
        self.0.notify(Small::numbered(event.number)).await.expect("it is taken");
    }
}

async fn one_by_one(events: u64, router: Router, arrivals: Arrivals) -> Sample {
    drive::tell(events, Notifier(router), arrivals).await
}

async fn in_batches(events: u64, router: Router, arrivals: Arrivals) -> Sample {
    let stopwatch = Stopwatch::start();
    for first in (0..events).step_by(BATCH) {
        router.notify_all((first..first + BATCH as u64).map(Small::numbered)).await.expect("they are taken");
    }
    arrivals.all().await;
    stopwatch.stop(events)
}

/// Has a router answer numbers for as long as there is what is returned.
pub(super) fn answer(router: &Router) -> Registration {
    router.respond(|number: Number| async move { Ok(Work::None.answer(Request { number: number.0 })) })
}

pub(super) struct Asks {
    router: Router,
    priority: Priority,
}

impl Asks {
    pub(super) fn of(router: Router, priority: Priority) -> Self {
        Self { router, priority }
    }
}

impl AskerInTurn for Asks {
    async fn ask(&mut self, request: Request) -> u64 {
        let asked = self.router.request(Number(request.number)).priority(self.priority);
        asked.await.expect("every request is answered")
    }
}

fn ask(way: Way, requests: u64) -> Sample {
    on_two_workers_with_io(async move {
        let joined = joined(way).await;
        let _answers = answer(joined.there.router());
        let router = joined.here.router().clone();
        until(|| router.has_responders::<Number>()).await;
        drive::ask(requests, Asks::of(router, Priority::Normal)).await
    })
}

fn bulk(way: Way, events: u64) -> Sample {
    on_two_workers_with_io(async move {
        let joined = joined(way).await;
        let (mut tally, arrivals) = tally(events);
        let mut large = joined.there.router().subscribe_with::<Large>(InboxSettings::with_capacity(16));
        tokio::spawn(async move {
            while let Some(event) = large.recv().await {
                assert_eq!(event.bytes.0.len(), LARGE);
                tally.count(&Event::numbered(event.number));
            }
        });
        let router = joined.here.router().clone();
        until(|| router.has_subscribers::<Large>()).await;
        let stopwatch = Stopwatch::start();
        for number in 0..events {
            router.notify(Large::numbered(number)).await.expect("it is taken");
        }
        arrivals.all().await;
        stopwatch.stop(events)
    })
}
