//! Each command answers, always: with what it did, or with why not.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use edri_event::{Event as _, Notification, Request};
use edri_router::RequestError;
use edri_scheduler::{
    Cancel, Cron, Every, Get, List, Pause, Refusal, Resume, RunNow, Schedule, ScheduleId, Scheduler, Set,
    SetOrUpdate, Stored, TimeZone, Update, When,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support::{Beat, Bed, beat, noon, reason, refusal, secs};

#[tokio::test(start_paused = true)]
async fn behaviour_66_a_schedule_that_is_due_once_is_sent_once_and_gone() {
    let mut bed = Bed::new(Scheduler::new()).await;
    bed.schedules.set(Schedule::send(beat(1)).id("soon").after(secs(10))).await.unwrap();
    bed.schedules.set(Schedule::send(beat(2)).id("later").at(noon() + secs(3_600))).await.unwrap();
    assert_eq!(bed.next().await, (10.0, 1));
    assert_eq!(refusal(bed.schedules.get("soon").await), Refusal::Unknown);
    assert_eq!(bed.schedules.get("later").await.unwrap().runs, 0);
    assert_eq!(bed.within(secs(7_200)).await, [(3_600.0, 2)]);
}

#[tokio::test(start_paused = true)]
async fn behaviour_67_an_interval_is_counted_from_due_time_to_due_time() {
    let mut bed = Bed::new(Scheduler::new().job("beat", Every::rate(secs(10)), beat(1))).await;
    for turn in 1..100 {
        assert_eq!(bed.next().await, (f64::from(turn) * 10.0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn behaviour_68_a_generated_identifier_is_returned_and_one_that_is_taken_is_refused() {
    let bed = Bed::new(Scheduler::new()).await;
    let schedule = Schedule::send(beat(1)).after(secs(10));
    let (first, second) = (
        bed.schedules.set(schedule.clone()).await.unwrap(),
        bed.schedules.set(schedule.clone()).await.unwrap(),
    );
    assert_ne!(first, second);
    assert!(first.name().is_none() && first.to_string().starts_with('#'));
    let named = bed.schedules.set(schedule.clone().id("mine")).await.unwrap();
    assert_eq!(named, ScheduleId::from("mine"));
    let again = bed.schedules.set(schedule.clone().id("mine")).await;
    assert_eq!(
        reason(again.clone()),
        "the responder failed: schedule_duplicate: there is a schedule mine already"
    );
    assert_eq!(refusal(again), Refusal::Duplicate);
    assert_eq!(refusal(bed.schedules.set(schedule.id("")).await), Refusal::Name);
}

#[tokio::test(start_paused = true)]
async fn behaviour_69_only_what_is_given_changes_and_an_unknown_one_is_told() {
    let mut bed = Bed::new(Scheduler::new().job("beat", Every::rate(secs(10)), beat(1))).await;
    bed.schedules.update(Schedule::named("beat").sends(beat(2))).await.unwrap();
    assert_eq!(bed.next().await, (10.0, 2));
    bed.schedules.update(Schedule::named("beat").every(secs(3))).await.unwrap();
    assert_eq!(bed.within(secs(7)).await, [(13.0, 2), (16.0, 2)]);
    bed.schedules.update(Schedule::named("beat").limit(4)).await.unwrap();
    assert_eq!(bed.within(secs(60)).await, [(19.0, 2)]);
    let gone = || Schedule::named("beat").every(secs(3));
    assert_eq!(refusal(bed.schedules.update(gone()).await), Refusal::Unknown);
    assert_eq!(refusal(bed.schedules.cancel("beat").await), Refusal::Unknown);
    assert_eq!(refusal(bed.schedules.update(Schedule::default()).await), Refusal::NoId);
}

#[tokio::test(start_paused = true)]
async fn behaviour_70_set_or_update_does_which_is_called_for() {
    let mut bed = Bed::new(Scheduler::new()).await;
    let named = || Schedule::named("beat");
    assert_eq!(refusal(bed.schedules.set_or_update(named().every(secs(5))).await), Refusal::NoEvent);
    assert_eq!(refusal(bed.schedules.set_or_update(named().sends(beat(1))).await), Refusal::NoTime);
    let whole = named().sends(beat(1)).every(secs(5));
    assert_eq!(bed.schedules.set_or_update(whole).await, Ok(Stored::Set));
    assert_eq!(bed.schedules.set_or_update(named().sends(beat(2))).await, Ok(Stored::Updated));
    assert_eq!(bed.next().await, (5.0, 2));
    // Without an identifier there is nothing to be updated.
    let nameless = Schedule::send(beat(3)).after(secs(1));
    assert_eq!(bed.schedules.set_or_update(nameless).await, Ok(Stored::Set));
}

#[tokio::test(start_paused = true)]
async fn behaviour_71_it_waits_for_the_nearest_and_serves_commands_meanwhile() {
    let mut bed = Bed::new(Scheduler::new().job("year", Every::rate(secs(365 * 86_400)), beat(1))).await;
    bed.schedules.set(Schedule::send(beat(2)).after(secs(5_000_000))).await.unwrap();
    tokio::time::sleep(secs(100)).await;
    bed.schedules.set(Schedule::send(beat(3)).after(secs(10))).await.unwrap();
    bed.schedules.set(Schedule::send(beat(4)).after(secs(5))).await.unwrap();
    assert_eq!(bed.next().await, (105.0, 4));
    assert_eq!(bed.next().await, (110.0, 3));
    assert_eq!(bed.next().await, (5_000_000.0, 2));
    // A hundred years are longer than any timer.
    bed.schedules.set(Schedule::send(beat(5)).id("far").after(secs(99 * 365 * 86_400))).await.unwrap();
    assert_eq!(bed.next().await, (31_536_000.0, 1));
    assert!(bed.schedules.get("far").await.unwrap().next.is_some());
}

#[tokio::test(start_paused = true)]
async fn behaviour_65_a_pattern_without_a_zone_is_of_the_schedulers_and_others_compare_across_zones() {
    // The bed is in UTC.
    let local = Cron::parse("0 14 * * *").unwrap();
    let prague = local.zone(&TimeZone::named("Europe/Prague").unwrap());
    let scheduler = Scheduler::new().job("prague", prague, beat(1)).job("local", local, beat(2));
    let mut bed = Bed::new(scheduler).await;
    let later = TimeZone::named("America/New_York").unwrap().time("2026-07-01 09:30").unwrap();
    bed.schedules.set(Schedule::send(beat(3)).at(later)).await.unwrap();
    // 14:00 in Prague is 12:00 UTC, which has just been.
    assert_eq!(bed.within(secs(86_399)).await, [(5_400.0, 3), (7_200.0, 2)]);
    assert_eq!(bed.next().await, (86_400.0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_refused_with_the_reason() {
    let bed = Bed::new(Scheduler::new()).await;
    let set = |schedule: Schedule| bed.schedules.set(schedule);
    let beat = || Schedule::send(beat(1));
    assert_eq!(refusal(set(Schedule::default().after(secs(1))).await), Refusal::NoEvent);
    assert_eq!(refusal(set(beat()).await), Refusal::NoTime);

    let february = set(beat().cron("0 0 31 2 *")).await;
    assert!(
        reason(february.clone()).contains("column 5, day of month: there is no date with day 31, month 2")
    );
    assert_eq!(refusal(february), Refusal::Pattern);
    let hour = reason(set(beat().cron("0 25 * * *")).await);
    assert!(hour.contains("column 3, hour: 25 is not within 0-23"), "{hour}");
    let zone =
        set(beat().when(When::Cron(edri_scheduler::CronText::from("@daily").in_zone("Mars/Base")))).await;
    assert!(reason(zone.clone()).contains("there is no time zone \"Mars/Base\""));
    assert_eq!(refusal(zone), Refusal::Pattern);

    let past = set(beat().at(noon() - secs(60))).await;
    assert!(reason(past.clone()).contains("2026-07-01 11:59:00 UTC has passed"));
    assert_eq!(refusal(past), Refusal::Past);
    assert_eq!(refusal(set(beat().cron("0 0 0 1 1 * 2020")).await), Refusal::Never);
    assert_eq!(refusal(set(beat().every(secs(1)).limit(0)).await), Refusal::Never);
    let never = reason(set(beat().every(secs(0))).await);
    assert!(never.contains("an interval of 1 ms to 100 years is expected, not 0ns"), "{never}");
    assert_eq!(refusal(set(beat().after(secs(1)).durable()).await), Refusal::NotDurable);
    assert_eq!(bed.schedules.list(List::default()).await.unwrap().schedules, []);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_paused_and_resumed() {
    let mut bed = Bed::new(Scheduler::new().job("beat", Every::rate(secs(10)), beat(1))).await;
    bed.schedules.pause("beat").await.unwrap();
    let info = bed.schedules.get("beat").await.unwrap();
    assert_eq!((info.paused, info.next), (true, None));
    assert_eq!(bed.within(secs(95)).await, []);
    bed.schedules.resume("beat").await.unwrap();
    assert_eq!(bed.next().await, (100.0, 1));
    for unknown in [bed.schedules.pause("x").await, bed.schedules.resume("x").await] {
        assert_eq!(refusal(unknown), Refusal::Unknown);
    }
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_run_at_once() {
    let mut bed = Bed::new(Scheduler::new().job("yearly", Cron::parse("@yearly").unwrap(), beat(1))).await;
    tokio::time::sleep(secs(5)).await;
    assert_eq!(bed.schedules.run_now("yearly").await, Ok(1));
    assert_eq!(bed.next().await, (5.0, 1));
    assert_eq!(bed.schedules.run_now("yearly").await, Ok(2));
    assert_eq!(refusal(bed.schedules.run_now("x").await), Refusal::Unknown);
}

#[tokio::test(start_paused = true)]
async fn schedules_are_listed_page_by_page() {
    let bed = Bed::new(Scheduler::new()).await;
    for number in 0..25 {
        let id = format!("{}{number}", if number % 2 == 0 { "even" } else { "odd" });
        bed.schedules.set(Schedule::send(beat(number)).id(id).after(secs(60))).await.unwrap();
    }
    bed.schedules.set(Schedule::send(beat(99)).after(secs(60))).await.unwrap();
    let mut seen = Vec::new();
    let mut page = List { limit: Some(4), prefix: Some("even".into()), ..List::default() };
    loop {
        let found = bed.schedules.list(page.clone()).await.unwrap();
        assert!(found.schedules.len() <= 4);
        seen.extend(found.schedules.into_iter().map(|info| info.id.to_string()));
        page.from = found.next;
        if page.from.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..25).step_by(2).map(|number| format!("even{number}")).collect();
    assert_eq!(seen, expected);
    assert_eq!(bed.schedules.list(List::default()).await.unwrap().schedules.len(), 26);
}

#[tokio::test(start_paused = true)]
async fn one_schedule_is_told_in_words_with_what_is_to_come() {
    let zone = TimeZone::named("Europe/Prague").unwrap();
    let cron = Cron::parse("30 8 * * MON-FRI").unwrap().zone(&zone);
    let bed = Bed::new(Scheduler::new().job("mornings", cron, beat(1))).await;
    let info = bed.schedules.get("mornings").await.unwrap();
    assert_eq!(info.when, "at 08:30, on Monday to Friday, Europe/Prague time");
    assert_eq!(info.event, "test::Beat");
    let runs = bed.schedules.next_runs("mornings", 3).await.unwrap();
    let shown: Vec<_> = runs.into_iter().map(|run| zone.show(run)).collect();
    assert_eq!(shown, ["2026-07-02 08:30:00", "2026-07-03 08:30:00", "2026-07-06 08:30:00"]);
    assert_eq!(info.next.map(|next| zone.show(next)).as_ref(), shown.first());
    assert_eq!(refusal(bed.schedules.next_runs("x", 3).await), Refusal::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_wrong_keeps_the_scheduler_from_starting() {
    let twice = Scheduler::new().job("a", secs(1), beat(1)).job("a", secs(1), beat(1));
    let error = Bed::on(edri_router::Router::new(), twice).await.err().unwrap();
    assert!(error.to_string().contains("the schedule a: there is a schedule a already"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn without_a_scheduler_everybody_is_told() {
    let schedules = edri_scheduler::Schedules::on(&edri_router::Router::new());
    assert!(matches!(schedules.cancel("x").await, Err(RequestError::NoResponder { .. })));
}

/// As it comes from another process.
fn travelled<R: Request + Serialize + DeserializeOwned>(request: &R) -> R {
    let wire = R::wire().unwrap();
    let mut bytes = Vec::new();
    wire.encode(request, &mut bytes).unwrap();
    wire.decode(&bytes).unwrap()
}

#[tokio::test(start_paused = true)]
async fn all_commands_may_come_from_other_processes() {
    let mut bed = Bed::new(Scheduler::new().sends::<Beat>()).await;
    let router = bed.router.clone();
    let set = Set(Schedule::send(beat(7)).id("beat").every(secs(10)));
    assert_eq!(router.request(travelled(&set)).await, Ok("beat".into()));
    assert_eq!(bed.next().await, (10.0, 7));
    let update = Update(Schedule::named("beat").sends(beat(8)).cron("*/30 * * * * *"));
    router.request(travelled(&update)).await.unwrap();
    assert_eq!(bed.next().await, (30.0, 8));
    let stored = router.request(travelled(&SetOrUpdate(Schedule::named("beat").every(secs(1_000))))).await;
    assert_eq!(stored, Ok(Stored::Updated));
    let id = ScheduleId::from("beat");
    router.request(travelled(&Pause(id.clone()))).await.unwrap();
    router.request(travelled(&Resume(id.clone()))).await.unwrap();
    assert_eq!(router.request(travelled(&RunNow(id.clone()))).await, Ok(3));
    let info = router.request(travelled(&Get(id.clone()))).await.unwrap();
    assert_eq!((info.runs, &*info.when), (3, "every 1000s"));
    assert_eq!(router.request(travelled(&List::default())).await.unwrap().schedules, [info]);
    router.request(travelled(&Cancel(id.clone()))).await.unwrap();
    assert_eq!(refusal(router.request(travelled(&Cancel(id))).await), Refusal::Unknown);
}

#[test]
fn both_ends_can_tell_whether_they_mean_the_same_commands() {
    let fingerprints = [
        Set::wire().map(|wire| wire.fingerprint()),
        Update::wire().map(|wire| wire.fingerprint()),
        SetOrUpdate::wire().map(|wire| wire.fingerprint()),
        Cancel::wire().map(|wire| wire.fingerprint()),
        List::wire().map(|wire| wire.fingerprint()),
        Get::response_wire().map(|wire| wire.fingerprint()),
        List::response_wire().map(|wire| wire.fingerprint()),
        edri_scheduler::Fired::wire().map(|wire| wire.fingerprint()),
        edri_scheduler::RunFailed::wire().map(|wire| wire.fingerprint()),
    ];
    assert!(fingerprints.iter().all(Option::is_some));
    // They are of different shapes, but for the three that hold a schedule.
    let different: std::collections::HashSet<_> =
        fingerprints.iter().flatten().map(|print| print.get()).collect();
    assert!(different.len() >= 7, "{fingerprints:?}");
}

#[derive(Notification, Clone, serde::Serialize, serde::Deserialize)]
#[notification(shareable, name = "test::Other")]
struct Other;

#[derive(Notification, Clone)]
struct Local;

#[tokio::test(start_paused = true)]
async fn from_other_processes_only_what_is_declared_is_taken() {
    let bed = Bed::new(Scheduler::new().sends::<Beat>()).await;
    let unknown = bed.router.request(travelled(&Set(Schedule::send(Other).after(secs(1))))).await;
    let told = reason(unknown.clone());
    assert!(told.contains("the notification test::Other is not declared"), "{told}");
    assert!(told.contains("declared are: test::Beat"), "{told}");
    assert_eq!(refusal(unknown), Refusal::Event);
    // What stays here needs no declaration, and what is not shareable cannot leave.
    bed.schedules.set(Schedule::send(Other).after(secs(1))).await.unwrap();
    let local = bed.router.request(travelled(&Set(Schedule::send(Local).after(secs(1))))).await;
    assert!(
        reason(local.clone()).contains("Local is not shareable, and cannot leave its process"),
        "{local:?}"
    );
    assert_eq!(refusal(local), Refusal::Event);
    let closure = Set(Schedule::send(|_: &edri_scheduler::Tick| beat(1)).after(secs(1)));
    assert!(reason(bed.router.request(travelled(&closure)).await).contains("is made by a closure"));
}

mod newer {
    use super::*;

    /// Of the same name, and of another shape.
    #[derive(Notification, Clone, serde::Serialize, serde::Deserialize)]
    #[notification(shareable, name = "test::Beat")]
    pub(super) struct Beat {
        pub(super) number: u64,
    }

    #[derive(Notification, Clone, serde::Serialize, serde::Deserialize)]
    #[notification(shareable, name = "test::Beat", version = 2)]
    pub(super) struct SecondBeat;
}

#[tokio::test(start_paused = true)]
async fn another_version_or_shape_of_an_event_is_refused() {
    let bed = Bed::new(Scheduler::new().sends::<Beat>()).await;
    let shape = Set(Schedule::send(newer::Beat { number: 1 }).after(secs(1)));
    let told = reason(bed.router.request(travelled(&shape)).await);
    assert!(told.contains("another shape"), "{told}");
    let version = Set(Schedule::send(newer::SecondBeat).after(secs(1)));
    let told = reason(bed.router.request(travelled(&version)).await);
    assert!(told.contains("version 2 in postcard; version 1 in postcard is expected"), "{told}");
}
