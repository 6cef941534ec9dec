use std::sync::Arc;
use std::time::Duration;

use edri_event::Request;
use edri_link::Closed;
use edri_router::{DeathCause, WorkerDeath};
use tokio::time::{Instant, timeout};

use super::{Conversation, Fate};
use crate::child::{Ending, Exit};
use crate::crew::{End, How};
use crate::leftovers::Closing;

/// A process that has closed its socket usually ends within that time.
const SETTLE: Duration = Duration::from_millis(200);
/// What a process has written before it ended is read within that time.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

impl<R: Request> Conversation<R> {
    /// Ends the process, and says what became of its jobs.
    pub(super) async fn bury(mut self, fate: Fate) -> End {
        if fate == Fate::InOrder {
            return self.bury_in_order().await;
        }
        let work = Arc::clone(&self.work);
        let has_ended = match fate {
            Fate::Closed(_) => timeout(SETTLE, self.process.ended()).await.is_ok(),
            _ => fate == Fate::Ended,
        };
        // With all that it has started: they may hold its sockets, and nothing else would end what it writes.
        self.process.kill();
        let _ = timeout(LAST_ANSWERS, self.last_answers()).await;
        let exit = self.process.bury().await;
        // What it has sent before it died is heard.
        let _ = timeout(LAST_ANSWERS, self.link.closed()).await;
        drop(self.link);
        let cause = match (exit, fate) {
            (Exit::OverLimit(_), _) => exit.into(),
            (_, Fate::Closed(_) | Fate::Ended) if has_ended => exit.into(),
            (_, Fate::NotReady) => {
                let within = work.crew.policy.ready_within.unwrap_or_default();
                DeathCause::NotStarted { reason: format!("it was not ready within {within:?}") }
            }
            (_, Fate::Misfit(reason)) => DeathCause::NotStarted { reason },
            (_, Fate::Closed(closed)) => cause_of(&closed),
            (_, Fate::Overdue) => DeathCause::Overdue,
            (_, Fate::Ended | Fate::InOrder) => DeathCause::ClosedPipe,
        };
        self.stdout.last_words().await;
        let death = WorkerDeath::new(self.life.worker.to_string(), cause, self.stderr.last_words().await);
        drop(self.alive);
        for (_, (_, flight)) in self.flights {
            if self.times.was_asked() { flight.job.cut() } else { flight.job.lose(&death) }
        }
        let how = if self.times.was_asked() { How::Retired } else { How::Died(death) };
        End { how, was_of_use: self.times.was_of_use() }
    }

    async fn bury_in_order(mut self) -> End {
        let grace = self.work.crew.policy.grace;
        let left = match *self.work.crew.closing.borrow() {
            Closing::Until(deadline) => deadline.saturating_duration_since(Instant::now()),
            Closing::Open | Closing::Closed => grace,
        };
        let how = if self.no_more { How::Done } else { How::Retired };
        drop(self.alive);
        let ending = Ending::new(Instant::now(), grace.min(left));
        self.process.end(ending, || {}, self.carrier.close()).await;
        let _ = timeout(LAST_ANSWERS, self.link.closed()).await;
        // For those who read what it says.
        self.stdout.last_words().await;
        self.stderr.last_words().await;
        End { how, was_of_use: true }
    }

    /// What the process has written before it ended, or was.
    async fn last_answers(&mut self) {
        while self.hear().is_none() && !self.carrier.endpoint.is_closed() {
            self.carrier.moves().await;
        }
    }
}

fn cause_of(closed: &Closed) -> DeathCause {
    match closed {
        Closed::HandshakeTimedOut { within } => DeathCause::NotStarted {
            reason: format!(
                "it did not greet within {within:?}: does its `main` have `#[edri::main]`, or begin with `enter`?"
            ),
        },
        Closed::RefusedHere(_) | Closed::RefusedThere(_) => {
            DeathCause::NotStarted { reason: closed.to_string() }
        }
        Closed::Violation { .. } | Closed::Accused { .. } => DeathCause::Babbled,
        _ => DeathCause::ClosedPipe,
    }
}
