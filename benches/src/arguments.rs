//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::{
    contender::{Contender, Role},
    scenario::Scenario,
};

/// Measures EDRI against raw channels and other actor crates.
#[derive(Debug, Parser)]
#[command(name = "edri-benches")]
pub(crate) struct Arguments {
    /// Scenarios to run, by their names; all of them when none is named
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<Scenario>,

    /// Counted rounds; one more, uncounted, warms up
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// Factor on the number of messages of every run
    #[arg(long, value_name = "SCALE", default_value_t = 1.0, value_parser = positive)]
    pub(crate) messages: f64,

    /// Run only contenders whose name contains this, and the bases of the ratios
    #[arg(long, value_name = "SUBSTRING")]
    contender: Option<String>,

    /// Also write the results to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Name the scenarios and their contenders, and run nothing
    #[arg(long)]
    pub(crate) list: bool,

    /// Measure the memory of one contender, given as scenario/name, in this process
    #[arg(long, value_name = "CONTENDER", hide = true)]
    pub(crate) child: Option<String>,

    /// Be a switch, for the contenders that need one
    #[arg(long, hide = true)]
    pub(crate) switch_child: bool,

    /// Answer what comes over TCP, for the contender that needs it
    #[arg(long, hide = true)]
    pub(crate) echo_child: bool,

    /// Be the other end, reached in this way, for the contenders that need one
    #[arg(long, value_name = "WAY", hide = true)]
    pub(crate) far_child: Option<String>,
}

impl Arguments {
    /// The scenarios to run, in the order they were named.
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        if self.scenarios.is_empty() { Scenario::ALL.to_vec() } else { self.scenarios.clone() }
    }

    /// Whether `contender` is to run: bases always are, for there is no ratio without them.
    pub(crate) fn wants(&self, contender: &Contender) -> bool {
        contender.role == Role::Base
            || self.contender.as_ref().is_none_or(|part| contender.name.contains(part.as_str()))
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale.is_finite() && scale > 0.0 => Ok(scale),
        _ => Err("expected a number above zero".to_owned()),
    }
}
