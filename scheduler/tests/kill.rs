//! Durable schedules in a process that is killed at any moment, again and again.
//!
//! The child sets schedules and writes down what was answered and what was run, each as a line of a file. The parent
//! kills it without warning, starts it again, and compares in the end.
//!
//! `EDRI_SCHEDULER_KILLS=1000` for more than the usual.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]
#![cfg(unix)]

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use edri_event::{Failure, Notification, Request};
use edri_manager::IntoHost as _;
use edri_router::Router;
use edri_scheduler::{Ask, Overlap, Schedule, Scheduler, Schedules, Stamped, Tick};
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde::{Deserialize, Serialize};

const DIRECTORY: &str = "EDRI_SCHEDULER_KILL";

/// How often the child is killed unless the environment says otherwise, and how long it lives at the most, in milliseconds.
const LIVES: usize = 40;
const LONGEST_LIFE: u64 = 250;

/// How many lines it has to have written in all its lives.
const ENOUGH: usize = 30;

#[derive(Notification, Clone, Serialize, Deserialize)]
#[notification(shareable, name = "kill::Ran")]
struct Ran {
    tick: Option<Tick>,
}

#[derive(Request, Clone, Serialize, Deserialize)]
#[request(response = (), shareable, name = "kill::Slow")]
struct Slow {
    /// How many milliseconds.
    takes: u64,
    tick: Option<Tick>,
}

impl Stamped for Ran {
    fn stamp(&mut self, tick: &Tick) {
        self.tick = Some(tick.clone());
    }
}

impl Stamped for Slow {
    fn stamp(&mut self, tick: &Tick) {
        self.tick = Some(tick.clone());
    }
}

fn slow(takes: u64) -> Schedule {
    Schedule::send(Ask::stamped(Slow { takes, tick: None }))
}

/// What is appended to it may end anywhere when its process is killed: see [`whole`].
fn append(file: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(file).unwrap()
}

fn line(tick: &Tick) -> String {
    let due = tick.due.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    written(&format!("{} {} {due}", tick.schedule, tick.run))
}

/// A line that can be told from the beginning of one, and does not go on where another has ended.
fn written(line: &str) -> String {
    format!("\n{line} .\n")
}

/// The lines that were written to their end.
fn whole(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_suffix(" ."))
}

/// Not a test: what the parent starts.
#[test]
fn child() {
    let Ok(directory) = std::env::var(DIRECTORY) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(live(PathBuf::from(directory)));
}

async fn live(directory: PathBuf) {
    let router = Router::new();
    let mut ran = router.subscribe::<Ran>();
    let runs = append(&directory.join("runs"));
    let done = runs.try_clone().unwrap();
    let _slow = router.respond(move |request: Slow| {
        let done = done.try_clone();
        async move {
            tokio::time::sleep(Duration::from_millis(request.takes)).await;
            // Told when it is done: killed before, it has not been run.
            done.map_err(Failure::from)?.write_all(line(&request.tick.unwrap()).as_bytes())?;
            Ok(())
        }
    });
    let scheduler = Scheduler::new()
        .journal(directory.join("journal"))
        .sends_stamped::<Ran>()
        .asks_stamped::<Slow>()
        .schedule(slow(30).id("slow").every(Duration::from_millis(40)).durable());
    let _scheduler = scheduler.into_host().start(&router).await.unwrap();
    let schedules = Schedules::on(&router);
    let often = Schedule::send(Ran { tick: None }).id("often").every(Duration::from_millis(7)).durable();
    schedules.set_or_update(often.overlap(Overlap::Queue(9))).await.unwrap();

    let mut runs = runs;
    tokio::spawn(async move {
        while let Some(ran) = ran.recv().await {
            runs.write_all(line(ran.tick.as_ref().unwrap()).as_bytes()).unwrap();
        }
    });
    let mut answered = append(&directory.join("answered"));
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let born = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    for number in 0.. {
        let id = format!("once-{born}-{number}");
        let delay = Duration::from_millis(random.next_u64() % 150);
        schedules.set(slow(random.next_u64() % 5).id(&*id).after(delay).durable()).await.unwrap();
        answered.write_all(written(&id).as_bytes()).unwrap();
        // One of four is taken back, if it has not been run yet.
        if number % 4 == 0 {
            answered.write_all(written(&format!("{id} cancelled")).as_bytes()).unwrap();
            let _ = schedules.cancel(&*id).await;
        }
    }
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_at_any_moment_it_keeps_what_was_answered_and_runs_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let lives = std::env::var("EDRI_SCHEDULER_KILLS").map_or(LIVES, |kills| kills.parse().unwrap());
    let answered = || std::fs::read_to_string(directory.path().join("answered")).unwrap_or_default();
    let (mut killed, begun) = (0, Instant::now());
    // A machine that takes long to start it gets more lives, and longer ones, until there is something to look at.
    while killed < lives || whole(&answered()).count() <= ENOUGH && begun.elapsed() < Duration::from_secs(60)
    {
        let mut child = start(directory.path());
        let longest = LONGEST_LIFE * (1 + killed / lives.max(1)) as u64;
        thread::sleep(Duration::from_millis(20 + random.next_u64() % longest));
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9), "it did not end by itself");
        killed += 1;
    }
    // Once more, until all that was answered in earlier lives has been run.
    let earlier = answered();
    let mut last = start(directory.path());
    let patience = Instant::now() + Duration::from_secs(30);
    let missing = loop {
        thread::sleep(Duration::from_millis(100));
        let missing = missing(&earlier, &runs(directory.path()));
        if missing.is_empty() || Instant::now() > patience {
            break missing;
        }
    };
    last.kill().unwrap();
    last.wait().unwrap();
    assert_eq!(missing, Vec::<String>::new(), "these were answered, and never run");
    assert!(whole(&earlier).count() > ENOUGH, "{earlier}");

    for (schedule, runs) in runs(directory.path()) {
        let numbers: Vec<u64> = runs.keys().copied().collect();
        // A notification may be lost with an inbox; a request is not.
        if schedule != "often" {
            assert_eq!(
                numbers,
                (1..=numbers.len() as u64).collect::<Vec<_>>(),
                "{schedule}: each number in turn"
            );
        }
        for (number, dues) in runs {
            assert!(dues.len() <= 1 + killed, "{schedule} {number}: once for each life at the most");
            assert!(
                dues.windows(2).all(|pair| pair[0] == pair[1]),
                "{schedule} {number}: the same due time, {dues:?}"
            );
        }
    }
}

/// By schedule and number, the due times under which it was run.
fn runs(directory: &Path) -> BTreeMap<String, BTreeMap<u64, Vec<u128>>> {
    let mut runs: BTreeMap<String, BTreeMap<u64, Vec<u128>>> = BTreeMap::new();
    for line in whole(&std::fs::read_to_string(directory.join("runs")).unwrap()) {
        let [schedule, run, due] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        let dues = runs.entry(schedule.to_owned()).or_default().entry(run.parse().unwrap()).or_default();
        dues.push(due.parse().unwrap());
    }
    runs
}

/// Those that were answered, not cancelled, and have not been run.
fn missing(answered: &str, runs: &BTreeMap<String, BTreeMap<u64, Vec<u128>>>) -> Vec<String> {
    let cancelled: HashSet<&str> =
        whole(answered).filter_map(|line| line.strip_suffix(" cancelled")).collect();
    let ids = whole(answered).filter(|line| !line.contains(' '));
    ids.filter(|id| !cancelled.contains(id) && !runs.contains_key(*id)).map(str::to_owned).collect()
}
