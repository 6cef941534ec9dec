use std::sync::Arc;
use std::task::{Context, Poll};

use super::outcome::{Delivered, NotifyError, Refusal};
use crate::dead_letter::{Loss, Reason};
use crate::route::{Deliver, Delivery, Running, Ticket};

/// The parcels that were handed over and are not settled yet: those that stand in line, and those that are
/// being handled on this task. Dropping it takes back the former and ends the latter.
pub(crate) struct Outstanding<P> {
    waiting: Vec<(Arc<dyn Deliver<P>>, Ticket)>,
    running: Vec<Running<()>>,
    pub(crate) count: Count,
}

/// The outcome so far.
#[derive(Default)]
pub(crate) struct Count {
    delivered: Delivered,
    refused: usize,
    first_refusal: Option<String>,
}

impl<P> Outstanding<P> {
    pub(crate) fn new() -> Self {
        Self { waiting: Vec::new(), running: Vec::new(), count: Count::default() }
    }

    pub(crate) fn note(&mut self, taker: &Arc<dyn Deliver<P>>, delivery: Delivery) {
        match delivery {
            Delivery::Waiting(ticket) => self.waiting.push((Arc::clone(taker), ticket)),
            Delivery::Running(running) => self.running.push(running),
            settled => self.count.note(settled, taker.name()),
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    pub(crate) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let accepted = &mut self.count.delivered.accepted;
        self.waiting.retain(|(taker, ticket)| {
            let taken_in = taker.taken_in(*ticket, cx.waker());
            *accepted += usize::from(taken_in);
            !taken_in
        });
        self.running.retain_mut(|running| {
            let done = running.as_mut().poll(cx).is_ready();
            *accepted += usize::from(done);
            !done
        });
        if self.is_settled() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Nobody can wait any longer for those in line: they are dead letters.
    pub(crate) fn lose_waiting(&mut self) {
        for (taker, ticket) in self.waiting.drain(..) {
            taker.lose(ticket, Loss::unhandled(Reason::Overflow));
        }
    }
}

impl Count {
    /// `settled` is neither waiting nor running.
    pub(crate) fn note(&mut self, settled: Delivery, taker: &str) {
        match settled {
            Delivery::Accepted => self.delivered.accepted += 1,
            Delivery::Dropped => self.delivered.dropped += 1,
            Delivery::Displaced => {
                self.delivered.accepted += 1;
                self.delivered.dropped += 1;
            }
            Delivery::Full | Delivery::Rejected => {
                self.refused += 1;
                self.first_refusal.get_or_insert_with(|| taker.to_owned());
            }
            Delivery::Gone | Delivery::Waiting(_) | Delivery::Running(_) => {}
        }
    }

    pub(crate) fn accept(&mut self, parcels: usize) {
        self.delivered.accepted += parcels;
    }

    pub(crate) fn result(&self, event: &'static str) -> Result<Delivered, NotifyError> {
        match &self.first_refusal {
            None => Ok(self.delivered),
            Some(subscriber) => Err(NotifyError::from(Refusal {
                event,
                subscriber: subscriber.clone(),
                refused: self.refused,
                delivered: self.delivered,
            })),
        }
    }
}

impl<P> Drop for Outstanding<P> {
    fn drop(&mut self) {
        for (taker, ticket) in self.waiting.drain(..) {
            taker.withdraw(ticket);
        }
    }
}
