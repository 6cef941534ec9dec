use edri_router::{DeadLetterOffice, Loss, Message, Reason, caught_now};

/// What became of an event that was given to its handler: one word where all is well.
#[derive(Debug)]
#[must_use = "an event that was not handled has to be accounted for"]
pub enum Handled<I> {
    /// It has been handled, or needed no handling any more.
    Done,
    /// Its handler failed, panicked or was given up.
    Undone(Box<Undone<I>>),
}

/// An event whose handler did not end well.
#[derive(Debug)]
#[non_exhaustive]
pub struct Undone<I> {
    /// The event, where the handler only borrowed it and nobody has been told: notifications and answers. A
    /// requester, and whoever opened a tunnel, has been answered.
    pub message: Option<I>,
    /// What went wrong: failed, panicked or abandoned.
    pub reason: Reason,
}

impl<I> Handled<I> {
    /// Whether it was handled.
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Its handler did not end well, and nobody has been told but by `message`.
    #[cold]
    pub fn undone(message: Option<I>, reason: Reason) -> Self {
        Self::Undone(Box::new(Undone { message, reason }))
    }
}

impl<I: Message> Undone<I> {
    /// It will not be handled any more, after so many attempts.
    pub(crate) fn give_up(self, attempts: u32, office: &DeadLetterOffice) {
        let Self { message, reason } = self;
        if let Some(message) = message {
            discard(message, Loss::after(attempts, reason), office);
        }
    }
}

/// Discards in the middle of a loop: what is dropped then is the user's, and may panic.
pub(crate) fn discard<I: Message>(message: I, loss: Loss, office: &DeadLetterOffice) {
    let discarded = caught_now(|| {
        message.discard(loss, office);
        Ok(())
    });
    if let Err(error) = discarded {
        tracing::error!("an event that was given up could not be handed in: {error}");
    }
}
