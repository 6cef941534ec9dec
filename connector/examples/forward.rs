//! How fast a switch forwards, beside one plain hop over TCP.
//!
//! ```text
//! cargo run --release -p edri-connector --example forward -- 5        # rounds
//! ```
//!
//! *plain*: 64 bytes behind their length, written and read 64 KiB at a time, one hop. *one by one*: each 64 bytes in a relay of
//! their own, router → switch → router. *together*: relays of 16 KiB, as channels under load make them. Rounds are interleaved,
//! and the ratios are those of the medians.

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Instant;

use edri_connector::switch::{Switch, SwitchSettings};
use edri_event::RouterId;
use edri_link::wire::{
    Credentials, Frame, Hello, Identity, Limits, Pong, Station, as_relay, split, write, write_relay,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const EVENT: usize = 64;
const EVENTS: usize = 2_000_000;
const BATCH: usize = 64 * 1024;

/// Who sends no more than this ahead of who receives keeps to what a channel's window would allow.
const WINDOW: usize = 4 << 20;

#[tokio::main]
async fn main() -> Outcome<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(5), |argument| argument.parse())?;
    let switch = Switch::new(SwitchSettings::new(["127.0.0.1:0"])).start().await?;
    let address = switch.addresses()[0];
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        rates[0].push(plain().await?);
        rates[1].push(through(address, 1).await?);
        rates[2].push(through(address, 16 * 1024 / EVENT).await?);
    }
    let medians = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    let mut out = std::io::stdout();
    for (name, rate) in ["plain, one hop", "one by one", "together"].iter().zip(medians) {
        writeln!(out, "{name:16} {:6.2} M/s   {:.2}", rate / 1e6, rate / medians[0])?;
    }
    let dropped: u64 = switch.status().networks.iter().map(|network| network.dropped.relays).sum();
    writeln!(out, "dropped: {dropped}")?;
    Ok(())
}

/// Events per second over one hop.
async fn plain() -> Outcome<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut sender = TcpStream::connect(listener.local_addr()?).await?;
    let (mut receiver, _) = listener.accept().await?;
    let began = Instant::now();
    let sends = tokio::spawn(async move {
        let mut batch = Vec::with_capacity(BATCH);
        for _ in 0..EVENTS {
            batch.extend_from_slice(&(EVENT as u32).to_le_bytes());
            batch.extend_from_slice(&[7; EVENT]);
            if batch.len() >= BATCH {
                sender.write_all(&batch).await?;
                batch.clear();
            }
        }
        sender.write_all(&batch).await?;
        Outcome::Ok(())
    });
    let (mut held, mut events) = (Vec::with_capacity(2 * BATCH), 0);
    while events < EVENTS {
        receiver.read_buf(&mut held).await?;
        events += frames(&mut held, |_| 1)?;
    }
    let took = began.elapsed();
    sends.await??;
    Ok(EVENTS as f64 / took.as_secs_f64())
}

/// Events per second through a switch, so many of them in each relay.
async fn through(address: SocketAddr, together: usize) -> Outcome<f64> {
    let mut receiver = Router::join(address, "receiver").await?;
    let mut sender = Router::join(address, "sender").await?;
    let to = receiver.member;
    let (told, mut hears) = tokio::sync::watch::channel(0_usize);
    let began = Instant::now();
    let sends = tokio::spawn(async move {
        let blob = vec![7; EVENT * together];
        let (mut batch, mut sent) = (Vec::with_capacity(2 * BATCH), 0);
        while sent < EVENTS {
            write_relay(&mut batch, to, &blob);
            sent += together;
            if batch.len() >= BATCH || sent >= EVENTS {
                sender.stream.write_all(&batch).await?;
                batch.clear();
                // As one would who waits for acknowledgements.
                hears.wait_for(|received| (sent - received.min(&sent)) * EVENT < WINDOW).await?;
            }
        }
        Outcome::Ok(sender)
    });
    let mut events = 0;
    while events < EVENTS {
        receiver.stream.read_buf(&mut receiver.held).await?;
        let mut pings = Vec::new();
        events += frames(&mut receiver.held, |frame| match as_relay(frame) {
            Ok(Some((_, blob))) => blob.len() / EVENT,
            _ => {
                if let Ok(Frame::Ping(number)) = Frame::decode(bytes::Bytes::copy_from_slice(frame)) {
                    pings.push(number);
                }
                0
            }
        })?;
        told.send_replace(events);
        for number in pings {
            receiver.say(&Frame::Pong(Pong { number, resent: 0 })).await?;
        }
    }
    let took = began.elapsed();
    drop(sends.await??);
    Ok(events as f64 / took.as_secs_f64())
}

/// Takes all whole frames out of what was read.
fn frames(held: &mut Vec<u8>, mut count: impl FnMut(&[u8]) -> usize) -> Outcome<usize> {
    let (mut counted, mut rest) = (0, &held[..]);
    while let Some((frame, after)) = split(rest, u32::MAX)? {
        counted += count(frame);
        rest = after;
    }
    let left = rest.len();
    held.drain(..held.len() - left);
    Ok(counted)
}

struct Router {
    stream: TcpStream,
    held: Vec<u8>,
    member: u32,
}

impl Router {
    async fn join(address: SocketAddr, name: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut router = Self { stream, held: Vec::with_capacity(2 * BATCH), member: 0 };
        let identity = Identity::new(RouterId::fresh(), name);
        let hello = Hello::new(identity, Credentials::None, Limits::default(), 5_000);
        router.say(&Frame::Hello(hello)).await?;
        while router.member == 0 {
            router.stream.read_buf(&mut router.held).await?;
            let mut member = 0;
            frames(&mut router.held, |frame| {
                if let Ok(Frame::Welcome(welcome)) = Frame::decode(bytes::Bytes::copy_from_slice(frame))
                    && let Station::Switch { member: number } = welcome.station
                {
                    member = number;
                }
                0
            })?;
            router.member = member;
        }
        Ok(router)
    }

    async fn say(&mut self, frame: &Frame) -> Outcome<()> {
        let mut bytes = Vec::new();
        write(&mut bytes, frame);
        Ok(self.stream.write_all(&bytes).await?)
    }
}
