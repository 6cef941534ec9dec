//! Workers that are killed all the time: what becomes of jobs, and what is left behind.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test's own")]

#[path = "support/program.rs"]
mod program;
#[path = "support/siege.rs"]
mod siege;

use edri_router::Router;

use program::{Again, Do, hands_with, job, within};
use siege::{Besieged, Remains};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_ten_thousand_jobs_is_answered_once_while_a_child_is_killed_every_50_ms() {
    within(async {
        let router = Router::new();
        let pool = hands_with::<Do>(1, &["before"]).start(&router).unwrap();
        assert_eq!(router.request(job("echo")).await, Ok(String::new()));
        let remains = Remains::of(pool, "hand", "before").await;
        let ready = r#"{"ready":{"concurrency":4}}"#;
        let careful = hands_with::<Do>(3, &["say", ready, "careful"]).start(&router).unwrap();
        let bold = hands_with::<Again>(3, &["say", ready, "bold"]).retries(1_000).start(&router).unwrap();
        let careful_job = |number: u64| job("sleep-then-echo").number(1).text(number.to_string());
        let bold_job = |number| careful_job(number).idempotent();
        let besieged = Besieged { careful, bold, at_a_time: 4 };
        besieged.holds(&router, "hand", (careful_job, bold_job), |number| number.to_string()).await;
        remains.are_as_before().await;
    })
    .await;
}
