//! A router as far as a switch can tell: it speaks in raw frames, and says nothing that it was not told to say.

#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

pub mod line;
pub mod picture;
pub mod routers;

use std::net::SocketAddr;
use std::time::Duration;

use edri_connector::switch::{RunningSwitch, Switch, SwitchSettings};
use edri_event::RouterId;
use edri_link::wire::{
    Change, Credentials, Frame, Hello, Identity, Interest, Interests, Limits, Pong, Role, Schema, write,
    write_relay,
};
use picture::Picture;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Long enough for a machine that does other things, too.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A switch on loopback.
pub async fn switch(change: impl FnOnce(&mut SwitchSettings)) -> RunningSwitch {
    let mut settings = SwitchSettings::new(["127.0.0.1:0"]);
    change(&mut settings);
    Switch::new(settings).start().await.unwrap()
}

pub fn hello(name: &str) -> Hello {
    let mut limits = Limits::default();
    limits.frame = 256 * 1024;
    Hello::new(Identity::new(RouterId::fresh(), name), Credentials::None, limits, 5_000)
}

pub fn hello_in(network: &str, name: &str) -> Hello {
    let mut hello = hello(name);
    hello.identity.network = network.to_owned();
    hello
}

pub fn schema(name: &str) -> Schema {
    Schema {
        name: name.to_owned(),
        version: 1,
        role: Role::Subscriber,
        codec: "postcard".to_owned(),
        shapes: Vec::new(),
    }
}

pub fn framed(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, frame);
    bytes
}

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub struct Client {
    pub stream: Box<dyn Stream>,
    pub picture: Picture,
    /// The other end has closed the connection.
    pub ended: bool,
    next: u32,
}

impl Client {
    pub fn over(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), picture: Picture::default(), ended: false, next: 0 }
    }

    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// A member, when it knows who else is there.
    pub async fn join(address: SocketAddr, name: &str) -> Self {
        Self::greet(address, hello(name)).await
    }

    pub async fn greet(address: SocketAddr, hello: Hello) -> Self {
        let mut client = Self::connect(address).await;
        client.say(&Frame::Hello(hello)).await;
        client.until(|picture| picture.is_complete).await;
        client
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub async fn say(&mut self, frame: &Frame) {
        self.write(&framed(frame)).await;
    }

    pub async fn relay(&mut self, to: u32, blob: &[u8]) {
        let mut bytes = Vec::new();
        write_relay(&mut bytes, to, blob);
        self.write(&bytes).await;
    }

    pub async fn announce(&mut self, event: &str) {
        let number = self.next;
        self.next += 1;
        let changes = vec![
            Change::Schema { number, schema: schema(event) },
            Change::Announce {
                interest: Interest::from_number(number),
                schema: number,
                group: None,
                consumer: edri_link::Consumer::default(),
            },
        ];
        self.say(&Frame::Interest(Interests { member: 0, changes })).await;
    }

    pub fn number(&self) -> u32 {
        self.picture.number()
    }

    /// Reads once. Pings are answered.
    pub async fn read(&mut self) {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer).await {
            Ok(0) | Err(_) => self.ended = true,
            Ok(length) => self.picture.hear(&buffer[..length]),
        }
        for number in std::mem::take(&mut self.picture.pings) {
            let pong = framed(&Frame::Pong(Pong { number, resent: 0 }));
            // It may have been closed meanwhile.
            let _ = self.stream.write_all(&pong).await;
        }
    }

    /// Reads until something is so.
    #[track_caller]
    pub fn until(&mut self, is_so: impl Fn(&Picture) -> bool) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let waited = tokio::time::timeout(PATIENCE, async {
                while !is_so(&self.picture) {
                    assert!(
                        !self.ended,
                        "the connection ended before what {place} waits for: {:?}",
                        self.picture
                    );
                    self.read().await;
                }
            });
            assert!(waited.await.is_ok(), "what {place} waits for did not happen: {:?}", self.picture);
        }
    }

    /// Reads until the other end closes the connection.
    pub async fn until_end(&mut self) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !self.ended {
                self.read().await;
            }
        });
        assert!(waited.await.is_ok(), "the connection was not closed: {:?}", self.picture);
    }

    pub fn close_reason(&self) -> &str {
        self.picture.closed.as_ref().map_or("", |close| &close.reason)
    }
}

/// Two routers that behave, whatever others do.
pub struct Pair {
    pub a: Client,
    pub b: Client,
    sent: usize,
}

impl Pair {
    pub async fn join(address: SocketAddr) -> Self {
        let mut a = Client::join(address, "a").await;
        let b = Client::join(address, "b").await;
        a.until(|picture| picture.member("b").is_some()).await;
        Self { a, b, sent: 0 }
    }

    /// They hear each other.
    pub async fn talk(&mut self) {
        self.sent += 1;
        let Self { a, b, sent } = self;
        a.relay(b.number(), b"how are you").await;
        b.until(|picture| picture.relays.len() == *sent).await;
        b.relay(a.number(), b"well").await;
        a.until(|picture| picture.relays.len() == *sent).await;
    }
}
