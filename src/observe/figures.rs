use std::collections::BTreeMap;

use edri_router::{Counts, PartKind, PartSnapshot, Snapshot};

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
    /// Where several can work at the same time.
    pub(crate) workers: Option<Workers>,
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
    pub(crate) limit: usize,
}

impl From<&Snapshot> for Figures {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            parts: snapshot.parts.iter().map(PartFigures::from).collect(),
            dead_letters: snapshot.dead_letters.by_reason().collect(),
        }
    }
}

impl From<&PartSnapshot> for PartFigures {
    fn from(part: &PartSnapshot) -> Self {
        let (counts, workers) = (&part.vitals.counts, part.vitals.workers);
        Self {
            name: part.name.clone(),
            kind: part.kind,
            counts: Count::ALL.iter().map(|count| (*count, count.among(counts))).collect(),
            waiting: part.vitals.queued.total(),
            workers: workers.map(|workers| Workers { busy: workers.busy, limit: workers.limit }),
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

    const fn among(self, counts: &Counts) -> u64 {
        match self {
            Self::Accepted => counts.accepted,
            Self::Processed => counts.processed,
            Self::Failed => counts.failed,
            Self::Panicked => counts.panicked,
            Self::Rejected => counts.rejected,
            Self::Dropped => counts.dropped,
            Self::Restarts => counts.restarts,
        }
    }

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
