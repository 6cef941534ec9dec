//! The test kit: what it waits for, what it says when that does not come, and the parts it plays.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use edri::prelude::*;
use edri::router::Reason;
use edri::testing::{self, Testbed};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Notification, Debug)]
struct Order {
    item: u64,
}

#[derive(Notification, Debug)]
struct Billed {
    cents: u64,
}

#[derive(Request, Debug)]
#[request(response = u64)]
struct Price {
    item: u64,
}

/// Bills each order, a minute after it has a price.
struct Shop;

#[manager]
impl Shop {
    #[notification]
    async fn order(&mut self, order: &Order, cx: &Context) -> Result<(), Failure> {
        let cents = cx.router().request(Price { item: order.item }).timeout(SECOND).await?;
        tokio::time::sleep(60 * SECOND).await;
        cx.router().notify(Billed { cents }).await?;
        Ok(())
    }
}

/// What a test that fails says.
fn complaint(test: impl AsyncFnOnce(Testbed)) -> String {
    let panicked = catch_unwind(AssertUnwindSafe(|| testing::run(test))).expect_err("it does not fail");
    panicked.downcast::<String>().map_or_else(|_| "not a String".to_owned(), |message| *message)
}

#[test]
fn a_manager_is_tested_without_waiting_for_its_timers() {
    let begun = Instant::now();
    testing::run(async |bed| {
        let bed = bed.patience(3_600 * SECOND);
        let prices = bed.script::<Price>().answer(250).answer(99);
        bed.watch::<Billed>().start(Shop).await;
        for item in [7, 8] {
            bed.router().notify(Order { item }).await.unwrap();
        }
        assert_eq!(bed.expect::<Billed>().await.cents, 250);
        assert_eq!(bed.expect::<Billed>().await.cents, 99);
        assert_eq!((prices.expect().await.item, prices.expect().await.item), (7, 8));
        bed.expect_nothing_for::<Billed>(60 * SECOND).await;
        prices.verify();
        bed.expect_no_dead_letters();
        bed.stop().await;
    });
    assert!(begun.elapsed() < 30 * SECOND, "the clock did not stand still");
}

#[test]
fn what_came_before_it_was_expected_is_not_missed() {
    testing::run(async |bed| {
        bed.watch::<Billed>();
        for cents in 0..3 {
            bed.router().notify(Billed { cents }).await.unwrap();
        }
        assert_eq!(bed.expect_that(|billed: &Billed| billed.cents == 1).await.cents, 1);
        assert_eq!(bed.expect::<Billed>().await.cents, 0, "what did not match is still unread");
        assert_eq!(bed.expect::<Billed>().await.cents, 2);
    });
}

#[test]
fn an_expectation_that_does_not_come_true_says_where_it_is_and_what_came_instead() {
    let complaint = complaint(async |bed| {
        bed.watch::<Order>();
        bed.router().notify(Order { item: 3 }).await.unwrap();
        bed.pass(SECOND).await;
        bed.router().notify(Billed { cents: 1 }).await.unwrap();
        bed.expect_that(|order: &Order| order.item == 4).await;
    });
    for part in [
        "tests/testing.rs:",
        "expected a testing::Order that matches within 5s",
        "(1 unread did not match)",
        "+0ns testing::Order: Order { item: 3 }",
        "+1s dead letter: testing::Billed was lost: nobody subscribes to it",
    ] {
        assert!(complaint.contains(part), "{part:?} is missing in {complaint}");
    }
}

#[test]
fn an_event_where_none_was_expected_is_shown() {
    let complaint = complaint(async |bed| {
        bed.watch::<Billed>();
        bed.router().notify(Billed { cents: 5 }).await.unwrap();
        bed.expect_nothing_for::<Billed>(SECOND).await;
    });
    assert!(
        complaint.contains("expected no testing::Billed for 1s, and got Billed { cents: 5 }"),
        "{complaint}"
    );
}

