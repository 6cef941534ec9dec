//! Routers' own end of the protocol, over real sockets through a real switch: what is sent arrives once and in order, whatever
//! becomes of the switch.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edri_connector::switch::{Access, AccessList, RunningSwitch, Switch, SwitchSettings};
use edri_event::RouterId;
use edri_link::{
    Circumstances, Consumer, Event, Identity, Interest, MemberId, Membership, NetworkEvent, Role, Schema,
    Settings,
};
use parking_lot::Mutex;
use support::{PATIENCE, switch};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

fn schema(name: &str) -> Schema {
    Schema {
        name: name.to_owned(),
        version: 1,
        role: Role::Subscriber,
        codec: "postcard".to_owned(),
        shapes: Vec::new(),
    }
}

/// What a router has learned.
#[derive(Default)]
struct Learned {
    /// The numbers that have come, in this order.
    came: Vec<u64>,
    /// Which members want which events.
    wanted: HashMap<String, Vec<(MemberId, Interest)>>,
    /// How often it was let in.
    joined: usize,
    /// How often it has lost the switch after that.
    lost: usize,
    /// What was to be said is said, and acknowledged.
    settled: bool,
}

/// A router: a task, what it is told, and what it learns.
struct Router {
    learned: Arc<Mutex<Learned>>,
    send: mpsc::Sender<(u64, usize)>,
    task: tokio::task::JoinHandle<()>,
}

