use edri_router::{DeathCause, WorkerDeath, WorkerLimit};
use serde::{Deserialize, Serialize};

use super::outcome::cut_to;

/// How a worker ended that had a request, as it travels: without anything that holds another of its kind, which whoever
/// reads it would have to follow as deep as its sender likes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    worker: String,
    cause: Cause,
    /// How many had died in a row, if it was not even tried; the cause is that of the last then.
    crash_loop: Option<u32>,
    stderr: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Cause {
    Exited { code: i32 },
    Signalled { signal: i32 },
    NotStarted { reason: String },
    ClosedPipe,
    OverLimit { limit: WorkerLimit },
    Overdue,
    Babbled,
    Unknown,
}

/// So many bytes of a text, and so many lines of what it wrote, are sent at most.
const TEXT: usize = 1024;
const LINES: usize = 20;

impl From<WorkerDeath> for Death {
    fn from(death: WorkerDeath) -> Self {
        let WorkerDeath { worker, mut cause, mut stderr, .. } = death;
        let mut crash_loop = None;
        while let DeathCause::CrashLoop { deaths, last } = cause {
            crash_loop.get_or_insert(deaths);
            cause = *last;
        }
        // The newest are last.
        stderr.drain(..stderr.len().saturating_sub(LINES));
        Self {
            worker: cut_to(worker.into_owned(), TEXT),
            cause: Cause::of(cause),
            crash_loop,
            stderr: stderr.into_iter().map(|line| cut_to(line, TEXT / 4)).collect(),
        }
    }
}

impl From<Death> for WorkerDeath {
    fn from(death: Death) -> Self {
        let Death { worker, cause, crash_loop, stderr } = death;
        let cause = cause.into_cause();
        let cause = match crash_loop {
            Some(deaths) => DeathCause::CrashLoop { deaths, last: Box::new(cause) },
            None => cause,
        };
        Self::new(worker, cause, stderr)
    }
}

impl Cause {
    fn of(cause: DeathCause) -> Self {
        match cause {
            DeathCause::Exited { code } => Self::Exited { code },
            DeathCause::Signalled { signal } => Self::Signalled { signal },
            DeathCause::NotStarted { reason } => Self::NotStarted { reason: cut_to(reason, TEXT) },
            DeathCause::ClosedPipe => Self::ClosedPipe,
            DeathCause::OverLimit { limit } => Self::OverLimit { limit },
            DeathCause::Overdue => Self::Overdue,
            DeathCause::Babbled => Self::Babbled,
            _ => Self::Unknown,
        }
    }

    fn into_cause(self) -> DeathCause {
        match self {
            Self::Exited { code } => DeathCause::Exited { code },
            Self::Signalled { signal } => DeathCause::Signalled { signal },
            Self::NotStarted { reason } => DeathCause::NotStarted { reason },
            Self::ClosedPipe => DeathCause::ClosedPipe,
            Self::OverLimit { limit } => DeathCause::OverLimit { limit },
            Self::Overdue => DeathCause::Overdue,
            Self::Babbled => DeathCause::Babbled,
            Self::Unknown => DeathCause::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_travels_as_it_was_and_loops_are_told_once() {
        let signal = DeathCause::Signalled { signal: 9 };
        let plain = WorkerDeath::new("resize-0", signal.clone(), vec!["oh".to_owned()]);
        assert_eq!(WorkerDeath::from(Death::from(plain.clone())), plain);
        let looping = |deaths, last| DeathCause::CrashLoop { deaths, last: Box::new(last) };
        let nested = WorkerDeath::new("resize-0", looping(5, looping(4, signal.clone())), Vec::new());
        assert_eq!(WorkerDeath::from(Death::from(nested)).cause, looping(5, signal));
    }

    #[test]
    fn of_what_a_worker_wrote_the_newest_is_kept() {
        let lines = (0..100).map(|line| format!("{line} {}", "x".repeat(10_000))).collect();
        let Death { stderr, .. } = WorkerDeath::new("a", DeathCause::Unknown, lines).into();
        assert!(stderr.len() == LINES && stderr[0].starts_with("80 ") && stderr[0].len() < TEXT);
    }
}
