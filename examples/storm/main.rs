//! A network under a storm: the switch is killed again and again, lines are cut, slowed and stopped, somebody joins and
//! leaves every second, and all the while events and requests flow. At the end the books have to balance: each consumer has got
//! every event once and in order, and every request was answered.
//!
//! ```text
//! cargo run --release --example storm -- --seconds 60 --rate 50000
//!
//!    this program:  producer ──▶ proxy ──▶ switch ──▶ proxy ──▶ consumer      processes of their own:
//!                   guests ────────────▶          ──▶ proxy ──▶ consumer      the switch, each consumer
//! ```
//!
//! Beside them a producer and a consumer are killed again and again, and go on where they stopped: what they send is on their
//! disks. What was on the producer's has to be handled once and in order, or to be told as lost.
//!
//! With `--namespaces`, on Linux, each program is in a network namespace of its own, and instead of proxies the wires between
//! them are cut for 12 seconds each, in both directions or in one, or slowed. That takes root and iproute2 (`ip`, `tc`):
//!
//! ```text
//! cargo build --release --example storm && sudo target/release/examples/storm --namespaces --seconds 60 --rate 50000
//! ```
//!
//! The exit code is 0 if the books balance, and 77 if there can be no namespaces, with what stands in the way.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod consumer;
mod events;
mod faults;
mod guests;
mod lasting;
mod places;
mod proxy;
mod wire;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::{Parser, Subcommand};
use edri::connector::switch::{PlainText, Switch, SwitchSettings};
use edri::prelude::*;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::consumer::{Consumer, Tally};
use crate::events::{Double, Tick};
use crate::faults::{Hub, Line, Lines};
use crate::lasting::{Lasting, Outcome};
use crate::places::{Country, MOST_CONSUMERS, Place};
use crate::proxy::Proxy;

/// A network under a storm, whose books have to balance.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// How long it blows
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How many events are sent in a second, at the most
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// After how many milliseconds the switch is killed, each time
    #[arg(long, default_value_t = 2_000)]
    kill_every: u64,
    /// How many consumers there are
    #[arg(long, default_value_t = 2)]
    consumers: usize,
    /// How many join and leave, one after the other, each second
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=10))]
    guests: u64,
    /// How many events a second go from a producer that is killed again and again to a consumer that is, both of which keep
    /// what must last on the disk; 0 for none
    #[arg(long, default_value_t = 2_000)]
    lasting: u64,
    /// The same faults in the same order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Each program in a network namespace of its own, without guests and without what must last: takes root and iproute2
    #[arg(long)]
    namespaces: bool,
    /// With namespaces: how many seconds a wire is cut, each time
    #[arg(long, default_value_t = 12)]
    partition: u64,
    /// The namespaces that were made for it
    #[arg(long, hide = true)]
    country: Option<String>,
}

#[derive(Subcommand)]
enum Role {
    /// A switch
    #[command(hide = true)]
    Switch { address: String },
    /// A consumer
    #[command(hide = true)]
    Consumer { name: String, address: String },
    /// A producer that keeps what it sends
    #[command(hide = true)]
    DurableProducer { address: String, folder: PathBuf, rate: u64 },
    /// A consumer that knows what it has handled
    #[command(hide = true)]
    DurableConsumer { address: String, folder: PathBuf, rate: u64 },
}

/// How long it may take until all has arrived when the storm is over.
const CALM: Duration = Duration::from_secs(90);

#[edri::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Switch { address }) => {
            let mut settings = SwitchSettings::new([address]);
            settings.plain_text = PlainText::Anywhere;
            let _switch = Switch::new(settings).start().await?;
            println!("ready");
            std::future::pending().await
        }
        Some(Role::Consumer { name, address }) => {
            consumer::run(&name, &address).await?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Role::DurableProducer { address, folder, rate }) => {
            lasting::produce(&address, &folder, rate).await?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Role::DurableConsumer { address, folder, .. }) => {
            lasting::consume(&address, &folder).await?;
            Ok(ExitCode::SUCCESS)
        }
        None if arguments.namespaces && arguments.country.is_none() => apart(arguments.consumers).await,
        None => storm(arguments).await,
    }
}

/// There can be no namespaces.
const SKIPPED: u8 = 77;

