//! How fast two ends of a link are, without routers: notifications from one to the other, acknowledged.
//!
//! ```text
//! cargo run --release -p edri-link --example pace -- [memory|unix|tcp|network] [events] [bytes]
//! ```
//!
//! `memory` has both ends on one thread and nothing between them: the time of the protocol alone, of both sides together.
//! `network` is the same through a switch that does nothing but pass on. `unix` and `tcp` have a thread for each end.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use edri_event::{Priority, RouterId};
use edri_link::wire::{self, Frame, Member, Permit, Reader, Relay, Station, Welcome, write_relay};
use edri_link::{
    Circumstances, Consumer, Endpoint, Event, Identity, Interest, Limits, Membership, NetworkEvent, Role,
    Schema, Settings, WriteError,
};

const BATCH: usize = 64 * 1024;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_else(|| "memory".to_owned());
    let events = arguments.next().map_or(Ok(5_000_000), |text| text.parse())?;
    let bytes = arguments.next().map_or(Ok(64), |text| text.parse())?;
    let began = Instant::now();
    match mode.as_str() {
        "memory" => memory(events, bytes),
        "network" => network(events, bytes),
        "unix" => {
            let (near, far) = UnixStream::pair()?;
            streams(near, far, events, bytes, |stream, blocking| stream.set_nonblocking(!blocking))?;
        }
        "tcp" => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let near = TcpStream::connect(listener.local_addr()?)?;
            let (far, _) = listener.accept()?;
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            streams(near, far, events, bytes, |stream, blocking| stream.set_nonblocking(!blocking))?;
        }
        other => return Err(format!("`{other}` is no mode: expected memory, network, unix or tcp").into()),
    }
    let took = began.elapsed();
    let each = took.as_nanos() as f64 / events as f64;
    println!(
        "{mode}: {events} events of {bytes} bytes in {took:.2?}: {:.2} M/s, {each:.0} ns each",
        1e3 / each
    );
    Ok(())
}

fn settings(bits: u128) -> Settings {
    Settings::new(Identity::new(RouterId::from_bits(bits), format!("end {bits}")))
}

fn schema() -> Schema {
    Schema {
        name: "note".to_owned(),
        version: 1,
        role: Role::Subscriber,
        codec: "postcard".to_owned(),
        shapes: Vec::new(),
    }
}

/// Sends as many as there is room for; how many.
fn fill(end: &mut Endpoint, to: Interest, most: usize, payload: &[u8]) -> usize {
    let circumstances = Circumstances::default();
    let mut sent = 0;
    while sent < most {
        let written = end.notify_with(to, &circumstances, |out| {
            out.extend_from_slice(payload);
            Ok::<_, std::convert::Infallible>(())
        });
        match written {
            Ok(()) => sent += 1,
            Err(WriteError::NotSent(_)) => break,
            Err(WriteError::NotWritten(never)) => match never {},
        }
    }
    sent
}

/// Takes all that came; how many.
fn take(end: &mut Endpoint) -> usize {
    let mut taken = 0;
    while let Some(event) = end.poll_event() {
        if let Event::Notification { payload, .. } = event {
            std::hint::black_box(payload[0]);
            end.handled(Priority::Normal, payload.len());
            taken += 1;
        }
    }
    taken
}

/// What the other end wants, once it has said so.
fn wanted(end: &mut Endpoint) -> Option<Interest> {
    std::iter::from_fn(|| end.poll_event()).find_map(|event| match event {
        Event::Wanted { interest, .. } => Some(interest),
        _ => None,
    })
}

fn memory(events: usize, bytes: usize) {
    let mut now = Instant::now();
    let (mut near, mut far) = (Endpoint::connecting(settings(1), now), Endpoint::accepting(settings(2), now));
    far.announce(schema(), None, Consumer::default());
    let payload = vec![7; bytes];
    let (mut sent, mut taken, mut to) = (0, 0, None);
    let mut wire = Vec::with_capacity(2 * BATCH);
    while taken < events {
        if let Some(to) = to {
            sent += fill(&mut near, to, events - sent, &payload);
        } else {
            to = wanted(&mut near);
        }
        wire.clear();
        near.transmit(&mut wire, BATCH, now);
        far.receive(&wire, now);
        taken += take(&mut far);
        wire.clear();
        far.transmit(&mut wire, BATCH, now);
        near.receive(&wire, now);
        now = Instant::now();
    }
}

