//! A crowd of idle routers at one switch: what each costs, how long one takes to join, how soon all know of a change.
//!
//! ```text
//! cargo run --release -p edri-connector --example crowd -- 2000
//! cargo run --release -p edri-connector --example crowd -- 100 1000       # each consumes 1,000 types of event of its own
//! cargo run --release -p edri-connector --example crowd -- 10000 0 500    # 500 join at a time
//! cargo run --release -p edri-connector --features certificates --example crowd -- 2000 0 100 tls
//! ```
//!
//! The switch is a process of its own (this program again), so that its memory can be told apart.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use edri_connector::switch::{Switch, SwitchSettings};
use edri_event::RouterId;
use edri_link::wire::{
    Change, Credentials, Frame, Hello, Identity, Interest, Interests, Limits, Pong, Role, Schema, split,
    write,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What all routers have heard together.
#[derive(Default)]
struct Heard {
    /// Announcements since everybody was there.
    announcements: AtomicUsize,
    /// Connections that the switch has closed.
    closed: AtomicUsize,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "switch") {
        return run_switch(arguments.get(1)).await;
    }
    let tls = arguments.iter().any(|argument| argument == "tls").then(secure::prepare).transpose()?;
    let number =
        |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |argument| argument.parse());
    let (routers, types, together) = (number(0, 2_000)?, number(1, 0)?, number(2, 1)?.max(1));
    let mut say = std::io::stdout().lock();

    let (child, address) = start_switch(tls.as_ref().map(secure::Prepared::folder))?;
    let empty = memory_of(&child)?;
    let heard = Arc::new(Heard::default());
    let mut writers = Vec::with_capacity(routers);
    let mut joins = Vec::with_capacity(routers);
    let began = Instant::now();
    for first in (0..routers).step_by(together) {
        let several = (first..routers.min(first + together)).map(|index| {
            let (heard, tls) = (Arc::clone(&heard), tls.clone());
            tokio::spawn(async move {
                let joining = Instant::now();
                let router = join(address, index, &heard, tls).await?;
                let took = joining.elapsed();
                announce(&router, index, 0..types).await?;
                Outcome::Ok((took, router))
            })
        });
        for joined in several.collect::<Vec<_>>() {
            let (took, router) = joined.await??;
            joins.push(took);
            writers.push(router);
        }
    }
    let all = began.elapsed();
    joins.sort();
    let at = |share: f64| joins[((joins.len() - 1) as f64 * share) as usize];
    writeln!(
        say,
        "{routers} routers joined in {all:.2?}; each in {:.2?} (median), {:.2?} (p99), {:.2?} (longest)",
        at(0.5),
        at(0.99),
        at(1.0)
    )?;

    let spent = processor_time_of(&child)?;
    writeln!(say, "processor time of the switch: {:.2} ms for each of them", spent * 1e3 / routers as f64)?;

    // Everything has been told, and what was needed to tell it is given back.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let full = memory_of(&child)?;
    let each = (full - empty) as f64 / routers as f64;
    writeln!(say, "memory of the switch: {empty} KiB empty, {full} KiB now, {each:.1} KiB for each router")?;

    let joining = Instant::now();
    let late = join(address, routers, &heard, tls).await?;
    writeln!(say, "one more joined, and knew of all others, in {:.2?}", joining.elapsed())?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    heard.announcements.store(0, Ordering::SeqCst);
    let changing = Instant::now();
    announce(&late, usize::MAX, 0..1).await?;
    while heard.announcements.load(Ordering::SeqCst) < routers {
        if changing.elapsed() > Duration::from_secs(60) {
            let heard = (heard.announcements.load(Ordering::SeqCst), heard.closed.load(Ordering::SeqCst));
            return Err(
                format!("within a minute {} heard of the change; {} were closed", heard.0, heard.1).into()
            );
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    writeln!(say, "a change of interest reached all {routers} in {:.2?}", changing.elapsed())?;
    let before = processor_time_of(&child)?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = processor_time_of(&child)? - before;
    writeln!(say, "processor time of the switch while all are idle: {:.1} ms a second", idle * 1e3 / 5.0)?;
    Ok(())
}

/// A switch until nobody wants it any more.
async fn run_switch(folder: Option<&String>) -> Outcome<()> {
    let mut settings = SwitchSettings::new(["127.0.0.1:0"]);
    if let Some(folder) = folder {
        settings.tls = Some(secure::settings(folder));
    }
    settings.limits.connections = 100_000;
    settings.limits.per_address = 100_000;
    let switch = Switch::new(settings).start().await?;
    writeln!(std::io::stdout(), "{}", switch.addresses()[0])?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    Ok(())
}

fn start_switch(folder: Option<&Path>) -> Outcome<(Child, SocketAddr)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("switch")
        .args(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().ok_or("the switch says nothing")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    Ok((child, line.trim().parse()?))
}

/// The resident memory of a process, in KiB.
fn memory_of(child: &Child) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}

