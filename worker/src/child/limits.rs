use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit};

/// What a worker's process may use. Nothing is limited unless told so.
///
/// ```
/// use std::time::Duration;
///
/// use edri_worker::Limits;
///
/// let limits = Limits::new().memory(512 << 20).processes(8).cpu_time(Duration::from_secs(60)).niceness(10);
/// assert_eq!(limits.memory, Some(536_870_912));
/// ```
///
/// `memory` and `processes` are those of the process *and* of all that it has started, as long as that stays in its
/// process group. They are looked at five times a second; when one of them is exceeded, the whole group is killed at
/// once, whoever its user is. Between two looks it may have more. The others are the kernel's own, hold for each process
/// by itself, and are inherited by what it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Resident memory of all its processes together, in bytes. Pages that several of them share count for each.
    pub memory: Option<u64>,
    /// How many processes there may be, itself included: what ends a fork bomb. It is found by looking: it may have become
    /// some hundred processes by then, or thousands on a machine that is busy. While all are counted, those whose processes
    /// are limited are stopped for some milliseconds (`SIGSTOP`, `SIGCONT`).
    pub processes: Option<u64>,
    /// How many processes and threads its *user* may have, whoever started them (`RLIMIT_NPROC`): to start one more
    /// fails. It does not hold for root. With a [user](crate::CommandPool::run_as) of its own it is a limit that nothing
    /// gets past.
    pub user_processes: Option<u64>,
    /// Address space of each process, in bytes (`RLIMIT_AS`): an allocation beyond it fails at once, which most
    /// programs answer by ending. It counts what is reserved, too, and some run-time systems reserve a lot.
    pub address_space: Option<u64>,
    /// Processor time of each process over its whole life, in whole seconds, rounded up (`RLIMIT_CPU`): `SIGXCPU`
    /// then, and `SIGKILL` a second later.
    pub cpu_time: Option<Duration>,
    /// Open files of each process (`RLIMIT_NOFILE`): opening one more fails.
    pub open_files: Option<u64>,
    /// Size of a file that it writes, in bytes (`RLIMIT_FSIZE`): `SIGXFSZ`.
    pub file_size: Option<u64>,
    /// How it stands back for others, from -20 to 19; below that of this program only with privileges.
    pub niceness: Option<i32>,
}

impl Limits {
    /// Nothing is limited.
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`memory`](Self#structfield.memory).
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: Some(bytes), ..self }
    }

    /// See [`processes`](Self#structfield.processes).
    pub fn processes(self, processes: u64) -> Self {
        Self { processes: Some(processes), ..self }
    }

    /// See [`user_processes`](Self#structfield.user_processes).
    pub fn user_processes(self, processes: u64) -> Self {
        Self { user_processes: Some(processes), ..self }
    }

    /// See [`address_space`](Self#structfield.address_space).
    pub fn address_space(self, bytes: u64) -> Self {
        Self { address_space: Some(bytes), ..self }
    }

    /// See [`cpu_time`](Self#structfield.cpu_time).
    pub fn cpu_time(self, time: Duration) -> Self {
        Self { cpu_time: Some(time), ..self }
    }

    /// See [`open_files`](Self#structfield.open_files).
    pub fn open_files(self, files: u64) -> Self {
        Self { open_files: Some(files), ..self }
    }

    /// See [`file_size`](Self#structfield.file_size).
    pub fn file_size(self, bytes: u64) -> Self {
        Self { file_size: Some(bytes), ..self }
    }

    /// See [`niceness`](Self#structfield.niceness).
    pub fn niceness(self, niceness: i32) -> Self {
        Self { niceness: Some(niceness), ..self }
    }

    pub(crate) fn cpu_seconds(&self) -> Option<u64> {
        let time = self.cpu_time?;
        Some((time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1))
    }

    /// Whether somebody has to look now and then.
    pub(super) fn are_sampled(&self) -> bool {
        self.memory.is_some() || self.processes.is_some()
    }

    /// Those that the kernel keeps: as many as there are kinds of them. None is set higher than this process's own hard
    /// limit, which only privileges could raise.
    pub(super) fn of_kernel(&self) -> [Option<(Resource, Rlimit)>; KINDS] {
        let limit = |resource, value: Option<u64>, grace: u64| {
            value.map(|value| {
                let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
                let (soft, hard) = (value.min(most), value.saturating_add(grace).min(most));
                (resource, Rlimit { current: Some(soft), maximum: Some(hard) })
            })
        };
        [
            limit(Resource::As, self.address_space, 0),
            limit(Resource::Cpu, self.cpu_seconds(), 1),
            limit(Resource::Nofile, self.open_files, 0),
            limit(Resource::Fsize, self.file_size, 0),
            limit(Resource::Nproc, self.user_processes, 0),
        ]
    }
}

/// How many kinds of limits there are that the kernel keeps.
pub(super) const KINDS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_rounded_up_to_seconds() {
        let seconds = |time| Limits::new().cpu_time(time).cpu_seconds();
        assert_eq!(seconds(Duration::from_millis(1)), Some(1));
        assert_eq!(seconds(Duration::ZERO), Some(1));
        assert_eq!(seconds(Duration::from_millis(2_000)), Some(2));
        assert_eq!(seconds(Duration::from_millis(2_001)), Some(3));
        assert_eq!(Limits::new().cpu_seconds(), None);
    }

    #[test]
    fn no_limit_is_set_above_what_this_process_may_have() {
        let own = getrlimit(Resource::Nofile).maximum;
        let [.., files, _, _] = Limits::new().open_files(u64::MAX).of_kernel();
        assert_eq!(files.unwrap().1.maximum, own.or(Some(u64::MAX)));
    }
}
