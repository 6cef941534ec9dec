//! Measures EDRI against raw channels and other actor crates, interleaved in one run.
//!
//! ```text
//! scenario ──< contender ──run(events)──> Sample ──> Summary ──> table, JSON
//!                  │
//!                  └── sets itself up, then hands a Teller, Asker, or Publisher to `drive`
//! ```
//!
//! A [`scenario`] says what is measured, the files in `contenders` say who takes part, [`drive`]
//! holds the loops all contenders of a scenario share, and `report` prints what came out. It is a library for those whose
//! contenders are in a package of their own: they hand them to [`run`].

#![allow(clippy::print_stdout, reason = "printing tables is what this program is for")]

mod arguments;
pub mod contender;
mod contenders;
pub mod drive;
pub mod event;
pub mod measure;
mod memory;
mod pace;
mod report;
mod rounds;
pub mod runtime;
pub mod scenario;
mod summary;
pub mod tally;

use std::{process::ExitCode, sync::Arc};

use clap::Parser;

use crate::{arguments::Arguments, contender::Contender, rounds::Rounds, scenario::Scenario};

/// The program, on its command line: its own contenders and `others` take turns, and are in the same tables.
pub fn run(others: Vec<Contender>) -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.switch_child {
        contenders::network::run_switch();
    }
    if arguments.echo_child {
        contenders::network::run_echo();
    }
    if let Some(way) = &arguments.far_child {
        contenders::network::run_far(way);
    }
    let contenders: Vec<Arc<Contender>> = contenders::all().into_iter().chain(others).map(Arc::new).collect();

    if let Some(name) = &arguments.child {
        memory::run_child(&contenders, name, arguments.messages);
        return ExitCode::SUCCESS;
    }
    if arguments.list {
        list(&contenders);
        return ExitCode::SUCCESS;
    }

    let rounds = Rounds { counted: arguments.rounds, messages: arguments.messages };
    let mut summaries = Vec::new();
    for scenario in arguments.scenarios() {
        let chosen: Vec<_> = contenders
            .iter()
            .filter(|contender| contender.scenario == scenario && arguments.wants(contender))
            .cloned()
            .collect();
        let of_scenario = rounds.run(&chosen);
        report::print_table(scenario, &of_scenario);
        summaries.extend(of_scenario);
    }

    if let Some(path) = &arguments.json
        && let Err(error) = report::write_json(path, &summaries)
    {
        eprintln!("cannot write {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn list(contenders: &[Arc<Contender>]) {
    for scenario in Scenario::ALL {
        println!("{scenario}: {}", scenario.description());
        for contender in contenders.iter().filter(|contender| contender.scenario == scenario) {
            println!("    {}", contender.name);
        }
    }
}
