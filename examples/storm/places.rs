//! Where the programs run: all on this machine's loopback, or each in a network of its own, joined by wires that the kernel can cut.
//!
//! ```text
//!  10.77.1.2 producer ──┐                       ┌── consumer 10.77.2.2
//!                       ├── between, forwards ──┤
//!  10.77.0.2 switch ────┘                       └── consumer 10.77.3.2
//! ```
//!
//! Each is a network namespace with one veth pair to the one between; nothing leads out of them.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpListener;
use tokio::process::Command;

use crate::loopback;
use crate::wire::Wire;

/// All namespaces of one storm.
#[derive(Clone, Debug)]
pub(crate) struct Country {
    /// Begins the names of all of them.
    name: String,
}

/// Where a program runs.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Where this one does.
    Here,
    /// In that namespace, with that address.
    There { namespace: String, address: IpAddr },
}

const SWITCH: usize = 0;
const PRODUCER: usize = 1;
const CONSUMERS: usize = 2;

/// There is room for so many consumers.
pub(crate) const MOST_CONSUMERS: usize = 100;

impl Country {
    /// One that was founded, by its name.
    pub(crate) fn named(name: String) -> Self {
        Self { name }
    }

    /// Makes the namespaces and joins them.
    pub(crate) async fn found(consumers: usize) -> io::Result<Self> {
        let country = Self { name: format!("storm-{}", std::process::id()) };
        match country.build(CONSUMERS + consumers).await {
            Ok(()) => Ok(country),
            Err(error) => {
                country.dissolve(consumers).await;
                Err(error)
            }
        }
    }

    async fn build(&self, places: usize) -> io::Result<()> {
        let between = self.between();
        ip(&format!("netns add {between}")).await?;
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        run(Command::new("ip").args(["netns", "exec", &between, "sh", "-c", forward])).await?;
        for index in 0..places {
            let (there, device) = (self.namespace(index), device(index));
            for command in [
                format!("netns add {there}"),
                format!("-n {between} link add {device} type veth peer name wire netns {there}"),
                format!("-n {between} addr add 10.77.{index}.1/30 dev {device}"),
                format!("-n {between} link set {device} up"),
                format!("-n {there} addr add 10.77.{index}.2/30 dev wire"),
                format!("-n {there} link set lo up"),
                format!("-n {there} link set wire up"),
                format!("-n {there} route add default via 10.77.{index}.1"),
            ] {
                ip(&command).await?;
            }
        }
        Ok(())
    }

    /// Takes the namespaces away, as far as they are there; with them go their wires.
    pub(crate) async fn dissolve(&self, consumers: usize) {
        let all = (0..CONSUMERS + consumers).map(|index| self.namespace(index));
        for namespace in all.chain([self.between()]) {
            // What was not made is not there.
            let _ = ip(&format!("netns del {namespace}")).await;
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn switch(&self) -> Place {
        self.place(SWITCH)
    }

    pub(crate) fn producer(&self) -> Place {
        self.place(PRODUCER)
    }

    pub(crate) fn consumer(&self, number: usize) -> Place {
        self.place(CONSUMERS + number)
    }

    /// The wires of all, the switch's first.
    pub(crate) fn wires(&self, consumers: usize) -> Vec<Wire> {
        let wire = |index| Wire::new(self.between(), device(index), address(index));
        (0..CONSUMERS + consumers).map(wire).collect()
    }

    fn place(&self, index: usize) -> Place {
        Place::There { namespace: self.namespace(index), address: address(index) }
    }

    fn namespace(&self, index: usize) -> String {
        format!("{}-{index}", self.name)
    }

    fn between(&self) -> String {
        format!("{}-between", self.name)
    }
}

impl Place {
    /// This program once more.
    pub(crate) fn program(&self) -> io::Result<Command> {
        let this = std::env::current_exe()?;
        match self {
            Self::Here => Ok(Command::new(this)),
            Self::There { namespace, .. } => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(this);
                Ok(command)
            }
        }
    }

    /// Where one may listen.
    pub(crate) async fn free_address(&self) -> io::Result<SocketAddr> {
        match self {
            // Nobody else takes an address so soon that was free a moment ago.
            Self::Here => TcpListener::bind(loopback()).await?.local_addr(),
            // Nobody else is there.
            Self::There { address, .. } => Ok((*address, 8899).into()),
        }
    }
}

fn device(index: usize) -> String {
    format!("to-{index}")
}

fn address(index: usize) -> IpAddr {
    [10, 77, u8::try_from(index).unwrap_or(u8::MAX), 2].into()
}

/// Runs iproute2's `ip`.
pub(crate) async fn ip(arguments: &str) -> io::Result<()> {
    run(Command::new("ip").args(arguments.split(' '))).await
}

/// Until it has ended.
///
/// # Errors
/// It cannot be started, or fails; with what it says.
pub(crate) async fn run(command: &mut Command) -> io::Result<()> {
    let output = command.kill_on_drop(true).output().await?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!("{:?}: {said}", command.as_std())))
}
