//! What goes wrong: switches die, and lines break.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::loopback;
use crate::proxy::{Proxy, Weather};

/// A switch in a process of its own, and the next one when that is killed.
pub(crate) struct Hub {
    address: SocketAddr,
    child: Child,
}

impl Hub {
    pub(crate) async fn start() -> io::Result<Self> {
        // Nobody else takes an address so soon that was free a moment ago.
        let address = TcpListener::bind(loopback()).await?.local_addr()?;
        Ok(Self { address, child: switch(address).await? })
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
            self.child = switch(self.address).await?;
            kills += 1;
        }
    }
}

/// Ready when it listens.
async fn switch(address: SocketAddr) -> io::Result<Child> {
    let mut child = Command::new(std::env::current_exe()?)
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
    proxies: Vec<Proxy>,
    dice: Dice,
}

impl Lines {
    pub(crate) fn new(proxies: Vec<Proxy>, seed: u64) -> Self {
        Self { proxies, dice: Dice::new(seed) }
    }

    /// One fault after the other until the storm is over; how many.
    pub(crate) async fn blow(mut self, mut storm: watch::Receiver<bool>) -> (Self, u64) {
        let mut faults = 0;
        while !*storm.borrow_and_update() {
            let dice = &mut self.dice;
            let (proxy, fault, lasts) =
                (dice.throw(self.proxies.len() as u64), dice.throw(4), 100 + dice.throw(900));
            let proxy = &self.proxies[proxy as usize];
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
            faults += 1;
            tokio::select! {
                () = sleep(Duration::from_millis(lasts)) => {}
                _ = storm.wait_for(|over| *over) => {}
            }
            proxy.set(calm);
        }
        (self, faults)
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
