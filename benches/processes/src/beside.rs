//! Programs that are measured beside: each does its jobs by itself, and says how long they took.

use std::error::Error;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ICEORYX2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/iceoryx2");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/workers.py");

/// One that has said nothing by then has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that is told how many jobs at a time, and how many.
pub(crate) struct Beside(Vec<String>);

impl Beside {
    /// iceoryx2, if it was built: see `iceoryx2/`.
    ///
    /// # Errors
    /// What is missing, for people.
    pub(crate) fn iceoryx2() -> Result<Self, String> {
        let program = Path::new(ICEORYX2).join("target/release/edri-bench-iceoryx2");
        if program.exists() {
            return Ok(Self(vec![program.display().to_string()]));
        }
        Err("not built: `cargo build --release` in `benches/processes/iceoryx2`".to_owned())
    }

    /// The workers of EDRI for Python, if it is installed for the interpreter in `PYTHON`, or for `python3`.
    ///
    /// # Errors
    /// What is missing, for people.
    pub(crate) fn python() -> Result<Self, String> {
        let interpreter = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut look = Command::new(&interpreter);
        look.args(["-c", "import edri.abstract"]).stdout(Stdio::null()).stderr(Stdio::null());
        match look.status() {
            Ok(status) if status.success() => Ok(Self(vec![interpreter, PYTHON.to_owned()])),
            _ => {
                Err(format!("{interpreter} has no package `edri` that it can import (PYTHON names another)"))
            }
        }
    }

    /// So many of `count` jobs, which say how long all of them would take.
    pub(crate) fn echo(&self, window: u64, count: u64, some: u64) -> Outcome<Duration> {
        let some = some.clamp(1, count);
        let mut program = Command::new(&self.0[0]);
        program.args(&self.0[1..]).args([window.to_string(), some.to_string()]).process_group(0);
        let mut program = program.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let begun = Instant::now();
        while program.try_wait()?.is_none() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
        // With all that it has started.
        if let Some(group) = Pid::from_raw(program.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let output = program.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let time = said.lines().find_map(|line| line.trim().parse().ok());
        let took = Duration::from_nanos(time.ok_or_else(|| format!("{} said no time: {said:?}", self.0[0]))?);
        Ok(took.mul_f64(count as f64 / some as f64))
    }
}
