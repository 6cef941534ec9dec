//! What is sent, how it gets there, and what is told about it.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use edri_event::{Event as _, Failure, Notification, Request};
use edri_router::{InboxSettings, RequestError, Status, Value};
use edri_scheduler::{
    Answered, Ask, ClockSet, Cron, Direction, Every, Fired, Missed, Overlap, RunFailed, RunsSkipped,
    Schedule, Scheduler, Set, SkipReason, Stamp, Tick,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::support::{Beat, Bed, Work, beat, noon, secs};

#[tokio::test(start_paused = true)]
async fn each_run_carries_its_tick() {
    let scheduler = Scheduler::new().job("stamp", Every::rate(secs(10)), Stamp(beat(1))).job(
        "closure",
        Cron::parse("*/15 * * * * *").unwrap(),
        |tick: &Tick| Beat { number: tick.run as u32 + 100, tick: Some(tick.clone()) },
    );
    let mut bed = Bed::new(scheduler).await;
    let mut ticks = Vec::new();
    for _ in 0..4 {
        let beat = bed.beats.recv().await.unwrap();
        let tick = beat.tick.clone().unwrap();
        assert!(tick.lateness() <= secs(1) / 100, "{tick:?}");
        ticks.push((beat.number, tick.schedule.to_string(), tick.due, tick.run, tick.missed));
    }
    let due = |seconds| noon() + secs(seconds);
    let expected: [(u32, &str, SystemTime, u64); 4] = [
        (1, "stamp", due(10), 1),
        (101, "closure", due(15), 1),
        (1, "stamp", due(20), 2),
        (1, "stamp", due(30), 3),
    ];
    // At 30 both are due, in whichever order.
    ticks[3].0 = 1;
    (ticks[3].1, ticks[3].3) = ("stamp".into(), 3);
    assert_eq!(ticks, expected.map(|(number, id, due, run)| (number, id.to_owned(), due, run, 0)));
}

#[derive(Notification, Clone, Debug, Serialize, Deserialize)]
#[notification(shareable, name = "test::Worked")]
struct Worked {
    run: u64,
    amount: Option<u64>,
}

impl From<Answered<Work>> for Worked {
    fn from(answered: Answered<Work>) -> Self {
        Self { run: answered.tick.run, amount: answered.outcome.ok() }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_made_and_its_answer_becomes_an_event_or_is_dropped() {
    let asks = Ask::new(Work { amount: 5 });
    let scheduler = Scheduler::new()
        .job("dropped", Every::rate(secs(10)), asks)
        .job("typed", Every::rate(secs(60)), Ask::new(Work { amount: 7 }).answer_to::<Worked>())
        .job(
            "closure",
            Every::rate(secs(90)),
            Ask::with(|tick: &Tick| Work { amount: tick.run })
                .answer(|answered: Answered<Work>| Worked { run: 1_000, amount: answered.outcome.ok() }),
        );
    let bed = Bed::new(scheduler).await;
    let _worker = bed.router.respond(|work: Work| async move { Ok(work.amount * 2) });
    let mut worked = bed.router.subscribe::<Worked>();
    let mut next = async || {
        let worked = worked.recv().await.unwrap();
        (worked.run, worked.amount)
    };
    assert_eq!(next().await, (1, Some(14)));
    assert_eq!(next().await, (1_000, Some(2)));
    assert_eq!(next().await, (2, Some(14)));
    assert_eq!(bed.schedules.get("dropped").await.unwrap().failed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_fails_is_a_run_that_failed_and_is_told() {
    let scheduler = Scheduler::new()
        .job("fails", Every::rate(secs(10)), Ask::new(Work { amount: 0 }).answer_to::<Worked>())
        .job("slow", secs(20), Ask::new(Work { amount: 1 }).timeout(secs(3)))
        .job("panics", secs(40), |_: &Tick| -> Beat { panic!("no beat") });
    let bed = Bed::new(scheduler).await;
    let _worker = bed.router.respond(|work: Work| async move {
        match work.amount {
            0 => Err(Failure::new("nothing", "there is nothing to do")),
            _ => std::future::pending().await,
        }
    });
    let (mut failed, mut worked) = (bed.router.subscribe::<RunFailed>(), bed.router.subscribe::<Worked>());
    let first = failed.recv().await.unwrap();
    assert_eq!((first.tick.run, first.failure.code(), &*first.event), (1, "nothing", "test::Work"));
    assert_eq!(worked.recv().await.unwrap().amount, None);
    let mut told = Vec::new();
    while told.len() < 2 {
        let failed = failed.recv().await.unwrap();
        if failed.tick.schedule.name() != Some("fails") {
            told.push((failed.tick.schedule.to_string(), failed.failure.message().to_owned()));
        }
    }
    assert!(told[0].0 == "slow" && told[0].1.contains("within 3s"), "{told:?}");
    assert!(told[1].0 == "panics" && told[1].1.contains("no beat"), "{told:?}");
    assert!(bed.schedules.get("fails").await.unwrap().failed >= 3);
    let health = bed.managed.health(secs(1)).await;
    assert_eq!(health.values.get("failed"), Some(&Value::from(6_u64)), "{health:?}");
}

/// Answered when it is told so.
fn gate(bed: &Bed) -> (Arc<Notify>, Arc<AtomicU32>, edri_router::Registration) {
    let (open, begun) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let (opened, counted) = (Arc::clone(&open), Arc::clone(&begun));
    let registration = bed.router.respond(move |work: Work| {
        let (opened, counted) = (Arc::clone(&opened), Arc::clone(&counted));
        async move {
            counted.fetch_add(1, Ordering::SeqCst);
            opened.notified().await;
            Ok(work.amount)
        }
    });
    (open, begun, registration)
}

#[tokio::test(start_paused = true)]
async fn a_run_during_another_is_left_out_counted_and_told() {
    let scheduler = Scheduler::new().job("work", Every::rate(secs(10)), Ask::new(Work { amount: 1 }));
    let bed = Bed::new(scheduler).await;
    let (open, begun, _registration) = gate(&bed);
    let mut skipped = bed.router.subscribe::<RunsSkipped>();
    let told = skipped.recv().await.unwrap();
    assert_eq!((told.schedule.name(), told.count, told.reason), (Some("work"), 1, SkipReason::Overlap));
    assert_eq!(told.due, noon() + secs(20));
    open.notify_one();
    sleep(secs(11)).await;
    assert_eq!(begun.load(Ordering::SeqCst), 2);
    let info = bed.schedules.get("work").await.unwrap();
    assert_eq!((info.runs, info.running, info.skipped), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn runs_wait_for_another_or_run_beside_it() {
    let scheduler = Scheduler::new()
        .schedule(
            Schedule::send(Ask::new(Work { amount: 1 }))
                .id("queue")
                .every(secs(10))
                .overlap(Overlap::Queue(2))
                .limit(4),
        )
        .schedule(
            Schedule::send(Ask::new(Work { amount: 1 }))
                .id("allow")
                .every(secs(10))
                .overlap(Overlap::Allow(3))
                .limit(4),
        );
    let bed = Bed::new(scheduler).await;
    let (open, begun, _registration) = gate(&bed);
    sleep(secs(35)).await;
    let (queue, allow) =
        (bed.schedules.get("queue").await.unwrap(), bed.schedules.get("allow").await.unwrap());
    assert_eq!((queue.running, queue.queued, queue.skipped), (1, 2, 0));
    assert_eq!((allow.running, allow.queued, allow.skipped), (3, 0, 0));
    assert_eq!(begun.load(Ordering::SeqCst), 4);
    for _ in 0..8 {
        open.notify_one();
        sleep(secs(1)).await;
    }
    sleep(secs(10)).await;
    assert_eq!(begun.load(Ordering::SeqCst), 8, "all of both");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_without_room_keeps_nobody_else_waiting() {
    #[derive(Notification, Clone)]
    struct Stuck;
    let scheduler = Scheduler::new().job("stuck", Every::rate(secs(1)), Stuck).job(
        "beat",
        Every::rate(secs(10)),
        beat(1),
    );
    let mut bed = Bed::new(scheduler).await;
    let settings = InboxSettings::with_capacity(1);
    let mut full = bed.router.subscribe_with::<Stuck>(settings);
    for turn in 1..5 {
        assert_eq!(bed.next().await, (f64::from(turn) * 10.0, 1));
    }
    // One is in the inbox, one stands in line; those after it have been left out, and are counted.
    let info = bed.schedules.get("stuck").await.unwrap();
    assert_eq!((info.runs, info.running, info.skipped), (2, 1, 38));
    assert!(full.recv().await.is_some() && full.recv().await.is_some());
    sleep(secs(2)).await;
    assert_eq!(bed.schedules.get("stuck").await.unwrap().skipped, 38);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_blocks_its_sender_keeps_no_other_run_waiting() {
    struct Slow;
    #[edri_manager::manager(inline)]
    impl Slow {
        #[request]
        async fn work(&mut self, event: Work) -> u64 {
            sleep(secs(1_000)).await;
            event.amount
        }
    }
    let scheduler = Scheduler::new().job("slow", secs(1), Ask::new(Work { amount: 1 })).job(
        "beat",
        Every::rate(secs(10)),
        beat(1),
    );
    let mut bed = Bed::new(scheduler).await;
    let _slow = edri_manager::Host::new(Slow).start(&bed.router).await.unwrap();
    assert_eq!(bed.next().await, (10.0, 1));
}

#[tokio::test(start_paused = true)]
async fn every_run_is_told_to_whoever_wants_to_know() {
    let bed = Bed::new(Scheduler::new().job("beat", Every::rate(secs(10)), beat(1))).await;
    let mut fired = bed.router.subscribe::<Fired>();
    for run in 1..4 {
        let fired = fired.recv().await.unwrap();
        assert_eq!(
            (fired.tick.run, fired.tick.due, &*fired.event),
            (run, noon() + secs(10 * run), "test::Beat")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_is_noticed_within_a_second() {
    let scheduler = Scheduler::new()
        .schedule(Schedule::send(Stamp(beat(1))).id("daily").cron("0 0 * * *"))
        .schedule(Schedule::send(beat(2)).id("skips").cron("0 1 * * *").missed(Missed::Skip))
        .job("interval", Every::rate(secs(40)), beat(3));
    let mut bed = Bed::new(scheduler).await;
    let (mut set, mut skipped) = (bed.router.subscribe::<ClockSet>(), bed.router.subscribe::<RunsSkipped>());
    sleep(secs(10)).await;
    bed.clock.forward(secs(3 * 86_400));
    let beat = bed.beats.recv().await.unwrap();
    assert!(bed.elapsed() <= 11.01, "{}", bed.elapsed());
    let tick = beat.tick.clone().unwrap();
    assert_eq!((tick.due, tick.run, tick.missed), (noon() + secs(2 * 86_400 + 43_200), 1, 2));
    let told = set.recv().await.unwrap();
    assert_eq!((told.by.as_secs(), told.direction), (3 * 86_400, Direction::Forward));
    let mut missed = [skipped.recv().await.unwrap(), skipped.recv().await.unwrap()].map(|told| {
        assert_eq!(told.reason, SkipReason::Missed);
        (told.schedule.to_string(), told.count)
    });
    missed.sort();
    assert_eq!(missed, [("daily".to_owned(), 2), ("skips".to_owned(), 3)]);
    assert_eq!(bed.next().await, (40.0, 3), "intervals do not go by it");
    bed.clock.back(secs(7_200));
    assert_eq!(set.recv().await.unwrap().direction, Direction::Back);
}

#[tokio::test(start_paused = true)]
async fn a_stall_ends_with_one_run_and_not_a_burst() {
    let mut bed = Bed::new(Scheduler::new().job("beat", Every::rate(secs(1)), Stamp(beat(1)))).await;
    bed.next().await;
    // Nothing runs meanwhile, as if every thread were blocked.
    tokio::time::advance(secs(100)).await;
    let beat = bed.beats.recv().await.unwrap();
    let tick = beat.tick.clone().unwrap();
    assert_eq!((tick.run, tick.missed), (2, 99), "{tick:?}");
    assert_eq!(bed.within(secs(7) / 2).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_it_does_can_be_seen() {
    let bed = Bed::new(Scheduler::new().job("beat", Every::rate(secs(1)), beat(1)).job(
        "far",
        secs(1_000),
        beat(1),
    ))
    .await;
    sleep(secs(10)).await;
    let health = bed.managed.health(secs(1)).await;
    assert_eq!((health.status, health.ready), (Status::Ok, true));
    let value = |name: &str| health.values.get(name).cloned();
    assert_eq!(value("schedules"), Some(Value::from(2_u64)));
    assert_eq!((value("fired"), value("failed")), (Some(Value::from(10_u64)), Some(Value::from(0_u64))));
    assert_eq!(
        (value("missed"), value("late"), value("skipped")),
        (Some(0_u64.into()), Some(0_u64.into()), Some(0_u64.into()))
    );
    assert!(matches!(value("lateness_ms"), Some(Value::Number(late)) if late < 10.0));
}

#[tokio::test(start_paused = true)]
async fn at_the_end_nothing_more_begins_and_what_has_begun_ends() {
    let scheduler = Scheduler::new().schedule(
        Schedule::send(Ask::new(Work { amount: 1 })).id("work").every(secs(10)).overlap(Overlap::Queue(5)),
    );
    let bed = Bed::new(scheduler).await;
    let (open, begun, _registration) = gate(&bed);
    sleep(secs(25)).await;
    let router = bed.router.clone();
    let stopping = tokio::spawn(bed.stop());
    sleep(secs(100)).await;
    assert!(!stopping.is_finished(), "the run has not ended");
    open.notify_one();
    assert_eq!(stopping.await.unwrap(), 0);
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    let gone = edri_scheduler::Schedules::on(&router).cancel("work").await;
    assert!(matches!(gone, Err(RequestError::NoResponder { .. } | RequestError::Stopped)), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_does_not_end_is_ended_at_the_deadline() {
    let bed = Bed::new(Scheduler::new().job("work", secs(1), Ask::new(Work { amount: 1 }))).await;
    let (_open, begun, _registration) = gate(&bed);
    sleep(secs(2)).await;
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    let begun = tokio::time::Instant::now();
    bed.managed.stop(begun + secs(5)).await;
    assert!(begun.elapsed() < secs(6));
}

#[tokio::test(start_paused = true)]
async fn requests_from_other_processes_are_made_with_their_answers_passed_on() {
    let scheduler = Scheduler::new().asks::<Work>().answers::<Work, Worked>();
    let bed = Bed::new(scheduler).await;
    let _worker = bed.router.respond(|work: Work| async move { Ok(work.amount * 3) });
    let mut worked = bed.router.subscribe::<Worked>();
    let travelled = |ask: Ask<Work>| {
        let wire = Set::wire().unwrap();
        let mut bytes = Vec::new();
        wire.encode(&Set(Schedule::send(ask).after(secs(1))), &mut bytes).unwrap();
        wire.decode(&bytes).unwrap()
    };
    let ask = Ask::new(Work { amount: 2 }).answer_to::<Worked>().timeout(secs(9));
    bed.router.request(travelled(ask)).await.unwrap();
    assert_eq!(worked.recv().await.unwrap().amount, Some(6));
    let closure = travelled(Ask::new(Work { amount: 2 }).answer(|_| beat(1)));
    let error = bed.router.request(closure).await.unwrap_err();
    assert!(error.to_string().contains("goes to a closure"), "{error}");
    let undeclared = travelled(Ask::new(Work { amount: 2 }).answer_to::<Unlisted>());
    let error = bed.router.request(undeclared).await.unwrap_err();
    assert!(error.to_string().contains("Unlisted is not declared"), "{error}");
}

#[derive(Notification)]
struct Unlisted;

impl From<Answered<Work>> for Unlisted {
    fn from(_: Answered<Work>) -> Self {
        Self
    }
}

#[derive(Request, Clone)]
#[request(response = ())]
struct NobodyAnswers;

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_answers_is_asked_again_for_a_while_after_the_start() {
    let scheduler = Scheduler::new().job("x", Every::rate(secs(30)), Ask::new(NobodyAnswers));
    let bed = Bed::new(scheduler.patience(secs(60))).await;
    let mut failed = bed.router.subscribe::<RunFailed>();
    sleep(secs(40)).await;
    assert!(failed.try_recv().is_none());
    let responder = bed.router.respond(|_: NobodyAnswers| async { Ok(()) });
    sleep(secs(1)).await;
    assert_eq!(bed.schedules.get("x").await.unwrap().running, 0, "it has been answered");
    drop(responder);
    // Later it is a failure, at once.
    sleep(secs(50)).await;
    let failed = failed.try_recv().unwrap();
    assert_eq!(failed.tick.run, 2);
    assert!(failed.failure.message().contains("no responder"), "{failed:?}");
}
