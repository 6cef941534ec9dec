use super::*;
use crate::{Missed, Overlap};

fn missed(policy: Missed) -> Simulation {
    let mut simulation = Simulation::new();
    simulation.set_with("beat", 1, Timing::Rate(10 * SECOND), |options| options.missed = policy).unwrap();
    simulation
}

#[test]
fn missed_runs_are_made_up_for_by_one_unless_told_otherwise() {
    let mut simulation = missed(Missed::Once);
    let ran = simulation.stall(HOUR + 5 * SECOND);
    assert_eq!(ran, [Ran { action: 1, due: 3_600.0, run: 1, missed: 359 }]);
    assert_eq!(simulation.skipped(), [("beat".into(), 359, SkipReason::Missed)]);
    assert_eq!(simulation.next("beat"), Some(3_610.0), "no drift");
    assert_eq!(simulation.core.counts().missed, 359);
}

#[test]
fn missed_runs_are_left_out_if_told_so() {
    let mut simulation = missed(Missed::Skip);
    assert_eq!(simulation.stall(HOUR + 5 * SECOND), []);
    assert_eq!(simulation.skipped(), [("beat".into(), 360, SkipReason::Missed)]);
    // The last is on time.
    assert_eq!(dues(&simulation.stall(16 * SECOND)), [3_620.0]);
    assert_eq!(simulation.skipped(), [("beat".into(), 1, SkipReason::Missed)]);
    assert_eq!(dues(&simulation.pass(10 * SECOND)), [3_630.0]);
}

#[test]
fn a_single_run_that_is_missed_is_late_or_left_out() {
    for (policy, expected) in [(Missed::Once, vec![10.0]), (Missed::Skip, vec![])] {
        let mut simulation = Simulation::new();
        simulation.set_with("", 1, Timing::After(10 * SECOND), |options| options.missed = policy).unwrap();
        assert_eq!(dues(&simulation.stall(HOUR)), expected);
        assert_eq!(simulation.core.len(), 0);
        assert_eq!(simulation.core.counts().late, expected.len() as u64);
    }
}

#[test]
fn missed_runs_are_made_up_for_in_order_one_by_one() {
    let mut simulation = missed(Missed::All(3));
    simulation.ends = false;
    let ran = simulation.stall(45 * SECOND);
    assert_eq!(ran, [Ran { action: 1, due: 20.0, run: 1, missed: 1 }]);
    for (run, due) in [(2, 30.0), (3, 40.0)] {
        simulation.end_first();
        assert_eq!(simulation.take(), [Ran { action: 1, due, run, missed: 0 }]);
    }
    simulation.end_first();
    assert_eq!(simulation.take(), []);
    assert_eq!(simulation.skipped(), [("beat".into(), 1, SkipReason::Missed)]);
}

#[test]
fn patterns_are_missed_like_intervals() {
    let mut simulation = Simulation::new();
    simulation.set_with("", 1, cron("*/5 * * * *"), |options| options.missed = Missed::All(2)).unwrap();
    assert_eq!(dues(&simulation.stall(HOUR + MINUTE)), [3_300.0, 3_600.0]);
}

#[test]
fn a_run_during_another_is_left_out_and_told() {
    let mut simulation = Simulation::new();
    simulation.ends = false;
    simulation.set("beat", 1, Timing::Rate(10 * SECOND)).unwrap();
    assert_eq!(dues(&simulation.pass(25 * SECOND)), [10.0]);
    assert_eq!(simulation.skipped(), [("beat".into(), 1, SkipReason::Overlap)]);
    simulation.end_first();
    let ran = simulation.pass(10 * SECOND);
    assert_eq!(ran, [Ran { action: 1, due: 30.0, run: 2, missed: 0 }], "one that was left out has no number");
}

#[test]
fn runs_wait_for_another_up_to_a_bound() {
    let mut simulation = Simulation::new();
    simulation.ends = false;
    let queue = |options: &mut Options| options.overlap = Overlap::Queue(2);
    simulation.set_with("beat", 1, Timing::Rate(10 * SECOND), queue).unwrap();
    assert_eq!(dues(&simulation.pass(45 * SECOND)), [10.0]);
    assert_eq!(simulation.skipped(), [("beat".into(), 1, SkipReason::Overlap)]);
    for due in [20.0, 30.0] {
        simulation.end_first();
        assert_eq!(dues(&simulation.take()), [due]);
    }
    simulation.end_first();
    assert_eq!(simulation.take(), []);
    assert_eq!(dues(&simulation.pass(6 * SECOND)), [50.0]);
}

#[test]
fn so_many_runs_may_be_under_way() {
    let mut simulation = Simulation::new();
    simulation.ends = false;
    let allow = |options: &mut Options| options.overlap = Overlap::Allow(2);
    simulation.set_with("beat", 1, Timing::Rate(10 * SECOND), allow).unwrap();
    assert_eq!(dues(&simulation.pass(35 * SECOND)), [10.0, 20.0]);
    assert_eq!(simulation.skipped(), [("beat".into(), 1, SkipReason::Overlap)]);
    simulation.end_first();
    assert_eq!(dues(&simulation.pass(10 * SECOND)), [40.0]);
}

#[test]
fn all_runs_together_are_bounded() {
    let mut simulation = Simulation::new();
    simulation.ends = false;
    for _ in 0..150 {
        simulation.set("", 1, Timing::After(SECOND)).unwrap();
    }
    assert_eq!(simulation.pass(SECOND).len(), 100);
    let skipped = simulation.skipped();
    assert_eq!(skipped.len(), 50);
    assert!(skipped.iter().all(|(_, count, reason)| (*count, *reason) == (1, SkipReason::Overload)));
}

