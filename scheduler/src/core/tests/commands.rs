use super::*;
use crate::core::commands::Changes;
use crate::options::OptionChanges;

fn changes() -> Changes<u32> {
    Changes { action: None, timing: None, options: None }
}

#[test]
fn behaviour_66_what_is_due_once_is_run_once_and_gone() {
    let mut simulation = Simulation::new();
    simulation.set("soon", 1, Timing::After(10 * SECOND)).unwrap();
    let at = simulation.begun + 20 * SECOND;
    simulation.set("later", 2, Timing::At(at)).unwrap();
    assert_eq!(simulation.pass(9 * SECOND), []);
    let ran = Ran { action: 1, due: 10.0, run: 1, missed: 0 };
    assert_eq!(simulation.pass(5 * SECOND), [ran]);
    assert_eq!((simulation.core.len(), simulation.next("later")), (1, Some(20.0)));
    assert_eq!(dues(&simulation.pass(DAY)), [20.0]);
    assert_eq!((simulation.core.len(), simulation.core.until_look(simulation.now)), (0, None));
}

#[test]
fn behaviour_67_an_interval_is_counted_from_due_time_to_due_time() {
    let mut simulation = Simulation::new();
    simulation.set("beat", 1, Timing::Rate(10 * SECOND)).unwrap();
    assert_eq!(dues(&simulation.stall(11 * SECOND)), [10.0]);
    assert_eq!(dues(&simulation.stall(9 * SECOND + 1)), [20.0]);
    assert_eq!(simulation.next("beat"), Some(30.0));
}

#[test]
fn behaviour_68_an_identifier_is_given_and_one_that_is_taken_is_refused() {
    let mut simulation = Simulation::new();
    let given = simulation.set("", 1, Timing::Rate(SECOND)).unwrap();
    let id = ScheduleId::numbered(given);
    assert_eq!(simulation.core.find(&id), Some(given));
    simulation.set("beat", 1, Timing::Rate(SECOND)).unwrap();
    assert_eq!(refusal(simulation.set("beat", 1, Timing::Rate(SECOND))), Refusal::Duplicate);
    assert_eq!(refusal(simulation.set(&id.to_string(), 1, Timing::Rate(SECOND))), Refusal::Name);
    assert_eq!(refusal(simulation.set(&"x".repeat(256), 1, Timing::Rate(SECOND))), Refusal::Name);
    // The number of one that has a name is nobody's.
    let named = simulation.core.find(&"beat".into()).unwrap();
    assert_eq!(simulation.core.find(&ScheduleId::numbered(named)), None);
}

#[test]
fn behaviour_69_only_what_is_given_changes() {
    let mut simulation = Simulation::new();
    simulation.set_with("beat", 1, Timing::Rate(10 * SECOND), |options| options.limit = Some(5)).unwrap();
    simulation.pass(11 * SECOND);
    let id = "beat".into();
    simulation.core.update(&id, Changes { action: Some(2), ..changes() }, simulation.now).unwrap();
    assert_eq!(simulation.next("beat"), Some(20.0), "the plan is not touched");
    let ran = simulation.pass(10 * SECOND);
    assert_eq!(ran, [Ran { action: 2, due: 20.0, run: 2, missed: 0 }]);

    let timing = Some((Timing::Rate(MINUTE), None));
    simulation.core.update(&id, Changes { timing, ..changes() }, simulation.now).unwrap();
    assert_eq!(simulation.next("beat"), Some(81.0));
    let options = OptionChanges { limit: Some(None), jitter: Some(secs(1)), ..OptionChanges::default() };
    simulation.core.update(&id, Changes { options: Some(options), ..changes() }, simulation.now).unwrap();
    assert!((81.0..=82.0).contains(&simulation.next("beat").unwrap()));
    let options = simulation.core.read(simulation.core.find(&id).unwrap(), simulation.now).unwrap().options;
    assert_eq!((options.limit, options.jitter), (None, secs(1)));

    let unknown = simulation.core.update(&"other".into(), changes(), simulation.now);
    assert_eq!(refusal(unknown), Refusal::Unknown);
    assert_eq!(refusal(simulation.core.cancel(&"other".into())), Refusal::Unknown);
    assert_eq!(simulation.core.len(), 1, "an unknown one does no harm");
}