/// Two members, and what a switch between them would do.
fn network(events: usize, bytes: usize) {
    let mut now = Instant::now();
    let mut ends = [1, 2].map(|bits| Membership::joining(settings(bits), now));
    ends[1].announce(schema(), None, Consumer::default());
    let mut wires = [Vec::new(), Vec::new()];
    for number in [0, 1] {
        ends[number].transmit(&mut wires[number], BATCH, now);
        let mut out = Vec::new();
        wire::write(
            &mut out,
            &Frame::Welcome(Welcome {
                version: 1,
                identity: Identity::new(RouterId::from_bits(9), "switch"),
                station: Station::Switch { member: number as u32 + 1 },
                features: 0,
                limits: Limits::default(),
                heartbeat: 5_000,
            }),
        );
        wire::write(
            &mut out,
            &Frame::Member(Member {
                member: 2 - number as u32,
                version: 1,
                identity: ends[1 - number].identity().clone(),
                features: 0,
                limits: Limits::default(),
                permit: Permit::All,
            }),
        );
        ends[number].receive(&out, now);
        wires[number].clear();
    }
    let payload = vec![7; bytes];
    let mut readers = [Reader::new(u32::MAX), Reader::new(u32::MAX)];
    let circumstances = Circumstances::default();
    let (mut sent, mut taken, mut to) = (0, 0, None);
    while taken < events {
        if let Some((member, interest)) = to
            && let Some(mut line) = ends[0].to(member, now)
        {
            while sent < events {
                let written = line.notify_with(interest, &circumstances, |out| {
                    out.extend_from_slice(&payload);
                    Ok::<_, std::convert::Infallible>(())
                });
                if written.is_err() {
                    break;
                }
                sent += 1;
            }
        }
        for from in [0, 1] {
            let mut out = std::mem::take(&mut wires[from]);
            out.clear();
            ends[from].transmit(&mut out, BATCH, now);
            readers[from].push(&out);
            let mut passed = Vec::new();
            while let Ok(Some(frame)) = readers[from].next_frame() {
                match frame {
                    Frame::Relay(Relay { blob, .. }) => write_relay(&mut passed, from as u32 + 1, &blob),
                    Frame::Interest(mut interests) => {
                        interests.member = from as u32 + 1;
                        wire::write(&mut passed, &Frame::Interest(interests));
                    }
                    _ => {}
                }
            }
            ends[1 - from].receive(&passed, now);
            wires[from] = out;
        }
        while let Some(event) = ends[0].poll_event() {
            if let NetworkEvent::From { member, event: Event::Wanted { interest, .. } } = event {
                to = Some((member, interest));
            }
        }
        while let Some(event) = ends[1].poll_event() {
            if let NetworkEvent::From { member, event: Event::Notification { payload, .. } } = event {
                std::hint::black_box(payload[0]);
                taken += 1;
                if let Some(mut line) = ends[1].to(member, now) {
                    line.handled(Priority::Normal, payload.len());
                }
            }
        }
        now = Instant::now();
        for end in &mut ends {
            end.handle_timeout(now);
        }
    }
}

fn streams<S: Read + Write + Send>(
    near: S,
    far: S,
    events: usize,
    bytes: usize,
    blocking: impl Fn(&S, bool) -> std::io::Result<()> + Sync,
) -> std::io::Result<()> {
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| send(near, events, bytes, &blocking));
        receive(far, events)?;
        sender.join().unwrap_or_else(|_| Err(ErrorKind::Other.into()))
    })
}

fn send<S: Read + Write>(
    mut stream: S,
    events: usize,
    bytes: usize,
    blocking: impl Fn(&S, bool) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut end = Endpoint::connecting(settings(1), Instant::now());
    let payload = vec![7; bytes];
    let (mut sent, mut to) = (0, None);
    let mut out = Vec::with_capacity(2 * BATCH);
    let mut inbound = vec![0; BATCH];
    while sent < events || !end.is_settled() {
        if let Some(to) = to {
            sent += fill(&mut end, to, events - sent, &payload);
        } else {
            to = wanted(&mut end);
        }
        out.clear();
        end.transmit(&mut out, BATCH, Instant::now());
        stream.write_all(&out)?;
        // Waits for the other end only if there is nothing else to do.
        blocking(&stream, out.is_empty())?;
        match stream.read(&mut inbound) {
            Ok(length) => end.receive(&inbound[..length], Instant::now()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        blocking(&stream, true)?;
    }
    Ok(())
}

fn receive<S: Read + Write>(mut stream: S, events: usize) -> std::io::Result<()> {
    let mut end = Endpoint::accepting(settings(2), Instant::now());
    end.announce(schema(), None, Consumer::default());
    let mut out = Vec::with_capacity(BATCH);
    let mut inbound = vec![0; BATCH];
    let mut taken = 0;
    while taken < events {
        let length = stream.read(&mut inbound)?;
        let now = Instant::now();
        end.receive(&inbound[..length], now);
        taken += take(&mut end);
        out.clear();
        end.handle_timeout(now);
        // At the end nobody waits for company.
        let late = if taken == events { now + std::time::Duration::from_secs(1) } else { now };
        end.transmit(&mut out, BATCH, late);
        stream.write_all(&out)?;
    }
    Ok(())
}