#[test]
fn the_last_runs_of_a_schedule_may_wait_for_others() {
    let mut simulation = Simulation::new();
    simulation.ends = false;
    let few = |options: &mut Options| (options.overlap, options.limit) = (Overlap::Queue(9), Some(3));
    simulation.set_with("beat", 1, Timing::Rate(10 * SECOND), few).unwrap();
    assert_eq!(dues(&simulation.pass(MINUTE)), [10.0]);
    assert_eq!(simulation.next("beat"), None);
    assert_eq!(refusal(simulation.set("beat", 2, Timing::Rate(SECOND))), Refusal::Duplicate);
    simulation.end_first();
    simulation.take();
    simulation.end_first();
    assert_eq!(simulation.take().first().map(|ran| ran.run), Some(3));
    assert_eq!(simulation.core.len(), 0);
    assert_eq!(simulation.skipped(), []);
}

#[test]
fn what_waits_goes_on_waiting_through_a_pause() {
    let mut simulation = Simulation::new();
    simulation.ends = false;
    let few = |options: &mut Options| (options.overlap, options.limit) = (Overlap::Queue(5), Some(3));
    simulation.set_with("beat", 1, Timing::Rate(10 * SECOND), few).unwrap();
    assert_eq!(dues(&simulation.pass(35 * SECOND)), [10.0]);
    simulation.core.pause(&"beat".into(), simulation.now, &mut simulation.outputs).unwrap();
    simulation.end_first();
    assert_eq!(simulation.take(), []);
    simulation.core.resume(&"beat".into(), simulation.now, &mut simulation.outputs).unwrap();
    assert_eq!(dues(&simulation.take()), [20.0]);
    simulation.end_first();
    assert_eq!(dues(&simulation.take()), [30.0]);
    assert_eq!((simulation.core.len(), simulation.skipped()), (0, vec![]));
}

#[test]
fn a_delay_is_counted_from_the_end_of_a_run() {
    let mut simulation = Simulation::new();
    simulation.ends = false;
    simulation.set("poll", 1, Timing::Delay(10 * SECOND)).unwrap();
    assert_eq!(dues(&simulation.pass(25 * SECOND)), [10.0]);
    assert_eq!(simulation.next("poll"), None);
    simulation.end_first();
    assert_eq!(simulation.next("poll"), Some(35.0));
    assert_eq!(dues(&simulation.pass(10 * SECOND)), [35.0]);
    assert_eq!(simulation.skipped(), []);
}

#[test]
fn start_end_and_limit() {
    let mut simulation = Simulation::new();
    let (start, end) = (simulation.time(HOUR), simulation.time(HOUR + 25 * SECOND));
    let both = |options: &mut Options| (options.start, options.end) = (Some(start), Some(end));
    simulation.set_with("", 1, Timing::Rate(10 * SECOND), both).unwrap();
    simulation.set_with("", 2, cron("*/15 * * * * *"), both).unwrap();
    simulation.set_with("", 3, Timing::Rate(10 * MINUTE), |options| options.limit = Some(2)).unwrap();
    let ran = simulation.pass(DAY);
    let of = |action| dues(&ran.iter().filter(|ran| ran.action == action).cloned().collect::<Vec<_>>());
    assert_eq!(of(1), [3_600.0, 3_610.0, 3_620.0]);
    assert_eq!(of(2), [3_600.0, 3_615.0]);
    assert_eq!(of(3), [600.0, 1_200.0]);
    assert_eq!(simulation.core.len(), 0);
}

#[test]
fn a_start_that_has_passed_sets_the_rhythm() {
    let mut simulation = Simulation::new();
    let start = simulation.time(-HOUR - 3 * SECOND);
    simulation.set_with("", 1, Timing::Rate(10 * SECOND), |options| options.start = Some(start)).unwrap();
    assert_eq!(dues(&simulation.pass(20 * SECOND)), [7.0, 17.0]);
}

#[test]
fn jitter_spreads_runs_and_moves_no_plan() {
    let mut simulation = Simulation::new();
    let jitter = |options: &mut Options| options.jitter = secs(4);
    simulation.set_with("beat", 1, Timing::Rate(10 * SECOND), jitter).unwrap();
    let mut late = Vec::new();
    for turn in 1..200 {
        let next = simulation.next("beat").unwrap();
        let due = f64::from(turn) * 10.0;
        assert!((due..=due + 4.0).contains(&next), "{next} for {due}");
        late.push(((next - due) * 10.0) as u32);
        assert_eq!(
            dues(
                &simulation
                    .stall((next * SECOND as f64) as i64 + 10 + simulation.begun - simulation.now.wall)
            ),
            [due]
        );
    }
    late.sort_unstable();
    late.dedup();
    assert!(late.len() > 25, "they are spread over the four seconds: {late:?}");
    assert_eq!(simulation.skipped(), []);
}

#[test]
fn jitter_never_reaches_the_next_run() {
    let mut simulation = Simulation::new();
    let jitter = |options: &mut Options| options.jitter = secs(3_600);
    simulation.set_with("beat", 1, Timing::Rate(SECOND), jitter).unwrap();
    simulation.set_with("cron", 2, cron("* * * * * *"), jitter).unwrap();
    let ran = simulation.pass(MINUTE);
    assert!((118..=120).contains(&ran.len()), "{}", ran.len());
    assert_eq!(simulation.skipped(), []);
}
