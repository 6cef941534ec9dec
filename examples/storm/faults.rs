//! What goes wrong: switches die, and lines break.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::places::Place;
use crate::proxy::{Proxy, Weather};
use crate::wire::{Fault, Wire};

/// A switch in a process of its own, and the next one when that is killed.
pub(crate) struct Hub {
    place: Place,
    address: SocketAddr,
    child: Child,
}

impl Hub {
    pub(crate) async fn start(place: Place) -> io::Result<Self> {
        let address = place.free_address().await?;
        Ok(Self { child: switch(&place, address).await?, place, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Is killed and started again until the storm is over; how often.
    pub(crate) async fn die_every(
        mut self,
        period: Duration,
        mut storm: watch::Receiver<bool>,
    ) -> io::Result<(Self, u64)> {
        let mut kills = 0;
        loop {
            tokio::select! {
                _ = storm.wait_for(|over| *over) => return Ok((self, kills)),
                () = sleep(period) => {}
            }
            self.child.kill().await?;
            self.child = switch(&self.place, self.address).await?;
            kills += 1;
        }
    }
}

/// Ready when it listens.
async fn switch(place: &Place, address: SocketAddr) -> io::Result<Child> {
    let mut child = place
        .program()?
        .args(["switch", &address.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let said = child.stdout.take().ok_or_else(|| io::Error::other("the switch has no pipe"))?;
    match BufReader::new(said).lines().next_line().await? {
        Some(_) => Ok(child),
        None => Err(io::Error::other("the switch does not listen")),
    }
}

/// The lines between routers and their switch.
pub(crate) struct Lines {
    lines: Vec<Line>,
    dice: Dice,
    /// How long a partition lasts.
    partition: Duration,
}

pub(crate) enum Line {
    Proxy(Proxy),
    Wire(Wire),
}

/// Long enough for routers to find each other again between two partitions.
const BETWEEN_PARTITIONS: Duration = Duration::from_secs(2);

impl Lines {
    pub(crate) fn new(lines: Vec<Line>, seed: u64, partition: Duration) -> Self {
        Self { lines, dice: Dice::new(seed), partition }
    }

    /// One fault after the other until the storm is over; how many.
    pub(crate) async fn blow(mut self, mut storm: watch::Receiver<bool>) -> io::Result<(Self, u64)> {
        let mut faults = 0;
        while !*storm.borrow_and_update() {
            let dice = &mut self.dice;
            let (line, fault, lasts) =
                (dice.throw(self.lines.len() as u64), dice.throw(4), 100 + dice.throw(900));
            match &self.lines[line as usize] {
                Line::Proxy(proxy) => {
                    disturb(proxy, fault, Duration::from_millis(lasts), &mut storm).await;
                }
                // Each kind in its turn: there are not many in a storm.
                Line::Wire(wire) => self.part(wire, faults, &mut storm).await?,
            }
            faults += 1;
        }
        Ok((self, faults))
    }

    async fn part(&self, wire: &Wire, turn: u64, storm: &mut watch::Receiver<bool>) -> io::Result<()> {
        let all = [Fault::Cut, Fault::OneWayThere, Fault::OneWayBack, Fault::Slow];
        let fault = all[turn as usize % all.len()];
        wire.breaks(fault).await?;
        until(storm, self.partition).await;
        wire.heals(fault).await?;
        until(storm, BETWEEN_PARTITIONS).await;
        Ok(())
    }
}

/// Numbers that are the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64: a number below `sides`.
    pub(crate) fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % sides
    }
}

async fn disturb(proxy: &Proxy, fault: u64, lasts: Duration, storm: &mut watch::Receiver<bool>) {
    let calm = Weather::default();
    let weather = match fault {
        0 => {
            proxy.cut();
            calm
        }
        1 => Weather { delay: Duration::from_millis(5), ..calm },
        2 => Weather { rate: Some(1_000_000), ..calm },
        _ => Weather { stopped: true, ..calm },
    };
    proxy.set(weather);
    until(storm, lasts).await;
    proxy.set(calm);
}

/// So much time has passed, or the storm is over.
async fn until(storm: &mut watch::Receiver<bool>, time: Duration) {
    tokio::select! {
        () = sleep(time) => {}
        _ = storm.wait_for(|over| *over) => {}
    }
}
