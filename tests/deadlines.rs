//! A program whose parts ask each other: a manager, threads, a closure.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::time::{Duration, Instant};

use edri::prelude::*;
use tokio::sync::mpsc;

#[derive(Request)]
#[request(response = u64)]
struct Order(u64);

#[derive(Request)]
#[request(response = u64)]
struct Price(u64);

#[derive(Request)]
#[request(response = u64)]
struct Tax(u64);

struct Shop;

#[manager]
impl Shop {
    #[request]
    async fn order(&self, event: Order, cx: &Context) -> Result<u64, Failure> {
        Ok(cx.router().request(Price(event.0)).await?)
    }
}

struct Clerk;

impl Worker for Clerk {
    type Job = Price;

    async fn run(&mut self, job: Price, cx: &WorkerContext) -> Result<u64, Failure> {
        Ok(job.0 + cx.router().request(Tax(job.0)).await?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_and_a_cancellation_go_through_managers_threads_and_closures() {
    let app = App::new().workers(Pool::threads(1, || Clerk)).manager(Shop).start().await.unwrap();
    let (told, mut tells) = mpsc::unbounded_channel();
    let _tax = app.router().respond_with(move |tax: Tax, cx| {
        told.send(cx.deadline()).unwrap();
        async move {
            match tax.0 {
                0 => std::future::pending().await,
                taxed => Ok(taxed / 10),
            }
        }
    });
    let second = Duration::from_secs(1);
    let soonest = Instant::now() + 60 * second;
    assert_eq!(app.router().request(Order(100)).timeout(60 * second).await, Ok(110));
    let deadline = tells.recv().await.unwrap();
    assert!((soonest..soonest + 60 * second).contains(&deadline.unwrap()));

    let given_up = app.router().request(Order(0)).timeout(second / 50).await;
    assert!(matches!(given_up, Err(RequestError::TimedOut { .. })), "{given_up:?}");
    assert!(tells.recv().await.is_some());
    assert_eq!(app.router().request(Order(10)).await, Ok(11), "the only thread is free again");
    assert!(tells.recv().await.unwrap().is_none());

    let router = app.router().clone();
    let dropped = tokio::spawn(async move { router.request(Order(0)).await });
    assert!(tells.recv().await.unwrap().is_none());
    let graph = loop {
        let graph = app.router().wait_graph();
        if graph.waits.len() == 2 {
            break graph.to_string();
        }
        tokio::task::yield_now().await;
    };
    assert!(graph.contains("Shop waits for Clerk to answer "), "{graph}");
    assert!(graph.contains("Clerk-0 waits for a closure that answers "), "{graph}");
    dropped.abort();
    assert_eq!(app.router().request(Order(20)).await, Ok(22), "the only thread is free again");
    app.shutdown(5 * second).await.into_result().unwrap();
}
