//! Schedules that outlive the program: what ends and begins again here is the scheduler; see `kill.rs` for processes.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use edri_event::Notification;
use edri_router::{Router, Status};
use edri_scheduler::{
    Ask, Every, Fired, Missed, Overlap, Refusal, RunsSkipped, Schedule, Scheduler, SimulatedClock, Stamp, Tick,
};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::support::{Beat, Bed, Work, beat, noon, reason, refusal, secs, still};

fn scheduler(directory: &Path) -> Scheduler {
    Scheduler::new().journal(directory).sends_stamped::<Beat>().asks_stamped::<Work>()
}

impl edri_scheduler::Stamped for Work {
    fn stamp(&mut self, tick: &Tick) {
        self.amount = tick.run;
    }
}

/// What a machine that lost its power would find: a copy of what is there now.
fn crashed(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// The same program, started so long after noon.
async fn started(scheduler: Scheduler, after: u64) -> Bed {
    let clock = SimulatedClock::starting(noon() + secs(after));
    still(Bed::with_clock(Router::new(), scheduler, clock)).await.unwrap()
}

async fn stopped(bed: Bed) {
    assert_eq!(still(bed.stop()).await, 0);
}

/// When all that has happened is on the disk.
async fn written(bed: &Bed) {
    sleep(secs(1) / 10).await;
    let id = (still(bed.schedules.set(Schedule::send(beat(0)).after(secs(1_000_000)).durable()))).await.unwrap();
    (still(bed.schedules.cancel(id))).await.unwrap();
}

async fn tick(bed: &mut Bed) -> Tick {
    bed.beats.recv().await.unwrap().tick.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_is_there_again() {
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    let durable = || Schedule::send(beat(1)).durable();
    still(bed.schedules.set(durable().id("cron").cron("0 13 * * *").limit(9))).await.unwrap();
    let numbered = still(bed.schedules.set(durable().after(secs(7_200)))).await.unwrap();
    still(bed.schedules.set(durable().id("interval").every(secs(3_600)).jitter(secs(1)).overlap(Overlap::Queue(3)))).await.unwrap();
    still(bed.schedules.set(durable().id("paused").every(secs(3_600)))).await.unwrap();
    still(bed.schedules.pause("paused")).await.unwrap();
    still(bed.schedules.set(durable().id("gone").every(secs(3_600)))).await.unwrap();
    still(bed.schedules.cancel("gone")).await.unwrap();
    still(bed.schedules.set(Schedule::send(beat(2)).id("memory").every(secs(3_600)))).await.unwrap();
    let mut before = bed.schedules.list(Default::default()).await.unwrap().schedules;

    let copy = crashed(directory.path());
    let again = started(scheduler(copy.path()), 0).await;
    let mut after = again.schedules.list(Default::default()).await.unwrap().schedules;
    before.retain(|info| info.id.name() != Some("memory"));
    for infos in [&mut before, &mut after] {
        infos.sort_by(|one, other| one.id.cmp(&other.id));
        // Each has a jitter of its own.
        infos.iter_mut().filter(|info| info.id.name() == Some("interval")).for_each(|info| info.next = None);
    }
    let seconds = |info: &edri_scheduler::ScheduleInfo| {
        info.next.map(|next| next.duration_since(noon()).unwrap().as_secs_f64().round())
    };
    assert_eq!(after.iter().map(seconds).collect::<Vec<_>>(), before.iter().map(seconds).collect::<Vec<_>>());
    for infos in [&mut before, &mut after] {
        infos.iter_mut().for_each(|info| info.next = None);
    }
    assert_eq!(after, before);
    assert!(again.schedules.get(&numbered).await.is_ok(), "a number is the same");
    // One that is given now is not one of those before.
    assert_ne!(again.schedules.set(Schedule::send(beat(1)).after(secs(1))).await, Ok(numbered));
}

#[tokio::test(start_paused = true)]
async fn what_was_run_is_not_run_again_and_what_was_missed_is_made_up_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut bed = started(scheduler(directory.path()), 0).await;
    let durable = || Schedule::send(beat(1)).durable();
    still(bed.schedules.set(durable().id("once").after(secs(10)))).await.unwrap();
    still(bed.schedules.set(durable().id("missed").after(secs(100)))).await.unwrap();
    still(bed.schedules.set(durable().id("hourly").cron("@hourly"))).await.unwrap();
    still(bed.schedules.set(durable().id("skips").cron("@hourly").missed(Missed::Skip))).await.unwrap();
    assert_eq!(tick(&mut bed).await.schedule.name(), Some("once"));
    stopped(bed).await;

    let mut bed = started(scheduler(directory.path()), 3 * 3_600 + 60).await;
    let mut skipped = bed.router.subscribe::<RunsSkipped>();
    let mut ran = Vec::new();
    for _ in 0..2 {
        let tick = tick(&mut bed).await;
        ran.push((tick.schedule.to_string(), tick.due, tick.run, tick.missed));
    }
    ran.sort();
    assert_eq!(ran, [
        ("hourly".to_owned(), noon() + secs(3 * 3_600), 1, 2),
        ("missed".to_owned(), noon() + secs(100), 1, 0),
    ]);
    drop(skipped.try_recv());
    // And then by the plan.
    let next = tick(&mut bed).await;
    assert_eq!(next.due, noon() + secs(4 * 3_600));
    assert_eq!(refusal(bed.schedules.get("once").await), Refusal::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_had_not_ended_is_run_again_with_its_number_and_due_time() {
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&asked);
    let _worker = bed.router.respond(move |work: Work| {
        hear.lock().push(work.amount);
        async move { if work.amount < 3 { Ok(work.amount) } else { std::future::pending().await } }
    });
    let work = || Schedule::send(Ask::stamped(Work { amount: 0 })).durable();
    still(bed.schedules.set(work().id("work").every(secs(60)))).await.unwrap();
    sleep(secs(190)).await;
    assert_eq!(*asked.lock(), [1, 2, 3]);
    written(&bed).await;
    let mut copy = crashed(directory.path());
    drop(bed);

    for _ in 0..3 {
        // Crashed again and again, before it ends.
        let again = crashed(copy.path());
        let router = Router::new();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let hear = Arc::clone(&asked);
        let _worker = router.respond(move |work: Work| {
            hear.lock().push(work.amount);
            async move { std::future::pending().await }
        });
        let mut fired = router.subscribe::<Fired>();
        let clock = SimulatedClock::starting(noon() + secs(190));
        let bed = still(Bed::with_clock(router, scheduler(again.path()), clock)).await.unwrap();
        let tick = fired.recv().await.unwrap().tick.clone();
        assert_eq!((tick.run, tick.due), (3, noon() + secs(180)));
        sleep(secs(1)).await;
        let info = bed.schedules.get("work").await.unwrap();
        assert_eq!((info.runs, info.running), (3, 1));
        assert_eq!(*asked.lock(), [3]);
        copy = crashed(again.path());
    }
}

#[tokio::test(start_paused = true)]
async fn a_schedule_of_the_program_goes_on_where_it_was_unless_it_has_another_time() {
    let directory = tempfile::tempdir().unwrap();
    /// Not shareable: the program says it each time.
    #[derive(Notification, Clone)]
    struct Nightly;
    let nightly = |pattern: &str| {
        let schedule = Schedule::send(|tick: &Tick| Beat { number: 1, tick: Some(tick.clone()) });
        let _local = Nightly;
        scheduler(directory.path()).schedule(schedule.id("nightly").cron(pattern).durable())
    };
    let mut bed = started(nightly("0 2 * * *"), 0).await;
    assert_eq!(tick(&mut bed).await.run, 1);
    stopped(bed).await;

    // Two nights later, one of which was missed.
    let mut bed = started(nightly("0 2 * * *"), 2 * 86_400 + 6 * 3_600).await;
    let tick_of_night = tick(&mut bed).await;
    assert_eq!((tick_of_night.run, tick_of_night.due), (2, noon() + secs(86_400 + 14 * 3_600)));
    stopped(bed).await;

    // With another time, it has nothing to make up for.
    let mut bed = started(nightly("0 3 * * *"), 5 * 86_400).await;
    let next = tick(&mut bed).await;
    assert_eq!((next.run, next.due), (3, noon() + secs(5 * 86_400 + 15 * 3_600)));
    stopped(bed).await;

    // The program does not say it any more: it is gone, for good.
    let bed = started(scheduler(directory.path()), 6 * 86_400).await;
    assert_eq!(refusal(bed.schedules.get("nightly").await), Refusal::Unknown);
    stopped(bed).await;
    let bed = started(nightly("0 3 * * *"), 7 * 86_400).await;
    assert_eq!(bed.schedules.get("nightly").await.unwrap().runs, 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_not_declared_any_more_is_kept_and_not_sent() {
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    still(bed.schedules.set(Schedule::send(beat(1)).id("beat").every(secs(10)).durable())).await.unwrap();
    stopped(bed).await;

    let bed = started(Scheduler::new().journal(directory.path()), 60).await;
    let info = bed.schedules.get("beat").await.unwrap();
    assert_eq!((info.paused, &*info.event), (true, "test::Beat"));
    let resumed = still(bed.schedules.resume("beat")).await;
    assert!(reason(resumed.clone()).contains("test::Beat is not declared"), "{resumed:?}");
    assert_eq!(refusal(resumed), Refusal::Event);
    stopped(bed).await;

    let mut bed = started(scheduler(directory.path()), 120).await;
    assert_eq!(tick(&mut bed).await.missed, 11, "declared again, it goes on");
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_sent_after_a_restart_is_not_durable() {
    #[derive(Notification, Clone)]
    struct Local;
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    for (schedule, why) in [
        (Schedule::send(Local), "is not shareable"),
        (Schedule::send(|_: &Tick| beat(1)), "made by a closure"),
        (Schedule::send(Ask::new(Work { amount: 1 }).answer(|_| beat(1))), "goes to a closure"),
    ] {
        let refused = still(bed.schedules.set(schedule.after(secs(1)).durable())).await;
        assert!(reason(refused.clone()).contains(why), "{refused:?}");
        assert_eq!(refusal(refused), Refusal::NotDurable);
    }
    let undeclared = started(Scheduler::new().journal(tempfile::tempdir().unwrap().path()), 0).await;
    let refused = undeclared.schedules.set(Schedule::send(beat(1)).after(secs(1)).durable()).await;
    assert!(reason(refused).contains("is not declared"));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_becomes_durable_and_stops_being_so() {
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    still(bed.schedules.set(Schedule::send(beat(1)).id("becomes").every(secs(60)))).await.unwrap();
    still(bed.schedules.set(Schedule::send(beat(1)).id("stops").every(secs(60)).durable())).await.unwrap();
    still(bed.schedules.update(Schedule::named("becomes").durable())).await.unwrap();
    still(bed.schedules.update(Schedule::named("stops").in_memory())).await.unwrap();
    let bed = started(scheduler(crashed(directory.path()).path()), 0).await;
    let names: Vec<_> = bed.schedules.list(Default::default()).await.unwrap().schedules.into_iter().map(|info| info.id).collect();
    assert_eq!(names, ["becomes".into()]);
}

#[tokio::test(start_paused = true)]
async fn rests_between_runs_and_waiting_runs_outlive_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    let _worker = bed.router.respond(|_: Work| std::future::pending());
    let work = || Schedule::send(Ask::stamped(Work { amount: 0 })).durable();
    still(bed.schedules.set(work().id("queue").every(secs(10)).overlap(Overlap::Queue(9)).limit(4))).await.unwrap();
    still(bed.schedules.set(Schedule::send(beat(1)).id("rest").when(Every::delay(secs(50))).durable())).await.unwrap();
    sleep(secs(45)).await;
    assert_eq!(bed.schedules.get("queue").await.unwrap().queued, 3);
    written(&bed).await;
    let copy = crashed(directory.path());

    let router = Router::new();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&asked);
    let _worker = router.respond(move |work: Work| {
        hear.lock().push(work.amount);
        async move { Ok(work.amount) }
    });
    let clock = SimulatedClock::starting(noon() + secs(45));
    let mut bed = still(Bed::with_clock(router, scheduler(copy.path()), clock)).await.unwrap();
    sleep(secs(1)).await;
    assert_eq!(*asked.lock(), [1, 2, 3, 4]);
    assert_eq!(refusal(bed.schedules.get("queue").await), Refusal::Unknown, "it had its last run");
    assert_eq!(tick(&mut bed).await.due, noon() + secs(50));
}

#[tokio::test(start_paused = true)]
async fn a_journal_in_use_keeps_a_second_scheduler_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let _first = started(scheduler(directory.path()), 0).await;
    let clock = SimulatedClock::starting(noon());
    let second = still(Bed::with_clock(Router::new(), scheduler(directory.path()), clock)).await;
    assert!(second.err().unwrap().to_string().contains("has a writer already"));
}

#[tokio::test(start_paused = true)]
async fn a_journal_is_summed_up_now_and_then() {
    let directory = tempfile::tempdir().unwrap();
    let mut bed = started(scheduler(directory.path()), 0).await;
    still(bed.schedules.set(Schedule::send(Stamp(beat(1))).id("beat").every(secs(1)).durable())).await.unwrap();
    still(bed.schedules.set(Schedule::send(beat(2)).id("far").after(secs(1_000_000)).durable())).await.unwrap();
    for run in 1..=6_000 {
        assert_eq!(tick(&mut bed).await.run, run);
    }
    written(&bed).await;
    stopped(bed).await;
    let snapshot = fs::read_dir(directory.path()).unwrap().any(|entry| {
        entry.unwrap().file_name().to_string_lossy().contains("snapshot")
    });
    assert!(snapshot, "{:?}", fs::read_dir(directory.path()).unwrap().collect::<Vec<_>>());
    let mut bed = started(scheduler(directory.path()), 6_001).await;
    assert!(tick(&mut bed).await.run >= 6_001);
    assert!(bed.schedules.get("far").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn commands_wait_for_the_disk_together() {
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    let sets = (0..200).map(|number| {
        let schedules = bed.schedules.clone();
        tokio::spawn(async move {
            let schedule = Schedule::send(beat(number)).id(format!("s{number}")).cron("@daily").durable();
            schedules.set(schedule).await
        })
    });
    let sets: Vec<_> = sets.collect();
    still(async {
        for set in sets {
            set.await.unwrap().unwrap();
        }
    })
    .await;
    let health = bed.managed.health(secs(1)).await;
    assert_eq!(health.status, Status::Ok);
    let copy = crashed(directory.path());
    let again = started(scheduler(copy.path()), 0).await;
    let page = edri_scheduler::List { limit: Some(1_000), ..Default::default() };
    assert_eq!(again.schedules.list(page).await.unwrap().schedules.len(), 200);
}
