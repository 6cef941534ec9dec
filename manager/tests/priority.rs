//! Which of the events that wait for a manager is handled next.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::sync::{Arc, Mutex};

use edri_event::{Notification, Priority, Request};
use edri_manager::{Concurrency, Host, Managed, manager};
use edri_router::{Overflow, Router};
use futures_util::future::join_all;

#[derive(Notification)]
struct Row(u64);

#[derive(Notification)]
#[notification(priority = "high")]
struct Bell(u64);

#[derive(Notification)]
#[notification(priority = "control")]
struct Halt(u64);

#[derive(Request)]
#[request(response = ())]
struct Count(u64);

/// Writes down what it handles, in order.
struct Log(Arc<Mutex<Vec<u64>>>);

impl Log {
    fn note(&self, number: u64) {
        self.0.lock().unwrap().push(number);
    }
}

#[manager]
impl Log {
    #[notification]
    fn row(&self, event: &Row) {
        self.note(event.0);
    }

    #[notification]
    async fn bell(&self, event: &Bell) {
        tokio::task::yield_now().await;
        self.note(event.0);
    }

    #[notification]
    fn halt(&self, event: &Halt) {
        self.note(event.0);
    }

    #[request]
    fn count(&self, event: Count) {
        self.note(event.0);
    }
}

/// Once on its own, once as one of several handlers that take turns: nothing runs before the test waits.
async fn each_way(test: impl AsyncFn(&Router)) -> Vec<Vec<u64>> {
    let mut orders = Vec::new();
    for host in [Host::mailbox, |host: Host<Log>| host.concurrency(Concurrency::Unordered(1))] {
        let router = Router::new();
        let log = Arc::new(Mutex::new(Vec::new()));
        let host = host(Host::new(Log(Arc::clone(&log)))).overflow(Overflow::Wait).capacity(4);
        let managed: Managed = host.start(&router).await.unwrap();
        test(&router).await;
        assert_eq!(managed.stop(tokio::time::Instant::now() + std::time::Duration::from_secs(5)).await, 0);
        orders.push(std::mem::take(&mut *log.lock().unwrap()));
    }
    orders
}

/// Behaviour 57: of those that wait the most urgent is handled first, equal ones in the order in which they came.
#[tokio::test]
async fn a_manager_handles_the_most_urgent_first_and_equal_ones_in_order() {
    let orders = each_way(async |router| {
        router.try_notify(Row(1)).unwrap();
        router.try_notify(Bell(10)).unwrap();
        router.try_notify(Halt(20)).unwrap();
        router.try_notify(Halt(21)).unwrap();
    })
    .await;
    assert_eq!(orders, vec![vec![20, 21, 10, 1]; 2]);
}

#[tokio::test]
async fn a_send_has_a_priority_of_its_own_where_it_is_given_one() {
    let orders = each_way(async |router| {
        let (low, row) = (router.notify(Halt(1)), router.notify(Row(2)));
        let (urgent, asked) = (router.notify(Row(20)), router.request(Count(10)));
        let (low, row, urgent, asked) = tokio::join!(
            low.priority(Priority::Normal),
            row,
            urgent.priority(Priority::Control),
            asked.priority(Priority::High),
        );
        assert!(low.is_ok() && row.is_ok() && urgent.is_ok() && asked.is_ok());
    })
    .await;
    assert_eq!(orders, vec![vec![20, 10, 1, 2]; 2]);
}

#[tokio::test]
async fn an_urgent_event_does_not_stand_in_line_behind_the_others_before_a_full_inbox() {
    let orders = each_way(async |router| {
        let rows = join_all((0..12).map(|number| router.notify(Row(number))));
        let halt = router.notify(Halt(100));
        let (rows, halt) = tokio::join!(rows, halt);
        assert!(rows.iter().all(Result::is_ok) && halt.is_ok());
    })
    .await;
    for order in orders {
        let place = order.iter().position(|&number| number == 100).unwrap();
        assert!(place <= 1, "after {place} of those that were there before it: {order:?}");
        let rows: Vec<_> = order.into_iter().filter(|&number| number < 100).collect();
        assert_eq!(rows, (0..12).collect::<Vec<_>>());
    }
}
