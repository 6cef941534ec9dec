//! The switch: a process of its own, whose memory and processor time can be told apart.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use edri_connector::switch::{Switch, SwitchSettings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{Outcome, secure};

/// What a process opens beside its connections.
const BESIDE: u64 = 64;

/// Raises what this process, and those it starts, may open to what the system lets it.
///
/// # Errors
/// It is not enough for so many connections; with how many there can be.
pub(crate) fn open_many(connections: usize) -> Outcome<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    let needed = connections as u64 + BESIDE;
    match maximum {
        Some(maximum) if maximum < needed => Err(format!(
            "{connections} routers take {needed} open files in each process, and this one may open {maximum}: \
             raise the hard limit (`ulimit -Hn`), or take {} of them",
            maximum.saturating_sub(BESIDE)
        )
        .into()),
        _ => Ok(()),
    }
}

/// A switch until nobody wants it any more.
pub(crate) async fn run_switch(folder: Option<&String>) -> Outcome<()> {
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

pub(crate) fn start_switch(folder: Option<&Path>) -> Outcome<(Child, SocketAddr)> {
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
pub(crate) fn memory_of(child: &Child) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}

/// The processor time that a process has had, in seconds.
pub(crate) fn processor_time_of(child: &Child) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    let after = stat.rsplit(')').next().ok_or("no fields")?;
    let ticks = |at: usize| after.split_whitespace().nth(at).and_then(|field| field.parse::<f64>().ok());
    Ok((ticks(11).ok_or("no user time")? + ticks(12).ok_or("no system time")?) / 100.0)
}
