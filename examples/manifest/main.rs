//! Writes a manifest of a directory tree: the SHA-256 of every file, in the form `sha256sum --check` reads.
//!
//! ```text
//! cargo run --release --example manifest -- [PATH] [--workers tasks|threads|processes] [--jobs N] [--output FILE]
//!                                           [--connect SWITCH]...
//!
//!            walk ──▶ hash_all ──HashFile──▶ a pool of Hashers: here, or in other programs
//!                         │    ◀──Content──
//!          Hashed, Unreadable, Skipped
//!            ┌────────────┼────────────┐
//!        Manifest     Duplicates    Progress
//! ```
//!
//! Every queue in it is bounded: a slow disk under the manifest slows the announcements, they slow the
//! requests, and those the walk. What does grow with the tree says so: see `duplicates` and `walk`.
//!
//! With `--connect` the hashing is done by programs that have joined the same switch, on machines where the tree has the same
//! path. Any of them, and the switch, may die at any moment and be started again: the manifest is the same.
//!
//! ```text
//! edri switch --listen 127.0.0.1:8899
//! cargo run --release --example manifest-worker -- --connect 127.0.0.1:8899      as many as you like
//! cargo run --release --example manifest -- PATH --connect 127.0.0.1:8899
//! ```

#![allow(unreachable_pub, reason = "nothing in a program is public")]

mod duplicates;
mod events;
mod far;
mod hasher;
mod line;
mod manifest;
mod output;
mod path;
mod progress;
mod summary;
mod walk;

use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitCode, exit};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum, value_parser};
use edri::prelude::*;
use futures_util::{Stream, StreamExt as _};
use tokio::signal::ctrl_c;

use crate::duplicates::Duplicates;
use crate::events::{Complete, CountAll, CountCopies, Hashed, OutputFailed, Skipped, Unreadable};
use crate::far::{Far, GIVEN_UP};
use crate::hasher::Hasher;
use crate::manifest::Manifest;
use crate::output::Output;
use crate::progress::Progress;
use crate::summary::Summary;
use crate::walk::{Found, walk};

/// How many files are asked for at a time, and so how many answers may wait for the one before them.
const IN_FLIGHT: usize = 1024;

/// The exit code that shells give a program that SIGINT has ended.
const INTERRUPTED: u8 = 130;

