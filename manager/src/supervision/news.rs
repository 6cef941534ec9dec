use std::fmt;

use edri_event::Notification;
use edri_router::Reason;

/// A manager has been made anew, and has started. Sent on its router by the manager itself, and never waited for: a
/// subscriber without room misses it.
#[derive(Clone, Debug, PartialEq, Eq, Notification)]
#[non_exhaustive]
pub struct ManagerRestarted {
    /// Its name.
    pub name: String,
    /// Whose fall it was: its own, or that of another in its [group](crate::Group).
    pub fallen: String,
    /// What made that one fall.
    pub reason: Reason,
    /// Which restart this is in the [budget](crate::Budget)'s period, from 1.
    pub attempt: u32,
}

/// A manager has ended. Sent as [`ManagerRestarted`]; not sent by one that is ended from outside.
#[derive(Clone, Debug, PartialEq, Eq, Notification)]
#[non_exhaustive]
pub struct ManagerStopped {
    /// Its name.
    pub name: String,
    /// How.
    pub end: End,
}

/// How a manager ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// It was told to stop, and has handled what waited.
    InOrder,
    /// It fell when its restarts were spent, or another of its [group](crate::Group) did.
    GaveUp {
        /// Who fell.
        fallen: String,
        /// Why.
        reason: Reason,
        /// How many restarts there had been in the [budget](crate::Budget)'s period.
        restarts: u32,
    },
    /// It was ended from outside, wherever it stood: at a deadline, or with its runtime.
    CutShort,
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InOrder => formatter.write_str("it was told to stop"),
            Self::GaveUp { fallen, reason, restarts } => {
                write!(formatter, "{fallen} fell once more after {restarts} restarts: {reason}")
            }
            Self::CutShort => formatter.write_str("it was ended from outside"),
        }
    }
}
