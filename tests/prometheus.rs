//! Metrics as Prometheus fetches them. One test: the recorder of metrics is that of the process.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use edri::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[derive(Notification)]
struct Told;

#[derive(Notification)]
struct Unheard;

#[derive(Request)]
#[request(response = ())]
struct Job;

struct Desk;

#[manager]
impl Desk {
    #[notification]
    async fn told(&mut self, _: &Told) {
        std::future::pending().await
    }
}

struct Clerk;

impl Worker for Clerk {
    type Job = Job;

    async fn run(&mut self, _: Job, _: &WorkerContext) -> Result<(), Failure> {
        Ok(())
    }
}

async fn fetch(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Fetches until all of them are there.
async fn see(address: SocketAddr, expected: &[&str]) {
    let mut answer = String::new();
    for _ in 0..1_000 {
        answer = fetch(address).await;
        if expected.iter().all(|line| answer.lines().any(|other| other == *line)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("expected {expected:?} in:\n{answer}");
}

#[tokio::test]
async fn prometheus_fetches_what_parts_have_done_and_the_programs_own_metrics() {
    // Free a moment ago: nobody else is likely to take it meanwhile.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = App::new()
        .manager(Host::new(Desk).capacity(2).overflow(Overflow::Reject))
        .workers(Pool::tasks(3, || Clerk))
        .metrics(Duration::from_millis(10))
        .prometheus(address)
        .start()
        .await
        .unwrap();
    app.router().notify(Told).await.unwrap();
    // The desk is on it: two more may wait, and the fourth is refused.
    tokio::task::yield_now().await;
    while app.router().notify(Told).await.is_ok() {}
    app.router().request(Job).await.unwrap();
    app.router().notify(Unheard).await.unwrap();
    metrics::counter!("my_own_total").increment(7);
    see(
        address,
        &[
            r#"edri_events_accepted_total{part="Desk",kind="manager"} 3"#,
            r#"edri_events_rejected_total{part="Desk",kind="manager"} 1"#,
            r#"edri_events_accepted_total{part="Clerk",kind="pool"} 1"#,
            r#"edri_events_processed_total{part="Clerk",kind="pool"} 1"#,
            r#"edri_events_panicked_total{part="Clerk",kind="pool"} 0"#,
            r#"edri_restarts_total{part="Desk",kind="manager"} 0"#,
            r#"edri_dead_letters_total{reason="no_subscriber"} 1"#,
            r#"edri_dead_letters_total{reason="overflow"} 0"#,
            r#"edri_events_waiting{part="Desk",kind="manager"} 2"#,
            r#"edri_workers{part="Clerk",kind="pool"} 3"#,
            "# TYPE edri_events_accepted_total counter",
            "my_own_total 7",
        ],
    )
    .await;

    let second = App::new().prometheus(([127, 0, 0, 1], 0)).start().await.unwrap_err().to_string();
    assert!(second.contains("expected no other recorder"), "{second}");
    let taken = App::new().prometheus(address).start().await.unwrap_err().to_string();
    assert!(taken.starts_with(&format!("metrics cannot be served at {address}: ")), "{taken}");
    assert_eq!(app.shutdown(Duration::from_millis(10)).await.left.len(), 1);
}
