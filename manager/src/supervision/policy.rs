use std::time::Duration;

use edri_router::{Backoff, Overdue, Reason};

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
    /// How soon it is: the later the more restarts there have been in the budget's period.
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