impl Router {
    fn start(name: &str, address: SocketAddr, consumes: &[&str]) -> Self {
        let mut settings = Settings::network(Identity::new(RouterId::fresh(), name));
        settings.heartbeat = Duration::from_millis(300);
        let mut membership = Membership::unconnected(settings);
        for event in consumes {
            membership.announce(schema(event), None, Consumer::default());
        }
        let learned = Arc::new(Mutex::new(Learned::default()));
        let (send, sends) = mpsc::channel(64);
        let node = Node { membership, learned: Arc::clone(&learned), sends, pending: None };
        Self { learned, send, task: tokio::spawn(node.run(address)) }
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Learned) -> bool) {
        let began = Instant::now();
        while !is_so(&self.learned.lock()) {
            let came = self.learned.lock().came.len();
            assert!(began.elapsed() < PATIENCE, "{what} did not happen; {came} have come");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Node {
    membership: Membership,
    learned: Arc<Mutex<Learned>>,
    sends: mpsc::Receiver<(u64, usize)>,
    /// What there was no room for.
    pending: Option<(u64, usize)>,
}

impl Node {
    async fn run(mut self, address: SocketAddr) {
        loop {
            let Ok(stream) = TcpStream::connect(address).await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            stream.set_nodelay(true).unwrap();
            self.membership.reconnect(Instant::now());
            let lost = self.serve(&stream).await;
            self.membership.transport_lost(&lost.to_string(), Instant::now());
            self.learn();
            let mut learned = self.learned.lock();
            learned.lost = learned.joined;
        }
    }

    /// Until the connection is lost.
    async fn serve(&mut self, stream: &TcpStream) -> io::Error {
        let (mut out, mut written) = (Vec::new(), 0);
        loop {
            self.send();
            if written == out.len() {
                out.clear();
                written = 0;
                self.membership.transmit(&mut out, 64 * 1024, Instant::now());
            }
            self.learn();
            if self.membership.wants_connection() {
                return io::Error::other("another connection is wanted");
            }
            let next = self.membership.next_timeout().unwrap_or_else(|| Instant::now() + PATIENCE);
            tokio::select! {
                ready = stream.readable() => {
                    let mut buffer = [0; 64 * 1024];
                    match ready.and_then(|()| stream.try_read(&mut buffer)) {
                        Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
                        Ok(length) => self.membership.receive(&buffer[..length], Instant::now()),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return error,
                    }
                }
                ready = stream.writable(), if written < out.len() => {
                    match ready.and_then(|()| stream.try_write(&out[written..])) {
                        Ok(length) => written += length,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return error,
                    }
                }
                number = self.sends.recv(), if self.pending.is_none() => {
                    match number {
                        Some(number) => self.pending = Some(number),
                        None => return io::Error::other("nothing more is to be sent"),
                    }
                }
                () = tokio::time::sleep_until(next.into()) => self.membership.handle_timeout(Instant::now()),
            }
        }
    }

    fn send(&mut self) {
        let Some((number, size)) = self.pending else { return };
        let wanted = self.learned.lock().wanted.get("x").cloned().unwrap_or_default();
        let Some((member, to)) = wanted.first().copied() else { return };
        let mut payload = number.to_le_bytes().to_vec();
        payload.resize(8 + size, 0);
        let Some(mut line) = self.membership.to(member, Instant::now()) else { return };
        if line.notify(to, Circumstances::default(), Bytes::from(payload)).is_ok() {
            self.pending = None;
        }
    }

    fn learn(&mut self) {
        while let Some(event) = self.membership.poll_event() {
            let mut learned = self.learned.lock();
            match event {
                NetworkEvent::Joined { .. } | NetworkEvent::Resumed { .. } => learned.joined += 1,
                NetworkEvent::From { member, event } => match event {
                    Event::Wanted { interest, schema, .. } => {
                        learned.wanted.entry(schema.name.clone()).or_default().push((member, interest));
                    }
                    Event::Notification { circumstances, payload, .. } => {
                        learned.came.push(u64::from_le_bytes(*payload.first_chunk().unwrap()));
                        drop(learned);
                        if let Some(mut line) = self.membership.to(member, Instant::now()) {
                            line.handled(circumstances.priority, payload.len());
                        }
                    }
                    _ => {}
                },
                NetworkEvent::Closed(closed) => panic!("the membership ended: {closed}"),
                _ => {}
            }
        }
        self.learned.lock().settled = self.membership.is_settled() && self.pending.is_none();
    }
}

async fn again(address: SocketAddr, change: impl FnOnce(&mut SwitchSettings)) -> RunningSwitch {
    let mut settings = SwitchSettings::new([address.to_string()]);
    change(&mut settings);
    Switch::new(settings).start().await.unwrap()
}

#[tokio::test]
async fn given_the_hub_is_killed_under_load_and_comes_back_when_routers_rejoin_then_all_arrives_once_in_order()
 {
    const COUNT: u64 = 20_000;
    let mut switch = switch(|_| {}).await;
    let address = switch.addresses()[0];
    let consumer = Router::start("consumer", address, &["x"]);
    let producer = Router::start("producer", address, &[]);
    producer.until("an interest", |learned| learned.wanted.contains_key("x")).await;
    let send = producer.send.clone();
    let sends = tokio::spawn(async move {
        for number in 0..COUNT {
            send.send((number, 100)).await.unwrap();
        }
    });
    for kill in 1..=3 {
        let enough = COUNT as usize * kill / 5;
        for router in [&consumer, &producer] {
            router.until("its return", |learned| learned.joined >= kill).await;
        }
        consumer.until("the next part", |learned| learned.came.len() >= enough).await;
        switch.kill();
        // From here on nobody is there, and what is sent waits.
        for router in [&consumer, &producer] {
            router.until("the loss", |learned| learned.lost >= kill).await;
        }
        switch = again(address, |_| {}).await;
    }
    sends.await.unwrap();
    consumer.until("the last", |learned| learned.came.len() as u64 >= COUNT).await;
    producer.until("peace", |learned| learned.settled).await;
    consumer.until("its return after each kill", |learned| learned.joined >= 4).await;
    let learned = consumer.learned.lock();
    assert!(learned.came.iter().copied().eq(0..COUNT), "{} came", learned.came.len());
}

#[tokio::test]
async fn what_a_switch_has_no_room_for_is_sent_again_and_arrives_once_in_order() {
    const COUNT: u64 = 400;
    let small = |settings: &mut SwitchSettings| {
        settings.limits.frame = 64 * 1024;
        settings.limits.queue = 128 * 1024;
        settings.heartbeat = Duration::from_millis(300);
    };
    let switch = switch(small).await;
    let address = switch.addresses()[0];
    let consumer = Router::start("consumer", address, &["x"]);
    // Several to one: together they are faster than it is.
    let producers: Vec<_> =
        (0..6).map(|index| Router::start(&format!("producer {index}"), address, &[])).collect();
    let mut sends = Vec::new();
    for (index, producer) in (0_u64..).zip(&producers) {
        producer.until("an interest", |learned| learned.wanted.contains_key("x")).await;
        let send = producer.send.clone();
        sends.push(tokio::spawn(async move {
            for number in 0..COUNT {
                send.send((index * COUNT + number, 15_000)).await.unwrap();
            }
        }));
    }
    for send in sends {
        send.await.unwrap();
    }
    let all = COUNT as usize * producers.len();
    consumer.until("the last", |learned| learned.came.len() >= all).await;
    for index in 0..producers.len() as u64 {
        let of_one: Vec<_> =
            consumer.learned.lock().came.iter().copied().filter(|number| number / COUNT == index).collect();
        assert!(of_one.iter().copied().eq(index * COUNT..(index + 1) * COUNT), "{of_one:?}");
    }
    let began = Instant::now();
    // The routers say how much they sent again when they are pinged next.
    loop {
        let status = switch.status();
        let network = &status.networks[0];
        if network.dropped.relays > 0 && network.resent > 0 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "nothing was dropped, or nothing sent again: {network:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_router_that_may_not_send_something_learns_of_nobody_who_wants_it() {
    let switch = switch(|settings| {
        settings.access = AccessList::from_iter([
            Access::of(["consumer".into()]).subscribe("*"),
            Access::of(["producer".into()]).publish("x"),
            Access::of(["other".into()]).publish("y"),
        ]);
    })
    .await;
    let address = switch.addresses()[0];
    let consumer = Router::start("consumer", address, &["x", "y"]);
    let (producer, other) = (Router::start("producer", address, &[]), Router::start("other", address, &[]));
    producer.until("an interest", |learned| learned.wanted.contains_key("x")).await;
    other.until("an interest", |learned| learned.wanted.contains_key("y")).await;
    assert!(!producer.learned.lock().wanted.contains_key("y"));
    assert!(!other.learned.lock().wanted.contains_key("x"));
    producer.send.send((7, 0)).await.unwrap();
    consumer.until("the event", |learned| learned.came == [7]).await;
}
