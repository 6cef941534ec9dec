//! Intervals and cron: a heart that beats, a watchdog that is put off by each beat, and a clock that tells what is to come.
//!
//! ```text
//! cargo run --example heartbeat
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use edri::prelude::*;
use edri::scheduler::{RunsSkipped, TimeZone};

const BEAT: Duration = Duration::from_millis(100);

#[derive(Notification)]
struct Heartbeat {
    run: u64,
    late: Duration,
}

/// Sent if no beat has been heard for three beats.
#[derive(Notification, Clone)]
struct Silence;

/// Takes longer than an interval now and then.
#[derive(Request, Clone)]
#[request(response = ())]
struct Rest;

struct Monitor {
    schedules: Schedules,
    beats: u32,
}

#[manager]
impl Monitor {
    #[notification]
    async fn heard(&mut self, beat: &Heartbeat) -> Result<(), Failure> {
        self.beats += 1;
        println!("beat {} came {:.1?} after it was due", beat.run, beat.late);
        // A delay that is given again begins anew: it is due only if nobody does.
        self.schedules.set_or_update(Schedule::send(Silence).id("watchdog").after(3 * BEAT)).await?;
        Ok(())
    }

    #[notification]
    fn silent(&mut self, _event: &Silence) {
        println!("no beat for {:?}, after {} beats", 3 * BEAT, self.beats);
    }

    #[request]
    async fn rest(&self, _event: Rest) {
        tokio::time::sleep(3 * BEAT / 2).await;
    }
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let router = Router::new();
    let schedules = Schedules::on(&router);
    let office_hours = Cron::parse("*/30 9-17 * * MON-FRI")?.zone(&TimeZone::named("Europe/Prague")?);
    let app = App::on(router.clone())
        .scheduler(
            Scheduler::new()
                .job("beat", Every::rate(BEAT), |tick: &Tick| Heartbeat {
                    run: tick.run,
                    late: tick.lateness(),
                })
                .job("rest", Every::rate(BEAT), Ask::new(Rest))
                .job("office", office_hours, Silence),
        )
        .manager(Monitor { schedules: schedules.clone(), beats: 0 })
        .start()
        .await?;
    let mut skipped = router.subscribe::<RunsSkipped>();

    let office = schedules.get("office").await?;
    println!("office: {}", office.when);
    let zone = TimeZone::named("Europe/Prague")?;
    for time in schedules.next_runs("office", 3).await? {
        println!("  {}", zone.show(time));
    }

    tokio::time::sleep(6 * BEAT).await;
    schedules.pause("beat").await?;
    println!("paused after {} runs", schedules.get("beat").await?.runs);
    tokio::time::sleep(4 * BEAT).await;
    schedules.resume("beat").await?;
    tokio::time::sleep(2 * BEAT).await;

    if let Some(skipped) = skipped.try_recv() {
        println!("{}: left out, {:?}", skipped.schedule, skipped.reason);
    }
    println!("rest: {} left out", schedules.get("rest").await?.skipped);
    if let Err(error) = schedules.set(Schedule::send(Silence).cron("0 0 31 2 *")).await {
        println!("refused: {error}");
    }
    app.shutdown(Duration::from_secs(5)).await.into_result()
}
