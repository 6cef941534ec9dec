//! A wire between two namespaces: it is cut, in both directions or in one, and slowed, by the kernel itself.

use std::io;
use std::net::IpAddr;

use tokio::process::Command;

use crate::places::{ip, run};

/// How it is at the moment. What is lost is not told to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its device is down: nothing passes.
    Cut,
    /// Nothing passes that goes there; what comes from there does.
    OneWayThere,
    /// Nothing passes that comes from there; what goes there does.
    OneWayBack,
    /// Less passes, later, and some of it is lost.
    Slow,
}

pub(crate) struct Wire {
    /// The namespace it is seen from.
    between: String,
    device: String,
    /// Who is at its other end.
    address: IpAddr,
}

impl Wire {
    pub(crate) fn new(between: String, device: String, address: IpAddr) -> Self {
        Self { between, device, address }
    }

    pub(crate) async fn breaks(&self, fault: Fault) -> io::Result<()> {
        let Self { between, device, address } = self;
        match fault {
            Fault::Cut => ip(&format!("-n {between} link set {device} down")).await,
            Fault::OneWayThere => ip(&format!("-n {between} route add blackhole {address}/32")).await,
            Fault::OneWayBack => ip(&format!("-n {between} rule add iif {device} blackhole")).await,
            Fault::Slow => {
                // The first is not in every kernel; the other drops what does not fit into 50 ms.
                if self.queue("add", "netem delay 5ms 3ms loss 1%").await.is_ok() {
                    return Ok(());
                }
                self.queue("add", "tbf rate 80mbit burst 32kb latency 50ms").await
            }
        }
    }

    pub(crate) async fn heals(&self, fault: Fault) -> io::Result<()> {
        let Self { between, device, address } = self;
        match fault {
            Fault::Cut => ip(&format!("-n {between} link set {device} up")).await,
            Fault::OneWayThere => ip(&format!("-n {between} route del blackhole {address}/32")).await,
            Fault::OneWayBack => ip(&format!("-n {between} rule del iif {device} blackhole")).await,
            Fault::Slow => self.queue("del", "").await,
        }
    }

    /// What is done with the device's queue.
    async fn queue(&self, what: &str, discipline: &str) -> io::Result<()> {
        let Self { between, device, .. } = self;
        let command = format!("-n {between} qdisc {what} dev {device} root {discipline}");
        run(Command::new("tc").args(command.split_whitespace())).await
    }
}
