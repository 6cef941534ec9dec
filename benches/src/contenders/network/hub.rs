//! What stands in the middle, or at the other end: a process that is killed when a run is over.

use std::{
    env,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use edri::connector::switch::{Switch, SwitchSettings};
use tokio::runtime::Builder;

use super::{SET_UP, raw};

/// A child that ends with this.
pub(super) struct Hub {
    pub(super) address: SocketAddr,
    child: Child,
}

impl Hub {
    /// EDRI's switch: this program once more.
    pub(super) fn switch() -> Self {
        Self::this(&["--switch-child"])
    }

    /// What answers as plainly as can be: this program once more.
    pub(super) fn echo() -> Self {
        Self::this(&["--echo-child"])
    }

    /// This program once more, in a role in which it says first where it listens.
    pub(super) fn this(role: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(role)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program edri-benches is built");
        let mut address = String::new();
        let said = child.stdout.take().expect("it has a pipe");
        BufReader::new(said).read_line(&mut address).expect("it says where it listens");
        Self { address: address.trim().parse().expect("it says where it listens"), child }
    }

    /// The server of NATS with JetStream; `None` where it is not installed.
    pub(super) fn nats(store: &std::path::Path) -> Option<Self> {
        let address = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).ok()?;
        let config = store.join("nats.conf");
        let text = format!("max_payload: 8388608\njetstream {{ store_dir: {:?} }}\n", store);
        std::fs::write(&config, text).ok()?;
        let child = Command::new("nats-server")
            .args(["--addr", "127.0.0.1", "--port", &address.port().to_string(), "--config"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let hub = Self { address, child };
        let until = Instant::now() + SET_UP;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "nats-server does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        Some(hub)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = (self.child.kill(), self.child.wait());
    }
}

/// Tests are another program than the one that can be a switch, which cargo builds before them for `tests/command.rs`.
fn program() -> std::path::PathBuf {
    let this = env::current_exe().expect("this program has a path");
    let tested = this.parent().is_some_and(|folder| folder.ends_with("deps"));
    if tested && let Some(folder) = this.parent().and_then(|deps| deps.parent()) {
        return folder.join("edri-benches");
    }
    this
}

/// A switch, until it is killed.
pub(crate) fn run_switch() -> ! {
    // One core is enough for it, and others need theirs.
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime for the switch");
    runtime.block_on(async {
        let switch =
            Switch::new(SwitchSettings::new(["127.0.0.1:0"])).start().await.expect("the switch starts");
        println!("{}", switch.addresses()[0]);
        std::future::pending().await
    })
}

/// Whatever answers numbers, until it is killed.
pub(crate) fn run_echo() -> ! {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime for whatever answers");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("it listens");
        println!("{}", listener.local_addr().expect("it has an address"));
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("it does not wait");
            raw::answer(stream).await;
        }
        std::future::pending().await
    })
}
