use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::chart::{Inquiry, Notes};
use super::health::{Health, Status};
use super::numbers::{Recent, Vitals};
use super::part::{Part, PartState};
use super::report::{HealthChanged, HealthReport, PartHealth, Stuck};
use crate::router::Router;

/// Whose answers a check waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// Everybody's.
    All,
    /// Only of those who have not been silent since an earlier check: they have had their time.
    New,
}

/// What the one who looks at a part does to what was counted since the last check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// From here on it is counted anew.
    Set,
    Kept,
}

impl Router {
    /// Asks all managers and pools how they are, and waits for their answers, `within` at the most.
    ///
    /// The question does not stand in the inbox: a manager answers it between two events, however many wait. One that
    /// does not answer in time is reported with the event it is on, in the log too, once for each such event. Without an
    /// answer for two [periods](Self::watch_health) it counts as a [warning](Status::Warning), for four as
    /// [failed](Status::Failed). A part whose handlers have failed or panicked since the last check is a warning, too,
    /// where it was ok.
    ///
    /// Where a part's status is another than at the last check, [`HealthChanged`] is sent. Dropping it asks all the
    /// same, and reports nothing.
    pub async fn health(&self, within: Duration) -> HealthReport {
        self.check(within, Waits::All).await
    }

    /// What the last check found, if there was one.
    pub fn last_health(&self) -> Option<Arc<HealthReport>> {
        self.checks().last.lock().clone()
    }

    /// Checks the [health](Self::health) of all parts now and then once in each `period`, for as long as it is
    /// polled; it waits half a period for answers. An `App` does this by itself.
    pub async fn watch_health(&self, period: Duration) -> Infallible {
        self.checks().set_period(period);
        let mut turns = interval(period.max(Duration::from_millis(1)));
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            self.check(period / 2, Waits::New).await;
        }
    }

    async fn check(&self, within: Duration, waits: Waits) -> HealthReport {
        let deadline = Instant::now() + within;
        let parts = self.parts().alive();
        let asked: Vec<_> = parts.iter().map(|part| ask(&**part)).collect();
        let awaited = asked.iter().filter(|(_, new)| waits == Waits::All || *new);
        // Who has not answered by then is reported so.
        let _ = timeout_at(deadline, join_all(awaited.map(|(inquiry, _)| inquiry.answered()))).await;
        let period = self.checks().period();
        let found = parts.iter().zip(&asked);
        let found = found.map(|(part, (inquiry, _))| examine(&**part, inquiry, period, Mark::Set));
        let (parts, changes): (Vec<_>, Vec<_>) = found.unzip();
        let report = HealthReport {
            router: self.id(),
            at: SystemTime::now(),
            status: parts.iter().map(|part| part.status).max().unwrap_or_default(),
            ready: parts.iter().all(|part| part.ready),
            parts,
        };
        *self.checks().last.lock() = Some(Arc::new(report.clone()));
        for change in changes.into_iter().flatten() {
            // It must not wait: whoever has no room for it may be the one that is stuck.
            self.announce(|| change);
        }
        report
    }
}

/// Asks one part how it is. What [`Router::health`] counts anew at each check is left as it is.
pub async fn check_one(part: &dyn Part, within: Duration) -> PartHealth {
    let deadline = Instant::now() + within;
    let (inquiry, _) = ask(part);
    let _ = timeout_at(deadline, inquiry.answered()).await;
    examine(part, &inquiry, super::checks::PERIOD, Mark::Kept).0
}

fn ask(part: &dyn Part) -> (Inquiry, bool) {
    // Whoever looks at it now is the first to have seen what it is on.
    let _ = part.current();
    let (inquiry, new) = part.chart().ask();
    if new {
        part.poke();
    }
    (inquiry, new)
}

fn examine(
    part: &dyn Part,
    inquiry: &Inquiry,
    period: Duration,
    mark: Mark,
) -> (PartHealth, Option<HealthChanged>) {
    let (state, vitals, current) = (part.state(), part.vitals(), part.current());
    let mut notes = part.chart().notes.lock();
    let mut checked = notes.checked;
    let recent = Notes::recent(&mut checked, vitals.counts, vitals.uptime);
    if mark == Mark::Set {
        notes.checked = checked;
    }
    let mut health = PartHealth {
        name: part.name().to_owned(),
        kind: part.kind(),
        state,
        status: Status::Ok,
        ready: false,
        reason: None,
        values: BTreeMap::new(),
        round_trip: None,
        silent: None,
        stuck: None,
        recent,
        vitals: Vitals::default(),
    };
    match inquiry.answer() {
        Some((said, round_trip)) => {
            health.says(&said);
            health.round_trip = Some(round_trip);
            notes.said = Some(said);
        }
        None => {
            if let Some(said) = &notes.said {
                health.says(said);
            }
            let silent = inquiry.age();
            health.silent = Some(silent);
            health.stuck =
                current.map(|current| Stuck { event: Cow::Borrowed(current.event), since: current.age });
            health.is_silent(silent, period);
            if let Some(current) = current
                && notes.reported != Some(current.number)
            {
                notes.reported = Some(current.number);
                tracing::warn!(
                    part = part.name(),
                    event = current.event,
                    "it does not answer: it has been on this event for {:.1?}",
                    current.age
                );
            }
        }
    }
    health.ready &= state == PartState::Running;
    health.has_failures(&recent);
    health.vitals = vitals;
    let before = notes.status;
    let changed = (mark == Mark::Set && before != health.status).then(|| {
        notes.status = health.status;
        HealthChanged {
            part: health.name.clone(),
            kind: health.kind,
            from: before,
            to: health.status,
            ready: health.ready,
            reason: health.reason.clone(),
        }
    });
    (health, changed)
}

impl PartHealth {
    fn says(&mut self, said: &Health) {
        self.status = said.status;
        self.ready = said.ready;
        self.reason.clone_from(&said.reason);
        self.values.clone_from(&said.values);
    }

    fn is_silent(&mut self, silent: Duration, period: Duration) {
        let status = match () {
            () if silent >= 4 * period => Status::Failed,
            () if silent >= 2 * period => Status::Warning,
            () => return,
        };
        if status > self.status {
            self.status = status;
            self.ready &= status != Status::Failed;
            self.reason = Some(match &self.stuck {
                Some(stuck) => {
                    format!("no answer for {silent:.1?}, on {} for {:.1?}", stuck.event, stuck.since)
                }
                None => format!("no answer for {silent:.1?}"),
            });
        }
    }

    fn has_failures(&mut self, recent: &Recent) {
        let (failed, panicked) = (recent.counts.failed, recent.counts.panicked);
        if self.status == Status::Ok && failed + panicked > 0 {
            self.status = Status::Warning;
            self.reason = Some(format!("since the last check {failed} failed and {panicked} panicked"));
        }
    }
}
