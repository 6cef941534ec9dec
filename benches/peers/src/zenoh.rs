//! zenoh from one peer to another over TCP: reliable, and a publisher that waits where it is congested.
//!
//! Its sessions run on runtimes of their own.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use edri_benches::{
    contender::Contender,
    drive::{self, AskerInTurn},
    event::{Event, Request, Work},
    measure::{Sample, Stopwatch},
    runtime::on_two_workers_with_io,
    scenario::Scenario,
    tally::tally,
};
use tokio::time::{Duration, sleep, timeout};
use zenoh::{Config, Session, Wait as _, bytes::ZBytes, qos::CongestionControl, query::Querier};

use crate::{SET_UP, decoded, encoded, event, number};

pub(crate) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::LinkDirect, "zenoh", |events| publish(events, encoded, decoded)),
        Contender::new(Scenario::LinkDirect, "zenoh-bytes", |events| publish(events, event, number)),
        Contender::new(Scenario::LinkAsk, "zenoh", ask),
    ]
}

/// What is published, or asked, before anything counts.
const MARK: u64 = u64::MAX;

/// Two peers that know each other alone: nobody is looked for.
async fn pair() -> (Session, Session) {
    let free =
        TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).expect("a free address");
    let open = |what: &'static str| async move {
        let mut config = Config::default();
        let mut set = |key: &str, value: &str| config.insert_json5(key, value).expect("it can be set");
        set("mode", "\"peer\"");
        set("scouting/multicast/enabled", "false");
        set("scouting/gossip/enabled", "false");
        set("listen/endpoints", "[]");
        set(&format!("{what}/endpoints"), &format!("[\"tcp/{free}\"]"));
        zenoh::open(config).await.expect("a session is opened")
    };
    let far = open("listen").await;
    (open("connect").await, far)
}

fn publish<B: Into<ZBytes> + Send>(
    events: u64,
    bytes: impl Fn(u64) -> B + Send + Sync + 'static,
    number: impl Fn(&[u8]) -> u64 + Send + Sync + 'static,
) -> Sample {
    on_two_workers_with_io(async move {
        let (near, far) = pair().await;
        let (mut tally, arrivals) = tally(events);
        let marks = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&marks);
        let _subscriber = far
            .declare_subscriber("benches/events")
            .callback_mut(move |sample| match number(&sample.payload().to_bytes()) {
                MARK => _ = seen.fetch_add(1, Ordering::Relaxed),
                number => tally.count(&Event::numbered(number)),
            })
            .await
            .expect("it subscribes");
        let publisher = near
            .declare_publisher("benches/events")
            .congestion_control(CongestionControl::Block)
            .await
            .expect("it publishes");
        let heard = async {
            while marks.load(Ordering::Relaxed) == 0 {
                publisher.put(bytes(MARK)).await.expect("it is taken");
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(SET_UP, heard).await.expect("the subscriber hears");
        sleep(Duration::from_millis(100)).await;
        let stopwatch = Stopwatch::start();
        for number in 0..events {
            publisher.put(bytes(number)).wait().expect("it is taken");
        }
        arrivals.all().await;
        stopwatch.stop(events)
    })
}

struct Asks(Querier<'static>);

impl Asks {
    async fn number(&self, asked: u64) -> Option<u64> {
        let answers = self.0.get().payload(asked.to_le_bytes()).await.expect("it is asked");
        let answer = answers.recv_async().await.ok()?;
        Some(number(&answer.result().ok()?.payload().to_bytes()))
    }
}

impl AskerInTurn for Asks {
    async fn ask(&mut self, request: Request) -> u64 {
        self.number(request.number).await.expect("it is answered")
    }
}

fn ask(requests: u64) -> Sample {
    on_two_workers_with_io(async move {
        let (near, far) = pair().await;
        let _queryable = far
            .declare_queryable("benches/numbers")
            .callback(|query| {
                let asked = query.payload().map_or(MARK, |payload| number(&payload.to_bytes()));
                let answer = if asked == MARK { 0 } else { Work::None.answer(Request { number: asked }) };
                query.reply("benches/numbers", answer.to_le_bytes()).wait().expect("it is answered");
            })
            .await
            .expect("it answers");
        let asks = Asks(near.declare_querier("benches/numbers").await.expect("it asks"));
        let answered = async {
            while asks.number(MARK).await.is_none() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(SET_UP, answered).await.expect("somebody answers");
        drive::ask(requests, asks).await
    })
}
