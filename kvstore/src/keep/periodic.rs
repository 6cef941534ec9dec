use std::sync::Arc;
use std::time::Duration;

use edri_journal::{Journal, JournalError};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::compact::picture;
use crate::core::{Core, Space};
use crate::settings::Durability;

/// Takes a picture, now and then, of all namespaces that are kept so.
pub(super) struct Periodic {
    core: Arc<Core>,
    journal: Journal,
    every: Duration,
    end: Arc<Notify>,
    /// What had changed when the last picture was taken.
    taken: u64,
}

/// What is written into the journal at each picture, so that it has a place there. It says nothing.
const MARK: &[u8] = &[];

impl Periodic {
    /// For namespaces that are as the last picture has them.
    pub(super) fn new(core: Arc<Core>, journal: Journal, every: Duration, end: Arc<Notify>) -> Self {
        let mut periodic = Self { core, journal, every, end, taken: 0 };
        periodic.taken = periodic.changes();
        periodic
    }

    /// Until it is told to end; with a last picture then.
    pub(super) async fn run(mut self) -> Result<(), JournalError> {
        let mut ticks = interval(self.every);
        // A picture that takes longer than the time between two is followed by a pause, not by the next.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            let is_over = tokio::select! {
                _ = ticks.tick() => false,
                () = self.end.notified() => true,
            };
            let changes = self.changes();
            if changes != self.taken {
                match self.take().await {
                    Ok(()) => self.taken = changes,
                    Err(error) if is_over => return Err(error),
                    Err(error) => tracing::error!(%error, "there is no new picture of the store"),
                }
            }
            if is_over {
                return self.journal.close().await;
            }
        }
    }

    async fn take(&self) -> Result<(), JournalError> {
        let position = self.journal.append(MARK).await?;
        picture(&self.core, self.journal.snapshot(position).await?, self.spaces()).await
    }

    /// By which it is known whether anything has changed.
    fn changes(&self) -> u64 {
        self.spaces().map(|space| space.changes()).sum()
    }

    fn spaces(&self) -> impl Iterator<Item = Arc<Space>> {
        let all = self.core.spaces().into_iter();
        all.filter(|space| matches!(space.durability(), Durability::Snapshot { .. }))
    }
}
