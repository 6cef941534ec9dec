//! Schedules that outlive the program: what ends and begins again here is the scheduler; see `kill.rs` for processes.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use edri_event::Notification;
use edri_router::{Registration, Router, Status};
use edri_scheduler::{
    Ask, Every, Fired, JournalSettings, List, Missed, Overlap, Refusal, Schedule, ScheduleInfo, Scheduler,
    SimulatedClock, Stamped, Tick,
};
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::support::{Beat, Bed, Still, Work, beat, noon, reason, refusal, secs};

fn scheduler(directory: &Path) -> Scheduler {
    Scheduler::new().journal(directory).sends_stamped::<Beat>().asks_stamped::<Work>()
}

/// Its amount is the number of the run.
impl Stamped for Work {
    fn stamp(&mut self, tick: &Tick) {
        self.amount = tick.run;
    }
}

fn work() -> Schedule {
    Schedule::send(Ask::stamped(Work { amount: 0 })).durable()
}

fn durable() -> Schedule {
    Schedule::send(beat(1)).durable()
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
    started_on(Router::new(), scheduler, after).await
}

async fn started_on(router: Router, scheduler: Scheduler, after: u64) -> Bed {
    let clock = SimulatedClock::starting(noon() + secs(after));
    Bed::with_clock(router, scheduler, clock).await.unwrap()
}

async fn stopped(bed: Bed) {
    assert_eq!(bed.stop().await, 0);
}

async fn tick(bed: &mut Bed) -> Tick {
    bed.beats.recv().await.unwrap().tick.clone().unwrap()
}

/// Answers work whose number is less than that, and notes all.
fn worker(router: &Router, below: u64) -> (Arc<Mutex<Vec<u64>>>, Registration) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&asked);
    let registration = router.respond(move |work: Work| {
        note.lock().push(work.amount);
        async move { if work.amount < below { Ok(work.amount) } else { std::future::pending().await } }
    });
    (asked, registration)
}

