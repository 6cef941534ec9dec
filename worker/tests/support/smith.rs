//! Workers for the tests of processes, and what they are asked for: the same in the tests and in the program that runs them.

#![allow(dead_code, clippy::unwrap_used, clippy::print_stdout, reason = "each side uses its own part of it")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use edri_event::{Failure, Notification, Request, Tunnel};
use edri_router::{RequestError, Router};
use edri_worker::{Worker, WorkerContext};
use serde::{Deserialize, Serialize};

/// What a smith is to do.
#[derive(Request, Serialize, Deserialize, Clone, Debug)]
#[request(response = String, shareable, name = "test::Forge")]
pub(crate) struct Forge {
    what: String,
    text: String,
    number: u64,
    list: Vec<u64>,
}

/// The same, and it does no harm to do it twice.
#[derive(Request, Serialize, Deserialize, Clone, Debug)]
#[request(response = String, shareable, idempotent, name = "test::Mend")]
pub(crate) struct Mend(pub(crate) Forge);

/// What a smith tells all.
#[derive(Notification, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[notification(shareable, name = "test::Forged")]
pub(crate) struct Forged {
    pub(crate) worker: String,
    pub(crate) number: u64,
}

/// What no smith wants to hear.
#[derive(Notification, Serialize, Deserialize, Clone, Debug)]
#[notification(shareable, name = "test::Noise")]
pub(crate) struct Noise(pub(crate) Vec<u8>);

/// What a smith hears.
#[derive(Notification, Serialize, Deserialize, Clone, Debug)]
#[notification(shareable, name = "test::Call")]
pub(crate) struct Call(pub(crate) u64);

/// What a smith asks for.
#[derive(Request, Serialize, Deserialize, Clone, Debug)]
#[request(response = u64, shareable, name = "test::Price")]
pub(crate) struct Price(pub(crate) String);

/// What a smith sends into, and gets back.
#[derive(Tunnel, Serialize, Deserialize, Clone, Debug)]
#[tunnel(send = Vec<u8>, receive = u64, shareable, name = "test::Store")]
pub(crate) struct Store;

pub(crate) fn job(what: &str) -> Forge {
    Forge { what: what.to_owned(), text: String::new(), number: 0, list: Vec::new() }
}

impl Forge {
    pub(crate) fn text(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    pub(crate) fn number(self, number: u64) -> Self {
        Self { number, ..self }
    }

    pub(crate) fn list(self, list: Vec<u64>) -> Self {
        Self { list, ..self }
    }

    pub(crate) fn idempotent(self) -> Mend {
        Mend(self)
    }
}

#[derive(Default)]
pub(crate) struct Smith {
    jobs: u64,
    kept: Vec<Vec<u8>>,
}

edri_worker::enlist!(Smith, Smith::default, "test::Smith");

impl Worker for Smith {
    type Job = Forge;

    async fn setup(&mut self, cx: &WorkerContext) -> Result<(), Failure> {
        match std::env::var("SETUP").unwrap_or_default().as_str() {
            "fails" => return Err(Failure::new("no-fire", "the fire is out")),
            "exits" => std::process::exit(5),
            "hangs" => sleep_for_ever(),
            "slow" => std::thread::sleep(Duration::from_millis(300)),
            "meets" => meet(8)?,
            "pools" => pool_of_its_own(cx.router())?,
            _ => {}
        }
        Ok(())
    }

