//! Crashes between any two records, against what is promised: every run that was sent is told apart by its number, has
//! one due time however often it is sent, and no number is left out.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use proptest::sample::select;

use super::{Book, Definition, Record};
use crate::core::{Core, Ended, Flight, Kept, Moved, Now, Output, Plan, Run, Settings, Timing};
use crate::cron::Cron;
use crate::id::Key;
use crate::options::{Keep, Missed, Options, Overlap};
use crate::time::{Nanoseconds, SECOND, nanoseconds_of};
use crate::zone::TimeZone;

const SCHEDULES: u32 = 4;

#[derive(Clone, Debug)]
enum Step {
    Pass(Nanoseconds),
    /// So many records reach the disk.
    Write(usize),
    /// Of the runs that were sent and have not ended, this one ends.
    End(usize),
    /// The program is gone for so long, with what was not on the disk.
    Crash(Nanoseconds),
}

struct Machine {
    core: Core<u32>,
    now: Now,
    disk: Book,
    /// Records on their way, each with the runs that are sent when it has arrived.
    line: VecDeque<(Record, Vec<Run<u32>>)>,
    /// Runs that were sent and have not ended.
    under_way: Vec<Flight>,
    /// By schedule and number, the due times under which a run was sent.
    sent: BTreeMap<(u32, u64), Vec<Nanoseconds>>,
    crashes: usize,
}

fn settings() -> Settings {
    Settings { zone: TimeZone::UTC, on_time: 2 * SECOND, schedules: 100, flights: 1_000 }
}

impl Machine {
    fn new(plans: Vec<(Timing, Missed, Overlap)>) -> Self {
        let wall = nanoseconds_of(TimeZone::UTC.time("2026-07-01 12:00").unwrap());
        let now = Now { wall, monotonic: 0 };
        let mut machine = Self {
            core: Core::new(settings(), 7, now),
            now,
            disk: Book::default(),
            line: VecDeque::new(),
            under_way: Vec::new(),
            sent: BTreeMap::new(),
            crashes: 0,
        };
        for (action, (timing, missed, overlap)) in (0..).zip(plans) {
            let options = Options { missed, overlap, keep: Keep::Durable, ..Options::default() };
            let id = Some(action.to_string().into());
            let stored = (&timing).into();
            let key =
                machine.core.set(Plan { id, action, timing, first: None, options: options.clone() }, now);
            let key = key.unwrap();
            let definition =
                Definition { id: action.to_string().into(), event: None, timing: stored, options };
            let place = machine.core.place(key, now);
            // They were answered: they are on the disk.
            machine.disk.apply(Record::Set { key: key.to_bits(), definition: Box::new(definition), place });
        }
        machine
    }

    /// Puts what came out in line, as the scheduler does: records, and behind them the runs that wait for them.
    fn put_out(&mut self, outputs: Vec<Output<u32>>) {
        let mut runs = Vec::new();
        let mut last = None;
        for output in outputs {
            match output {
                Output::Run(run) => runs.push(run),
                Output::Moved(Moved { key, begun, place }) => {
                    last = Some(Record::Moved { key: key.to_bits(), begun, place });
                }
                Output::Ended(key, run) => last = Some(Record::Ended { key: key.to_bits(), run }),
                Output::Skipped(_) | Output::Stepped(_) => {}
            }
            if let Some(record) = last.take() {
                self.line.push_back((record, std::mem::take(&mut runs)));
            }
        }
        // Those of a restart are on the disk already.
        runs.into_iter().for_each(|run| self.send(run));
    }

    fn send(&mut self, run: Run<u32>) {
        let due = nanoseconds_of(run.tick.due);
        self.sent.entry((run.action, run.tick.run)).or_default().push(due);
        self.under_way.push(run.flight);
    }

