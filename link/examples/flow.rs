//! How fast events go from one router to another, beside the same stream with nothing around it.
//!
//! ```text
//! cargo run --release -p edri-link --example flow -- [scenario] [rounds] [events]
//! ```
//!
//! | scenario | what | beside |
//! |---|---|---|
//! | `tcp-each`, `tcp-all` | 64-byte notifications, one call for each, or `notify_all` | frames of the same length, written 64 KiB at a time |
//! | `unix-each`, `unix-all` | the same over a Unix socket | the same |
//! | `tcp-one`, `unix-one` | a request and its answer, one at a time | a frame and a frame back |
//! | `tcp-jobs`, `unix-jobs` | the same, 256 at a time | the same |
//!
//! Both ends are in one process, on a runtime of two threads. The two take turns, and the medians of the rounds are compared:
//! by the clock, and by the processor time of both ends together, which tells more where others use the machine.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

use bytes::Bytes;
use edri_event::{Notification, Request};
use edri_link::{Closed, End, Identity, Link, Settings, Tcp, Transport};
use edri_router::{InboxSettings, Router};
use futures_util::{SinkExt, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Notification, Clone, Serialize, Deserialize)]
#[notification(shareable)]
struct Note {
    values: [f64; 8],
}

#[derive(Request, Clone, Serialize, Deserialize)]
#[request(response = u64, shareable)]
struct Job {
    number: u64,
    values: [f64; 7],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Each,
    All,
    Requests { in_flight: u64 },
}

const BATCH: usize = 64 * 1024;

/// How long one round may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// An event of 64 bytes.
fn note(number: u64) -> Note {
    let mut values = [0.5; 8];
    values[0] = number as f64;
    Note { values }
}

async fn routers<T: Transport>((near, far): (T, T), what: What, count: u64) -> Outcome<()> {
    let (a, b) = (Router::new(), Router::new());
    let settings = |router: &Router, name| Settings::new(Identity::new(router.id(), name));
    let near = Link::start(&a, near, End::Connecting, settings(&a, "a"));
    let far = Link::start(&b, far, End::Accepting, settings(&b, "b"));
    near.opened().await?;
    far.opened().await?;
    let closed = |closed: Closed| Err(format!("the link has ended: {closed}").into());
    tokio::select! {
        biased;
        done = timeout(PATIENCE, exchange(a, b, what, count)) => match done {
            Ok(done) => done?,
            Err(_) => return Err(format!("not all has arrived within {PATIENCE:?}").into()),
        },
        how = near.closed() => return closed(how),
        how = far.closed() => return closed(how),
    }
    // All is acknowledged then.
    near.close();
    near.closed().await;
    Ok(())
}

/// Until all has arrived, or is answered.
async fn exchange(a: Router, b: Router, what: What, count: u64) -> Outcome<()> {
    match what {
        What::Each | What::All => {
            let mut there = b.subscribe_with::<Note>(InboxSettings::with_capacity(4096));
            while !a.has_subscribers::<Note>() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let sending = tokio::spawn(async move {
                if what == What::Each {
                    for number in 0..count {
                        a.notify(note(number)).await?;
                    }
                } else {
                    a.notify_all((0..count).map(note)).await?;
                }
                Outcome::Ok(())
            });
            for number in 0..count {
                let note = there.recv().await.ok_or("it ends too early")?;
                if note.values[0] != number as f64 {
                    return Err(format!("{} came: expected {number}", note.values[0]).into());
                }
            }
            sending.await??;
        }
        What::Requests { in_flight } => {
            let _jobs = b.respond(|job: Job| async move { Ok(job.number + 1) });
            while !a.has_responders::<Job>() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let asking = (0..in_flight).map(|_| {
                let a = a.clone();
                tokio::spawn(async move {
                    let mut asking = a.requester::<Job>();
                    for number in 0..count / in_flight {
                        let answer = asking.request(Job { number, values: [0.5; 7] }).await?;
                        assert_eq!(answer, number + 1, "it is another's answer");
                    }
                    Outcome::Ok(())
                })
            });
            for asking in asking.collect::<Vec<_>>() {
                asking.await??;
            }
        }
    }
    Ok(())
}

