//! The store in a program: what managers and workers make of it.

#![cfg(feature = "kvstore")]
#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::time::Duration;

use edri::kvstore::{Get, Refusal};
use edri::prelude::*;

const SOON: Duration = Duration::from_secs(10);

#[derive(Request)]
#[request(response = i64)]
struct Count {
    word: String,
}

/// Counts words in the store.
struct Counter;

impl Worker for Counter {
    type Job = Count;

    async fn run(&mut self, job: Count, cx: &WorkerContext) -> Result<i64, Failure> {
        let words = StoreHandle::on(cx.router()).namespace("words");
        words.increment(&job.word, 1).await.map_err(StoreError::into_failure)
    }
}

#[derive(Request)]
#[request(response = i64)]
struct Total;

/// Knows the store from its start on, and still at its end.
struct Summary {
    store: StoreHandle,
    at_the_end: tokio::sync::mpsc::Sender<Option<i64>>,
}

#[manager]
impl Summary {
    #[started]
    async fn begin(&mut self) -> Result<(), Failure> {
        self.store.set("total", &0i64).await?;
        Ok(())
    }

    #[request]
    async fn total(&mut self, _event: Total, cx: &Context) -> Result<i64, Failure> {
        let words = StoreHandle::on(cx.router()).namespace("words");
        let counts = words.scan::<i64>(edri::kvstore::Range::All).all().await?;
        let total = counts.into_iter().map(|(_, count)| count).sum();
        self.store.set("total", &total).await?;
        Ok(total)
    }

    #[stopping]
    async fn end(&mut self) -> Result<(), Failure> {
        let total = self.store.get("total").await?;
        self.at_the_end.send(total).await?;
        Ok(())
    }
}

/// 54, in the sense that it has here: what a worker asks of the store comes back to that worker.
#[tokio::test]
async fn workers_and_managers_use_the_store_from_start_to_end() {
    let store = Store::in_memory();
    let (at_the_end, mut ended) = tokio::sync::mpsc::channel(1);
    let summary = Summary { store: store.handle(), at_the_end };
    // Added last, and there first.
    let app =
        App::new().workers(Pool::tasks(4, || Counter)).manager(summary).store(store).start().await.unwrap();
    let words = ["tea", "milk", "tea", "sugar", "tea"];
    let mut counts = Vec::new();
    for word in words {
        counts.push(app.router().request(Count { word: word.to_owned() }).await.unwrap());
    }
    assert_eq!(counts, [1, 1, 2, 1, 3]);
    assert_eq!(app.router().request(Total).await.unwrap(), 5);
    let entry = app.router().request(Get::new("tea").namespace("words")).await.unwrap().unwrap();
    assert_eq!(entry.decode::<i64>().unwrap(), 3);
    assert!(app.shutdown(SOON).await.is_clean());
    assert_eq!(ended.recv().await, Some(Some(5)), "it was there for as long as the managers");
}

#[tokio::test]
async fn threads_that_work_use_the_store_too() {
    let app =
        App::new().store(Store::in_memory()).workers(Pool::threads(2, || Counter)).start().await.unwrap();
    for expected in 1..=20 {
        assert_eq!(app.router().request(Count { word: "tea".to_owned() }).await.unwrap(), expected);
    }
    assert!(app.shutdown(SOON).await.is_clean());
}

#[tokio::test]
async fn a_store_that_cannot_start_names_the_reason_and_the_program_does_not_start() {
    let store = Store::in_memory().namespace("orders", Namespace::logged());
    let error = App::new().store(store).start().await.unwrap_err();
    assert!(error.to_string().contains("directory"), "{error}");
}

#[tokio::test]
async fn a_durable_store_is_flushed_when_the_program_ends() {
    let directory = tempfile::tempdir().unwrap();
    let pictures = || Store::snapshots(directory.path(), Duration::from_secs(3600));
    let app = App::new().store(pictures()).start().await.unwrap();
    StoreHandle::on(app.router()).set("k", &7).await.unwrap();
    assert!(app.shutdown(SOON).await.is_clean());
    let app = App::new().store(Host::new(pictures()).name("pictures")).start().await.unwrap();
    let store = StoreHandle::on(app.router());
    assert_eq!(store.get::<i32>("k").await.unwrap(), Some(7));
    assert_eq!(store.get::<String>("k").await.unwrap_err().refusal(), Some(Refusal::TypeMismatch));
    assert!(app.router().snapshot().part("pictures").is_some());
    assert!(app.shutdown(SOON).await.is_clean());
}

#[cfg(feature = "scheduler")]
mod with_the_scheduler {
    use edri::scheduler::{SimulatedClock, TimeZone};
    use tokio::time::sleep;

    use super::*;

    #[derive(Notification, Clone)]
    struct PricesChange;

    #[derive(Request, Clone)]
    #[request(response = u64)]
    struct Price;

    /// Prices rise with every question.
    struct Bank(u64);

    #[manager]
    impl Bank {
        #[request]
        fn price(&mut self, _event: Price) -> u64 {
            self.0 += 1;
            self.0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_scheduler_says_when_a_value_is_refreshed() {
        let noon = TimeZone::UTC.time("2026-12-24 12:00").unwrap();
        let scheduler = Scheduler::new().clock(SimulatedClock::starting(noon)).time_zone(TimeZone::UTC).job(
            "prices",
            Cron::parse("0 * * * *").unwrap(),
            PricesChange,
        );
        let app =
            App::new().store(Store::in_memory()).manager(Bank(0)).scheduler(scheduler).start().await.unwrap();
        let store = StoreHandle::on(app.router());
        let fresh = store.refresh_on::<PricesChange, _>("price", Price).unwrap();
        let price = async || store.get::<u64>("price").await.unwrap();
        let minute = Duration::from_secs(60);
        sleep(59 * minute).await;
        assert_eq!(price().await, None, "before one");
        for hour in 1..=3 {
            sleep(2 * minute).await;
            assert_eq!(price().await, Some(hour));
            sleep(58 * minute).await;
            assert_eq!(price().await, Some(hour), "no more than once an hour");
        }
        assert_eq!(fresh.count(), 3);
        assert!(app.shutdown(SOON).await.is_clean());
    }
}
