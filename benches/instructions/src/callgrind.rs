use std::env;
use std::fmt;
use std::process::{Command, Stdio};

use crate::listener::Listener;
use crate::workload::Workload;

/// So many events in a short run, and twice as many in a long one: the difference has no start and no end in it.
const EVENTS: u64 = 20_000;

/// Something could not be counted.
#[derive(Debug)]
pub(crate) struct CountError(String);

pub(crate) fn is_installed() -> bool {
    let version =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// How many instructions one event costs.
pub(crate) fn per_event(workload: Workload, listener: Listener) -> Result<f64, CountError> {
    let short = count(workload, listener, EVENTS)?;
    let long = count(workload, listener, 2 * EVENTS)?;
    Ok(long.saturating_sub(short) as f64 / EVENTS as f64)
}

fn count(workload: Workload, listener: Listener, events: u64) -> Result<u64, CountError> {
    let program = env::current_exe().map_err(|error| CountError(error.to_string()))?;
    let counted = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([workload.name(), listener.name(), &events.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| CountError(format!("valgrind: {error}")))?;
    let said = String::from_utf8_lossy(&counted.stderr);
    if !counted.status.success() {
        return Err(CountError(format!("{} under valgrind: {}: {said}", workload.name(), counted.status)));
    }
    let collected = said.lines().find_map(|line| line.split("Collected :").nth(1)?.trim().parse().ok());
    collected
        .ok_or_else(|| CountError(format!("expected a line with `Collected :` from callgrind, got: {said}")))
}

impl fmt::Display for CountError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
