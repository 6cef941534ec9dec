use std::collections::BTreeMap;

/// The numbers of a program, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) parts: Vec<PartFigures>,
    /// What nobody handled, by the reason why.
    pub(crate) dead_letters: BTreeMap<&'static str, u64>,
}

/// The numbers of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartFigures {
    pub(crate) name: String,
    pub(crate) kind: PartKind,
    /// Of what is counted for it, how many there have been.
    pub(crate) counts: BTreeMap<Count, u64>,
    /// Events or jobs that wait.
    pub(crate) waiting: usize,
    /// For a pool.
    pub(crate) workers: Option<Workers>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PartKind {
    Manager,
    Pool,
}

/// What only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Count {
    Accepted,
    Processed,
    Failed,
    Panicked,
    Rejected,
    Dropped,
    Restarts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Workers {
    pub(crate) busy: usize,
    pub(crate) size: usize,
}

impl PartKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Manager => "manager",
            Self::Pool => "pool",
        }
    }
}

impl Count {
    pub(crate) const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Processed,
        Self::Failed,
        Self::Panicked,
        Self::Rejected,
        Self::Dropped,
        Self::Restarts,
    ];

    /// Its name among metrics, and what it means.
    pub(crate) const fn metric(self) -> (&'static str, &'static str) {
        match self {
            Self::Accepted => ("edri_events_accepted_total", "Events or jobs taken into the inbox."),
            Self::Processed => ("edri_events_processed_total", "Events or jobs handled to their end."),
            Self::Failed => ("edri_events_failed_total", "Events or jobs whose handler failed."),
            Self::Panicked => ("edri_events_panicked_total", "Events or jobs whose handler panicked."),
            Self::Rejected => ("edri_events_rejected_total", "Events or jobs refused by a full inbox."),
            Self::Dropped => ("edri_events_dropped_total", "Events or jobs dropped by a full inbox."),
            Self::Restarts => ("edri_restarts_total", "Restarts of the manager, or workers replaced."),
        }
    }
}