/// Makes the namespaces, runs this program in that of the producer, and takes them away when it has ended.
async fn apart(consumers: usize) -> Result<ExitCode, Box<dyn Error>> {
    if consumers > MOST_CONSUMERS {
        return Err(format!("{consumers} consumers: there is room for {MOST_CONSUMERS}").into());
    }
    let country = match Country::found(consumers).await {
        Ok(country) => country,
        Err(error) => {
            println!("skipped, since there can be no network namespaces here: {error}");
            println!("it takes Linux, root (or CAP_NET_ADMIN and CAP_SYS_ADMIN), `ip` and `tc`");
            return Ok(ExitCode::from(SKIPPED));
        }
    };
    let mut producer = country.producer().program()?;
    producer.args(std::env::args().skip(1)).args(["--country", country.name()]);
    // A signal from the terminal reaches both.
    let ended = match producer.kill_on_drop(true).spawn() {
        Ok(mut producer) => tokio::select! {
            ended = producer.wait() => ended,
            _ = tokio::signal::ctrl_c() => producer.wait().await,
        },
        Err(error) => Err(error),
    };
    country.dissolve(consumers).await;
    Ok(if ended?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A connector that notices within a second and a half that nothing comes any more. A guest who leaves while nobody can hear
/// it is given up after some seconds; as long as that, those who send what it wants may have to wait for it. Where there are no
/// guests, there are partitions that last longer.
fn connector(address: &str, name: &str) -> Connector {
    let is_near = address.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
    let patience = Duration::from_secs(if is_near { 10 } else { 120 });
    Connector::to_switch([address])
        .name(name)
        .heartbeat(Duration::from_millis(500))
        .rejoin(patience)
        .absence(patience)
        .plain_text(PlainText::Anywhere)
}

async fn storm(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let Arguments { seconds, rate, kill_every, consumers, mut guests, seed, partition, lasting, .. } =
        arguments;
    let country = arguments.country.map(Country::named);
    let hub = Hub::start(country.as_ref().map_or(Place::Here, Country::switch)).await?;
    let switch = hub.address();
    let mut all = Vec::new();
    let (lines, near, durable) = match &country {
        Some(country) => {
            for number in 0..consumers {
                let place = country.consumer(number);
                all.push(Consumer::start(&format!("consumer-{number}"), &place, switch)?);
            }
            // They would be behind the producer's wire, and a guest is to leave in order.
            guests = 0;
            (country.wires(consumers).into_iter().map(Line::Wire).collect(), switch, None)
        }
        None => {
            let near = Proxy::start(switch).await?;
            let address = near.address();
            let mut lines = vec![Line::Proxy(near)];
            for number in 0..consumers {
                let proxy = Proxy::start(switch).await?;
                all.push(Consumer::start(&format!("consumer-{number}"), &Place::Here, proxy.address())?);
                lines.push(Line::Proxy(proxy));
            }
            let (from, to) = (Proxy::start(switch).await?, Proxy::start(switch).await?);
            let durable =
                (lasting > 0).then(|| Lasting::start(from.address(), to.address(), lasting)).transpose()?;
            lines.extend([Line::Proxy(from), Line::Proxy(to)]);
            (lines, address, durable)
        }
    };
    let producer = connector(&near.to_string(), "producer");
    let connections = producer.connections();
    let app = App::new().connector(producer).start().await?;
    let router = app.router().clone();
    for number in 0..consumers {
        connections.router(&format!("consumer-{number}")).await?;
    }
    while !router.has_subscribers::<Tick>() || !router.has_responders::<Double>() {
        sleep(Duration::from_millis(5)).await;
    }
    // That all of them want it is known a moment after the first does.
    sleep(Duration::from_millis(500)).await;

    let (over, storm) = watch::channel(false);
    let sent = Arc::new(AtomicU64::new(0));
    let sending = tokio::spawn(send(router.clone(), rate, Arc::clone(&sent), storm.clone()));
    let dripping = tokio::spawn(guests::drip(router.clone(), storm.clone()));
    let asking = tokio::spawn(ask(router.clone(), storm.clone()));
    let visiting = tokio::spawn(guests::visit(switch, guests, storm.clone()));
    let lasting = durable.map(|durable| tokio::spawn(durable.die(storm.clone(), seed, CALM)));
    let lines = Lines::new(lines, seed, Duration::from_secs(partition));
    let blowing = tokio::spawn(lines.blow(storm.clone()));
    let killing = tokio::spawn(hub.die_every(Duration::from_millis(kill_every), storm));

    let mut before = 0;
    for second in 1..=seconds {
        sleep(Duration::from_secs(1)).await;
        let now = sent.load(Ordering::Relaxed);
        println!(
            "second {second}: {} events, {} routers to be reached",
            now - before,
            connections.routers().len()
        );
        before = now;
    }
    over.send_replace(true);
    let (hub, kills) = killing.await??;
    let (lines, faults) = timeout(CALM, blowing).await.map_err(|_| "a wire does not heal")???;
    let asked = timeout(CALM, asking).await.map_err(|_| "a request has no answer")??;
    let sent = timeout(CALM, sending).await.map_err(|_| "the producer is stuck")??;
    timeout(CALM, dripping).await.map_err(|_| "who sends to guests is stuck")??;
    let guests = timeout(CALM, visiting).await.map_err(|_| "a guest does not come home")???;

    println!("{kills} switches were killed, {faults} other faults");
    println!(
        "{} events were sent, {} requests asked, {} guests were there",
        sent, asked.asked, guests.visits
    );
    let mut balanced = asked.wrong.is_empty() && guests.disorder == 0;
    for wrong in asked.wrong.iter().take(10) {
        println!("WRONG: {wrong}");
    }
    println!("guests got {} events, {} of them out of order", guests.events, guests.disorder);
    let until = Instant::now() + CALM;
    for consumer in &mut all {
        let mut tally = consumer.tally().await?;
        while tally.got < sent && Instant::now() < until {
            sleep(Duration::from_millis(100)).await;
            tally = consumer.tally().await?;
        }
        println!("{} got {tally:?}", consumer.name);
        balanced &= tally == Tally { got: sent, missing: 0, again: 0 };
    }
    if let Some(lasting) = lasting {
        let outcome = lasting.await??;
        let Outcome { kills, synced, handled, lost, missing, again } = outcome;
        println!("what lasts: {kills} kills; of {synced} on the disk for sure {missing} are missing");
        println!("what lasts: {handled} handled, {again} of them again or late; {lost} were told as lost");
        balanced &= missing == 0 && again == 0 && synced > 0;
    }
    println!("lost here: {:?}", router.dead_letter_counts());
    println!("{}", if balanced { "the books balance" } else { "THE BOOKS DO NOT BALANCE" });
    app.shutdown(Duration::from_secs(5)).await.into_result()?;
    drop((lines, hub));
    Ok(if balanced { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends until the storm is over; how many.
async fn send(router: Router, rate: u64, counts: Arc<AtomicU64>, storm: watch::Receiver<bool>) -> u64 {
    let mut turns = interval(Duration::from_millis(1));
    turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (began, mut sent) = (Instant::now(), 0);
    while !*storm.borrow() {
        turns.tick().await;
        let due = began.elapsed().as_micros() as u64 * rate / 1_000_000;
        while sent < due && !*storm.borrow() {
            match router.notify(Tick::new(sent)).await {
                Ok(_) => {
                    sent += 1;
                    counts.store(sent, Ordering::Relaxed);
                }
                Err(error) => panic!("the policy is to wait: {error}"),
            }
        }
    }
    sent
}

#[derive(Default)]
struct Asked {
    asked: u64,
    wrong: Vec<String>,
}

impl Asked {
    fn note(&mut self, number: u64, outcome: &Result<u64, RequestError>) {
        self.asked += 1;
        if *outcome != Ok(2 * number) {
            self.wrong.push(format!("{number} doubled is {outcome:?}"));
        }
    }
}

/// Asks several at a time until the storm is over.
async fn ask(router: Router, storm: watch::Receiver<bool>) -> Asked {
    let total = Arc::new(parking_lot::Mutex::new(Asked::default()));
    let askers: Vec<_> = (0..8_u64)
        .map(|asker| {
            let (router, storm, total) = (router.clone(), storm.clone(), Arc::clone(&total));
            tokio::spawn(async move {
                let mut number = asker << 32;
                while !*storm.borrow() {
                    let outcome = router.request(Double(number)).timeout(CALM).await;
                    total.lock().note(number, &outcome);
                    number += 1;
                    sleep(Duration::from_millis(2)).await;
                }
            })
        })
        .collect();
    for asker in askers {
        if let Err(error) = asker.await {
            total.lock().wrong.push(error.to_string());
        }
    }
    std::mem::take(&mut *total.lock())
}

/// Where a program of this example is to listen.
fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}
