//! Requests and their answers.

use std::{future::Future, time::Instant};

use futures_util::{StreamExt, stream::FuturesUnordered};

use crate::{
    event::Request,
    measure::{Latencies, Sample, Stopwatch},
    tally::sum_below,
};

/// A handle that asks and waits for the answer, which is the number after the request's.
pub trait Asker: Send + Sync + 'static {
    /// Asks.
    fn ask(&self, request: Request) -> impl Future<Output = u64> + Send;
}

/// The same for a handle that asks one request at a time.
pub trait AskerInTurn: Send + 'static {
    /// Asks.
    fn ask(&mut self, request: Request) -> impl Future<Output = u64> + Send;
}

impl<A: Asker> AskerInTurn for A {
    fn ask(&mut self, request: Request) -> impl Future<Output = u64> + Send {
        Asker::ask(self, request)
    }
}

/// Asks one request after the other and takes latencies.
pub async fn ask(requests: u64, mut asker: impl AskerInTurn) -> Sample {
    let mut sum = 0;
    let mut latencies = Latencies::of(requests);
    let stopwatch = Stopwatch::start();
    for number in 0..requests {
        let request = Request { number };
        if latencies.takes(number) {
            let start = Instant::now();
            sum += asker.ask(request).await;
            latencies.take(start);
        } else {
            sum += asker.ask(request).await;
        }
    }
    let sample = stopwatch.stop(requests);
    check(sum, requests);
    latencies.into_sample(sample)
}

/// Keeps `limit` requests in flight from this one task.
pub async fn ask_in_flight(requests: u64, limit: usize, asker: impl Asker) -> Sample {
    let mut sum = 0;
    let mut numbers = 0..requests;
    let mut in_flight = FuturesUnordered::new();
    let stopwatch = Stopwatch::start();
    in_flight.extend(numbers.by_ref().take(limit).map(|number| asker.ask(Request { number })));
    while let Some(answer) = in_flight.next().await {
        sum += answer;
        if let Some(number) = numbers.next() {
            in_flight.push(asker.ask(Request { number }));
        }
    }
    let sample = stopwatch.stop(requests);
    check(sum, requests);
    sample
}

/// Asks from `tasks` tasks, each of them one request after the other.
pub async fn ask_from_tasks(requests: u64, tasks: usize, asker: impl Asker + Clone) -> Sample {
    let tasks = tasks as u64;
    assert_eq!(requests % tasks, 0, "the tasks must share the requests evenly");
    let part = requests / tasks;
    let stopwatch = Stopwatch::start();
    let clients: Vec<_> = (0..tasks)
        .map(|task| {
            let asker = asker.clone();
            tokio::spawn(async move {
                let mut sum = 0;
                for number in task * part..(task + 1) * part {
                    sum += asker.ask(Request { number }).await;
                }
                sum
            })
        })
        .collect();
    let mut sum = 0;
    for client in clients {
        sum += client.await.expect("a client panicked");
    }
    let sample = stopwatch.stop(requests);
    check(sum, requests);
    sample
}

/// Checks that the answers are those to the requests `0..requests`.
fn check(sum: u64, requests: u64) {
    assert_eq!(sum, sum_below(requests) + requests, "the answers do not belong to the requests");
}
