use std::sync::Arc;

use edri_journal::{Journal, JournalError};
use tokio::task::JoinHandle;

use super::compact::compact;
use super::gather::{Batch, Gather};
use crate::core::Core;

/// Writes what has gathered, shows it when it is durable, and has pictures taken.
pub(super) struct Committer {
    pub(super) core: Arc<Core>,
    pub(super) gather: Arc<Gather>,
    pub(super) journal: Journal,
    /// How many bytes have been written since the last picture.
    pub(super) since: u64,
    /// With how many a picture is taken, if it is also more than twice what there is.
    pub(super) compact_after: u64,
}

/// As much is kept for the next batch.
const SPARE: usize = 1 << 20;

impl Committer {
    /// Until there will be nothing more, and everything is on the disk.
    pub(super) async fn run(mut self) -> Result<(), JournalError> {
        let mut compacting: Option<JoinHandle<()>> = None;
        let mut spare = Batch::default();
        while let Some(mut batch) = self.gather.next(spare).await {
            match self.journal.append(&batch.record).await {
                Err(error) => {
                    tracing::error!(%error, "changes could not be made durable");
                    self.gather.not_stored(batch, &error);
                    spare = Batch::default();
                }
                Ok(position) => {
                    self.gather.stored();
                    self.since += batch.record.len() as u64;
                    for promotion in batch.promotions.drain(..) {
                        promotion.carry_out();
                    }
                    batch.record.clear();
                    batch.record.shrink_to(SPARE);
                    spare = batch;
                    // All that was written up to here is seen: a picture that is begun now has it.
                    let is_free = compacting.as_ref().is_none_or(JoinHandle::is_finished);
                    if is_free && self.is_due() {
                        self.since = 0;
                        let (journal, core) = (self.journal.clone(), Arc::clone(&self.core));
                        compacting = Some(tokio::spawn(async move {
                            if let Err(error) = compact(&core, &journal, position).await {
                                tracing::warn!(%error, "the journal could not be compacted");
                            }
                        }));
                    }
                }
            }
        }
        if let Some(compacting) = compacting {
            // What is not finished counts for nothing.
            compacting.abort();
            let _ = compacting.await;
        }
        self.journal.close().await
    }

    fn is_due(&self) -> bool {
        self.since >= self.compact_after && {
            let bytes: usize = self.core.logged().map(|space| space.gauge().bytes).sum();
            self.since >= 2 * bytes as u64
        }
    }
}
