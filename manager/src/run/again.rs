use std::sync::Arc;

use edri_router::{DeadLetterOffice, Loss, Message, Reason};

use super::life::Life;
use crate::handled::{Undone, discard};

/// An event that has taken its manager down, and is delivered again to the next. Dropped before, it is handed in.
pub(super) struct Again<I: Message> {
    message: Option<I>,
    /// How often a handler has begun with it.
    attempts: u32,
    reason: Reason,
    office: DeadLetterOffice,
    life: Arc<Life>,
}

impl<I: Message> Again<I> {
    /// `None` if the event is not to be delivered again, and has been handed in where there was one.
    pub(super) fn after(
        attempts: u32,
        redeliver: u32,
        undone: Undone<I>,
        office: &DeadLetterOffice,
        life: &Arc<Life>,
    ) -> Option<Self> {
        if attempts > redeliver || undone.message.is_none() {
            undone.give_up(attempts, office);
            return None;
        }
        let Undone { message, reason } = undone;
        Some(Self { message, attempts, reason, office: office.clone(), life: Arc::clone(life) })
    }

    /// The event, for its next attempt, and which that is.
    pub(super) fn begin(mut self) -> Option<(I, u32)> {
        self.message.take().map(|message| (message, self.attempts.saturating_add(1)))
    }
}

impl<I: Message> Drop for Again<I> {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.life.add_cut_short(1);
            discard(message, Loss::after(self.attempts, self.reason.clone()), &self.office);
        }
    }
}

impl<I: Message> std::fmt::Debug for Again<I> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Again")
            .field("attempts", &self.attempts)
            .field("reason", &self.reason)
            .finish()
    }
}
