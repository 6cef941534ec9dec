//! Jobs for `programs/hand.rs`, and what can be seen of processes from outside.

#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its own part of it")]

use std::fs;
use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use edri_event::Request;
use edri_router::{RequestError, WorkerDeath};
use edri_worker::{CommandPool, Pool};
use serde::Serialize;

/// What a hand is to do.
#[derive(Request, Serialize, Clone, Debug)]
#[request(response = String, name = "test::Do")]
pub(crate) struct Do {
    #[serde(rename = "do")]
    what: &'static str,
    text: String,
    number: u64,
}

/// The same, and it does no harm to do it twice.
#[derive(Request, Serialize, Clone, Debug)]
#[request(response = String, idempotent)]
pub(crate) struct Again {
    #[serde(flatten)]
    job: Do,
}

pub(crate) fn job(what: &'static str) -> Do {
    Do { what, text: String::new(), number: 0 }
}

impl Do {
    pub(crate) fn text(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    pub(crate) fn number(self, number: u64) -> Self {
        Self { number, ..self }
    }

    pub(crate) fn idempotent(self) -> Again {
        Again { job: self }
    }
}

/// An example, which has no variable that tells where it is: it is beside the directory of the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.exists(), "{} is not there: build it with the examples", program.display());
    program
}

pub(crate) fn hands<R: Request>(size: usize) -> CommandPool<R> {
    hands_with(size, &[])
}

pub(crate) fn hands_with<R: Request>(size: usize, arguments: &[&str]) -> CommandPool<R> {
    Pool::command(example("hand"), arguments).size(size).name("hand").keep_env("LLVM_PROFILE_FILE")
}

/// Runs a test that would hang for ever where it should fail. The time is never spent by one that passes.
pub(crate) async fn within<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), test).await.expect("the test to end within 60 s")
}

pub(crate) fn death<T: std::fmt::Debug>(answer: Result<T, RequestError>) -> WorkerDeath {
    match answer {
        Err(RequestError::WorkerDied(death)) => *death,
        other => panic!("expected a dead worker, got {other:?}"),
    }
}

pub(crate) fn failure_code<T: std::fmt::Debug>(answer: Result<T, RequestError>) -> String {
    match answer {
        Err(RequestError::Failed(failure)) => failure.code().to_owned(),
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// Waits for what will be so, looking again now and then.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Whether there is such a process, a zombie or not.
pub(crate) fn exists(process: &str) -> bool {
    fs::exists(format!("/proc/{process}")).unwrap()
}

/// Whether it runs. One that has ended, and was not waited for by whoever has inherited it, does not.
pub(crate) fn is_alive(process: &str) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub(crate) fn kill(process: &str) {
    let process = rustix::process::Pid::from_raw(process.parse().unwrap()).unwrap();
    let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
}

/// The children of this process, those that have ended and were not waited for included.
pub(crate) fn children() -> Vec<String> {
    let mut children = Vec::new();
    for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
        if let Ok(list) = fs::read_to_string(task.path().join("children")) {
            children.extend(list.split_ascii_whitespace().map(str::to_owned));
        }
    }
    children
}

pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Those children that are examples of that name, and have that argument if one is given.
pub(crate) fn children_called(name: &str, argument: &str) -> Vec<String> {
    let is_called = |child: &String| {
        let Ok(line) = fs::read_to_string(format!("/proc/{child}/cmdline")) else { return false };
        let mut words = line.split('\0');
        let program = words.next().unwrap_or_default();
        program.ends_with(&format!("/{name}")) && (argument.is_empty() || words.any(|word| word == argument))
    };
    children().into_iter().filter(is_called).collect()
}

/// An example, which says in its first line which processes belong to it, of which there have to be so many.
pub(crate) fn started(name: &str, mode: &str, count: usize) -> (Child, Vec<String>) {
    let mut program =
        Command::new(example(name)).arg(mode).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let processes: Vec<_> = line.split_ascii_whitespace().map(str::to_owned).collect();
    assert_eq!(processes.len(), count, "{line}");
    (program, processes)
}