async fn infos(bed: &Bed) -> Vec<ScheduleInfo> {
    let page = List { limit: Some(1_000), ..List::default() };
    let mut infos = bed.schedules.list(page).await.unwrap().schedules;
    infos.sort_by(|one, other| one.id.cmp(&other.id));
    infos
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_is_there_again() {
    let _still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    bed.schedules.set(durable().id("cron").cron("0 13 * * *").limit(9)).await.unwrap();
    let numbered = bed.schedules.set(durable().after(secs(7_200))).await.unwrap();
    let interval = durable().id("interval").every(secs(3_600)).jitter(secs(1)).overlap(Overlap::Queue(3));
    bed.schedules.set(interval).await.unwrap();
    bed.schedules.set(durable().id("paused").every(secs(3_600))).await.unwrap();
    bed.schedules.pause("paused").await.unwrap();
    bed.schedules.set(durable().id("gone").every(secs(3_600))).await.unwrap();
    bed.schedules.cancel("gone").await.unwrap();
    bed.schedules.set(Schedule::send(beat(2)).id("memory").every(secs(3_600))).await.unwrap();
    let mut before = infos(&bed).await;
    before.retain(|info| info.id.name() != Some("memory"));

    let copy = crashed(directory.path());
    let again = started(scheduler(copy.path()), 0).await;
    let mut after = infos(&again).await;
    // To the second: each has a jitter of its own, and the clock is read at another moment.
    for info in before.iter_mut().chain(&mut after) {
        let due = info.next.map(|next| next.duration_since(noon()).unwrap().as_secs_f64() / 10.0);
        info.next = due.map(|tens| noon() + 10 * secs(tens.round() as u64));
    }
    assert_eq!(after, before);
    assert!(again.schedules.get(&numbered).await.is_ok(), "a number is the same");
    // One that is given now is not one of those before.
    assert_ne!(again.schedules.set(Schedule::send(beat(1)).after(secs(1))).await, Ok(numbered));
}

#[tokio::test(start_paused = true)]
async fn what_was_run_is_not_run_again_and_what_was_missed_is_made_up_for() {
    let still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    let mut bed = started(scheduler(directory.path()), 0).await;
    bed.schedules.set(durable().id("once").after(secs(2))).await.unwrap();
    bed.schedules.set(durable().id("missed").after(secs(100))).await.unwrap();
    bed.schedules.set(durable().id("hourly").cron("@hourly")).await.unwrap();
    bed.schedules.set(durable().id("skips").cron("@hourly").missed(Missed::Skip)).await.unwrap();
    still.pass(&bed, 3).await;
    assert_eq!(tick(&mut bed).await.schedule.name(), Some("once"));
    stopped(bed).await;

    let mut bed = started(scheduler(directory.path()), 3 * 3_600 + 60).await;
    let (one, other) = (tick(&mut bed).await, tick(&mut bed).await);
    let mut ran = [one, other].map(|tick| (tick.schedule.to_string(), tick.due, tick.run, tick.missed));
    ran.sort();
    let hourly = ("hourly".to_owned(), noon() + secs(3 * 3_600), 1, 2);
    assert_eq!(ran, [hourly, ("missed".to_owned(), noon() + secs(100), 1, 0)]);
    assert_eq!(bed.schedules.get("skips").await.unwrap().missed, 3);
    // And then by the plan.
    bed.clock.forward(secs(3_540));
    still.pass(&bed, 1).await;
    assert_eq!(tick(&mut bed).await.due, noon() + secs(4 * 3_600));
    assert_eq!(refusal(bed.schedules.get("once").await), Refusal::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_had_not_ended_is_run_again_with_its_number_and_due_time() {
    let still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    let (asked, _worker) = worker(&bed.router, 3);
    bed.schedules.set(work().id("work").every(secs(2))).await.unwrap();
    still.pass(&bed, 7).await;
    assert_eq!(*asked.lock(), [1, 2, 3]);

    // Crashed again and again, before it ends.
    let mut copy = crashed(directory.path());
    for _ in 0..3 {
        let router = Router::new();
        let (asked, _worker) = worker(&router, 3);
        let mut fired = router.subscribe::<Fired>();
        let bed = started_on(router, scheduler(copy.path()), 7).await;
        let tick = fired.recv().await.unwrap().tick.clone();
        assert_eq!((tick.run, tick.due), (3, noon() + secs(6)));
        still.pass(&bed, 3).await;
        let info = bed.schedules.get("work").await.unwrap();
        assert_eq!((info.runs, info.running), (3, 1));
        assert_eq!(*asked.lock(), [3]);
        copy = crashed(copy.path());
    }

    // At last it ends, and what follows has the next number.
    let router = Router::new();
    let (asked, _worker) = worker(&router, 9);
    let bed = started_on(router, scheduler(copy.path()), 11).await;
    still.pass(&bed, 2).await;
    assert_eq!(*asked.lock(), [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_of_the_program_goes_on_where_it_was_unless_it_has_another_time() {
    let still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    // A closure, which cannot be written down: the program says it each time.
    let nightly = |pattern: &str| {
        let schedule = Schedule::send(|tick: &Tick| Beat { number: 1, tick: Some(tick.clone()) });
        scheduler(directory.path()).schedule(schedule.id("nightly").cron(pattern).durable())
    };
    let mut bed = started(nightly("0 2 * * *"), 14 * 3_600 - 1).await;
    still.pass(&bed, 2).await;
    assert_eq!(tick(&mut bed).await.run, 1);
    // Paused and resumed by hand; its event is still the program's.
    bed.schedules.pause("nightly").await.unwrap();
    bed.schedules.resume("nightly").await.unwrap();
    bed.schedules.update(Schedule::named("nightly").overlap(Overlap::Skip)).await.unwrap();
    stopped(bed).await;

    // Two nights later, one of which was missed.
    let mut bed = started(nightly("0 2 * * *"), 2 * 86_400 + 6 * 3_600).await;
    let made_up = tick(&mut bed).await;
    assert_eq!((made_up.run, made_up.due), (2, noon() + secs(86_400 + 14 * 3_600)));
    stopped(bed).await;

    // With another time, it has nothing to make up for.
    let mut bed = started(nightly("0 3 * * *"), 5 * 86_400 + 15 * 3_600 - 1).await;
    still.pass(&bed, 2).await;
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
    let _still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    bed.schedules.set(durable().id("beat").every(secs(10))).await.unwrap();
    stopped(bed).await;

    let bed = started(Scheduler::new().journal(directory.path()), 60).await;
    let info = bed.schedules.get("beat").await.unwrap();
    assert_eq!((info.paused, &*info.event), (true, "test::Beat"));
    let resumed = bed.schedules.resume("beat").await;
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
    let _still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    for (schedule, why) in [
        (Schedule::send(Local), "is not shareable"),
        (Schedule::send(|_: &Tick| beat(1)), "made by a closure"),
        (Schedule::send(Ask::new(Work { amount: 1 }).answer(|_| beat(1))), "goes to a closure"),
    ] {
        let refused = bed.schedules.set(schedule.after(secs(1)).durable()).await;
        assert!(reason(refused.clone()).contains(why), "{refused:?}");
        assert_eq!(refusal(refused), Refusal::NotDurable);
    }
    let empty = tempfile::tempdir().unwrap();
    let undeclared = started(Scheduler::new().journal(empty.path()), 0).await;
    let refused = undeclared.schedules.set(durable().after(secs(1))).await;
    assert!(reason(refused).contains("is not declared"));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_becomes_durable_and_stops_being_so() {
    let _still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    bed.schedules.set(Schedule::send(beat(1)).id("becomes").every(secs(60))).await.unwrap();
    bed.schedules.set(durable().id("stops").every(secs(60))).await.unwrap();
    bed.schedules.update(Schedule::named("becomes").durable()).await.unwrap();
    bed.schedules.update(Schedule::named("stops").in_memory()).await.unwrap();
    let copy = crashed(directory.path());
    let bed = started(scheduler(copy.path()), 0).await;
    let names: Vec<_> = infos(&bed).await.into_iter().map(|info| info.id).collect();
    assert_eq!(names, ["becomes".into()]);
}

#[tokio::test(start_paused = true)]
async fn rests_between_runs_and_waiting_runs_outlive_the_program() {
    let still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    let (_asked, _worker) = worker(&bed.router, 0);
    let queue = work().id("queue").every(secs(2)).overlap(Overlap::Queue(9)).limit(4);
    bed.schedules.set(queue).await.unwrap();
    bed.schedules.set(durable().id("rest").when(Every::delay(secs(12)))).await.unwrap();
    still.pass(&bed, 9).await;
    assert_eq!(bed.schedules.get("queue").await.unwrap().queued, 3);
    let copy = crashed(directory.path());

    let router = Router::new();
    let (asked, _worker) = worker(&router, 9);
    let mut bed = started_on(router, scheduler(copy.path()), 9).await;
    still.pass(&bed, 4).await;
    assert_eq!(*asked.lock(), [1, 2, 3, 4]);
    assert_eq!(refusal(bed.schedules.get("queue").await), Refusal::Unknown, "it had its last run");
    assert_eq!(tick(&mut bed).await.due, noon() + secs(12));
}

#[tokio::test(start_paused = true)]
async fn a_journal_in_use_keeps_a_second_scheduler_from_starting() {
    let _still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    let _first = started(scheduler(directory.path()), 0).await;
    let clock = SimulatedClock::starting(noon());
    let second = Bed::with_clock(Router::new(), scheduler(directory.path()), clock).await;
    assert!(second.err().unwrap().to_string().contains("has a writer already"));
}

/// So many at a time.
async fn set_together(bed: &Bed, names: std::ops::Range<u32>) {
    let sets = names.map(|number| {
        let schedules = bed.schedules.clone();
        tokio::spawn(async move { schedules.set(durable().id(format!("s{number}")).cron("@daily")).await })
    });
    for set in sets.collect::<Vec<_>>() {
        set.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn commands_wait_for_the_disk_together() {
    let _still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    set_together(&bed, 0..200).await;
    let health = bed.managed.health(secs(1)).await;
    assert_eq!(health.status, Status::Ok);
    let copy = crashed(directory.path());
    assert_eq!(infos(&started(scheduler(copy.path()), 0).await).await.len(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_journal_is_summed_up_now_and_then() {
    let still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    let bed = started(scheduler(directory.path()), 0).await;
    bed.schedules.set(durable().id("stays").after(secs(1_000_000))).await.unwrap();
    for _ in 0..7 {
        set_together(&bed, 0..800).await;
        for number in 0..800 {
            // Each waits for the disk, and nothing else does: they are sent one after the other, and awaited together.
            let schedules = bed.schedules.clone();
            tokio::spawn(async move { schedules.cancel(format!("s{number}")).await });
        }
        still.written(&bed).await;
    }
    still.written(&bed).await;
    stopped(bed).await;
    let names = || fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(
        names().any(|name| name.to_string_lossy().contains("snapshot")),
        "{:?}",
        names().collect::<Vec<_>>()
    );
    let bed = started(scheduler(directory.path()), 0).await;
    let names: Vec<_> = infos(&bed).await.into_iter().map(|info| info.id).collect();
    assert_eq!(names, ["stays".into()]);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_full_is_summed_up_and_one_that_is_lost_is_told() {
    let _still = Still::new();
    let directory = tempfile::tempdir().unwrap();
    let small = JournalSettings::default().segment_size(4_096).limit(4_096);
    let settings = small.capacity(24_000, edri_scheduler::WhenFull::Refuse);
    let scheduler = Scheduler::new().journal_with(directory.path(), settings).sends_stamped::<Beat>();
    let bed = started(scheduler, 0).await;
    // Far more than there is room for, of which little is still needed.
    bed.schedules.set(durable().id("changes").after(secs(1_000_000))).await.unwrap();
    for number in 0..200 {
        bed.schedules.update(Schedule::named("changes").after(secs(1_000_000 + number))).await.unwrap();
    }
    assert_eq!(bed.managed.health(secs(1)).await.status, Status::Ok);
    // All of it needed, and more than is written into it at a time.
    set_together(&bed, 0..100).await;
    assert_eq!(bed.managed.health(secs(1)).await.status, Status::Ok);

    // The disk goes away: what is open can still be written, and nothing new be made.
    fs::remove_dir_all(directory.path()).unwrap();
    let schedules = bed.schedules.clone();
    let filling = tokio::spawn(async move {
        for number in 0..200 {
            let schedule = durable().id(format!("more{number}")).cron("@daily");
            if let Err(refused) = schedules.set(schedule).await {
                return refused;
            }
        }
        panic!("nobody has noticed");
    });
    let refused = filling.await.unwrap();
    assert_eq!(Refusal::of(&refused), Some(Refusal::Journal), "{refused}");
    assert!(refused.to_string().contains("it is in effect, and not on the disk"), "{refused}");
    let health = bed.managed.health(secs(1)).await;
    assert_eq!(health.status, Status::Degraded, "{health:?}");
}
