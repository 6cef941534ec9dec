//! Random commands on random schedules, against the model.

use proptest::prelude::*;
use proptest::sample::select;

use super::model::{Model, Modelled, first};
use super::*;
use crate::core::commands::Changes;
use crate::options::OptionChanges;
use crate::{Missed, Overlap};

const PATTERNS: [&str; 4] = ["*/7 * * * * *", "*/10 * * * *", "30 13 * * *", "0 0 12 1 7 ? 2027"];

#[derive(Clone, Debug)]
enum Command {
    Set {
        name: usize,
        timing: Timing,
        missed: Missed,
        overlap: Overlap,
        limit: Option<u64>,
        end: Option<i64>,
    },
    Update {
        name: usize,
        timing: Option<Timing>,
        missed: Option<Missed>,
    },
    Cancel(usize),
    Pause(usize),
    Resume(usize),
    RunNow(usize),
    /// With a look only at the end.
    Stall(Nanoseconds),
    /// With a look whenever something is due.
    Pass(Nanoseconds),
    /// The wall clock goes forward, or back by less than a minute.
    Step(Nanoseconds),
    /// The first of the runs that have not ended, ends.
    End,
    /// All of them, and those that follow.
    EndAll,
}

fn timing() -> impl Strategy<Value = Timing> {
    prop_oneof![
        (1_i64..200).prop_map(|after| Timing::After(after * SECOND)),
        (1_i64..60).prop_map(|every| Timing::Rate(every * SECOND)),
        (1_i64..60).prop_map(|every| Timing::Delay(every * SECOND)),
        select(&PATTERNS[..])
            .prop_map(|pattern| Timing::Cron(Cron::parse(pattern).unwrap().zone(&TimeZone::UTC))),
    ]
}

fn missed() -> impl Strategy<Value = Missed> {
    prop_oneof![Just(Missed::Skip), Just(Missed::Once), (1_u32..4).prop_map(Missed::All)]
}

fn overlap() -> impl Strategy<Value = Overlap> {
    prop_oneof![Just(Overlap::Skip), (1_u32..4).prop_map(Overlap::Queue), (1_u32..4).prop_map(Overlap::Allow)]
}

fn command() -> impl Strategy<Value = Command> {
    let name = 0_usize..6;
    let set = (
        name.clone(),
        timing(),
        missed(),
        overlap(),
        prop::option::of(1_u64..6),
        prop::option::of(100_i64..900),
    );
    prop_oneof![
        4 => set.prop_map(|(name, timing, missed, overlap, limit, end)| Command::Set { name, timing, missed, overlap, limit, end }),
        1 => (name.clone(), prop::option::of(timing()), prop::option::of(missed()))
            .prop_map(|(name, timing, missed)| Command::Update { name, timing, missed }),
        1 => name.clone().prop_map(Command::Cancel),
        1 => name.clone().prop_map(Command::Pause),
        1 => name.clone().prop_map(Command::Resume),
        1 => name.prop_map(Command::RunNow),
        2 => (1_i64..200).prop_map(|seconds| Command::Stall(seconds * SECOND + 1)),
        3 => (1_i64..60_000).prop_map(|milliseconds| Command::Pass(milliseconds * SECOND / 1_000)),
        1 => (-59_i64..4_000).prop_map(|seconds| Command::Step(seconds * SECOND)),
        3 => Just(Command::End),
        2 => Just(Command::EndAll),
    ]
}

/// Both, side by side.
struct Pair {
    simulation: Simulation,
    model: Model,
    /// Of each action of the simulation, which is a generation of the model.
    generations: u32,
    ran: Vec<(usize, Nanoseconds, u64, u64)>,
}

impl Pair {
    fn note(&mut self, ran: Vec<Ran>) {
        let begun = self.simulation.begun;
        self.ran.extend(
            ran.into_iter().map(|ran| {
                (ran.action as usize, (ran.due * 1e9).round() as i64 + begun, ran.run, ran.missed)
            }),
        );
    }

    fn stall(&mut self, duration: Nanoseconds) {
        let ran = self.simulation.stall(duration);
        self.note(ran);
        self.model.look(self.simulation.now);
    }