#[test]
fn more_than_a_testbed_keeps_is_told_and_not_taken_for_less() {
    let complaint = complaint(async |bed| {
        bed.watch::<Order>();
        bed.router().notify_all((0..1_030).map(|item| Order { item })).await.unwrap();
        assert_eq!(bed.expect_that(|order: &Order| order.item == 1_023).await.item, 1_023);
        bed.expect_that(|order: &Order| order.item == 1_024).await;
    });
    assert!(complaint.contains("1023 unread did not match, and 6 more were not kept"), "{complaint}");
}

#[test]
fn a_dead_letter_can_be_expected_by_the_event_that_was_lost() {
    testing::run(async |bed| {
        bed.router().notify(Order { item: 1 }).await.unwrap();
        bed.router().notify(Billed { cents: 1 }).await.unwrap();
        assert_eq!(bed.expect_dead_letter::<Billed>().await.reason, Reason::NoSubscriber);
        let left = bed.dead_letters();
        assert_eq!(left.iter().map(|letter| &*letter.event).collect::<Vec<_>>(), ["testing::Order"]);
        bed.expect_no_dead_letters();
    });
    let complaint = complaint(async |bed| {
        bed.router().notify(Order { item: 1 }).await.unwrap();
        bed.expect_no_dead_letters();
    });
    assert!(complaint.contains("there are 1:\n  testing::Order was lost"), "{complaint}");
}

#[test]
fn a_script_answers_each_request_as_it_was_told() {
    testing::run(async |bed| {
        let gone = Failure::new("gone", "sold out");
        let prices = bed.script::<Price>().answer(1).fail(gone.clone()).panic("boom").refuse().hang();
        let prices =
            prices.delay(3 * SECOND).then(|price| Ok(price.item * 2)).repeat(2, |_| Ok(4)).always(|_| Ok(5));
        let ask = async || bed.router().request(Price { item: 7 }).timeout(10 * SECOND).await;
        assert_eq!(ask().await, Ok(1));
        assert_eq!(ask().await, Err(RequestError::Failed(gone)));
        assert_eq!(ask().await, Err(RequestError::Panicked { message: "boom".into() }));
        assert_eq!(ask().await, Err(RequestError::Overloaded));
        assert!(matches!(ask().await, Err(RequestError::TimedOut { .. })));
        let begun = tokio::time::Instant::now();
        assert_eq!((ask().await, begun.elapsed().as_secs()), (Ok(14), 3));
        for expected in [4, 4, 5, 5, 5] {
            assert_eq!(ask().await, Ok(expected));
        }
        prices.verify();
        drop(prices);
        assert!(matches!(ask().await, Err(RequestError::NoResponder { .. })));
    });
}

#[test]
fn a_script_that_refuses_leaves_the_request_to_another() {
    testing::run(async |bed| {
        let full = bed.script::<Price>().refuse().refuse();
        let other = bed.script::<Price>().always(|_| Ok(2));
        for _ in 0..4 {
            assert_eq!(bed.router().request(Price { item: 1 }).await, Ok(2));
        }
        drop(other);
        for _ in 0..2 {
            let refused = bed.router().request(Price { item: 1 }).await;
            assert_eq!(refused, Err(RequestError::Overloaded));
        }
        full.verify();
    });
}

#[test]
fn a_script_says_what_it_was_not_asked_and_what_was_too_much() {
    let too_little = complaint(async |bed| {
        let prices = bed.script::<Price>().answer(1).fail(Failure::new("gone", "")).hang();
        assert_eq!(bed.router().request(Price { item: 1 }).await, Ok(1));
        prices.verify();
    });
    assert!(
        too_little.contains("testing::Price: it was not asked for its last 2: fail, hang"),
        "{too_little}"
    );
    let too_much = complaint(async |bed| {
        let prices = bed.script::<Price>().answer(1);
        assert_eq!(bed.router().request(Price { item: 1 }).await, Ok(1));
        let error = bed.router().request(Price { item: 2 }).await.unwrap_err();
        assert_eq!(error.failure().map(Failure::code), Some("unexpected"));
        prices.verify();
    });
    assert!(too_much.contains("it was asked 1 times too often: Price { item: 2 }"), "{too_much}");
    assert!(too_much.contains("request testing::Price: Price { item: 1 }, answer"), "{too_much}");
}