#[test]
fn an_update_that_is_refused_changes_nothing() {
    let mut simulation = Simulation::new();
    simulation.set("beat", 1, Timing::Rate(10 * SECOND)).unwrap();
    let options = OptionChanges { end: Some(Some(simulation.time(-HOUR))), ..OptionChanges::default() };
    let all = Changes { action: Some(9), timing: Some((Timing::Rate(SECOND), None)), options: Some(options) };
    assert_eq!(refusal(simulation.core.update(&"beat".into(), all, simulation.now)), Refusal::Past);
    assert_eq!(simulation.pass(11 * SECOND), [Ran { action: 1, due: 10.0, run: 1, missed: 0 }]);
}

#[test]
fn a_delay_that_is_given_again_begins_anew() {
    let mut simulation = Simulation::new();
    simulation.set("quiet", 1, Timing::After(10 * SECOND)).unwrap();
    for _ in 0..5 {
        assert_eq!(simulation.pass(9 * SECOND), []);
        let timing = Some((Timing::After(10 * SECOND), None));
        simulation.core.update(&"quiet".into(), Changes { timing, ..changes() }, simulation.now).unwrap();
    }
    assert_eq!(dues(&simulation.pass(10 * SECOND)), [55.0]);
}

#[test]
fn what_cannot_be_due_is_refused_with_the_reason() {
    let mut simulation = Simulation::new();
    let begun = simulation.begun;
    assert_eq!(refusal(simulation.set("", 1, Timing::At(begun - MINUTE))), Refusal::Past);
    assert_eq!(refusal(simulation.set("", 1, Timing::At(Nanoseconds::MAX))), Refusal::Bounds);
    assert_eq!(refusal(simulation.set("", 1, Timing::Rate(0))), Refusal::Bounds);
    assert_eq!(refusal(simulation.set("", 1, Timing::Rate(SECOND / 1_001))), Refusal::Bounds);
    assert_eq!(refusal(simulation.set("", 1, Timing::After(Nanoseconds::MAX))), Refusal::Bounds);
    assert_eq!(refusal(simulation.set("", 1, cron("0 0 0 1 1 * 2020"))), Refusal::Never);
    let (past, early, late) = (simulation.time(-1), simulation.time(HOUR), simulation.time(DAY));
    let mut refused =
        |timing: Timing, with: &dyn Fn(&mut Options)| refusal(simulation.set_with("", 1, timing, with));
    assert_eq!(refused(Timing::Rate(SECOND), &|options| options.end = Some(past)), Refusal::Past);
    assert_eq!(refused(Timing::Rate(DAY), &|options| options.end = Some(early)), Refusal::Never);
    let backwards = |options: &mut Options| (options.start, options.end) = (Some(late), Some(early));
    assert_eq!(refused(Timing::Rate(SECOND), &backwards), Refusal::Never);
    assert_eq!(refused(Timing::Rate(SECOND), &|options| options.limit = Some(0)), Refusal::Never);
    assert_eq!(
        refused(Timing::Rate(SECOND), &|options| options.overlap = crate::Overlap::Queue(0)),
        Refusal::Bounds
    );
    assert_eq!(
        refused(Timing::Rate(SECOND), &|options| options.missed = crate::Missed::All(1_001)),
        Refusal::Bounds
    );
    assert_eq!(simulation.core.len(), 0);
    // What has passed while it was sent is due at once.
    simulation.set("", 1, Timing::At(begun - SECOND)).unwrap();
    assert_eq!(dues(&simulation.look()), [-1.0]);
}

#[test]
fn there_is_room_for_so_many() {
    let mut simulation = Simulation::new();
    for _ in 0..1_000 {
        simulation.set("", 1, Timing::After(HOUR)).unwrap();
    }
    assert_eq!(refusal(simulation.set("", 1, Timing::After(HOUR))), Refusal::Full);
}