/// The processor time that a process has had, in seconds.
fn processor_time_of(child: &Child) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    let after = stat.rsplit(')').next().ok_or("no fields")?;
    let ticks = |at: usize| after.split_whitespace().nth(at).and_then(|field| field.parse::<f64>().ok());
    Ok((ticks(11).ok_or("no user time")? + ticks(12).ok_or("no system time")?) / 100.0)
}

/// A router that has been told everything, and goes on listening.
async fn join(
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

type Reads = Box<dyn AsyncRead + Send + Unpin>;
type Writes = Arc<Mutex<Box<dyn AsyncWrite + Send + Unpin>>>;

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
async fn announce(writes: &Writes, of: usize, numbers: std::ops::Range<usize>) -> Outcome<()> {
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

/// With certificates.
#[cfg(feature = "certificates")]
mod secure {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use edri_connector::certificates::{Authority, Folder};
    use edri_connector::switch::TlsSettings;
    use edri_connector::tls::TlsClient;
    use tempfile::TempDir;
    use tokio::io::AsyncWrite;
    use tokio::net::TcpStream;

    use super::{Outcome, Reads};

    /// An authority, and a client with a certificate by it.
    #[derive(Clone)]
    pub(super) struct Prepared {
        place: Arc<TempDir>,
        client: TlsClient,
    }

    pub(super) fn prepare() -> Outcome<Prepared> {
        let place = TempDir::new()?;
        let folder = Folder::new(place.path());
        let day = Duration::from_secs(24 * 3600);
        let authority = Authority::create(&folder, "the crowd", day)?;
        authority.for_switch(&folder, "switch", &["127.0.0.1".to_owned()], day)?;
        authority.for_router(&folder, "router", day)?;
        let client = TlsClient::mutual(
            &folder.certificate("authority"),
            &folder.certificate("router"),
            &folder.key("router"),
        )?;
        Ok(Prepared { place: Arc::new(place), client })
    }

    pub(super) fn settings(folder: &str) -> TlsSettings {
        let folder = Folder::new(folder);
        TlsSettings::mutual(
            folder.certificate("switch"),
            folder.key("switch"),
            folder.certificate("authority"),
        )
    }

    impl Prepared {
        pub(super) fn folder(&self) -> &Path {
            self.place.path()
        }

        pub(super) async fn connect(
            &self,
            stream: TcpStream,
        ) -> Outcome<(Reads, Box<dyn AsyncWrite + Send + Unpin>)> {
            let (reads, writes) = tokio::io::split(self.client.connect("127.0.0.1", stream).await?);
            Ok((Box::new(reads), Box::new(writes)))
        }
    }
}

/// Without certificates there is no TLS.
#[cfg(not(feature = "certificates"))]
mod secure {
    use std::path::Path;

    use edri_connector::switch::TlsSettings;
    use tokio::io::AsyncWrite;
    use tokio::net::TcpStream;

    use super::{Outcome, Reads};

    #[derive(Clone)]
    pub(super) enum Prepared {}

    pub(super) fn prepare() -> Outcome<Prepared> {
        Err("tls needs the feature `certificates`".into())
    }

    pub(super) fn settings(folder: &str) -> TlsSettings {
        TlsSettings::one_sided(folder, folder)
    }

    impl Prepared {
        pub(super) fn folder(&self) -> &Path {
            match *self {}
        }

        pub(super) async fn connect(
            &self,
            _: TcpStream,
        ) -> Outcome<(Reads, Box<dyn AsyncWrite + Send + Unpin>)> {
            match *self {}
        }
    }
}
