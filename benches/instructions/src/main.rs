//! Counts the instructions of EDRI's hot paths under callgrind, and compares them with their budget.
//!
//! ```text
//! main        all workloads, or the one that is being counted
//! workload    what is counted: a manager, and the plain channel beside it
//! listener    a subscriber that does not listen to events being handled
//! callgrind   counting: this program itself, run under valgrind
//! budget      how much each may cost, as a ratio to the plain channel
//! ```
//!
//! `cargo run --release -p edri-instructions` ends with exit code 1 if a path has become dearer than its budget.
//! Instructions are counted and not timed: a busy machine changes nothing. Without valgrind it says that it is
//! skipped.

#![allow(clippy::print_stdout, reason = "a program that shows what it counted")]

mod budget;
mod callgrind;
mod listener;
mod workload;

use std::env;
use std::process::ExitCode;

use listener::Listener;
use workload::Workload;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => count_all(),
        [workload, listener, events] => {
            match (Workload::named(workload), Listener::named(listener), events.parse()) {
                (Some(workload), Some(listener), Ok(events)) => {
                    listener.listen();
                    workload.run(events);
                    ExitCode::SUCCESS
                }
                _ => usage(),
            }
        }
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("expected no arguments, or a workload, a listener and a number of events");
    ExitCode::from(2)
}

fn count_all() -> ExitCode {
    if !callgrind::is_installed() {
        println!("skipped: valgrind is not installed");
        return ExitCode::SUCCESS;
    }
    let counted = budget::ALL.iter().map(|budget| budget.check());
    match counted.collect::<Result<Vec<_>, _>>() {
        Ok(verdicts) if verdicts.iter().all(|kept| *kept) => {
            println!("all within their budgets");
            ExitCode::SUCCESS
        }
        Ok(_) => {
            eprintln!("some cost more than their budget: see above");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("could not be counted: {error}");
            ExitCode::FAILURE
        }
    }
}