/// Writes the SHA-256 of every file in a tree, one line each, for `sha256sum --check`.
///
/// Symbolic links are not followed, and a manifest written into the tree does not list itself. What cannot be
/// read is reported and makes the exit code 1.
#[derive(Parser)]
struct Arguments {
    /// A directory, or a single file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// What does the hashing in this program [default: threads, or nothing with --connect]
    #[arg(long, value_enum)]
    workers: Option<Workers>,
    /// How many files are hashed at a time [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=IN_FLIGHT as i64))]
    jobs: Option<u16>,
    /// Where the manifest goes [default: the standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Has files hashed by the workers that are at this switch; given several times: at the first that answers
    #[arg(long, value_name = "SWITCH")]
    connect: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Workers {
    Tasks,
    Threads,
    #[cfg(target_os = "linux")]
    Processes,
}

#[edri::main]
async fn main() -> ExitCode {
    tokio::select! {
        ended = run(Arguments::parse()) => ended.unwrap_or_else(|error| {
            eprintln!("manifest: {error}");
            ExitCode::FAILURE
        }),
        // The first interrupt ends it in order, which may take for ever: nobody may be reading the manifest.
        Ok(()) = interrupted_twice() => exit(INTERRUPTED.into()),
    }
}

async fn run(
    Arguments { path, workers, jobs, output, connect }: Arguments,
) -> Result<ExitCode, Box<dyn Error>> {
    let begun = Instant::now();
    // First of all: a mistyped path should not cost an older manifest.
    fs::symlink_metadata(&path).map_err(about(&path))?;
    let output = match output {
        Some(file) => Output::file(&file).map_err(about(&file))?,
        None => Output::stdout()?,
    };
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let jobs = jobs.map_or(processors, usize::from);
    let mut app = match workers {
        Some(Workers::Tasks) => App::new().workers(Pool::tasks(jobs, Hasher::new)),
        // A file may take less time than to wait for the next one.
        #[cfg(target_os = "linux")]
        Some(Workers::Processes) => App::new().workers(Pool::processes::<Hasher>(jobs).in_flight(8)),
        None if !connect.is_empty() => App::new(),
        Some(Workers::Threads) | None => App::new().workers(Pool::threads(jobs, Hasher::new)),
    };
    let far = if connect.is_empty() { Far::Nowhere } else { Far::directory()? };
    // To a person who sees the lines scroll by, they are the progress.
    let watched = io::stderr().is_terminal() && !output.is_terminal;

    if !connect.is_empty() {
        app = app.connector(Connector::to_switch(connect).name("manifest").rejoin(GIVEN_UP));
    }
    let app = app
        .manager(Manifest::new(output.writer))
        .manager(Duplicates::default())
        .manager(if watched { Progress::shown() } else { Progress::hidden() })
        .start()
        .await?;
    let router = app.router();

    let mut failures = router.subscribe::<OutputFailed>();
    let stopped = async {
        tokio::select! {
            Ok(()) = ctrl_c() => Ending::Interrupted,
            _ = failures.recv() => Ending::OutputFailed,
        }
    };
    let ending = hash_all(router, &far, walk(path, output.identity), stopped).await?;

    // The events of one sender arrive in the order sent: whoever is asked now has heard of every file.
    let completed = router.request(Complete).await;
    let totals = router.request(CountAll).await?;
    let copies = router.request(CountCopies).await?;
    app.shutdown(Duration::from_secs(5)).await.into_result()?;

    completed.map_err(reason)?;
    eprint!("{}", Summary { totals, copies, took: begun.elapsed() });
    Ok(match ending {
        Ending::Complete if totals.unreadable == 0 => ExitCode::SUCCESS,
        Ending::Complete | Ending::OutputFailed => ExitCode::FAILURE,
        Ending::Interrupted => ExitCode::from(INTERRUPTED),
    })
}

/// Why the files come to an end.
enum Ending {
    Complete,
    OutputFailed,
    Interrupted,
}

/// Has every file hashed, many at a time, and announces them in the order in which they were found. If it is
/// stopped, it takes back what it has asked for.
async fn hash_all(
    router: &Router,
    far: &Far,
    found: impl Stream<Item = Found>,
    stopped: impl Future<Output = Ending>,
) -> Result<Ending, NotifyError> {
    let mut outcomes = pin!(found.map(|found| hash(router, far, found)).buffered(IN_FLIGHT));
    let mut stopped = pin!(stopped);
    loop {
        // Stopped between two announcements: one dropped half-way has been heard by some managers only.
        let outcome = tokio::select! {
            biased;
            ending = &mut stopped => return Ok(ending),
            outcome = outcomes.next() => outcome,
        };
        match outcome {
            Some(Outcome::Hashed(file)) => router.notify(file).await?,
            Some(Outcome::Unreadable(file)) => router.notify(file).await?,
            Some(Outcome::Skipped) => router.notify(Skipped).await?,
            None => return Ok(Ending::Complete),
        };
    }
}

enum Outcome {
    Hashed(Hashed),
    Unreadable(Unreadable),
    Skipped,
}

async fn hash(router: &Router, far: &Far, found: Found) -> Outcome {
    match found {
        Found::File(path) => match far.ask(router, &path).await {
            Ok(content) => Outcome::Hashed(Hashed { path, content }),
            // Whatever went wrong, a panic included, went wrong with this file alone.
            Err(error) => Outcome::Unreadable(Unreadable { path, reason: reason(error) }),
        },
        Found::Unreadable(file) => Outcome::Unreadable(file),
        Found::Other => Outcome::Skipped,
    }
}

/// What to tell a person: a responder's own words where it has said something.
fn reason(error: RequestError) -> String {
    match error {
        RequestError::Failed(failure) => failure.message().to_owned(),
        other => other.to_string(),
    }
}

fn about(path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

async fn interrupted_twice() -> io::Result<()> {
    ctrl_c().await?;
    ctrl_c().await
}
