use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use edri_event::Failure;
use edri_router::{RequestError, Router, caught};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::action::Act;
use crate::core::{Ended, Output, Run};
use crate::event::{ClockSet, Direction, Fired, RunFailed, RunsSkipped};
use crate::options::Keep;
use crate::shared::Shared;
use crate::time::{Nanoseconds, SECOND};

/// No timer is set for longer, in nanoseconds: timers have an end, and a day is as good as longer.
const LONGEST_SLEEP: Nanoseconds = 24 * 3_600 * SECOND;

/// The task that sleeps until something is due and begins with it: one for all schedules. Each run is a task of its own,
/// so that none waits for another, whatever its receiver does.
///
/// Dropping it ends it, with all runs.
pub(crate) struct Driver {
    task: Option<JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Driver {
    /// Requests that nobody answers are asked again for as long as `patience`, from now on: those who answer may be about to
    /// start, or to be reached.
    pub(crate) fn start(shared: Arc<Shared>, router: Router, patience: Duration) -> Self {
        let (stop, stopped) = oneshot::channel();
        let patience = Instant::now() + patience;
        let driving = Driving { shared, router, patience, runs: JoinSet::new() };
        Self { task: Some(tokio::spawn(driving.drive(stopped))), stop: Some(stop) }
    }

    /// Whether it goes on, as it should until it is stopped.
    pub(crate) fn is_running(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }

    /// Begins with nothing more, and waits until all runs have ended.
    pub(crate) async fn stop(&mut self) -> Result<(), JoinError> {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        match &mut self.task {
            None => Ok(()),
            Some(task) => {
                let ended = task.await;
                self.task = None;
                ended
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

struct Driving {
    shared: Arc<Shared>,
    router: Router,
    patience: Instant,
    /// Those that have ended are taken out at the next wake: a run that ends wakes nobody who has nothing to do for it.
    runs: JoinSet<()>,
}

impl Driving {
    async fn drive(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut sleep = pin!(sleep_until(Instant::now()));
        let mut outputs = Vec::new();
        loop {
            let (more, until) = self.look(&mut outputs);
            outputs.drain(..).for_each(|output| self.put_out(output));
            while self.runs.try_join_next().is_some() {}
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            sleep.as_mut().reset(until);
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                () = shared.wake.notified() => {}
                () = &mut sleep => {}
            }
        }
        self.shared.state.lock().core.close();
        while self.runs.join_next().await.is_some() {}
    }

    /// What is to be done now, whether there may be more at once, and when the next look is to be taken.
    fn look(&self, outputs: &mut Vec<Output<Act>>) -> (bool, Instant) {
        let now = self.shared.now();
        let mut state = self.shared.state.lock();
        let state = &mut *state;
        let more = state.core.look(now, &mut state.outputs);
        // It is awake, and has nobody to be woken by.
        state.asleep_until = Nanoseconds::MIN;
        self.shared.settle(state, now);
        std::mem::swap(outputs, &mut state.outputs);
        let until = state.core.until_look(now).unwrap_or(LONGEST_SLEEP).clamp(0, LONGEST_SLEEP);
        state.asleep_until = now.monotonic + until;
        (more, self.shared.instant(state.asleep_until))
    }

    fn put_out(&mut self, output: Output<Act>) {
        match output {
            Output::Run(run) => self.begin(run),
            Output::Skipped(skipped) => {
                tracing::debug!(
                    schedule = %skipped.id,
                    count = skipped.count,
                    reason = ?skipped.reason,
                    "runs of a schedule are left out"
                );
                self.router.announce(|| RunsSkipped {
                    schedule: skipped.id,
                    due: skipped.due,
                    count: skipped.count,
                    reason: skipped.reason,
                });
            }
            Output::Stepped(by) => {
                let direction = if by < 0 { Direction::Back } else { Direction::Forward };
                let by = Duration::from_nanos(by.unsigned_abs());
                tracing::info!(?by, ?direction, "the clock was set, or the machine slept");
                self.router.announce(|| ClockSet { by, direction });
            }
            // Written where it was decided.
            Output::Moved(_) | Output::Ended(..) => {}
        }
    }

    fn begin(&mut self, Run { flight, action, tick, keep }: Run<Act>) {
        let ticket = match keep {
            Keep::InMemory => None,
            Keep::Durable => self.shared.ticket(),
        };
        let (shared, router, patience) = (Arc::clone(&self.shared), self.router.clone(), self.patience);
        self.runs.spawn(async move {
            // What has been sent is on the disk, so that it never comes again under another number. If it cannot be
            // written, that has been told, and is no reason not to send.
            if let Some(ticket) = ticket {
                let _ = ticket.written().await;
            }
            router.announce(|| Fired { tick: tick.clone(), event: action.event().to_owned() });
            let sending = Arc::clone(&action).send(router.clone(), tick.clone(), patience);
            let failure = match caught(sending).await {
                Ok(()) => return shared.ended(flight, Ended::Well),
                Err(RequestError::Failed(failure)) => failure,
                Err(error) => Failure::from(error),
            };
            tracing::warn!(
                schedule = %tick.schedule,
                event = action.event(),
                run = tick.run,
                "a run of a schedule has failed: {failure}"
            );
            router.announce(|| RunFailed { tick, event: action.event().to_owned(), failure });
            shared.ended(flight, Ended::Badly);
        });
    }
}
