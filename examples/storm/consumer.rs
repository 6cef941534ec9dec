//! A consumer: a process of its own that counts what it gets.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use edri::prelude::*;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

use crate::connector;
use crate::events::{Double, Tick};
use crate::places::Place;

/// What somebody has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) got: u64,
    /// So many were passed over.
    pub(crate) missing: u64,
    /// So many came again, or late.
    pub(crate) again: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, number: u64, expected: &mut u64) {
        self.got += 1;
        if number < *expected {
            self.again += 1;
        } else {
            self.missing += number - *expected;
            *expected = number + 1;
        }
    }
}

#[derive(Default)]
struct Counter {
    tally: Tally,
    expected: u64,
}

/// Asks what has been counted.
#[derive(Request)]
#[request(response = Tally)]
struct Told;

#[manager]
impl Counter {
    #[notification]
    fn tick(&mut self, tick: &Tick) {
        self.tally.count(tick.number, &mut self.expected);
    }

    #[request]
    fn double(&mut self, double: Double) -> u64 {
        2 * double.0
    }

    #[request]
    fn told(&mut self, _: Told) -> Tally {
        self.tally
    }
}

/// Counts, and says what it has counted as often as it is asked, until nobody is there to ask.
pub(crate) async fn run(name: &str, address: &str) -> Result<(), edri::Error> {
    let app = App::new().connector(connector(address, name)).manager(Counter::default()).start().await?;
    let mut asked = BufReader::new(tokio::io::stdin()).lines();
    while asked.next_line().await?.is_some() {
        let Tally { got, missing, again } = app.router().request(Told).await?;
        println!("{got} {missing} {again}");
    }
    Ok(())
}

/// One that was started, and is killed when this is dropped.
pub(crate) struct Consumer {
    pub(crate) name: String,
    asks: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Consumer {
    pub(crate) fn start(name: &str, place: &Place, address: SocketAddr) -> io::Result<Self> {
        let mut child = place
            .program()?
            .args(["consumer", name, &address.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let gone = || io::Error::other("a consumer has no pipes");
        let asks = child.stdin.take().ok_or_else(gone)?;
        let told = BufReader::new(child.stdout.take().ok_or_else(gone)?).lines();
        Ok(Self { name: name.to_owned(), asks, told, _child: child })
    }

    pub(crate) async fn tally(&mut self) -> io::Result<Tally> {
        let asking = async {
            self.asks.write_all(b"\n").await?;
            self.told.next_line().await
        };
        let line = timeout(Duration::from_secs(10), asking).await??;
        let line = line.ok_or_else(|| io::Error::other(format!("{} has ended", self.name)))?;
        let numbers: Vec<u64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
        match numbers[..] {
            [got, missing, again] => Ok(Tally { got, missing, again }),
            _ => Err(io::Error::other(format!("{} says {line:?}", self.name))),
        }
    }
}