    fn look(&mut self) {
        let mut outputs = Vec::new();
        while self.core.look(self.now, &mut outputs) {}
        self.put_out(outputs);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Pass(duration) => {
                self.now = Now { wall: self.now.wall + duration, monotonic: self.now.monotonic + duration };
                self.look();
            }
            Step::Write(records) => {
                for (record, runs) in self.line.drain(..records.min(self.line.len())).collect::<Vec<_>>() {
                    self.disk.apply(record);
                    runs.into_iter().for_each(|run| self.send(run));
                }
            }
            Step::End(which) => {
                if self.under_way.is_empty() {
                    return;
                }
                let flight = self.under_way.remove(which % self.under_way.len());
                let mut outputs = Vec::new();
                self.core.ended(flight, Ended::Well, self.now, &mut outputs);
                self.put_out(outputs);
            }
            Step::Crash(downtime) => {
                self.crashes += 1;
                self.line.clear();
                self.under_way.clear();
                self.now = Now { wall: self.now.wall + downtime, monotonic: 0 };
                self.core = Core::new(settings(), 7 + self.crashes as u64, self.now);
                let kept = self.disk.clone().into_entries().map(|(key, entry)| Kept {
                    key: Key::from_bits(key),
                    action: entry.definition.id.name().unwrap().parse().unwrap(),
                    id: entry.definition.id,
                    timing: entry.definition.timing.read().unwrap(),
                    options: entry.definition.options,
                    place: entry.place,
                    unfinished: entry.unfinished,
                    held: false,
                });
                let kept = kept.collect();
                let mut outputs = Vec::new();
                self.core.restore(kept, self.now, &mut outputs);
                self.put_out(outputs);
            }
        }
    }

    /// All that was begun with is sent and ends.
    fn finish(&mut self) {
        while !self.line.is_empty() || !self.under_way.is_empty() {
            self.step(&Step::Write(usize::MAX));
            self.step(&Step::End(0));
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        for action in 0..SCHEDULES {
            let runs: Vec<_> = self.sent.range((action, 0)..=(action, u64::MAX)).collect();
            for (expected, ((_, number), dues)) in (1..).zip(&runs) {
                prop_assert_eq!(expected, *number, "no number of {} is left out", action);
                prop_assert!(
                    dues.windows(2).all(|pair| pair[0] == pair[1]),
                    "{} {}: {:?}",
                    action,
                    number,
                    dues
                );
                prop_assert!(dues.len() <= 1 + self.crashes, "once more for each crash at the most");
            }
            let dues: Vec<_> = runs.iter().filter_map(|(_, dues)| dues.first()).collect();
            prop_assert!(
                dues.windows(2).all(|pair| pair[0] < pair[1]),
                "no due time has two numbers: {:?}",
                dues
            );
        }
        Ok(())
    }
}

fn plan() -> impl Strategy<Value = (Timing, Missed, Overlap)> {
    let timing = prop_oneof![
        (1_i64..100).prop_map(|after| Timing::After(after * SECOND)),
        (1_i64..40).prop_map(|every| Timing::Rate(every * SECOND)),
        (1_i64..40).prop_map(|every| Timing::Delay(every * SECOND)),
        select(&["*/7 * * * * *", "* * * * *"][..])
            .prop_map(|pattern| Timing::Cron(Cron::parse(pattern).unwrap())),
    ];
    let missed = prop_oneof![Just(Missed::Skip), Just(Missed::Once), (1_u32..4).prop_map(Missed::All)];
    let overlap = prop_oneof![
        Just(Overlap::Skip),
        (1_u32..4).prop_map(Overlap::Queue),
        (1_u32..4).prop_map(Overlap::Allow)
    ];
    (timing, missed, overlap)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_i64..30_000).prop_map(|milliseconds| Step::Pass(milliseconds * SECOND / 1_000)),
        4 => (0_usize..6).prop_map(Step::Write),
        3 => any::<usize>().prop_map(Step::End),
        1 => (1_i64..200).prop_map(|seconds| Step::Crash(seconds * SECOND)),
    ]
}

fn cases() -> u32 {
    std::env::var("EDRI_SCHEDULER_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn no_crash_loses_a_run_or_gives_it_another_number(
        plans in prop::collection::vec(plan(), SCHEDULES as usize),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut machine = Machine::new(plans);
        for step in &steps {
            machine.step(step);
        }
        machine.finish();
        machine.check()?;
    }
}
