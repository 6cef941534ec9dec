//! However a program ends, its workers and what they have started end with it.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test's own")]

#[path = "support/program.rs"]
mod program;

use std::process::{Child, Command};
use std::time::Duration;

use edri_router::Router;
use program::{Do, children, hands, is_alive, job, kill, started, until, within};

/// A program that has two workers, of which one has started two processes more: itself, and these four.
fn program(mode: &str) -> (Child, Vec<String>) {
    started("parent", mode, 4)
}

async fn are_gone(processes: &[String]) {
    until("all of its processes are gone", || !processes.iter().any(|process| is_alive(process))).await;
}

#[tokio::test]
async fn the_children_of_a_program_that_is_killed_are_gone_and_so_are_theirs() {
    within(async {
        for mode in ["wait", "busy"] {
            let (mut parent, processes) = program(mode);
            assert!(processes.iter().all(|process| is_alive(process)), "{mode}");
            parent.kill().unwrap();
            parent.wait().unwrap();
            are_gone(&processes).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_children_of_a_program_that_ends_without_a_word_are_gone() {
    within(async {
        for (mode, code) in [("exit", Some(3)), ("abort", None), ("panic", Some(101)), ("return", Some(0))] {
            let (mut parent, processes) = program(mode);
            assert_eq!(parent.wait().unwrap().code(), code, "{mode}");
            are_gone(&processes).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_program_that_inherits_orphans_waits_for_those_of_its_workers() {
    within(async {
        let (mut parent, processes) = program("heir");
        assert_eq!(parent.wait().unwrap().code(), Some(0));
        are_gone(&processes).await;
    })
    .await;
}

#[tokio::test]
async fn signals_that_end_a_program_end_its_children() {
    within(async {
        for signal in ["-TERM", "-USR1", "-ABRT"] {
            let (mut parent, processes) = program("wait");
            assert!(
                Command::new("/bin/kill")
                    .args([signal, &parent.id().to_string()])
                    .status()
                    .unwrap()
                    .success()
            );
            parent.wait().unwrap();
            are_gone(&processes).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_guard_that_was_killed_is_there_again_for_the_next_child() {
    within(async {
        let (mut parent, processes) = program("wait");
        let guard = children_of(parent.id()).into_iter().find(|child| is_guard(child)).unwrap();
        kill(&guard);
        // A new worker, and with it a new guard, which knows of what the other one has started.
        let other = processes[..2].iter().find(|worker| **worker != parent_of(&processes[2])).unwrap();
        kill(other);
        until("there is a guard", || {
            children_of(parent.id()).iter().any(|child| *child != guard && is_guard(child))
        })
        .await;
        until("it has read what it has to know", || children_of(parent.id()).len() >= 3).await;
        parent.kill().unwrap();
        parent.wait().unwrap();
        are_gone(&processes).await;
    })
    .await;
}

fn children_of(process: u32) -> Vec<String> {
    let mut children = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten() {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(list.split_ascii_whitespace().map(str::to_owned));
    }
    children
}

fn parent_of(process: &str) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    after_name.split_ascii_whitespace().nth(1).unwrap().to_owned()
}

fn is_guard(process: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/cmdline")).is_ok_and(|line| line.contains("edri-guard"))
}

#[test]
fn the_children_of_a_runtime_that_is_dropped_are_gone() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (router, mut pids) = (Router::new(), Vec::new());
    let pool = runtime.block_on(async {
        let pool = hands::<Do>(2).start(&router).unwrap();
        for _ in 0..10 {
            pids.push(router.request(job("pid")).await.unwrap());
        }
        pool
    });
    runtime.shutdown_timeout(Duration::from_secs(10));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(within(async {
        are_gone(&pids).await;
        until("none was left as a zombie", || !children().iter().any(|child| pids.contains(child))).await;
    }));
    drop(pool);
}
