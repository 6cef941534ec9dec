//! Managers that begin with the past, and managers that share the present.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::time::Duration;

use edri_event::{Notification, Request, Retention};
use edri_manager::{Host, manager};
use edri_router::{Answer, Router};
use futures_util::FutureExt as _;

#[derive(Notification)]
#[notification(retain = 100)]
struct Added(u64);

#[derive(Notification)]
#[notification(key = 0)]
struct Keyed(u64);

#[derive(Request, Clone)]
#[request(response = u64)]
struct Double(u64);

#[derive(Request)]
#[request(response = Vec<u64>)]
struct Seen;

#[derive(Default)]
struct Ledger(Vec<u64>);

#[manager(capacity = 2)]
impl Ledger {
    #[notification(from = All)]
    fn added(&mut self, event: &Added) {
        self.0.push(event.0);
    }

    #[request]
    fn seen(&mut self, _event: Seen) -> Vec<u64> {
        std::mem::take(&mut self.0)
    }
}

/// The same with handlers that wait, and a part of the past only.
#[derive(Default)]
struct Late(Vec<u64>);

#[manager]
impl Late {
    #[notification(from = Last(2))]
    async fn added(&mut self, event: &Added) {
        tokio::task::yield_now().await;
        self.0.push(event.0);
    }

    #[response(from = Within(Duration::from_secs(10)))]
    fn doubled(&mut self, answer: &Answer<Double>) {
        self.0.extend(answer.outcome.clone());
    }

    #[request]
    fn seen(&mut self, _event: Seen) -> Vec<u64> {
        std::mem::take(&mut self.0)
    }
}

#[derive(Default)]
struct Share(Vec<u64>);

#[manager]
impl Share {
    #[notification(from = All)]
    fn added(&mut self, event: &Added) {
        self.0.push(event.0);
    }

    #[notification]
    async fn keyed(&mut self, event: &Keyed) {
        self.0.push(event.0);
    }

    #[request]
    fn seen(&mut self, _event: Seen) -> Vec<u64> {
        std::mem::take(&mut self.0)
    }
}

/// Behaviour 45: the past, then what came while it started, then what is live.
#[tokio::test]
async fn the_past_and_what_comes_while_a_manager_starts_are_handled_in_order_before_what_is_live() {
    let router = Router::new();
    router.notify_all((0..10).map(Added)).await.unwrap();
    // It is on its routes from the first poll on, and has not started.
    let mut starting = Box::pin(Host::new(Ledger::default()).start(&router));
    assert!(starting.as_mut().now_or_never().is_none());
    let sending = router.clone();
    let sending = tokio::spawn(async move {
        for number in 10..20 {
            sending.notify(Added(number)).await.unwrap();
        }
    });
    let _ledger = starting.await.unwrap();
    sending.await.unwrap();
    router.notify(Added(20)).await.unwrap();
    assert_eq!(router.request(Seen).await.unwrap(), (0..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_inline_manager_handles_the_past_first_too() {
    let router = Router::new();
    router.notify_all((0..10).map(Added)).await.unwrap();
    let _ledger = Host::new(Ledger::default()).inline().start(&router).await.unwrap();
    router.notify(Added(10)).await.unwrap();
    assert_eq!(router.request(Seen).await.unwrap(), (0..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn each_handler_has_the_part_of_the_past_it_asks_for() {
    let router = Router::new();
    router.retain_responses::<Double>(Retention::last(10));
    let _doubling = router.respond(|event: Double| async move { Ok(event.0 * 2) });
    router.notify_all((0..10).map(Added)).await.unwrap();
    router.request(Double(50)).await.unwrap();
    let _late = Host::new(Late::default()).start(&router).await.unwrap();
    assert_eq!(router.request(Seen).await.unwrap(), [8, 9, 100]);
    router.request(Double(60)).await.unwrap();
    router.notify(Added(10)).await.unwrap();
    assert_eq!(router.request(Seen).await.unwrap(), [120, 10]);
}

async fn shares(router: &Router) -> Vec<Vec<u64>> {
    // Requests without a key take turns.
    vec![router.request(Seen).await.unwrap(), router.request(Seen).await.unwrap()]
}

#[tokio::test]
async fn managers_of_a_group_have_each_event_once_between_them() {
    let router = Router::new();
    router.notify(Added(99)).await.unwrap();
    let share = || Host::new(Share::default()).group("shares");
    let _one = share().start(&router).await.unwrap();
    let other = share().inline().start(&router).await.unwrap();
    for number in 0..6 {
        assert_eq!(router.notify(Added(number)).await.unwrap().accepted, 1);
    }
    let mut all = shares(&router).await;
    all.sort();
    assert_eq!(all, [[0, 2, 4], [1, 3, 5]], "a group gets no replay");

    for key in 0..20 {
        for _ in 0..3 {
            router.notify(Keyed(key)).await.unwrap();
        }
    }
    let got = shares(&router).await;
    assert_eq!(got.concat().len(), 60);
    assert!(got.iter().all(|share| !share.is_empty()));
    assert!(got[0].iter().all(|key| !got[1].contains(key)), "a key stays with one of them");

    drop(other);
    for number in 0..4 {
        assert_eq!(router.notify(Added(number)).await.unwrap().accepted, 1);
    }
    assert_eq!(shares(&router).await.concat(), [0, 1, 2, 3]);
}