    fn end_first(&mut self) {
        if self.simulation.flights.is_empty() {
            return;
        }
        // The model ends the same: which is first may differ where several fell due in one look.
        let (action, _) = self.simulation.flights[0];
        let place = self.model.flights.iter().position(|&generation| generation == action as usize);
        let generation = self.model.flights.remove(place.expect("the model has that run"));
        self.model.flights.insert(0, generation);
        self.simulation.end_first();
        self.model.end_first(self.simulation.now);
        let ran = self.simulation.take();
        self.note(ran);
    }

    fn apply(&mut self, command: Command) -> Result<(), TestCaseError> {
        let now = self.simulation.now;
        let id = |name: usize| ScheduleId::from(format!("s{name}"));
        match command {
            Command::Set { name, timing, missed, overlap, limit, end } => {
                let end = end.map(|after| now.wall + after * SECOND);
                let done = self.simulation.set_with(
                    &format!("s{name}"),
                    self.generations,
                    timing.clone(),
                    |options| {
                        (options.missed, options.overlap, options.limit) = (missed, overlap, limit);
                        options.end = end.map(system_time);
                    },
                );
                let generation = self.generations as usize;
                let mut schedule = Modelled {
                    name,
                    generation,
                    timing,
                    missed,
                    overlap,
                    limit,
                    end,
                    next: None,
                    paused: None,
                    runs: 0,
                    running: 0,
                    queue: Vec::new(),
                };
                schedule.next = first(&schedule, now);
                let hand = schedule.timing.hand();
                let may =
                    schedule.next.is_some_and(|next| end.is_none_or(|end| now.wall_of(hand, next) <= end));
                prop_assert_eq!(done.is_ok(), may && self.model.named(name).is_none());
                if done.is_ok() {
                    self.model.schedules.push(schedule);
                    self.generations += 1;
                }
            }
            Command::Update { name, timing, missed } => {
                let options =
                    missed.map(|missed| OptionChanges { missed: Some(missed), ..OptionChanges::default() });
                let changes =
                    Changes { action: None, timing: timing.clone().map(|timing| (timing, None)), options };
                let done = self.simulation.core.update(&id(name), changes, now);
                let Some(index) = self.model.named(name) else {
                    prop_assert_eq!(refusal(done), Refusal::Unknown);
                    return Ok(());
                };
                if done.is_err() {
                    // What cannot be any more is looked at in tests of its own.
                    return Ok(());
                }
                let schedule = &mut self.model.schedules[index];
                schedule.missed = missed.unwrap_or(schedule.missed);
                let is_over = schedule.next.is_none()
                    && schedule.paused.is_none()
                    && !(matches!(schedule.timing, Timing::Delay(_))
                        && schedule.running > 0
                        && schedule.left() > 0);
                if timing.is_some() || is_over {
                    schedule.timing = timing.unwrap_or_else(|| schedule.timing.clone());
                    let next = first(schedule, now);
                    match &mut schedule.paused {
                        Some(paused) => *paused = next,
                        None => schedule.plan(next, now),
                    }
                }
                self.model.settle();
            }
            Command::Cancel(name) => {
                let done = self.simulation.core.cancel(&id(name)).is_ok();
                let index = self.model.named(name);
                prop_assert_eq!(done, index.is_some());
                index.map(|index| self.model.schedules.remove(index));
            }
            Command::Pause(name) => {
                let done = self.simulation.core.pause(&id(name), now, &mut self.simulation.outputs).is_ok();
                let index = self.model.named(name);
                prop_assert_eq!(done, index.is_some());
                let Some(index) = index else { return Ok(()) };
                let schedule = &mut self.model.schedules[index];
                if schedule.paused.is_none() {
                    schedule.paused = Some(schedule.next.take());
                }
                self.model.settle();
            }
            Command::Resume(name) => {
                let done = self.simulation.core.resume(&id(name), now, &mut self.simulation.outputs).is_ok();
                let ran = self.simulation.take();
                self.note(ran);
                let index = self.model.named(name);
                prop_assert_eq!(done, index.is_some());
                if let Some(index) = index
                    && let Some(mut next) = self.model.schedules[index].paused.take()
                {
                    let schedule = &mut self.model.schedules[index];
                    let hand = schedule.timing.hand();
                    while let Some(due) = next.filter(|&due| due < now.by(hand))
                        && let Some(following) = schedule.following(due)
                    {
                        next = Some(following);
                    }
                    if let Timing::Delay(interval) = schedule.timing
                        && schedule.left() > 0
                    {
                        let rest = now.monotonic + interval;
                        next = match (schedule.running, next) {
                            (0, Some(next)) if next > now.monotonic => Some(next),
                            (0, _) => Some(rest),
                            _ => None,
                        };
                    }
                    schedule.plan(next, now);
                    self.model.follow(index);
                    self.model.settle();
                }
            }
            Command::RunNow(name) => {
                let done = self.simulation.core.run_now(&id(name), now, &mut self.simulation.outputs);
                let ran = self.simulation.take();
                self.note(ran);
                let index = self.model.named(name);
                let may = index.is_some_and(|index| self.model.may_run(index));
                prop_assert_eq!(done.is_ok(), may);
                if let Some(index) = index.filter(|_| may) {
                    self.model.offer(index, now.wall, 0);
                    let schedule = &mut self.model.schedules[index];
                    if schedule.left() == 0 {
                        schedule.next = None;
                        schedule.paused =
                            schedule.paused.filter(|_| !schedule.queue.is_empty()).map(|_| None);
                    }
                    self.model.settle();
                }
            }
            Command::Stall(duration) => self.stall(duration),
            Command::Pass(duration) => {
                let end = now.monotonic + duration;
                loop {
                    let now = self.simulation.now;
                    let timers = &self.simulation.core.timers;
                    let until = [Hand::Wall, Hand::Monotonic]
                        .into_iter()
                        .filter_map(|hand| timers.until_due(hand, now));
                    let until = until.min().map_or(Nanoseconds::MAX, |until| until.max(0));
                    let rest = end - now.monotonic;
                    self.stall(until.min(rest));
                    if until >= rest {
                        break;
                    }
                }
            }
            Command::Step(by) => {
                self.simulation.now.wall += by;
                self.stall(0);
            }
            Command::End => self.end_first(),
            Command::EndAll => {
                for _ in 0..200 {
                    self.end_first();
                }
            }
        }
        Ok(())
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        // In one look, which of several schedules comes first is not promised.
        self.ran.sort_unstable();
        self.model.ran.sort_unstable();
        prop_assert_eq!(&self.ran, &self.model.ran);
        prop_assert_eq!(self.simulation.core.len(), self.model.schedules.len());
        prop_assert_eq!(self.simulation.flights.len(), self.model.flights.len());
        let counts = self.simulation.core.counts();
        prop_assert_eq!((counts.skipped, counts.missed), (self.model.skipped, self.model.missed));
        let told: u64 = self
            .simulation
            .outputs
            .iter()
            .filter_map(|output| match output {
                Output::Skipped(skipped) => Some(skipped.count),
                _ => None,
            })
            .sum();
        prop_assert_eq!(told, counts.skipped + counts.missed, "what is left out is told");
        for schedule in &self.model.schedules {
            let key = self.simulation.core.find(&format!("s{}", schedule.name).into()).unwrap();
            let read = self.simulation.core.read(key, self.simulation.now).unwrap();
            let hand = schedule.timing.hand();
            let next = schedule.next.map(|next| self.simulation.now.wall_of(hand, next));
            prop_assert_eq!(
                (read.next, read.runs, read.running as usize, read.queued as usize, read.paused),
                (next, schedule.runs, schedule.running, schedule.queue.len(), schedule.paused.is_some()),
                "{:?}",
                schedule
            );
        }
        Ok(())
    }
}

fn cases() -> u32 {
    std::env::var("EDRI_SCHEDULER_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_scheduler_does_what_a_plain_list_does(commands in prop::collection::vec(command(), 1..60)) {
        let mut simulation = Simulation::new();
        simulation.ends = false;
        simulation.core.settings.flights = usize::MAX;
        let mut pair = Pair { simulation, model: Model::default(), generations: 0, ran: Vec::new() };
        for command in commands {
            pair.apply(command.clone())?;
            pair.compare().map_err(|error| TestCaseError::fail(format!("after {command:?}: {error}")))?;
        }
    }
}
