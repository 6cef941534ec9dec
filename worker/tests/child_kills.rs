//! Processes of a program that are killed all the time: what becomes of jobs, and what is left behind.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test's own")]

#[path = "support/program.rs"]
mod program;
#[path = "support/siege.rs"]
mod siege;
#[path = "support/smith.rs"]
mod smith;
#[path = "support/smiths.rs"]
mod smiths;

use std::time::Duration;

use edri_router::{Backoff, Router};
use edri_worker::{ProcessPool, ProcessWorker};

use program::within;
use siege::{Besieged, Remains};
use smith::{Smith, Tinker, job, mapped};

fn processes<W: ProcessWorker>(mark: &str) -> ProcessPool<W> {
    let backoff = Backoff::constant(Duration::from_millis(5));
    smiths::processes::<W>(3).arg(mark).in_flight(4).backoff(backoff).crash_loop(10_000, backoff)
}

/// What there is in shared memory that has a name; ours has none.
fn shared_memory() -> usize {
    std::fs::read_dir("/dev/shm").map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_ten_thousand_jobs_is_answered_once_while_a_process_is_killed_every_50_ms() {
    within(async {
        let router = Router::new();
        let pool = processes::<Smith>("before").start(&router).unwrap();
        assert_eq!(router.request(job("echo")).await, Ok(String::new()));
        let (remains, shared) = (Remains::of(pool, "smith", "before").await, shared_memory());
        let careful = processes::<Smith>("careful").start(&router).unwrap();
        let bold = processes::<Tinker>("bold").retries(1_000).start(&router).unwrap();
        // Every hundredth is so long that it does not go through the socket.
        let text = |number: u64| {
            let length = if number.is_multiple_of(100) { 100_000 } else { 0 };
            number.to_string() + &"x".repeat(length)
        };
        let careful_job = |number| job("sleep").number(1).text(text(number));
        let bold_job = |number| careful_job(number).idempotent();
        Besieged { careful, bold, at_a_time: 4 }.holds(&router, "smith", (careful_job, bold_job), text).await;
        remains.are_as_before().await;
        assert_eq!((mapped(), shared_memory() <= shared), (0, true));
    })
    .await;
}
