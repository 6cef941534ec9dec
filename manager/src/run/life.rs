use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use edri_router::{HandlerLimit, Message, Meter, Reason, Receiver};

use crate::handled::Undone;
use crate::supervision::Member;

/// What a manager's loop leaves for whoever holds it to read. There is one for each manager: what few have is behind
/// a pointer.
#[derive(Debug, Default)]
pub(crate) struct Life {
    cut_short: AtomicU32,
    failures: AtomicU64,
    panics: AtomicU64,
    ended_in_order: AtomicBool,
    rare: Option<Box<Rare>>,
}

/// What only managers have that are supervised or whose handlers are limited.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    pub(crate) member: Option<Arc<Member>>,
    pub(crate) limit: Option<Arc<HandlerLimit>>,
}

impl Life {
    pub(crate) fn new(rare: Rare) -> Arc<Self> {
        let rare = (rare.member.is_some() || rare.limit.is_some()).then(|| Box::new(rare));
        Arc::new(Self { rare, ..Self::default() })
    }

    /// There if the manager may be restarted.
    pub(crate) fn member(&self) -> Option<&Arc<Member>> {
        self.rare.as_ref()?.member.as_ref()
    }

    /// There if its handlers are limited.
    pub(crate) fn limit(&self) -> Option<&Arc<HandlerLimit>> {
        self.rare.as_ref()?.limit.as_ref()
    }

    /// How many events the manager had taken from its inbox and not handled to the end when it was ended from outside.
    pub(crate) fn cut_short(&self) -> usize {
        self.cut_short.load(Ordering::Acquire) as usize
    }

    pub(crate) fn add_cut_short(&self, events: usize) {
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        self.cut_short.fetch_add(events, Ordering::Release);
    }

    /// How many handlers have failed.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// How many handlers have panicked.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// It was told to stop and has done all it had to.
    pub(crate) fn ended_in_order(&self) -> bool {
        self.ended_in_order.load(Ordering::Acquire)
    }

    pub(super) fn end_in_order(&self) {
        self.ended_in_order.store(true, Ordering::Release);
    }

    /// A handler did not end well; `meter` is that of its manager.
    #[cold]
    pub(crate) fn note(&self, reason: &Reason, meter: &Meter) {
        match reason {
            Reason::Panicked { .. } => meter.panicked(1),
            _ => meter.failed(1),
        }
        let count = match reason {
            Reason::Panicked { .. } => &self.panics,
            Reason::Failed(_) => &self.failures,
            // Counted with the limit.
            _ => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// The same where the event came from the inbox: gives it back if it takes the manager down; else it is given up, after
    /// so many attempts.
    #[cold]
    pub(super) fn judge<I: Message>(
        &self,
        undone: Box<Undone<I>>,
        attempts: u32,
        receiver: &Receiver<I>,
    ) -> Option<Box<Undone<I>>> {
        self.note(&undone.reason, receiver.meter());
        if self.falls_by(&undone.reason) {
            return Some(undone);
        }
        undone.give_up(attempts, receiver.office());
        None
    }

    /// Whether a handler that ended for this reason takes the manager down.
    pub(crate) fn falls_by(&self, reason: &Reason) -> bool {
        self.member().is_some_and(|member| member.falls_by(reason))
    }

    /// An event is being handled: it counts as cut short unless [`Begun::ended`] is called.
    pub(super) fn begin(&self) -> Begun<'_> {
        Begun(self)
    }
}

#[must_use = "an event that is not told to have ended was cut short"]
pub(super) struct Begun<'l>(&'l Life);

impl Begun<'_> {
    pub(super) fn ended(self) {
        std::mem::forget(self);
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.add_cut_short(1);
    }
}
