use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::vitals::seconds;

/// What the operating system knows of this process: from `/proc` on Linux, and nothing but its number elsewhere. What
/// cannot be read is `None`, and leaves the rest as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Resident memory, in bytes.
    pub memory: Option<u64>,
    /// The most it ever had, in bytes.
    pub peak_memory: Option<u64>,
    /// Processor time used by all its threads, in steps of 10 ms.
    #[serde(with = "seconds::optional")]
    pub cpu: Option<Duration>,
    /// How many threads it has.
    pub threads: Option<u64>,
    /// How many files, sockets and the like it has open.
    pub open_files: Option<u64>,
    /// Since its start.
    #[serde(with = "seconds::optional")]
    pub uptime: Option<Duration>,
}

impl Process {
    /// This process, now.
    pub(super) fn now() -> Self {
        let mut process = Self { pid: std::process::id(), ..Self::default() };
        if !cfg!(target_os = "linux") {
            return process;
        }
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            process.read_status(&status);
        }
        if let Ok(stat) = fs::read_to_string("/proc/self/stat") {
            process.read_stat(&stat, fs::read_to_string("/proc/uptime").ok().as_deref());
        }
        // The directory is open while its entries are counted, and is one of them.
        process.open_files =
            fs::read_dir("/proc/self/fd").ok().map(|open| (open.count() as u64).saturating_sub(1));
        process
    }

    /// `VmRSS:     5120 kB`; see proc_pid_status(5).
    fn read_status(&mut self, status: &str) {
        let field = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        self.memory = field("VmRSS").map(|kilobytes| kilobytes * 1024);
        self.peak_memory = field("VmHWM").map(|kilobytes| kilobytes * 1024);
        self.threads = field("Threads");
    }

    /// The fields of proc_pid_stat(5), counted from 1; of the system's uptime the first word, in seconds.
    fn read_stat(&mut self, stat: &str, uptime: Option<&str>) {
        // The second field is the name in parentheses, which may hold blanks and parentheses.
        let Some((_, after_name)) = stat.rsplit_once(')') else { return };
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let ticks = |ticks: u64| Duration::from_millis(ticks.saturating_mul(1_000 / TICKS_PER_SECOND));
        self.cpu = field(14).zip(field(15)).map(|(user, system)| ticks(user + system));
        let system = uptime.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
        let system = system.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.uptime = system.zip(field(22)).map(|(now, begun)| now.saturating_sub(ticks(begun)));
    }
}

/// `USER_HZ`: 100 on every architecture that Rust supports on Linux.
const TICKS_PER_SECOND: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_proc_are_found() {
        let mut process = Process::default();
        process.read_status("Name:\tedri\nVmHWM:\t    5120 kB\nVmRSS:\t    4096 kB\nThreads:\t3\n");
        assert_eq!(
            (process.memory, process.peak_memory, process.threads),
            (Some(4_194_304), Some(5_242_880), Some(3))
        );
        let stat =
            "42 (a (strange) name) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 12345 9000 100";
        process.read_stat(stat, Some("223.45 400.00\n"));
        assert_eq!(process.cpu, Some(Duration::from_secs(3)));
        assert_eq!(process.uptime, Some(Duration::from_secs(100)));
    }

    #[test]
    fn a_failing_probe_leaves_the_rest_intact() {
        let mut process = Process { pid: 7, open_files: Some(3), ..Process::default() };
        process.read_status("VmRSS:\tlots\nThreads:\t3\n");
        process.read_stat("nonsense", None);
        process.read_stat("42 (short) S 1", Some("soon"));
        assert_eq!(process, Process { pid: 7, open_files: Some(3), threads: Some(3), ..Process::default() });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_found() {
        let process = Process::now();
        assert!(process.memory > Some(100_000) && process.peak_memory >= process.memory, "{process:?}");
        assert!(process.threads > Some(0) && process.open_files > Some(0), "{process:?}");
        assert!(process.cpu.is_some() && process.uptime < Some(Duration::from_secs(3_600)), "{process:?}");
    }
}
