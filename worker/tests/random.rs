//! Whatever happens to a pool, everybody gets one answer.

#![expect(clippy::unwrap_used, reason = "a test's own")]

mod support;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edri_event::Failure;
use edri_router::{Asking, Overflow, RequestError, Router};
use edri_worker::Unfinished;
use futures_util::FutureExt as _;
use proptest::prelude::*;
use support::{Answered, Crew, Hold, Job, Kind, within};
use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(What),
    /// Drops one of the requests that are not answered yet.
    Drop(usize),
    /// Lets one of the jobs on hold go, now or when it comes.
    LetGo,
    /// Lets the workers have their turn.
    Yield,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Answers,
    Waits,
    WaitsAndPanics,
    Panics,
    Fails,
}

#[derive(Clone, Debug)]
struct Program {
    size: usize,
    capacity: usize,
    overflow: Overflow,
    steps: Vec<Step>,
}

fn programs() -> impl Strategy<Value = Program> {
    use What::{Answers, Fails, Panics, Waits, WaitsAndPanics};
    let what =
        prop::sample::select(vec![Answers, Answers, Waits, Waits, Waits, WaitsAndPanics, Panics, Fails]);
    let step = prop_oneof![
        4 => what.prop_map(Step::Ask),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => Just(Step::LetGo),
        2 => Just(Step::Yield),
    ];
    let overflow = prop::sample::select(vec![
        Overflow::Wait,
        Overflow::Reject,
        Overflow::DropOldest,
        Overflow::DropNewest,
    ]);
    (1..5_usize, 1..6_usize, overflow, prop::collection::vec(step, 0..80))
        .prop_map(|(size, capacity, overflow, steps)| Program { size, capacity, overflow, steps })
}

/// The numbers of the jobs that were begun, each as often as it was.
type Begun = Arc<Mutex<Vec<u64>>>;

fn job(number: u64, what: What, hold: &Hold, begun: &Begun) -> Job {
    let (hold, begun) = (hold.end(), Arc::clone(begun));
    Job::new(move |_, _| {
        Box::pin(async move {
            begun.lock().unwrap().push(number);
            if matches!(what, What::Waits | What::WaitsAndPanics) {
                hold.pass(number).await;
            }
            match what {
                What::Answers | What::Waits => Ok(number),
                What::WaitsAndPanics | What::Panics => panic!("{number}"),
                What::Fails => Err(Failure::new("number", number.to_string())),
            }
        })
    })
}

fn answer(number: u64, what: What) -> Answered {
    match what {
        What::Answers | What::Waits => Ok(number),
        What::WaitsAndPanics | What::Panics => Err(RequestError::Panicked { message: number.to_string() }),
        What::Fails => Err(RequestError::Failed(Failure::new("number", number.to_string()))),
    }
}

async fn run(kind: Kind, program: Program) {
    let Program { size, capacity, overflow, steps } = program;
    let (router, crew, hold, begun) = (Router::new(), Crew::new(), Hold::new(), Begun::default());
    let pool = kind.pool(size, crew.hands()).capacity(capacity).overflow(overflow).start(&router).unwrap();
    let mut asked: Vec<(u64, What)> = Vec::new();
    let mut open: Vec<(u64, Asking<'_, Job>)> = Vec::new();
    let mut answered: Vec<(u64, Answered)> = Vec::new();
    for step in steps {
        match step {
            Step::Ask(what) => {
                let number = asked.len() as u64;
                asked.push((number, what));
                let mut asking = router.request(job(number, what, &hold, &begun));
                match (&mut asking).now_or_never() {
                    Some(answer) => answered.push((number, answer)),
                    None => open.push((number, asking)),
                }
            }
            Step::Drop(_) if open.is_empty() => {}
            Step::Drop(which) => drop(open.swap_remove(which % open.len())),
            Step::LetGo => hold.let_go(1),
            Step::Yield => tokio::task::yield_now().await,
        }
    }
    hold.let_all_go();
    let expected = answered.len() + open.len();
    for (number, asking) in open {
        answered.push((number, asking.await));
    }
    assert_eq!(answered.len(), expected);
    let tally = pool.tally();
    assert_eq!(pool.stop(Instant::now() + Duration::from_secs(3_600)).await, Unfinished::default());
    crew.until_gone().await;

    let begun = begun.lock().unwrap();
    let once: HashSet<u64> = begun.iter().copied().collect();
    assert_eq!(once.len(), begun.len(), "a job was done twice");
    let mut overloaded = 0;
    for (number, outcome) in answered {
        if outcome == Err(RequestError::Overloaded) {
            overloaded += 1;
            assert!(!once.contains(&number), "{number} was refused, and done");
        } else {
            assert!(once.contains(&number), "{number} was answered, and not done");
            assert_eq!(outcome, answer(number, asked[number as usize].1));
        }
    }
    assert!(overloaded <= tally.rejected + tally.dropped);
    assert!(overflow != Overflow::Wait || tally.rejected + tally.dropped == 0);
    assert!(crew.peak() <= size, "{} jobs at once by {size} workers", crew.peak());
    let panics = |what| matches!(what, What::Panics | What::WaitsAndPanics);
    let panicked = once.iter().filter(|&&number| panics(asked[number as usize].1)).count();
    assert_eq!((crew.made(), crew.set_up()), (size + panicked, size + panicked));
}

fn on_a_runtime(kind: Kind, program: Program) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(within(run(kind, program)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn every_request_of_tasks_is_answered_once(program in programs()) {
        on_a_runtime(Kind::Tasks, program);
    }

    #[test]
    fn every_request_of_threads_is_answered_once(program in programs()) {
        on_a_runtime(Kind::Threads, program);
    }
}

/// Many tasks ask a small pool at once, on several threads; every third request is given up.
async fn a_crowd(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::new());
    let pool = kind.pool(3, crew.hands()).capacity(2).start(&router).unwrap();
    let asking = (0..8).map(|_| {
        let router = router.clone();
        tokio::spawn(async move {
            for number in 0..300 {
                let mut asking = router.request(Job::answer(number));
                if number % 3 == 0 {
                    let _ = (&mut asking).now_or_never();
                    tokio::task::yield_now().await;
                } else {
                    assert_eq!(asking.await, Ok(number));
                }
            }
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    assert_eq!(pool.stop(Instant::now() + Duration::from_secs(3_600)).await, Unfinished::default());
    assert!(crew.peak() <= 3);
    crew.until_gone().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_in_a_crowd_is_forgotten_by_tasks() {
    within(a_crowd(Kind::Tasks)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_in_a_crowd_is_forgotten_by_threads() {
    within(a_crowd(Kind::Threads)).await;
}
