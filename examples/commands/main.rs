//! Programs in other languages, and ordinary tools, behind requests.
//!
//! ```text
//! cargo run --example commands
//! ```
//!
//! `worker.py`, beside this file, is a worker that stays: it gets jobs as lines of JSON. `sort` is started for each job.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

#[cfg(target_os = "linux")]
mod program {
    use std::time::Duration;

    use edri::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Request, Serialize)]
    #[request(response = Counted, idempotent)]
    struct Count {
        text: &'static str,
    }

    #[derive(Debug, Deserialize)]
    struct Counted {
        words: u64,
        longest: String,
    }

    /// Is no JSON for anybody: `sort` reads lines, and writes lines.
    #[derive(Request)]
    #[request(response = Vec<String>)]
    struct Sort {
        lines: Vec<&'static str>,
        descending: bool,
    }

    #[edri::main]
    pub(crate) async fn main() -> Result<(), edri::Error> {
        let worker = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/commands/worker.py");
        let counters = Pool::command::<Count>("python3", [worker])
            .size(2)
            .keep_env("PATH")
            .ready_within(Duration::from_secs(20))
            .job_limit(Duration::from_secs(5));
        let sorters = Pool::command::<Sort>("sort", [""; 0]).env("LC_ALL", "C").size(2).per_job_with(
            |job| {
                let call = Invocation::new().stdin(job.lines.join("\n"));
                Ok(if job.descending { call.arg("-r") } else { call })
            },
            |output| Ok(output.text()?.lines().map(str::to_owned).collect()),
        );
        let app = App::new().workers(counters).workers(sorters).start().await?;
        let router = app.router();

        for text in ["to be or not to be", ""] {
            match router.request(Count { text }).await {
                Ok(Counted { words, longest }) => println!("{words} words, the longest is `{longest}`"),
                Err(error) => println!("{error}"),
            }
        }
        for descending in [false, true] {
            let lines = vec!["pear", "apple", "plum"];
            println!("{:?}", router.request(Sort { lines, descending }).await?);
        }
        app.shutdown(Duration::from_secs(10)).await.into_result()
    }
}

#[cfg(target_os = "linux")]
fn main() -> Result<(), edri::Error> {
    program::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("workers that are processes need Linux");
}