    async fn run(&mut self, job: Forge, cx: &WorkerContext) -> Result<String, Failure> {
        self.jobs += 1;
        let Forge { what, text, number, list: _ } = job;
        Ok(match what.as_str() {
            "echo" => text,
            "pid" => {
                tokio::time::sleep(Duration::from_millis(number)).await;
                std::process::id().to_string()
            }
            "who" => format!("{} {} {}", cx.name(), cx.number(), self.jobs),
            "arguments" => std::env::args().skip(5).collect::<Vec<_>>().join(" "),
            "environment" => {
                let mut names: Vec<_> = std::env::vars().map(|(name, _)| name).collect();
                names.sort();
                names.join(" ")
            }
            "directory" => std::env::current_dir()?.display().to_string(),
            "image" => std::env::current_exe()?.display().to_string(),
            "exit" => {
                eprintln!("the last words");
                std::process::exit(i32::try_from(number)?)
            }
            "abort" => std::process::abort(),
            "die-later" => {
                cx.router().notify(Forged { worker: cx.name().to_owned(), number }).await?;
                // Whoever is told of it has stopped reading when it answers.
                tokio::time::sleep(Duration::from_millis(100)).await;
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(number));
                    std::process::abort();
                });
                text
            }
            "panic" => panic!("{text}"),
            "fail" => return Err(Failure::new("bent", text)),
            "hang" => std::future::pending().await,
            "block" => sleep_for_ever(),
            "sleep" => {
                std::thread::sleep(Duration::from_millis(number));
                text
            }
            "pause" => {
                tokio::time::sleep(Duration::from_millis(number)).await;
                text
            }
            "spin" => {
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_micros(number) {
                    std::hint::spin_loop();
                }
                text
            }
            "progress" => {
                for done in 1..=number {
                    cx.progress(done, number);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                text
            }
            "circumstances" => format!(
                "{} {} {}",
                cx.meta().id().is_some(),
                cx.deadline().is_some(),
                cx.meta().trace().map(|trace| trace.to_string()).unwrap_or_default()
            ),
            "until-cancelled" => {
                cx.progress(1, 2);
                cx.cancelled().await;
                // Whoever asked has gone away; the router is there all the same.
                Router::clone(cx.router()).notify(Forged { worker: cx.name().to_owned(), number }).await?;
                text
            }
            "check-cancelled" => {
                cx.progress(1, 2);
                while !cx.is_cancelled() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Router::clone(cx.router()).notify(Forged { worker: cx.name().to_owned(), number }).await?;
                text
            }
            "notify" => {
                for number in 0..number {
                    cx.router().notify(Forged { worker: cx.name().to_owned(), number }).await?;
                }
                text
            }
            "notify-and-die" => {
                cx.router().notify(Forged { worker: cx.name().to_owned(), number }).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
                std::process::abort();
            }
            "ask" => cx.router().request(Price(text)).await.map_err(failed)?.to_string(),
            "listen" => {
                let mut calls = cx.router().subscribe::<Call>();
                cx.router().notify(Forged { worker: cx.name().to_owned(), number }).await?;
                calls.recv().await.ok_or_else(|| Failure::new("deaf", "nobody called"))?.0.to_string()
            }
            "store" => store(cx, number).await?.to_string(),
            "received" => received(&text)?.to_string(),
            "keep" => {
                self.kept.push(vec![1; usize::try_from(number)?]);
                text
            }
            "take" => {
                std::mem::forget(vec![1_u8; usize::try_from(number)?]);
                sleep_for_ever()
            }
            "flood" => {
                let line = "x".repeat(100);
                for _ in 0..number {
                    println!("{line}");
                }
                text
            }
            "say" => {
                println!("{text}");
                eprintln!("{text}!");
                text
            }
            "ignore-sigterm" => {
                // A child of its own, which ignores it.
                let child = std::process::Command::new("/bin/sh")
                    .args(["-c", "trap '' TERM; sleep 1000 & wait; sleep 1000"])
                    .spawn()?;
                cx.router().notify(Forged { worker: child.id().to_string(), number: 0 }).await?;
                sleep_for_ever()
            }
            "start" => std::process::Command::new("/bin/sleep").arg("1000").spawn()?.id().to_string(),
            other => return Err(Failure::new("unknown", other.to_owned())),
        })
    }
}

fn failed(error: RequestError) -> Failure {
    Failure::new("asked", error.to_string())
}

/// Sends so many bytes into a tunnel, and answers how many the other end counted.
async fn store(cx: &WorkerContext, bytes: u64) -> Result<u64, Failure> {
    let mut tunnel =
        cx.router().open(Store).await.map_err(|error| Failure::new("open", error.to_string()))?;
    let piece = 64 * 1024;
    for _ in 0..bytes / piece {
        tunnel
            .send(vec![7; piece as usize])
            .await
            .map_err(|error| Failure::new("send", error.to_string()))?;
    }
    // The final partial piece.
    tunnel
        .send(vec![8; (bytes % piece) as usize])
        .await
        .map_err(|error| Failure::new("send", error.to_string()))?;
    tunnel.finish();
    let mut counted = 0;
    while let Some(count) = tunnel.recv().await {
        counted = count.map_err(|error| Failure::new("receive", error.to_string()))?;
    }
    Ok(counted)
}