/// Frames with their length before them, and nothing else.
async fn raw<T: Transport>((near, far): (T, T), what: What, count: u64) -> Outcome<()> {
    let payload = Bytes::from_static(&[7; 64]);
    let frames = |stream| {
        let mut framed = Framed::new(stream, LengthDelimitedCodec::new());
        framed.set_backpressure_boundary(BATCH);
        framed
    };
    let (mut near, mut far) = (frames(near), frames(far));
    match what {
        What::Each | What::All => {
            let sending = tokio::spawn(async move {
                for _ in 0..count {
                    near.feed(payload.clone()).await?;
                }
                SinkExt::<Bytes>::flush(&mut near).await?;
                Outcome::Ok(near)
            });
            for _ in 0..count {
                std::hint::black_box(far.next().await.ok_or("it ends too early")??);
            }
            sending.await??;
        }
        What::Requests { in_flight } => {
            let answer = payload.clone();
            let answering = tokio::spawn(async move {
                for _ in 0..count {
                    far.next().await.ok_or("it ends too early")??;
                    far.send(answer.clone()).await?;
                }
                Outcome::Ok(())
            });
            for number in 0..count + in_flight {
                if number >= in_flight {
                    near.next().await.ok_or("it ends too early")??;
                }
                if number < count {
                    near.send(payload.clone()).await?;
                }
            }
            answering.await??;
        }
    }
    Ok(())
}

async fn tcp() -> Outcome<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    let (far, _) = listener.accept().await?;
    for stream in [&near, &far] {
        Tcp::default().prepare(stream)?;
    }
    Ok((near, far))
}

/// By the clock, and of the processors.
#[derive(Clone, Copy, Debug)]
struct Took {
    time: Duration,
    work: Duration,
}

async fn measure(running: impl Future<Output = Outcome<()>> + Send + 'static) -> Outcome<Took> {
    let (began, work) = (Instant::now(), work()?);
    tokio::spawn(running).await??;
    Ok(Took { time: began.elapsed(), work: self::work()?.saturating_sub(work) })
}

/// What this process has used of the processors, to 10 ms.
fn work() -> Outcome<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("it says nothing of the processors")?;
    let ticks: Vec<u64> = fields.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    Ok(Duration::from_millis(10 * ticks.iter().sum::<u64>()))
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

async fn compare(scenario: &str, rounds: usize, events: Option<u64>) -> Outcome<()> {
    let (kind, what) = scenario.split_once('-').ok_or("expected a scenario such as `tcp-all`")?;
    let (what, usual) = match what {
        "each" => (What::Each, 1_000_000),
        "all" => (What::All, 1_000_000),
        "one" => (What::Requests { in_flight: 1 }, 20_000),
        "jobs" => (What::Requests { in_flight: 256 }, 200_000),
        other => return Err(format!("`{other}` is none of: each, all, one, jobs").into()),
    };
    let count = events.unwrap_or(usual);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        match kind {
            "tcp" => {
                without.push(measure(raw(tcp().await?, what, count)).await?);
                with.push(measure(routers(tcp().await?, what, count)).await?);
            }
            "unix" => {
                without.push(measure(raw(UnixStream::pair()?, what, count)).await?);
                with.push(measure(routers(UnixStream::pair()?, what, count)).await?);
            }
            other => return Err(format!("`{other}` is none of: tcp, unix").into()),
        }
    }
    let each = |took: &[Took], part: fn(&Took) -> Duration| {
        median(took.iter().map(part).collect()).as_nanos() as f64 / count as f64
    };
    for (name, part) in [("clock", (|took| took.time) as fn(&Took) -> Duration), ("work", |took| took.work)] {
        let (link, raw) = (each(&with, part), each(&without, part));
        println!(
            "{scenario:>10} {name:>6}: raw {raw:>8.0} ns, link {link:>8.0} ns each; {:.2} of raw",
            raw / link
        );
    }
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let scenario = arguments.next();
    let rounds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let events = arguments.next().map(|text| text.parse()).transpose()?;
    let all =
        ["tcp-each", "tcp-all", "unix-each", "unix-all", "tcp-one", "unix-one", "tcp-jobs", "unix-jobs"];
    for scenario in all.into_iter().filter(|all| scenario.as_deref().is_none_or(|one| one == *all)) {
        compare(scenario, rounds, events).await?;
    }
    Ok(())
}
