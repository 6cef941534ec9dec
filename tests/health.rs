//! The health of a whole program.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::time::Duration;

use edri::prelude::*;
use edri::router::{HealthReport, PartKind};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Notification)]
struct Spill {
    ink: bool,
}

#[derive(Default)]
struct Desk {
    dirty: bool,
}

#[manager]
impl Desk {
    #[notification]
    fn spill(&mut self, spill: &Spill) {
        self.dirty = spill.ink;
    }

    #[health]
    fn health(&self) -> Result<(), Failure> {
        if self.dirty { Err(Failure::new("dirty", "ink on the desk")) } else { Ok(()) }
    }
}

#[derive(Request)]
#[request(response = ())]
struct Job;

struct Hand;

impl Worker for Hand {
    type Job = Job;

    async fn run(&mut self, _job: Job, _cx: &WorkerContext) -> Result<(), Failure> {
        Ok(())
    }
}

fn program() -> App {
    App::new().manager(Desk::default()).workers(Pool::tasks(2, || Hand))
}

/// Behaviours 59 and 64.
#[tokio::test(start_paused = true)]
async fn a_program_asks_all_its_parts_how_they_are_once_in_each_period() {
    let app = program().health_every(5 * SECOND).start().await.unwrap();
    let router = app.router();
    assert!(router.last_health().is_none());
    let mut changes = router.subscribe::<HealthChanged>();
    sleep(SECOND).await;
    let first = router.last_health().unwrap();
    assert_eq!((first.status, first.ready, first.parts.len()), (Status::Ok, true, 2));
    assert_eq!(first.part("Hand").unwrap().kind, PartKind::Pool);
    assert_eq!(first.part("Desk").unwrap().kind, PartKind::Manager);

    router.notify(Spill { ink: true }).await.unwrap();
    sleep(3 * SECOND).await;
    assert_eq!(router.last_health().unwrap(), first, "not yet");
    sleep(2 * SECOND).await;
    let second = router.last_health().unwrap();
    assert_eq!((second.status, second.ready), (Status::Failed, false));
    assert_eq!(second.part("Desk").unwrap().reason.as_deref(), Some("dirty: ink on the desk"));
    assert_eq!(second.part("Desk").unwrap().recent.counts.processed, 1);
    let change = changes.try_recv().unwrap();
    assert_eq!((&*change.part, change.from, change.to), ("Desk", Status::Ok, Status::Failed));

    sleep(10 * SECOND).await;
    assert!(changes.is_empty(), "told when it changes, and not again");
    router.notify(Spill { ink: false }).await.unwrap();
    sleep(5 * SECOND).await;
    assert_eq!(changes.try_recv().map(|change| change.to), Some(Status::Ok));
    app.shutdown(SECOND).await.into_result().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_program_can_do_without_and_still_be_asked() {
    let app = program().without_health_checks().start().await.unwrap();
    sleep(60 * SECOND).await;
    assert!(app.router().last_health().is_none());
    let report = app.router().health(SECOND).await;
    assert_eq!(app.router().last_health().as_deref(), Some(&report));
    let written = serde_json::to_string(&report).unwrap();
    let read: HealthReport = serde_json::from_str(&written).unwrap();
    assert_eq!((read.status, read.parts.len()), (report.status, 2));
    app.shutdown(SECOND).await.into_result().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_gone_asks_nobody() {
    let router = Router::new();
    drop(App::on(router.clone()).manager(Desk::default()).health_every(SECOND).start().await.unwrap());
    sleep(10 * SECOND).await;
    assert!(router.last_health().is_none());
}
