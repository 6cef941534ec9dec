//! Routers that do no more than listen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use edri_event::RouterId;
use edri_link::wire::{
    Change, Credentials, Frame, Hello, Identity, Interest, Interests, Limits, Pong, Role, Schema, split,
    write,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::{Outcome, secure};

/// What all routers have heard together.
#[derive(Default)]
pub(crate) struct Heard {
    /// Announcements since everybody was there.
    pub(crate) announcements: AtomicUsize,
    /// Connections that the switch has closed.
    pub(crate) closed: AtomicUsize,
}

/// A router that has been told everything, and goes on listening.
pub(crate) async fn join(
    address: SocketAddr,
    index: usize,
    heard: &Arc<Heard>,
    tls: Option<secure::Prepared>,
) -> Outcome<Writes> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let is_certified = tls.is_some();
    let (reads, writes): (Reads, Box<dyn AsyncWrite + Send + Unpin>) = match tls {
        Some(tls) => tls.connect(stream).await?,
        None => {
            let (reads, writes) = stream.into_split();
            (Box::new(reads), Box::new(writes))
        }
    };
    let mut ear = Ear { reads, held: Vec::new() };
    let writes = Arc::new(Mutex::new(writes));
    let identity = Identity::new(
        RouterId::fresh(),
        if is_certified { "router".to_owned() } else { format!("router {index}") },
    );
    let hello = Hello::new(identity, Credentials::None, Limits::default(), 5_000);
    say(&writes, &Frame::Hello(hello)).await?;
    while !ear.hear().await?.iter().any(is_complete) {}
    tokio::spawn(listen(ear, Arc::clone(&writes), Arc::clone(heard)));
    Ok(writes)
}

/// Hears everything, and shows that it lives.
async fn listen(mut ear: Ear, writes: Writes, heard: Arc<Heard>) {
    while let Ok(frames) = ear.hear().await {
        for frame in frames {
            match frame {
                Frame::Ping(number) => {
                    // If it is closed, that is heard next.
                    let _ = say(&writes, &Frame::Pong(Pong { number, resent: 0 })).await;
                }
                frame if is_announcement(&frame) => {
                    heard.announcements.fetch_add(1, Ordering::SeqCst);
                }
                _ => {}
            }
        }
    }
    heard.closed.fetch_add(1, Ordering::SeqCst);
}

pub(crate) type Reads = Box<dyn AsyncRead + Send + Unpin>;
pub(crate) type Writes = Arc<Mutex<Box<dyn AsyncWrite + Send + Unpin>>>;

struct Ear {
    reads: Reads,
    held: Vec<u8>,
}

impl Ear {
    /// The frames that matter, of those that have come.
    async fn hear(&mut self) -> Outcome<Vec<Frame>> {
        if self.reads.read_buf(&mut self.held).await? == 0 {
            return Err("the switch closed the connection".into());
        }
        let mut frames = Vec::new();
        let mut rest = &self.held[..];
        while let Some((frame, after)) = split(rest, u32::MAX)? {
            let frame = Frame::decode(bytes::Bytes::copy_from_slice(frame))?;
            if matches!(frame, Frame::Ping(_) | Frame::Interest(_)) {
                frames.push(frame);
            }
            rest = after;
        }
        let left = rest.len();
        self.held.drain(..self.held.len() - left);
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        Ok(frames)
    }
}

fn is_complete(frame: &Frame) -> bool {
    matches!(frame, Frame::Interest(Interests { member: 0, changes }) if changes.contains(&Change::Complete))
}

fn is_announcement(frame: &Frame) -> bool {
    let Frame::Interest(Interests { member: 1.., changes }) = frame else { return false };
    changes.iter().any(|change| matches!(change, Change::Announce { .. }))
}

async fn say(writes: &Writes, frame: &Frame) -> Outcome<()> {
    let mut bytes = Vec::new();
    write(&mut bytes, frame);
    let mut writes = writes.lock().await;
    writes.write_all(&bytes).await?;
    Ok(writes.flush().await?)
}

/// Announces events of its own.
pub(crate) async fn announce(writes: &Writes, of: usize, numbers: std::ops::Range<usize>) -> Outcome<()> {
    let numbers: Vec<_> = numbers.collect();
    for some in numbers.chunks(200) {
        let changes = some.iter().flat_map(|number| {
            let schema = Schema {
                name: format!("crowd::router_{of}::Event{number}"),
                version: 1,
                role: Role::Subscriber,
                codec: "postcard".to_owned(),
                shapes: Vec::new(),
            };
            let number = *number as u32;
            let interest = Interest::from_number(number);
            [
                Change::Schema { number, schema },
                Change::Announce {
                    interest,
                    schema: number,
                    group: None,
                    consumer: edri_link::Consumer::default(),
                },
            ]
        });
        let interests = Interests { member: 0, changes: changes.collect() };
        say(writes, &Frame::Interest(interests)).await?;
    }
    Ok(())
}