#[test]
fn a_subscriber_takes_refuses_drops_stalls_and_fails_as_it_was_told() {
    testing::run(async |bed| {
        let subscriber = bed.subscriber::<Billed>().take(2).reject().overflow().stall(3 * SECOND);
        let subscriber = subscriber.stall(SECOND).fail(Failure::new("ink", "no more")).panic("paper");
        let send = |cents| bed.router().notify(Billed { cents });
        assert_eq!(send(0).await.unwrap().accepted, 1);
        assert_eq!(send(1).await.unwrap().accepted, 1);
        assert_eq!(send(2).await.unwrap_err().refused, 1);
        assert_eq!(send(3).await.unwrap().dropped, 1);
        assert_eq!(bed.expect_dead_letter::<Billed>().await.reason, Reason::Overflow);
        let begun = tokio::time::Instant::now();
        assert_eq!(send(4).await.unwrap().accepted, 1);
        assert_eq!(begun.elapsed().as_secs(), 3);
        bed.router().try_notify(Billed { cents: 5 }).unwrap_err();
        bed.router().notify_all((6..10).map(|cents| Billed { cents })).await.unwrap();
        let failed = bed.expect_dead_letter::<Billed>().await;
        assert_eq!((failed.reason, failed.attempts), (Reason::Failed(Failure::new("ink", "no more")), 1));
        let panicked = bed.expect_dead_letter::<Billed>().await;
        assert_eq!(panicked.reason, Reason::Panicked { message: "paper".into() });
        for cents in [0, 1, 4, 8, 9] {
            assert_eq!(subscriber.expect().await.cents, cents);
        }
        subscriber.verify();
    });
    let complaint = complaint(async |bed| {
        let subscriber = bed.subscriber::<Billed>().take(1).reject();
        bed.router().notify(Billed { cents: 1 }).await.unwrap();
        subscriber.verify();
    });
    assert!(complaint.contains("1 steps are left: Reject"), "{complaint}");
}

#[test]
fn a_manager_that_does_not_start_or_stop_fails_its_test() {
    struct Broken;

    #[manager]
    impl Broken {
        #[started]
        fn begin(&mut self) -> Result<(), Failure> {
            Err(Failure::new("key", "there is none"))
        }
    }

    let start = complaint(async |bed| bed.start(Broken).await);
    assert!(start.contains("tests/testing.rs:") && start.contains("key: there is none"), "{start}");

    let stop = complaint(async |bed| {
        let prices = bed.script::<Price>().always(|_| Ok(1));
        bed.start(Shop).await;
        for item in 0..3 {
            bed.router().notify(Order { item }).await.unwrap();
        }
        assert_eq!(prices.expect().await.item, 0);
        bed.stop().await;
    });
    assert!(stop.contains("Shop  manager       3        0  testing::Order"), "{stop}");
}

#[tokio::test]
async fn a_testbed_works_on_the_real_clock_too() {
    struct Adder;

    impl Worker for Adder {
        type Job = Price;

        async fn run(&mut self, job: Price, cx: &WorkerContext) -> Result<u64, Failure> {
            cx.router().notify(Billed { cents: job.item }).await?;
            Ok(job.item)
        }
    }

    let bed = Testbed::new();
    bed.start_pool(Pool::threads(1, || Adder)).await;
    bed.watch::<Billed>();
    assert_eq!(bed.router().request(Price { item: 3 }).await, Ok(3));
    assert_eq!(bed.expect::<Billed>().await.cents, 3);
    bed.stop().await;
}
