//! The wall clock is set.

use super::*;

impl Simulation {
    /// The wall clock is set on or back, and a look is taken.
    fn step(&mut self, by: Nanoseconds) -> Vec<Ran> {
        self.now.wall += by;
        self.look()
    }

    fn stepped(&mut self) -> Vec<Nanoseconds> {
        let steps = self.outputs.iter().filter_map(|output| match output {
            Output::Stepped(by) => Some(*by),
            _ => None,
        });
        steps.collect()
    }
}

#[test]
fn a_clock_that_is_set_forward_is_noticed_and_what_it_passes_has_been_missed() {
    let mut simulation = Simulation::new();
    simulation.set("at", 1, Timing::At(simulation.begun + HOUR)).unwrap();
    simulation.set("cron", 2, cron("*/10 * * * *")).unwrap();
    simulation.set("after", 3, Timing::After(HOUR)).unwrap();
    simulation.set("every", 4, Timing::Rate(HOUR)).unwrap();
    let mut ran = simulation.step(2 * HOUR);
    ran.sort_by_key(|ran| ran.action);
    assert_eq!(ran[0], Ran { action: 1, due: 3_600.0, run: 1, missed: 0 });
    assert_eq!(ran[1], Ran { action: 2, due: 7_200.0, run: 1, missed: 11 });
    assert_eq!(ran.len(), 2, "delays and intervals do not go by it");
    assert_eq!(simulation.stepped(), [2 * HOUR]);
    assert_eq!(simulation.pass(59 * MINUTE).len(), 5);
    assert_eq!(simulation.pass(MINUTE).len(), 3);
}

#[test]
fn a_clock_that_is_set_back_a_little_is_waited_for() {
    let mut simulation = Simulation::new();
    simulation.set("", 1, cron("* * * * *")).unwrap();
    assert_eq!(dues(&simulation.pass(2 * MINUTE)), [60.0, 120.0]);
    assert_eq!(simulation.step(-30 * SECOND), []);
    assert_eq!(dues(&simulation.pass(2 * MINUTE)), [180.0], "nothing is due twice");
}

#[test]
fn a_clock_that_is_set_back_by_an_hour_repeats_intervals_and_no_plan() {
    let mut simulation = Simulation::new();
    simulation.set("interval", 1, cron("*/30 * * * *")).unwrap();
    simulation.set("plan", 2, cron("30 12 * * *")).unwrap();
    simulation.set("at", 3, Timing::At(simulation.begun + 40 * MINUTE)).unwrap();
    assert_eq!(simulation.pass(31 * MINUTE).len(), 2);
    assert_eq!(simulation.step(-HOUR), []);
    assert_eq!(
        (simulation.next("interval"), simulation.next("at")),
        (Some(-1_800.0 + 1_800.0), Some(2_400.0))
    );
    let ran = simulation.pass(HOUR);
    let of = |action| dues(&ran.iter().filter(|ran| ran.action == action).cloned().collect::<Vec<_>>());
    assert_eq!(of(1), [0.0, 1_800.0]);
    assert_eq!(of(2), Vec::<f64>::new(), "the plan of the day has been run");
    assert_eq!(dues(&simulation.pass(10 * MINUTE)), [2_400.0], "what has not been run waits for its time");
}

#[test]
fn a_clock_that_was_wrong_by_days_is_followed() {
    let mut simulation = Simulation::new();
    simulation.set("plan", 1, cron("30 12 * * *")).unwrap();
    assert_eq!(simulation.pass(3 * DAY).len(), 3);
    simulation.step(-2 * DAY);
    assert_eq!(simulation.next("plan"), Some((DAY / SECOND) as f64 + 1_800.0));
    assert_eq!(simulation.stepped(), [-2 * DAY]);
}

#[test]
fn clocks_that_drift_are_not_set() {
    let mut simulation = Simulation::new();
    simulation.set("", 1, cron("@hourly")).unwrap();
    for _ in 0..10_000 {
        simulation.now.monotonic += SECOND;
        // Half a thousandth, as much as a clock is adjusted by.
        simulation.step(SECOND + SECOND / 2_000);
    }
    assert_eq!(simulation.stepped(), []);
}
