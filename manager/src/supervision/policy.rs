use std::time::Duration;

use edri_router::{Overdue, Reason};

/// When a manager is replaced by a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restart {
    /// Never: whatever its handlers do, it goes on with the state it has.
    Never,
    /// When a handler panics, or is given up because it takes too long.
    OnPanic,
    /// When a handler fails, too. An answer that is a failure is one.
    Always,
}

impl Restart {
    /// Whether a handler that ended for this reason takes its manager down.
    pub(crate) fn covers(self, reason: &Reason) -> bool {
        match self {
            Self::Never => false,
            Self::OnPanic => matches!(reason, Reason::Panicked { .. } | Reason::Abandoned),
            Self::Always => true,
        }
    }
}

/// How a manager is kept up. See the guide on supervision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Supervision {
    /// When it is replaced. Unless told otherwise: [`OnPanic`](Restart::OnPanic) where new ones can be
    /// [made](crate::Host::from_fn), [`Never`](Restart::Never) where not.
    pub restart: Option<Restart>,
    /// How often it may be, before it is stopped.
    pub budget: Budget,
    /// How soon it is.
    pub backoff: Backoff,
    /// How often a notification whose handler took the manager down is delivered again, to the new one and before
    /// all others, until it becomes a dead letter. 0 unless told otherwise.
    pub redeliver: u32,
    /// How long each of its handlers may take; as long as they like unless told otherwise.
    pub handler_timeout: Option<HandlerTimeout>,
    /// Whether the program is to end when this manager does. See [`Host::essential`](crate::Host::essential).
    pub essential: Essential,
}

/// What the end of a manager is to its program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Essential {
    /// The program goes on.
    #[default]
    No,
    /// The program shuts down, unless it told the manager to stop.
    Yes,
}

/// At most so many restarts in a period, which slides: 5 in 60 seconds unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many. With 0 the manager stops when it first falls.
    pub restarts: u32,
    /// In which time.
    pub within: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { restarts: 5, within: Duration::from_secs(60) }
    }
}

/// How long to wait before a restart: the longer the more there have been in the [budget](Budget)'s period.
///
/// Unless told otherwise 100 ms before the first, twice as long before each further one, up to 30 seconds, with
/// [jitter](Jitter).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Before the first restart.
    pub first: Duration,
    /// By how much longer before each further one.
    pub factor: u32,
    /// At most.
    pub cap: Duration,
    /// What is taken off by chance.
    pub jitter: Jitter,
}

/// Takes up to a half off a waiting time by chance, so that managers that fell together do not rise together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// Nothing.
    Off,
    /// Differently in each run of the program.
    #[default]
    Random,
    /// The same in each run, from this seed.
    Seeded(u64),
}

impl Backoff {
    /// Always the same time, without jitter.
    pub const fn constant(time: Duration) -> Self {
        Self { first: time, factor: 1, cap: time, jitter: Jitter::Off }
    }

    /// From `first` on, twice as long each time, up to `cap`, with jitter.
    pub const fn doubling(first: Duration, cap: Duration) -> Self {
        Self { first, factor: 2, cap, jitter: Jitter::Random }
    }

    /// The same with another jitter.
    pub const fn jitter(self, jitter: Jitter) -> Self {
        Self { jitter, ..self }
    }

    /// Before the `attempt`th restart, which counts from 1, without jitter.
    pub(crate) fn before(&self, attempt: u32) -> Duration {
        let factor = self.factor.saturating_pow(attempt.saturating_sub(1));
        self.first.checked_mul(factor).unwrap_or(self.cap).min(self.cap)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::doubling(Duration::from_millis(100), Duration::from_secs(30))
    }
}

/// How long a handler may take, and what happens to one that takes longer. A `Duration` is one that tells.
///
/// Measured are handlers that are `async`. One that blocks its thread can be neither seen, told nor given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerTimeout {
    /// How long.
    pub after: Duration,
    /// What happens then.
    pub overdue: Overdue,
}

impl HandlerTimeout {
    /// A handler that takes longer is told, logged and counted, and goes on.
    pub const fn after(after: Duration) -> Self {
        Self { after, overdue: Overdue::Tell }
    }

    /// It is given up, too: dropped at the `await` where it stands. Its requester gets
    /// [`RequestError::Abandoned`](edri_router::RequestError::Abandoned), and its manager is restarted as after a
    /// panic.
    pub const fn abandon(self) -> Self {
        Self { overdue: Overdue::Abandon, ..self }
    }
}

impl From<Duration> for HandlerTimeout {
    fn from(after: Duration) -> Self {
        Self::after(after)
    }
}
