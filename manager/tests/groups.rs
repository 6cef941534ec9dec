//! Managers that restart together.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::time::Duration;

use edri_manager::{Backoff, Concurrency, End, Group, Managed, ManagerRestarted, Restart, State};
use edri_router::{RequestError, Router};
use support::{Ask, Book, Configure, How, MODES};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// Two members, each on a router of its own, so that each has its own events.
struct Pair {
    routers: [Router; 2],
    books: [Book; 2],
    managed: [Managed; 2],
}

async fn pair(group: &Group, configure: Configure) -> Pair {
    let (routers, books) = ([Router::new(), Router::new()], [Book::default(), Book::default()]);
    let first = configure(books[0].host().name("first").group(group)).start(&routers[0]).await.unwrap();
    let second = configure(books[1].host().name("second").group(group)).start(&routers[1]).await.unwrap();
    sleep(Duration::from_millis(1)).await;
    Pair { routers, books, managed: [first, second] }
}

fn group() -> Group {
    Group::one_for_all("pair").backoff(Backoff::constant(SECOND))
}

#[tokio::test(start_paused = true)]
async fn when_one_falls_all_are_made_anew() {
    for (mode, configure) in MODES {
        let Pair { routers, books, managed } = pair(&group(), configure).await;
        let mut told = routers[1].subscribe::<ManagerRestarted>();
        routers[0].notify(books[0].tell((0, 0), How::Panics)).await.unwrap();
        sleep(SECOND / 2).await;
        assert_eq!(
            [managed[0].state(), managed[1].state()],
            [State::Restarting, State::Restarting],
            "{mode}"
        );
        sleep(SECOND).await;
        assert_eq!([books[0].instances(), books[1].instances()], [2, 2], "{mode}");
        assert_eq!([managed[0].troubles().restarts, managed[1].troubles().restarts], [1, 1], "{mode}");
        assert_eq!(
            [books[0].stopped(), books[1].stopped()],
            [vec![], vec![1]],
            "{mode}: the sound one is told"
        );
        let told = told.recv().await.unwrap();
        assert_eq!((&*told.name, &*told.fallen, told.attempt), ("second", "first", 1), "{mode}");
        // The other way round.
        let answer = routers[1].request(Ask { id: (0, 0), how: How::Panics }).await;
        assert!(matches!(answer, Err(RequestError::Panicked { .. })), "{mode}");
        // Inline, its senders have the first one until its own task has heard.
        sleep(2 * SECOND).await;
        for router in &routers {
            assert_eq!(router.request(Ask { id: (0, 1), how: How::Well }).await, Ok(3), "{mode}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_finishes_the_event_it_is_on_first() {
    for (mode, configure) in MODES {
        let Pair { routers, books, managed } = pair(&group(), configure).await;
        let busy = tokio::spawn({
            let router = routers[1].clone();
            async move { router.request(Ask { id: (0, 0), how: How::Sleeps(10 * SECOND) }).await }
        });
        sleep(SECOND).await;
        routers[0].notify(books[0].tell((0, 0), How::Panics)).await.unwrap();
        let next = routers[1].request(Ask { id: (0, 1), how: How::Well });
        assert_eq!(next.await, Ok(2), "{mode}: by the new one");
        assert_eq!(busy.await.unwrap(), Ok(1), "{mode}");
        assert_eq!(managed[1].troubles().restarts, 1);
        assert_eq!(books[1].stopped(), [1]);
    }
}

#[tokio::test(start_paused = true)]
async fn they_share_one_budget_and_stop_together_when_it_is_spent() {
    for (mode, configure) in MODES {
        let group = group().budget(2, 600 * SECOND);
        let Pair { routers, books, mut managed } = pair(&group, configure).await;
        for round in 0..3 {
            let fallen = round % 2;
            routers[fallen].notify(books[fallen].tell((0, round), How::Panics)).await.unwrap();
            sleep(2 * SECOND).await;
        }
        for (member, restarts) in managed.iter_mut().zip([2, 2]) {
            let end = member.stopped().await;
            assert!(
                matches!(&end, End::GaveUp { fallen, restarts: 2, .. } if fallen == "first"),
                "{mode}: {end}"
            );
            assert_eq!(member.troubles().restarts, restarts, "{mode}");
        }
        for router in &routers {
            let answer = router.request(Ask { id: (0, 9), how: How::Well }).await;
            assert!(matches!(answer, Err(RequestError::NoResponder { .. })), "{mode}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn members_that_fall_in_the_same_round_are_one_fall() {
    for (mode, configure) in MODES {
        let group = group().budget(1, 600 * SECOND);
        let Pair { routers, books, managed } = pair(&group, configure).await;
        let hold = |index: usize| {
            let (router, event) = (routers[index].clone(), books[index].tell((0, 0), How::WaitsAndPanics(5)));
            tokio::spawn(async move { router.notify(event).await })
        };
        for sender in [hold(0), hold(1)] {
            sender.await.unwrap().unwrap();
        }
        sleep(2 * SECOND).await;
        assert_eq!([managed[0].troubles().restarts, managed[1].troubles().restarts], [1, 1], "{mode}");
        assert_eq!([managed[0].state(), managed[1].state()], [State::Running, State::Running], "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_cannot_start_again_takes_all_along() {
    let Pair { routers, books, mut managed } = pair(&group(), |host| host.mailbox()).await;
    books[1].fail_starts(usize::MAX);
    routers[0].notify(books[0].tell((0, 0), How::Panics)).await.unwrap();
    for member in &mut managed {
        let end = member.stopped().await;
        assert!(matches!(&end, End::GaveUp { fallen, .. } if fallen == "second"), "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_never_falls_by_itself_is_made_anew_with_the_others() {
    let group = group();
    let Pair { routers, books, managed } = pair(&group, |host| host.restart(Restart::Never)).await;
    let book = Book::default();
    let third = Router::new();
    let host = book.host().concurrency(Concurrency::Unordered(2)).group(&group);
    let _third = host.start(&third).await.unwrap();
    routers[0].notify(books[0].tell((0, 0), How::Panics)).await.unwrap();
    sleep(2 * SECOND).await;
    assert_eq!((managed[0].troubles().restarts, book.instances()), (0, 1));
    third.notify(book.tell((0, 0), How::Panics)).await.unwrap();
    sleep(2 * SECOND).await;
    assert_eq!([managed[0].troubles().restarts, managed[1].troubles().restarts], [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn one_that_has_been_stopped_is_no_member_any_more() {
    let Pair { routers, books, managed: [first, second] } = pair(&group(), |host| host.mailbox()).await;
    assert_eq!(second.stop(Instant::now() + SECOND).await, 0);
    routers[0].notify(books[0].tell((0, 0), How::Panics)).await.unwrap();
    sleep(2 * SECOND).await;
    assert_eq!((first.troubles().restarts, books[1].instances()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_manager_given_as_a_value_cannot_be_in_a_group() {
    let book = Book::default();
    let host = edri_manager::Host::new(support::Clerk::new(1, &book)).group(&group());
    assert_eq!(host.start(&Router::new()).await.unwrap_err().failure.code(), "cannot_restart");
}
