//! Hashes files for every `manifest` that is at the same switch.
//!
//! ```text
//! cargo run --release --example manifest-worker -- --connect SWITCH [--jobs N] [--name NAME]
//! ```
//!
//! It may be started and stopped at any time, and as often as you like.

#![allow(unreachable_pub, reason = "nothing in a program is public")]

#[path = "../manifest/events.rs"]
#[allow(dead_code, reason = "the rest is between the managers of a manifest")]
mod events;
#[path = "../manifest/hasher.rs"]
mod hasher;
#[path = "../manifest/path.rs"]
mod path;

use std::num::NonZeroUsize;
use std::thread;

use clap::{Parser, value_parser};
use edri::prelude::*;

use crate::hasher::Hasher;

/// Hashes files for those who write manifests.
#[derive(Parser)]
struct Arguments {
    /// The switch where they are; given several times: the first that answers
    #[arg(long, value_name = "SWITCH", required = true)]
    connect: Vec<String>,
    /// How many files are hashed at a time [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// What this worker is called in logs
    #[arg(long, default_value = "manifest-worker")]
    name: String,
}

#[edri::main]
async fn main() -> Result<(), edri::Error> {
    let Arguments { connect, jobs, name } = Arguments::parse();
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs = jobs.map_or(processors, usize::from);
    let app = App::new()
        .workers(Pool::threads(jobs, Hasher::new))
        .connector(Connector::to_switch(connect).name(name))
        .start()
        .await?;
    // Until it is told to stop; what it has begun with is answered then.
    app.run().await
}
