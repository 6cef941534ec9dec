use edri_router::{Departure, Loss, Payload, Reason};

use super::book::Entry;
use super::gather::Batch;
use super::keeping::Keeping;
use crate::bridge::exit::LANES;
use crate::durable::Record;

impl Keeping {
    /// Whether it has waited for its destination for long enough, or there is nothing to wait for.
    pub(super) fn is_given_up(&self) -> bool {
        let state = self.keep.state();
        let is_away = state.link.is_none() && !state.is_closing;
        let waited = state.away_since.elapsed() >= self.shop.settings.keep;
        let is_idle = state.wants.is_empty() && state.outbox.acknowledged() >= state.outbox.last_stored();
        drop(state);
        is_away && (waited || is_idle && self.is_stored())
    }

    /// The destination does not come back: what was kept for it is lost.
    pub(super) async fn give_up(&mut self) {
        let is_taken = self.shop.house.upgrade().is_none_or(|house| house.take_away(&self.keep));
        if !is_taken {
            // It is back at this very moment.
            return;
        }
        self.keep.exit().close();
        self.end_mending().await;
        let peer = self.keep.side.called().to_string();
        let reason = format!("it did not come back within {:?}", self.shop.settings.keep);
        let reason = Reason::LinkLost { peer, reason };
        while let Some((batch, pending)) = self.current.take() {
            match pending {
                Some(pending) => {
                    let stored = pending.await;
                    self.current = Some((batch, None));
                    let is_stored = stored.is_ok();
                    self.stored(stored.map(|positions| positions.end.get() - 1));
                    if !is_stored {
                        let lost = self.current.take().map(|(batch, _)| batch);
                        self.lose_batch(lost, &reason);
                    }
                }
                None => self.lose_batch(Some(batch), &reason),
            }
        }
        let (from, to) = {
            let state = self.keep.state();
            (state.outbox.acknowledged() + 1, state.outbox.last_stored())
        };
        let buried = self.shop.bury(self.keep.router, &self.log.journal, (from, to), &reason).await;
        self.shop.counts.given_up(buried);
        let next = std::mem::take(&mut self.next);
        self.lose_batch(Some(next), &reason);
        self.lose_waiting(&reason);
        self.keep.state().outbox.give_up(to);
        self.reader = None;
        let _ = self.log.journal.close().await;
        self.shop.book.note(&Entry::Forgotten { router: self.keep.router });
        let folder = self.log.folder.clone();
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(destination = %self.keep.router, %error, "the folder of what is not kept any more could not be removed");
        }
    }

    fn lose_batch(&self, batch: Option<Batch>, reason: &Reason) {
        for record in batch.into_iter().flat_map(|batch| batch.records) {
            if let Ok(record) = Record::decode(&record.into()) {
                let notices = &record.notices;
                notices.iter().for_each(|it| self.shop.lose(&record.schemas[it.schema], it, reason.clone()));
                self.shop.counts.given_up(notices.len() as u64);
            }
        }
    }

    /// What waits in the exit.
    fn lose_waiting(&mut self, reason: &Reason) {
        for (lane, hand) in LANES.into_iter().zip(&mut self.hands) {
            loop {
                let discard = |departure: Departure, payload: Payload<'_>| {
                    self.shop.counts.given_up(1);
                    departure.discard(&payload, Loss::unhandled(reason.clone()), &self.shop.office);
                };
                while hand.departures.take_first(discard).is_some() {}
                self.keep.exit().lane(lane).take(hand);
                if hand.departures.is_empty() {
                    break;
                }
            }
        }
    }
}
