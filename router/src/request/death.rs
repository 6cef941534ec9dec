use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How a worker's process ended that had a job.
///
/// One word large in [`RequestError`](super::RequestError), which boxes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerDeath {
    /// The worker's name, as in `resize-0`.
    pub worker: Cow<'static, str>,
    /// What it died of.
    pub cause: DeathCause,
    /// The last lines it wrote to its standard error, the newest last.
    pub stderr: Vec<String>,
}

/// What a worker's process died of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DeathCause {
    /// It ended by itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// A signal ended it, which its pool did not send.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// It could not be started, or was not ready in time.
    NotStarted {
        /// What was in the way.
        reason: String,
    },
    /// It closed the pipe on which it takes jobs or gives answers, lived on, and was killed.
    ClosedPipe,
    /// It went over a limit, and was killed for it.
    OverLimit {
        /// Which.
        limit: WorkerLimit,
    },
    /// A job took longer than it may, this one or another that the same worker had, and it was killed.
    Overdue,
    /// It wrote again and again what is no answer, and was killed.
    Babbled,
    /// Nobody saw how: somebody else has waited for the process.
    Unknown,
    /// It was not even tried: the pool's workers had died so often, one after the other, that it stopped to give them jobs
    /// for a while.
    CrashLoop {
        /// How many had died without a single answer in between.
        deaths: u32,
        /// What the last of them died of.
        last: Box<DeathCause>,
    },
}

/// A limit that a worker's process went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum WorkerLimit {
    /// Resident memory of the process and its children, in bytes.
    Memory {
        /// How much it had when it was noticed.
        used: u64,
        /// How much it may have.
        limit: u64,
    },
    /// Processor time, in seconds.
    CpuTime {
        /// How much it may take.
        limit: u64,
    },
    /// Processes: itself and its children.
    Processes {
        /// How many there were when it was noticed.
        used: u64,
        /// How many there may be.
        limit: u64,
    },
}

impl WorkerDeath {
    /// Of the worker of that name.
    pub fn new(worker: impl Into<Cow<'static, str>>, cause: DeathCause, stderr: Vec<String>) -> Self {
        Self { worker: worker.into(), cause, stderr }
    }

    /// Its exit code, if it ended by itself.
    pub fn code(&self) -> Option<i32> {
        match self.cause {
            DeathCause::Exited { code } => Some(code),
            _ => None,
        }
    }

    /// The signal that ended it, if its pool did not send it.
    pub fn signal(&self) -> Option<i32> {
        match self.cause {
            DeathCause::Signalled { signal } => Some(signal),
            _ => None,
        }
    }
}

impl fmt::Display for WorkerDeath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.worker, self.cause)?;
        match self.stderr.last() {
            Some(last) => write!(formatter, "; it said last: {last}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for DeathCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { code } => write!(formatter, "exited with code {code}"),
            Self::Signalled { signal } => write!(formatter, "was ended by {}", Signal(*signal)),
            Self::NotStarted { reason } => write!(formatter, "could not be started: {reason}"),
            Self::ClosedPipe => formatter.write_str("closed its pipe, lived on and was killed"),
            Self::OverLimit { limit } => write!(formatter, "was killed: {limit}"),
            Self::Overdue => formatter.write_str("was killed: a job took longer than it may"),
            Self::Babbled => formatter.write_str("was killed: it kept writing what is no answer"),
            Self::Unknown => formatter.write_str("ended, and nobody saw how"),
            Self::CrashLoop { deaths, last } => write!(
                formatter,
                "keeps dying, {deaths} times in a row, and gets no job for a while; the last time it {last}"
            ),
        }
    }
}

impl fmt::Display for WorkerLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { used, limit } => {
                write!(formatter, "it had {used} bytes of memory, and may have {limit}")
            }
            Self::CpuTime { limit } => write!(formatter, "it took more than {limit} s of processor time"),
            Self::Processes { used, limit } => {
                write!(formatter, "it was {used} processes, and may be {limit}")
            }
        }
    }
}

/// The number of a signal, with its name where people know it by that.
struct Signal(i32);

impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // These numbers are the same on all systems.
        let name = match self.0 {
            1 => "SIGHUP",
            2 => "SIGINT",
            3 => "SIGQUIT",
            4 => "SIGILL",
            6 => "SIGABRT",
            8 => "SIGFPE",
            9 => "SIGKILL",
            11 => "SIGSEGV",
            13 => "SIGPIPE",
            14 => "SIGALRM",
            15 => "SIGTERM",
            number => return write!(formatter, "signal {number}"),
        };
        write!(formatter, "signal {} ({name})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_reads_as_a_sentence() {
        let death = |cause| WorkerDeath::new("resize-0", cause, Vec::new()).to_string();
        assert_eq!(death(DeathCause::Exited { code: 3 }), "resize-0 exited with code 3");
        let killed = DeathCause::Signalled { signal: 9 };
        assert_eq!(death(killed.clone()), "resize-0 was ended by signal 9 (SIGKILL)");
        assert_eq!(
            death(DeathCause::CrashLoop { deaths: 5, last: Box::new(killed) }),
            "resize-0 keeps dying, 5 times in a row, and gets no job for a while; the last time it was ended by signal \
             9 (SIGKILL)"
        );
        let limit = WorkerLimit::Memory { used: 70, limit: 64 };
        let death =
            WorkerDeath::new("resize-0", DeathCause::OverLimit { limit }, vec!["a".into(), "b".into()]);
        assert_eq!(
            death.to_string(),
            "resize-0 was killed: it had 70 bytes of memory, and may have 64; it said last: b"
        );
    }
}
