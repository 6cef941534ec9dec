use std::sync::{Arc, Weak};

use edri_journal::JournalError;

use super::book::{Book, read};
use super::counts::Place;
use super::reopen::{ReopenError, failed, reopen};

impl Book {
    /// The disk was not told something, in that life of the journal: it is told all anew, after a while, which grows with each time
    /// it cannot be.
    pub(super) fn fall_behind(self: &Arc<Self>, error: &JournalError, life: u64) {
        let mut written = self.written();
        // All that was written in an earlier life was told anew when the next began.
        if written.is_closed || written.life != life {
            return;
        }
        written.failures += 1;
        if let JournalError::Poisoned { .. } = error {
            written.poisoned.get_or_insert_with(|| error.clone());
        }
        drop(written);
        let was_behind =
            !self.standing.send_if_modified(|standing| !std::mem::replace(&mut standing.is_behind, true));
        if !was_behind {
            self.counts.troubled(Place::Book, failed(error, self.settings.reopen.before(1), 0));
            tokio::spawn(catch_up(Arc::downgrade(self)));
        }
    }

    /// Tells the disk all that is known; opens the journal again before, if it has to be.
    async fn tell_anew(self: &Arc<Self>) -> Result<(), ReopenError> {
        let _alone = self.mending.lock().await;
        if !self.standing.borrow().is_behind {
            return Ok(());
        }
        loop {
            let failed = {
                let written = self.written();
                written.poisoned.is_some().then(|| written.journal.clone())
            };
            if let Some(failed) = failed {
                let (journal, recovered) = reopen(&failed, self.settings.open_book()).await?;
                // What is there is to be in order. What is known goes beyond it: an entry is known before it is written.
                let is_read = read(&self.settings, &journal, &recovered).await;
                if let Err(error) = is_read {
                    let _ = journal.close().await;
                    return Err(ReopenError::Record(error.to_string()));
                }
                let mut written = self.written();
                (written.journal, written.poisoned) = (journal, None);
                written.life += 1;
                drop(written);
                self.counts.reopened();
            }
            let (told, failures, life) = {
                let mut written = self.written();
                (written.enqueue_all(), written.failures, written.life)
            };
            let told = match told {
                Ok(told) => self.replace_by(told).await,
                Err(error) => Err(error),
            };
            if let Err(error) = told {
                self.fall_behind(&error, life);
                return Err(error.into());
            }
            let written = self.written();
            if written.failures == failures {
                self.standing.send_modify(|standing| standing.is_behind = false);
                self.counts.untroubled(Place::Book);
                return Ok(());
            }
        }
    }

    /// Ready when all that was written before is on the disk, however long that takes.
    pub(super) async fn sync(self: &Arc<Self>) -> Result<(), JournalError> {
        let mut standing = self.standing.subscribe();
        loop {
            // It is told by this book.
            let _ = standing.wait_for(|standing| standing.noting == 0 && !standing.is_behind).await;
            let (journal, life) = {
                let written = self.written();
                if written.is_closed {
                    return Err(JournalError::Closed);
                }
                (written.journal.clone(), written.life)
            };
            match journal.sync().await {
                Ok(()) if !standing.borrow().is_behind => return Ok(()),
                Ok(()) => {}
                Err(error) => self.fall_behind(&error, life),
            }
        }
    }

    /// It is about to be closed: what the disk was not told is not waited for any longer than need be.
    pub(super) fn is_about_to_close(&self) {
        self.written().is_closing = true;
        self.hurry.notify_one();
    }

    pub(super) async fn close(self: &Arc<Self>) -> Result<(), ReopenError> {
        let told = self.tell_anew().await;
        let journal = {
            let mut written = self.written();
            written.is_closed = true;
            written.journal.clone()
        };
        // Whoever waits for it learns that it is closed.
        self.standing.send_modify(|standing| standing.is_behind = false);
        let closed = journal.close().await;
        told.and(closed.map_err(ReopenError::from))
    }
}

/// Tells the disk all anew as soon as it can be, for as long as there is the book.
async fn catch_up(book: Weak<Book>) {
    let mut tries = 0;
    loop {
        let Some(there) = book.upgrade() else { return };
        let (delays, hurry) = (there.settings.reopen, Arc::clone(&there.hurry));
        let delay = delays.before(if there.written().is_closing { 1 } else { tries + 1 });
        // Whoever drops the book meanwhile closes it.
        drop(there);
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = hurry.notified() => {}
        }
        let Some(there) = book.upgrade() else { return };
        if there.written().is_closed {
            return;
        }
        let Err(error) = there.tell_anew().await else {
            tracing::info!(tries, "what is known of other routers is on the disk again");
            return;
        };
        tries += 1;
        let trouble = failed(&error, delays.before(tries + 1), tries);
        tracing::error!(trouble, "what is known of other routers could not be written down");
        there.counts.troubled(Place::Book, trouble);
    }
}
