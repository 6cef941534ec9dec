//! Whole programs that connectors have linked: what managers and pools say and answer at the end still arrives.

#![cfg(feature = "connector")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::sync::Arc;
use std::time::Duration;

use edri::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

const LONG: Duration = Duration::from_secs(30);

#[derive(Notification, Serialize, Deserialize)]
#[notification(shareable)]
struct Goodbye(u64);

#[derive(Request, Serialize, Deserialize)]
#[request(response = u64, shareable)]
struct Slow(u64);

struct Polite;

#[manager]
impl Polite {
    #[stopping]
    async fn stopping(&mut self, cx: &Context) {
        for number in 0..100 {
            cx.router().notify(Goodbye(number)).await.unwrap();
        }
    }
}

/// Says that it has begun, and waits until it may end.
#[derive(Clone, Default)]
struct Hands(Arc<Gate>);

struct Gate {
    begun: Semaphore,
    may_end: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { begun: Semaphore::new(0), may_end: Semaphore::new(0) }
    }
}

impl Worker for Hands {
    type Job = Slow;

    async fn run(&mut self, job: Slow, _cx: &WorkerContext) -> Result<u64, Failure> {
        self.0.begun.add_permits(1);
        self.0.may_end.acquire().await?.forget();
        Ok(job.0 + 1)
    }
}

async fn linked(program: App) -> (RunningApp, RunningApp, Connections) {
    let listens = Connector::listen(["127.0.0.1:0"]).name("here");
    let connections = listens.connections();
    let here = App::new().connector(listens).start().await.unwrap();
    let address = connections.addresses()[0].to_string();
    let joins = Host::new(Connector::connect([address]).name("there")).name("north");
    let there = program.connector(joins).start().await.unwrap();
    timeout(LONG, connections.router("there")).await.unwrap().unwrap();
    (here, there, connections)
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, waiting).await.unwrap();
}

#[tokio::test]
async fn what_a_manager_says_at_its_end_arrives_elsewhere() {
    let (here, there, connections) = linked(App::new().manager(Polite)).await;
    let mut goodbyes = here.router().subscribe::<Goodbye>();
    until(|| there.router().has_subscribers::<Goodbye>()).await;
    there.shutdown(LONG).await.into_result().unwrap();
    for number in 0..100 {
        assert_eq!(timeout(LONG, goodbyes.recv()).await.unwrap().unwrap().0, number);
    }
    until(|| connections.routers().is_empty()).await;
}

#[tokio::test]
async fn what_a_pool_has_begun_with_is_answered_elsewhere_at_its_end() {
    let hands = Hands::default();
    let gate = Arc::clone(&hands.0);
    let (here, there, _connections) = linked(App::new().workers(Pool::tasks(4, move || hands.clone()))).await;
    until(|| here.router().has_responders::<Slow>()).await;
    let asking: Vec<_> = (0..4)
        .map(|number| {
            let router = here.router().clone();
            tokio::spawn(async move { router.request(Slow(number)).await })
        })
        .collect();
    let begun = timeout(LONG, gate.begun.acquire_many(4)).await;
    begun.expect("all four have begun").unwrap().forget();
    let ending = tokio::spawn(there.shutdown(LONG));
    // The pool takes nothing more: it is being ended while all four are at it.
    until(|| !here.router().has_responders::<Slow>()).await;
    gate.may_end.add_permits(4);
    ending.await.unwrap().into_result().unwrap();
    for (number, asks) in (0..).zip(asking) {
        assert_eq!(timeout(LONG, asks).await.unwrap().unwrap(), Ok(number + 1));
    }
}

#[tokio::test]
async fn how_a_connector_is_is_part_of_how_a_program_is() {
    let connector = Connector::connect(["127.0.0.1:1"]).name("lonely");
    let app = App::new().connector(connector).start().await.unwrap();
    until(|| app.router().snapshot().part("Connector").is_some()).await;
    let mut reason = None;
    for _ in 0..200 {
        let report = app.router().health(LONG).await;
        reason = report.parts[0].reason.clone();
        if reason.as_ref().is_some_and(|reason| reason.contains("127.0.0.1:1")) {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    let told = reason.unwrap();
    assert!(told.contains("127.0.0.1:1") && told.contains("refused"), "{told}");
    app.shutdown(LONG).await.into_result().unwrap();
}
