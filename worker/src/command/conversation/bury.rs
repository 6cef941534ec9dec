use std::sync::Arc;
use std::time::Duration;

use edri_event::Request;
use edri_router::{DeathCause, WorkerDeath};
use tokio::time::{Instant, timeout};

use super::{Conversation, Fate, published};
use crate::child::{Ending, Exit, fill};
use crate::crew::{End, How};
use crate::leftovers::Closing;

/// A process that has closed its pipes usually ends within that time.
const SETTLE: Duration = Duration::from_millis(200);
/// What a process has written before it ended is read within that time.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

impl<R: Request> Conversation<R> {
    /// Ends the process, and says what became of its jobs.
    pub(super) async fn bury(mut self, fate: Fate) -> End {
        let work = Arc::clone(&self.work);
        let policy = &work.crew.policy;
        if fate == Fate::InOrder {
            let left = match *self.work.crew.closing.borrow() {
                Closing::Until(deadline) => deadline.saturating_duration_since(Instant::now()),
                Closing::Open | Closing::Closed => policy.grace,
            };
            let how = if self.no_more { How::Done } else { How::Retired };
            drop(self.alive);
            let ending = Ending::new(Instant::now(), policy.grace.min(left));
            let drain = async {
                while let Ok(1..) = fill(&self.stdout, &mut self.lines).await {
                    while self.lines.next().is_some() {}
                }
            };
            self.process.end(ending, || self.stdin.close(), drain).await;
            // For those who read what it says.
            self.stderr.last_words().await;
            return End { how, was_of_use: true };
        }
        let has_ended = match fate {
            Fate::Closed => timeout(SETTLE, self.process.ended()).await.is_ok(),
            _ => fate == Fate::Ended,
        };
        // With all that it has started: they may hold its pipes, and nothing else would end what it writes.
        self.process.kill();
        let _ = timeout(LAST_ANSWERS, self.last_answers()).await;
        let within = policy.ready_within.unwrap_or_default();
        let exit = self.process.bury().await;
        let cause = match (exit, fate) {
            (Exit::OverLimit(_), _) => exit.into(),
            (_, Fate::Closed | Fate::Ended) if has_ended => exit.into(),
            (_, Fate::NotReady) => DeathCause::NotStarted {
                reason: format!("it did not say within {within:?} that it is ready"),
            },
            (_, Fate::Overdue) => DeathCause::Overdue,
            (_, Fate::Babbled) => DeathCause::Babbled,
            (_, Fate::Closed | Fate::Ended | Fate::InOrder) => DeathCause::ClosedPipe,
        };
        let death = WorkerDeath::new(self.life.worker.to_string(), cause, self.stderr.last_words().await);
        drop(self.alive);
        for (_, flight) in self.flights {
            if self.times.was_asked() { flight.job.cut() } else { flight.job.lose(&death) }
        }
        let how = if self.times.was_asked() { How::Retired } else { How::Died(death) };
        End { how, was_of_use: self.times.was_of_use() }
    }

    /// What the process has written before it ended, or was.
    async fn last_answers(&mut self) {
        while self.hear().is_none() {
            if self.publishing.is_some() {
                published(&mut self.publishing).await;
                self.publishing = None;
            } else if !matches!(fill(&self.stdout, &mut self.lines).await, Ok(1..)) {
                return;
            }
        }
    }
}
