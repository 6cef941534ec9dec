//! A scheduler on a router, with clocks that stand still unless something waits.

#![allow(dead_code, reason = "each test needs a part of it")]

use std::time::{Duration, SystemTime};

use edri_event::{Notification, Request};
use edri_manager::{IntoHost as _, Managed, StartError};
use edri_router::{RequestError, Router, Subscription};
use edri_scheduler::{Refusal, Schedule, Scheduler, Schedules, SimulatedClock, Stamped, Tick, TimeZone};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// What most schedules send here.
#[derive(Notification, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[notification(shareable, name = "test::Beat")]
pub(crate) struct Beat {
    pub(crate) number: u32,
    pub(crate) tick: Option<Tick>,
}

impl Stamped for Beat {
    fn stamp(&mut self, tick: &Tick) {
        self.tick = Some(tick.clone());
    }
}

/// What others ask.
#[derive(Request, Clone, Debug, Serialize, Deserialize)]
#[request(response = u64, shareable, name = "test::Work")]
pub(crate) struct Work {
    pub(crate) amount: u64,
}

pub(crate) fn beat(number: u32) -> Beat {
    Beat { number, tick: None }
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) struct Bed {
    pub(crate) router: Router,
    pub(crate) schedules: Schedules,
    pub(crate) clock: SimulatedClock,
    pub(crate) beats: Subscription<Beat>,
    pub(crate) managed: Managed,
    begun: Instant,
}

impl Bed {
    /// At noon of 1 July 2026, UTC.
    pub(crate) async fn new(scheduler: Scheduler) -> Self {
        Self::on(Router::new(), scheduler).await.unwrap()
    }

    pub(crate) async fn on(router: Router, scheduler: Scheduler) -> Result<Self, StartError> {
        let clock = SimulatedClock::starting(noon());
        Self::with_clock(router, scheduler, clock).await
    }

    pub(crate) async fn with_clock(
        router: Router,
        scheduler: Scheduler,
        clock: SimulatedClock,
    ) -> Result<Self, StartError> {
        let beats = router.subscribe::<Beat>();
        let begun = Instant::now();
        let scheduler = scheduler.time_zone(TimeZone::UTC).clock(clock.clone());
        let managed = scheduler.into_host().start(&router).await?;
        // Until its task has put it in its place.
        tokio::task::yield_now().await;
        Ok(Self { schedules: Schedules::on(&router), router, clock, beats, managed, begun })
    }

    /// The next beat: after how many seconds, and which.
    pub(crate) async fn next(&mut self) -> (f64, u32) {
        let beat = self.beats.recv().await.unwrap();
        (self.elapsed(), beat.number)
    }

    /// Seconds since it began, to the hundredth: timers are exact to a millisecond.
    pub(crate) fn elapsed(&self) -> f64 {
        (self.begun.elapsed().as_secs_f64() * 100.0).round() / 100.0
    }

    /// All beats that come within a time.
    pub(crate) async fn within(&mut self, duration: Duration) -> Vec<(f64, u32)> {
        let end = Instant::now() + duration;
        let mut all = Vec::new();
        while let Ok(Some(beat)) = tokio::time::timeout_at(end, self.beats.recv()).await {
            all.push((self.elapsed(), beat.number));
        }
        all
    }

    pub(crate) async fn stop(self) -> usize {
        self.managed.stop(Instant::now() + secs(3_600)).await
    }
}

/// While it is there, a paused clock stands still, in place of going on whenever nothing but timers is waited for: for what
/// other threads have a part in, such as a disk. It goes on by [`pass`](Still::pass).
pub(crate) struct Still(
    #[allow(dead_code, reason = "dropping it lets the clock go on")] std::sync::mpsc::Sender<()>,
);

impl Still {
    pub(crate) fn new() -> Self {
        let (release, held) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held.recv().is_err());
        Self(release)
    }

    /// The clock goes on, by tenths of a second; whatever is written meanwhile is written.
    pub(crate) async fn pass(&self, bed: &Bed, seconds: u64) {
        for _ in 0..seconds {
            for _ in 0..10 {
                tokio::time::advance(secs(1) / 10).await;
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            }
            self.written(bed).await;
        }
    }

    /// When all that has happened is on the disk.
    pub(crate) async fn written(&self, bed: &Bed) {
        for _ in 0..3 {
            let barrier = Schedule::send(beat(0)).after(secs(1_000_000)).durable();
            let id = bed.schedules.set(barrier).await.unwrap();
            bed.schedules.cancel(id).await.unwrap();
        }
    }
}

pub(crate) fn noon() -> SystemTime {
    TimeZone::UTC.time("2026-07-01 12:00").unwrap()
}

#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, RequestError>) -> Refusal {
    let error = result.unwrap_err();
    Refusal::of(&error).unwrap_or_else(|| panic!("{error}"))
}

/// What a scheduler said when it refused.
#[track_caller]
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, RequestError>) -> String {
    result.unwrap_err().to_string()
}
