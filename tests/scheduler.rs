//! A scheduler in a program.

#![cfg(feature = "scheduler")]
#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::time::Duration;

use edri::prelude::*;
use edri::scheduler::{Answered, SimulatedClock, Stamped, TimeZone};
use edri_router::Value;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Request, Clone)]
#[request(response = u64)]
struct Count {
    run: u64,
}

impl Stamped for Count {
    fn stamp(&mut self, tick: &Tick) {
        self.run = tick.run;
    }
}

#[derive(Notification)]
struct Counted(Option<u64>);

struct Counter;

#[manager]
impl Counter {
    #[request]
    fn count(&mut self, event: Count) -> u64 {
        event.run
    }
}

fn counting() -> Ask<Count> {
    Ask::stamped(Count { run: 0 }).answer(|answered: Answered<Count>| Counted(answered.outcome.ok()))
}

#[tokio::test(start_paused = true)]
async fn what_is_due_at_the_start_finds_those_who_handle_it() {
    let router = Router::new();
    let mut counted = router.subscribe::<Counted>();
    let app = App::on(router)
        // Added first, started last.
        .scheduler(Scheduler::new().patience(Duration::ZERO).job("now", Duration::ZERO, counting()))
        .manager(Counter)
        .start()
        .await
        .unwrap();
    assert_eq!(counted.recv().await.unwrap().0, Some(1));
    assert!(app.shutdown(SECOND).await.is_clean());
}

/// Sets a schedule of its own when it starts: it needs the scheduler to be there.
struct Timed;

#[manager]
impl Timed {
    #[started]
    async fn begin(&mut self, cx: &Context) -> Result<(), Failure> {
        let schedules = Schedules::on(cx.router());
        schedules.set(Schedule::send(counting()).id("mine").every(SECOND)).await?;
        Ok(())
    }

    #[request]
    fn count(&mut self, event: Count) -> u64 {
        event.run + 100
    }
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_needs_the_scheduler_is_started_after_it_and_sets_its_schedules() {
    let app = App::new()
        .manager(Host::new(Timed).needs("scheduler"))
        .scheduler(Scheduler::new())
        .start()
        .await
        .unwrap();
    let mut counted = app.router().subscribe::<Counted>();
    assert_eq!(counted.recv().await.unwrap().0, Some(101));
    assert!(app.shutdown(SECOND).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn behaviour_59_health_is_asked_for_in_the_configured_period_and_the_scheduler_says_how_it_is() {
    let app = App::new()
        .health_every(10 * SECOND)
        .scheduler(Scheduler::new().job("count", Every::rate(SECOND), counting()))
        .manager(Counter)
        .start()
        .await
        .unwrap();
    let fired = |app: &RunningApp| {
        let report = app.router().last_health().unwrap();
        let scheduler = report.parts.iter().find(|part| part.name == "scheduler").unwrap();
        match scheduler.values["fired"] {
            Value::Integer(fired) => fired,
            _ => panic!("{scheduler:?}"),
        }
    };
    sleep(SECOND / 2).await;
    assert_eq!(fired(&app), 0);
    sleep(9 * SECOND).await;
    assert_eq!(fired(&app), 0, "not yet asked again");
    sleep(SECOND).await;
    assert!((9..=10).contains(&fired(&app)), "{}", fired(&app));
    assert!(app.shutdown(SECOND).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_program_under_test_sees_days_pass() {
    let noon = TimeZone::UTC.time("2026-12-24 12:00").unwrap();
    let scheduler = Scheduler::new().clock(SimulatedClock::starting(noon)).time_zone(TimeZone::UTC).job(
        "nightly",
        Cron::parse("30 2 * * *").unwrap(),
        counting(),
    );
    let app = App::new().scheduler(scheduler).manager(Counter).start().await.unwrap();
    let mut counted = app.router().subscribe::<Counted>();
    for night in 1..=3 {
        assert_eq!(counted.recv().await.unwrap().0, Some(night));
    }
    assert!(app.shutdown(SECOND).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_wrong_pattern_is_an_error_of_the_program() {
    fn patterns() -> Result<Cron, edri::Error> {
        Ok(Cron::parse("* * * * 9")?.zone(&TimeZone::named("Europe/Prague")?))
    }
    let error = patterns().unwrap_err().to_string();
    assert!(error.contains("day of week: 9 is not within 0-7"), "{error}");
}