#[test]
fn a_paused_schedule_goes_on_in_its_rhythm() {
    let mut simulation = Simulation::new();
    simulation.set("beat", 1, Timing::Rate(10 * SECOND)).unwrap();
    simulation.set("hourly", 2, cron("@hourly")).unwrap();
    simulation.set("once", 3, Timing::After(30 * SECOND)).unwrap();
    simulation.pass(11 * SECOND);
    for id in ["beat", "hourly", "once", "beat"] {
        simulation.core.pause(&id.into(), simulation.now, &mut simulation.outputs).unwrap();
        assert_eq!(simulation.next(id), None);
    }
    assert_eq!(simulation.pass(2 * HOUR), []);
    for id in ["beat", "hourly", "once", "beat"] {
        simulation.core.resume(&id.into(), simulation.now, &mut simulation.outputs).unwrap();
    }
    assert_eq!((simulation.next("beat"), simulation.next("hourly")), (Some(7_220.0), Some(10_800.0)));
    assert_eq!(simulation.look(), [Ran { action: 3, due: 30.0, run: 1, missed: 0 }]);
    assert_eq!(simulation.skipped(), [], "what falls due in a pause is not missed");
    assert_eq!(
        refusal(simulation.core.pause(&"once".into(), simulation.now, &mut Vec::new())),
        Refusal::Unknown
    );
}

#[test]
fn a_run_beside_the_plan() {
    let mut simulation = Simulation::new();
    simulation.set_with("beat", 1, Timing::Rate(10 * SECOND), |options| options.limit = Some(3)).unwrap();
    let id = "beat".into();
    assert_eq!(simulation.core.run_now(&id, simulation.now, &mut simulation.outputs), Ok(1));
    assert_eq!(dues(&simulation.take()), [0.0]);
    assert_eq!(simulation.next("beat"), Some(10.0));
    simulation.core.pause(&id, simulation.now, &mut simulation.outputs).unwrap();
    simulation.ends = false;
    assert_eq!(simulation.core.run_now(&id, simulation.now, &mut simulation.outputs), Ok(2));
    simulation.take();
    assert_eq!(refusal(simulation.core.run_now(&id, simulation.now, &mut simulation.outputs)), Refusal::Busy);
    simulation.end_first();
    assert_eq!(simulation.core.run_now(&id, simulation.now, &mut simulation.outputs), Ok(3));
    assert_eq!(
        refusal(simulation.core.run_now(&id, simulation.now, &mut simulation.outputs)),
        Refusal::Unknown
    );
}

#[test]
fn a_name_is_free_as_soon_as_the_last_run_has_begun() {
    let mut simulation = Simulation::new();
    simulation.ends = false;
    simulation.set("once", 1, Timing::After(SECOND)).unwrap();
    assert_eq!(simulation.pass(SECOND).len(), 1);
    let again = simulation.set("once", 2, Timing::After(SECOND)).unwrap();
    simulation.end_first();
    assert_eq!(
        simulation.core.find(&"once".into()),
        Some(again),
        "the end of the old run is not that of the new one"
    );
    assert_eq!(simulation.pass(SECOND).len(), 1);
}

#[test]
fn what_is_to_come_can_be_looked_at() {
    let mut simulation = Simulation::new();
    let after = |seconds: &[i64]| {
        seconds.iter().map(|seconds| simulation.begun + seconds * SECOND).collect::<Vec<_>>()
    };
    let (hours, tens, end) = (after(&[3_600, 7_200]), after(&[10, 20, 30]), simulation.time(25 * SECOND));
    let key = simulation.set("", 1, cron("@hourly")).unwrap();
    assert_eq!(simulation.core.preview(key, 2, simulation.now), hours);
    let key =
        simulation.set_with("", 1, Timing::Rate(10 * SECOND), |options| options.limit = Some(3)).unwrap();
    assert_eq!(simulation.core.preview(key, 100, simulation.now), tens);
    let key =
        simulation.set_with("", 1, Timing::Rate(10 * SECOND), |options| options.end = Some(end)).unwrap();
    assert_eq!(simulation.core.preview(key, 100, simulation.now), tens[..2]);
    let key = simulation.set("", 1, Timing::Delay(10 * SECOND)).unwrap();
    assert_eq!(simulation.core.preview(key, 100, simulation.now), tens[..1]);
}
