//! How the stages go together.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Parser;
use edri::prelude::*;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use walkdir::WalkDir;

use crate::merger::{Merge, Merger, Total};
use crate::workers::{Count, Counter, Rank, ReadText, Reader};

/// Counts the words of all text files in a tree.
#[derive(Parser)]
struct Arguments {
    /// A directory, or a single file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How many words are written at most
    #[arg(long, default_value_t = 20)]
    top: usize,
    /// How many processes count [default: as many as there are processors]
    #[arg(long)]
    processes: Option<NonZeroUsize>,
}

/// So many files are on their way through the stages at a time.
const IN_FLIGHT: usize = 64;
/// However often somebody kills them.
const RETRIES: u32 = 1_000;

#[edri::main]
pub(crate) async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(unread) => {
            eprintln!("pipeline: {unread} files could not be read");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("pipeline: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many files could not be read.
async fn run(Arguments { path, top, processes }: Arguments) -> Result<usize, Box<dyn Error>> {
    let processes = processes.or(available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pipeline/rank.py");
    let soon = Backoff::constant(Duration::from_millis(1));
    let app = App::new()
        .workers(Pool::threads(2, || Reader))
        .workers(
            Pool::processes::<Counter>(processes)
                .in_flight(2)
                .retries(RETRIES)
                .backoff(soon)
                .crash_loop(RETRIES, soon),
        )
        .workers(
            Pool::command::<Rank>("python3", [python])
                .keep_env("PATH")
                .longest_line(256 << 20)
                .retries(RETRIES)
                .backoff(soon)
                .crash_loop(RETRIES, soon),
        )
        .manager(Merger::default())
        .start()
        .await?;
    let router = app.router();

    let files = WalkDir::new(path).sort_by_file_name().into_iter();
    let outcomes = stream::iter(files).map(|entry| async move {
        match entry {
            Ok(entry) if entry.file_type().is_file() => count(router, entry.into_path()).await,
            Ok(_) => Ok(0),
            Err(error) => {
                eprintln!("pipeline: {error}");
                Ok(1)
            }
        }
    });
    let unread =
        outcomes.buffer_unordered(IN_FLIGHT).try_fold(0, |all, unread| async move { Ok(all + unread) });
    let unread: usize = unread.await?;

    let counts = router.request(Total).await?;
    let mut output = stdout().lock();
    for (word, count) in router.request(Rank { counts, top }).await? {
        writeln!(output, "{count:7} {word}")?;
    }
    app.shutdown(Duration::from_secs(5)).await.into_result()?;
    Ok(unread)
}

/// A file through the stages; how many could not be read, which is none or this one.
async fn count(router: &Router, path: PathBuf) -> Result<usize, RequestError> {
    let name = path.display().to_string();
    let text = match router.request(ReadText(path)).await {
        Ok(text) => text,
        Err(RequestError::Failed(failure)) => {
            eprintln!("pipeline: {name}: {}", failure.message());
            return Ok(1);
        }
        Err(error) => return Err(error),
    };
    if let Some(text) = text {
        let counts = router.request(Count(text)).await?;
        router.request(Merge(counts)).await?;
    }
    Ok(0)
}
