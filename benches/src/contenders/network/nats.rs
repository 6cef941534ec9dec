//! NATS, where its server is installed: core, which acknowledges nothing, and JetStream, which does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::jetstream::{self, stream};
use edri::event::Failure;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tempfile::TempDir;
use tokio::time::timeout;

use super::{LARGE, SET_UP, SMALL, hub::Hub};
use crate::{
    contender::Contender,
    drive::{self, AskerInTurn},
    event::{Event, Request, Work},
    measure::{Sample, Stopwatch},
    runtime::on_two_workers_with_io,
    scenario::Scenario,
    tally::tally,
};

pub(super) fn contenders() -> Vec<Contender> {
    if Server::start().is_none() {
        return Vec::new();
    }
    vec![
        Contender::new(Scenario::LinkHub, "nats-core", |events| publish(events, SMALL)),
        Contender::new(Scenario::LinkHub, "nats-jetstream", acknowledged).with_share(0.1),
        Contender::new(Scenario::LinkAsk, "nats-core", ask),
        Contender::new(Scenario::LinkBulk, "nats-core", |events| publish(events, LARGE)),
    ]
}

/// How many publications wait for their acknowledgement at a time.
const IN_FLIGHT: usize = 256;

struct Server {
    hub: Hub,
    _store: TempDir,
}

impl Server {
    fn start() -> Option<Self> {
        let store = TempDir::new().ok()?;
        Some(Self { hub: Hub::nats(store.path())?, _store: store })
    }

    async fn connect(&self) -> async_nats::Client {
        async_nats::ConnectOptions::new()
            .subscription_capacity(1 << 20)
            .connect(format!("nats://{}", self.hub.address))
            .await
            .expect("it connects")
    }
}

fn server() -> Server {
    Server::start().expect("the server starts")
}

fn payload(number: u64, length: usize) -> Vec<u8> {
    let mut payload = vec![1; length];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    payload
}

fn number(payload: &[u8]) -> u64 {
    payload.first_chunk().map_or(0, |number| u64::from_le_bytes(*number))
}

/// What is published before anything counts, until somebody hears it.
const MARK: u64 = u64::MAX;

/// The publisher stays so many events ahead of the subscriber: nothing else holds it back, and what is too much is lost.
fn window(length: usize) -> u64 {
    if length == LARGE { 16 } else { 64 * 1024 }
}

fn publish(events: u64, length: usize) -> Sample {
    on_two_workers_with_io(async move {
        let server = server();
        let (near, far) = (server.connect().await, server.connect().await);
        let mut subscription = far.subscribe("events").await.expect("it subscribes");
        far.flush().await.expect("it subscribes");
        let heard = async {
            loop {
                near.publish("events", MARK.to_le_bytes().to_vec().into()).await.expect("it is taken");
                near.flush().await.expect("it is sent");
                if timeout(Duration::from_millis(100), subscription.next()).await.is_ok() {
                    break;
                }
            }
        };
        timeout(SET_UP, heard).await.expect("the subscriber hears");
        let (mut tally, arrivals) = tally(events);
        let handled = Arc::new(AtomicU64::new(0));
        let window = window(length);
        let counted = Arc::clone(&handled);
        tokio::spawn(async move {
            let _far = far;
            while let Some(message) = subscription.next().await {
                let number = number(&message.payload);
                if number != MARK {
                    tally.count(&Event::numbered(number));
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let stopwatch = Stopwatch::start();
        for number in 0..events {
            while number >= handled.load(Ordering::Relaxed) + window {
                tokio::task::yield_now().await;
            }
            near.publish("events", payload(number, length).into()).await.expect("it is taken");
        }
        near.flush().await.expect("it is sent");
        arrivals.all().await;
        stopwatch.stop(events)
    })
}

fn acknowledged(events: u64) -> Sample {
    on_two_workers_with_io(async move {
        let server = server();
        let context = jetstream::new(server.connect().await);
        let config = stream::Config {
            name: "events".to_owned(),
            subjects: vec!["events".to_owned()],
            storage: stream::StorageType::Memory,
            ..stream::Config::default()
        };
        context.create_stream(config).await.expect("there is a stream");
        let publish = |number| {
            let context = context.clone();
            async move {
                let sent = context.publish("events", payload(number, SMALL).into()).await;
                sent.map_err(Failure::from)?.await.map_err(Failure::from)
            }
        };
        let mut numbers = 0..events;
        let mut in_flight = FuturesUnordered::new();
        let stopwatch = Stopwatch::start();
        in_flight.extend(numbers.by_ref().take(IN_FLIGHT).map(publish));
        while let Some(acknowledged) = in_flight.next().await {
            acknowledged.expect("it is acknowledged");
            in_flight.extend(numbers.next().map(publish));
        }
        stopwatch.stop(events)
    })
}

struct Asks(async_nats::Client);

impl AskerInTurn for Asks {
    async fn ask(&mut self, request: Request) -> u64 {
        let asked = request.number.to_le_bytes().to_vec();
        number(&self.0.request("numbers", asked.into()).await.expect("it is answered").payload)
    }
}

fn ask(requests: u64) -> Sample {
    on_two_workers_with_io(async move {
        let server = server();
        let (near, far) = (server.connect().await, server.connect().await);
        let mut asked = far.subscribe("numbers").await.expect("it subscribes");
        far.flush().await.expect("it subscribes");
        tokio::spawn(async move {
            while let Some(message) = asked.next().await {
                let asked = number(&message.payload);
                let answer = if asked == MARK { 0 } else { Work::None.answer(Request { number: asked }) };
                if let Some(to) = message.reply {
                    far.publish(to, answer.to_le_bytes().to_vec().into()).await.expect("it is taken");
                }
            }
        });
        let answered =
            async { while near.request("numbers", MARK.to_le_bytes().to_vec().into()).await.is_err() {} };
        timeout(SET_UP, answered).await.expect("somebody answers");
        drive::ask(requests, Asks(near)).await
    })
}
