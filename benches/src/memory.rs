//! Resident memory of things that wait, measured in a process of their own.

use std::{
    env, fs,
    future::Future,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use crate::{contender::Contender, measure::Sample, scenario::Unit};

/// Measures `contender` in a child process, whose memory nobody has used before.
pub(crate) fn run_in_child(contender: &Contender, scale: f64) -> Sample {
    let program = env::current_exe().expect("the program knows where it is");
    let output = Command::new(program)
        .args(["--messages", &scale.to_string(), "--child", &format!("{contender:?}")])
        .stderr(Stdio::inherit())
        .output()
        .expect("the program can start itself");
    assert!(output.status.success(), "the child that measures {} failed", contender.name);
    let bytes = String::from_utf8_lossy(&output.stdout);
    let value = bytes.trim().parse().expect("the child prints one number");
    Sample { value, cpu_nanoseconds: None, latencies: Vec::new() }
}

/// The child's part: measures the contender of that scenario and name and prints the bytes of each.
pub(crate) fn run_child(contenders: &[Arc<Contender>], name: &str, scale: f64) {
    let contender = contenders
        .iter()
        .find(|contender| contender.scenario.unit() == Unit::Bytes && format!("{contender:?}") == name)
        .expect("the parent names a registered contender");
    println!("{}", contender.run(scale).value);
}

/// Awaits `set_up` and measures what `count` idle ones, kept alive by what it returns, add.
pub(crate) async fn of_each<Held>(count: u64, set_up: impl Future<Output = Held>) -> Sample {
    let before = Resident::now();
    let held = set_up.await;
    let sample = before.until_settled(count).await;
    drop(held);
    sample
}

/// Resident memory at one moment.
#[derive(Debug)]
struct Resident {
    bytes: u64,
}

impl Resident {
    /// Reads it now.
    fn now() -> Self {
        let pages = fs::read_to_string("/proc/self/statm")
            .ok()
            .and_then(|fields| fields.split_whitespace().nth(1)?.parse::<u64>().ok())
            .expect("resident memory can be read only where /proc/self/statm is");
        Self { bytes: pages * rustix::param::page_size() as u64 }
    }

    /// What each of `count` things made since this reading takes, once all of them have come to rest.
    ///
    /// They run before they wait, and nobody says when the last has: hence two equal readings, some time
    /// apart.
    async fn until_settled(self, count: u64) -> Sample {
        let mut latest = Self::now();
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let next = Self::now();
            if next.bytes == latest.bytes {
                break;
            }
            latest = next;
        }
        let value = latest.bytes.saturating_sub(self.bytes) as f64 / count as f64;
        Sample { value, cpu_nanoseconds: None, latencies: Vec::new() }
    }
}