/// How many bytes this process has read from what has that name in `/proc/self/io`.
fn received(what: &str) -> Result<u64, Failure> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(": "));
    Ok(line.ok_or_else(|| Failure::new("io", io.clone()))?.parse()?)
}

/// A worker that has workers of its own kind, which have workers of their own kind, and so on.
fn pool_of_its_own(router: &Router) -> Result<(), Failure> {
    let pool = edri_worker::Pool::processes::<Smith>(1).env("SETUP", "pools").start_private(router);
    match pool {
        Ok(pool) => {
            std::mem::forget(pool);
            Ok(())
        }
        Err(error) => {
            eprintln!("{error}");
            Err(Failure::new("pools", error.to_string()))
        }
    }
}

/// Waits until so many processes are at this.
fn meet(count: usize) -> Result<(), Failure> {
    let place = std::path::PathBuf::from(std::env::var_os("MEETS_IN").unwrap_or_default());
    std::fs::write(place.join(std::process::id().to_string()), "")?;
    let begun = Instant::now();
    while std::fs::read_dir(&place)?.count() < count {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err(Failure::new("alone", "the others did not come"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

pub(crate) fn sleep_for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// A smith whose jobs may be done twice.
#[derive(Default)]
pub(crate) struct Tinker(Smith);

edri_worker::enlist!(Tinker, Tinker::default, "test::Tinker");

impl Worker for Tinker {
    type Job = Mend;

    async fn setup(&mut self, cx: &WorkerContext) -> Result<(), Failure> {
        self.0.setup(cx).await
    }

    async fn run(&mut self, job: Mend, cx: &WorkerContext) -> Result<String, Failure> {
        self.0.run(job.0, cx).await
    }
}

/// Bytes that are not copied on their way.
#[derive(Request, Serialize, Deserialize, Clone, Debug)]
#[request(response = Cast, shareable, name = "test::Pour")]
pub(crate) struct Pour {
    #[serde(with = "edri_event::uncopied")]
    pub(crate) metal: Bytes,
    pub(crate) what: String,
}

#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Cast {
    #[serde(with = "edri_event::uncopied")]
    pub(crate) metal: Bytes,
    /// How many mappings of shared memory the process had; and of such as was lent to it.
    pub(crate) mapped: u64,
    pub(crate) lent: u64,
    /// How many bytes it had read.
    pub(crate) read: u64,
}

/// Takes bytes and gives bytes.
#[derive(Default)]
pub(crate) struct Founder {
    kept: Vec<Bytes>,
}

edri_worker::enlist!(Founder, Founder::default, "test::Founder");

impl Worker for Founder {
    type Job = Pour;

    async fn run(&mut self, job: Pour, _: &WorkerContext) -> Result<Cast, Failure> {
        let (mapped, lent, read) = (mapped() as u64, lent() as u64, received("rchar")?);
        let metal = match job.what.as_str() {
            "back" => job.metal,
            "part" => job.metal.slice(job.metal.len() / 4..job.metal.len() / 2),
            "other" => job.metal.iter().map(|byte| byte ^ 0xff).collect(),
            "drop" => Bytes::new(),
            "keep" => {
                self.kept.push(job.metal.clone());
                job.metal
            }
            // Of all that it has kept the first bytes, if all others are the same.
            "kept" => self
                .kept
                .iter()
                .map(|kept| {
                    let same = kept.iter().all(|byte| *byte == kept[0]);
                    same.then_some(kept[0]).ok_or_else(|| Failure::new("changed", "it is not what it was"))
                })
                .collect::<Result<Vec<u8>, _>>()?
                .into(),
            "let-go" => {
                self.kept.clear();
                Bytes::new()
            }
            // What is dropped later, by another thread.
            "lay-by" => {
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(20));
                    drop(job.metal);
                });
                Bytes::new()
            }
            "die" => std::process::abort(),
            "hang" => sleep_for_ever(),
            other => return Err(Failure::new("unknown", other.to_owned())),
        };
        Ok(Cast { metal, mapped, lent, read })
    }
}

/// Memory that is shared for good, mapped into this process.
pub(crate) fn mapped() -> usize {
    mappings("memfd:edri (")
}

/// Memory that is lent and goes back.
pub(crate) fn lent() -> usize {
    mappings("memfd:edri lent (")
}

fn mappings(name: &str) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains(name)).count()
}
