//! What must last: a producer and a consumer in processes of their own, both of which are killed and started again, with
//! folders that outlive them.
//!
//! Each writes down what it does in a file of its own: the producer what it has sent and knows to be on the disk, and what
//! it was told is lost; the consumer what it has handled. At the end the files have to agree.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use edri::connector::DurableSettings;
use edri::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::connector;
use crate::faults::Dice;

/// One of a row that never repeats: each life of its producer goes on far above the one before.
#[derive(Notification, Clone, Serialize, Deserialize)]
#[notification(name = "storm::Entry", shareable)]
pub(crate) struct Entry {
    number: u64,
}

/// So many numbers are for one life of the producer.
const LIFE: u64 = 1 << 32;

/// So many are sent before it is asked for all of them to be on the disk.
const TOGETHER: u64 = 500;

/// A file of numbers, which outlives its process: what was written is there when it is killed.
struct Chronicle(File);

impl Chronicle {
    fn open(folder: &Path, name: &str) -> io::Result<Self> {
        OpenOptions::new().create(true).append(true).open(folder.join(name)).map(Self)
    }

    /// One call for each line, so that no kill leaves a part of one.
    fn note(&mut self, numbers: std::ops::Range<u64>) -> io::Result<()> {
        self.0.write_all(format!("{} {}\n", numbers.start, numbers.end).as_bytes())
    }
}

/// The ranges of numbers in a file, in the order in which they were noted.
fn read(folder: &Path, name: &str) -> io::Result<Vec<std::ops::Range<u64>>> {
    let text = match std::fs::read_to_string(folder.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let range = |line: &str| {
        let (start, end) = line.split_once(' ')?;
        Some(start.parse().ok()?..end.parse().ok()?)
    };
    let wrong = |line: &str| io::Error::other(format!("{name} says {line:?}"));
    text.lines().map(|line| range(line).ok_or_else(|| wrong(line))).collect()
}

/// Sends until it is told to stop, and then waits until all has been handled or is lost.
pub(crate) async fn produce(
    address: &str,
    folder: &Path,
    rate: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let durable = DurableSettings::in_folder(folder.join("producer"));
    let router = durable.router()?;
    let mut lost = router.subscribe_with::<Undelivered<Entry>>(InboxSettings::with_capacity(1 << 20));
    // So that the router knows the type before it learns what of it is lost.
    router.has_subscribers::<Entry>();
    let mut letters = Chronicle::open(folder, "lost")?;
    tokio::spawn(async move {
        while let Some(lost) = lost.recv().await {
            let number = lost.event.number;
            letters.note(number..number + 1).expect("the file can be written");
        }
    });
    let connector = connector(address, "durable-producer").durable(durable);
    let connections = connector.connections();
    let app = App::on(router.clone()).connector(connector).start().await?;
    let durable = connections.durable().ok_or("the connector keeps nothing")?;
    let mut told = BufReader::new(tokio::io::stdin()).lines();
    while !router.has_subscribers::<Entry>() {
        sleep(Duration::from_millis(5)).await;
    }
    let mut synced = Chronicle::open(folder, "synced")?;
    let mut next = read(folder, "lives")?.len() as u64 * LIFE;
    Chronicle::open(folder, "lives")?.note(next..next + LIFE)?;
    let stopping = told.next_line();
    tokio::pin!(stopping);
    let pause = Duration::from_secs_f64(TOGETHER as f64 / rate.max(1) as f64);
    loop {
        let first = next;
        while next < first + TOGETHER {
            router.notify(Entry { number: next }).await?;
            next += 1;
        }
        durable.synced().await?;
        synced.note(first..next)?;
        tokio::select! {
            _ = &mut stopping => break,
            () = sleep(pause) => {}
        }
    }
    while timeout(Duration::from_secs(10), durable.delivered()).await.is_err() {
        eprintln!("what lasts has not all been handled yet: {:?}", durable.status());
    }
    println!("delivered");
    // Whoever reads the letters is a task of its own.
    sleep(Duration::from_millis(500)).await;
    app.shutdown(Duration::from_secs(5)).await.into_result()?;
    Ok(())
}

struct Handler {
    handled: Chronicle,
}

#[manager]
impl Handler {
    #[notification]
    fn entry(&mut self, entry: &Entry) -> Result<(), Failure> {
        let noted = self.handled.note(entry.number..entry.number + 1);
        noted.map_err(|error| Failure::new("file", error.to_string()))
    }
}

/// Handles what comes until it is killed.
pub(crate) async fn consume(address: &str, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let durable = DurableSettings::in_folder(folder.join("consumer"));
    let app = App::on(durable.router()?)
        .connector(connector(address, "durable-consumer").durable(durable))
        .manager(Handler { handled: Chronicle::open(folder, "handled")? })
        .start()
        .await?;
    let mut told = BufReader::new(tokio::io::stdin()).lines();
    told.next_line().await?;
    app.shutdown(Duration::from_secs(5)).await.into_result()?;
    Ok(())
}

/// The two, and their folder.
pub(crate) struct Lasting {
    folder: tempfile::TempDir,
    producer: (SocketAddr, Child),
    consumer: (SocketAddr, Child),
    rate: u64,
}

/// What has become of them.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) kills: u64,
    pub(crate) synced: u64,
    pub(crate) handled: u64,
    pub(crate) lost: u64,
    /// Neither handled nor lost, though it was on the disk.
    pub(crate) missing: u64,
    /// Handled twice, or out of order.
    pub(crate) again: u64,
}

impl Lasting {
    /// Each behind its own way to the switch.
    pub(crate) fn start(producer: SocketAddr, consumer: SocketAddr, rate: u64) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let consuming = start("durable-consumer", consumer, folder.path(), rate)?;
        let producing = start("durable-producer", producer, folder.path(), rate)?;
        Ok(Self { folder, producer: (producer, producing), consumer: (consumer, consuming), rate })
    }

    /// One or the other is killed, with SIGKILL, until the storm is over; then all has to be delivered.
    pub(crate) async fn die(
        mut self,
        mut storm: watch::Receiver<bool>,
        seed: u64,
        calm: Duration,
    ) -> io::Result<Outcome> {
        let (mut dice, mut kills) = (Dice::new(seed), 0);
        let folder: PathBuf = self.folder.path().into();
        loop {
            let pause = Duration::from_millis(500 + dice.throw(1_500));
            tokio::select! {
                _ = storm.wait_for(|over| *over) => break,
                () = sleep(pause) => {}
            }
            let (name, (address, child)) = if dice.throw(2) == 0 {
                ("durable-producer", &mut self.producer)
            } else {
                ("durable-consumer", &mut self.consumer)
            };
            child.kill().await?;
            sleep(Duration::from_millis(dice.throw(300))).await;
            *child = start(name, *address, &folder, self.rate)?;
            kills += 1;
        }
        let (_, producer) = &mut self.producer;
        let gone = || io::Error::other("a process has no pipes");
        let mut said = BufReader::new(producer.stdout.take().ok_or_else(gone)?).lines();
        producer.stdin.take().ok_or_else(gone)?.write_all(b"\n").await?;
        match timeout(calm, said.next_line()).await?? {
            Some(line) if line == "delivered" => {}
            other => return Err(io::Error::other(format!("the durable producer says {other:?}"))),
        }
        timeout(calm, producer.wait()).await??;
        let (_, consumer) = &mut self.consumer;
        consumer.stdin.take().ok_or_else(gone)?.write_all(b"\n").await?;
        timeout(calm, consumer.wait()).await??;
        balance(&folder, kills)
    }
}

fn start(name: &str, address: SocketAddr, folder: &Path, rate: u64) -> io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args([name, &address.to_string()])
        .arg(folder)
        .arg(rate.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

fn balance(folder: &Path, kills: u64) -> io::Result<Outcome> {
    let (synced, handled, lost) = (read(folder, "synced")?, read(folder, "handled")?, read(folder, "lost")?);
    let (mut again, mut last) = (0, None);
    for number in handled.iter().cloned().flatten() {
        again += u64::from(last >= Some(number));
        last = Some(number);
    }
    let known: HashSet<u64> = handled.iter().chain(&lost).cloned().flatten().collect();
    let count = |ranges: &[std::ops::Range<u64>]| ranges.iter().map(|range| range.end - range.start).sum();
    let missing = synced.iter().cloned().flatten().filter(|number| !known.contains(number)).count() as u64;
    Ok(Outcome {
        kills,
        synced: count(&synced),
        handled: count(&handled),
        lost: count(&lost),
        missing,
        again,
    })
}
