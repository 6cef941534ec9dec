//! Managers that fall and are made anew.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::time::Duration;

use edri_event::Failure;
use edri_manager::{
    Backoff, End, Host, Jitter, Managed, ManagerRestarted, ManagerStopped, Restart, State, Troubles,
};
use edri_router::{Loss, Overflow, Reason, RequestError, Router};
use support::{Ask, AskNow, Book, How, MODES};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn no_jitter() -> Backoff {
    Backoff::default().jitter(Jitter::Off)
}

fn panicked(message: &str) -> Reason {
    Reason::Panicked { message: message.into() }
}

/// Until all that waits has been handled.
async fn settled() {
    sleep(Duration::from_millis(1)).await;
}

async fn ended(managed: Managed) {
    assert_eq!(managed.stop(Instant::now() + 60 * SECOND).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_replaces_the_manager_and_every_handle_stays() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let managed = configure(book.host().backoff(no_jitter())).start(&router).await.unwrap();
        settled().await;
        for (attempt, now) in [(1, false), (2, true)] {
            assert_eq!(router.request(AskNow { id: (0, 0), how: How::Well }).await, Ok(attempt), "{mode}");
            if now {
                router.notify(book.tell_now((0, 1), How::Panics)).await.unwrap();
            } else {
                router.notify(book.tell((0, 1), How::WaitsAndPanics(1))).await.unwrap();
            }
            let before = Instant::now();
            let answer = router.request(Ask { id: (0, 0), how: How::Waits(1) }).await;
            assert_eq!(answer, Ok(attempt + 1), "{mode}: by the new one");
            assert_eq!(before.elapsed().as_millis(), 100 * attempt as u128, "{mode}: after its back-off");
        }
        assert_eq!(managed.state(), State::Running, "{mode}");
        let troubles = managed.troubles();
        assert_eq!((troubles.restarts, troubles.panics, troubles.failures), (2, 2, 0), "{mode}");
        ended(managed).await;
        assert_eq!(book.stopped(), [3], "{mode}: those that fell are not told to stop");
    }
}

#[tokio::test(start_paused = true)]
async fn the_event_it_fell_by_is_answered_or_lost_once() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let managed = configure(book.host()).start(&router).await.unwrap();
        settled().await;
        let answer = router.request(Ask { id: (0, 0), how: How::Panics }).await;
        assert_eq!(answer, Err(RequestError::Panicked { message: "out of luck".into() }), "{mode}");
        let answer = router.request(AskNow { id: (0, 1), how: How::Panics }).await;
        assert_eq!(answer, Err(RequestError::Panicked { message: "out of luck".into() }), "{mode}");
        router.notify(book.tell((0, 2), How::Panics)).await.unwrap();
        router.notify(book.tell_now((0, 3), How::Panics)).await.unwrap();
        assert_eq!(router.request(Ask { id: (0, 4), how: How::Well }).await, Ok(5), "{mode}");
        let loss = Loss::after(1, panicked("out of luck"));
        assert_eq!(book.lost(), [((0, 2), loss.clone()), ((0, 3), loss)], "{mode}");
        ended(managed).await;
        assert_eq!(book.lost().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_kept_in_order_and_senders_in_line_keep_their_place() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let host = book.host().capacity(3).overflow(Overflow::Wait);
        let managed = configure(host).start(&router).await.unwrap();
        settled().await;
        router.notify(book.tell((0, 0), How::WaitsAndPanics(2))).await.unwrap();
        let senders: Vec<_> = (1..=10)
            .map(|number| {
                let (router, event) = (router.clone(), book.tell((0, number), How::Waits(1)));
                tokio::spawn(async move { router.notify(event).await })
            })
            .collect();
        for sender in senders {
            assert_eq!(sender.await.unwrap().unwrap().accepted, 1, "{mode}");
        }
        ended(managed).await;
        let expected: Vec<_> = (1..=10).map(|number| (0, number)).collect();
        assert_eq!(book.handled(), expected, "{mode}");
        assert_eq!((book.lost().len(), book.instances()), (1, 2), "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_replaces_it_only_under_always() {
    for (mode, configure) in MODES {
        for (restart, instances) in [(Restart::Always, 3), (Restart::OnPanic, 1), (Restart::Never, 1)] {
            let (router, book) = (Router::new(), Book::default());
            let managed = configure(book.host().restart(restart)).start(&router).await.unwrap();
            settled().await;
            router.notify(book.tell((0, 0), How::Fails)).await.unwrap();
            let failure = Failure::new("no", "expected a yes");
            let answer = router.request(Ask { id: (0, 1), how: How::Fails }).await;
            assert_eq!(answer, Err(RequestError::Failed(failure.clone())), "{mode}");
            assert_eq!(router.request(Ask { id: (0, 2), how: How::Well }).await, Ok(instances), "{mode}");
            let lost = [((0, 0), Loss::after(1, Reason::Failed(failure)))];
            assert_eq!(book.lost(), lost, "{mode}, {restart:?}");
            assert_eq!(managed.troubles().failures, 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn never_goes_on_with_the_state_there_is() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let managed = configure(book.host().restart(Restart::Never)).start(&router).await.unwrap();
        settled().await;
        for number in 0..20 {
            router.notify(book.tell((0, number), How::Panics)).await.unwrap();
        }
        assert_eq!(router.request(Ask { id: (0, 99), how: How::Well }).await, Ok(1), "{mode}");
        assert_eq!(book.lost().len(), 20, "{mode}: each is handed in");
        assert_eq!(managed.troubles().panics, 20);
        ended(managed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_poison_event_is_delivered_again_first_in_line_and_then_set_aside() {
    for (mode, configure) in MODES {
        for now in [true, false] {
            let (router, book) = (Router::new(), Book::default());
            let managed = configure(book.host().redeliver(2)).start(&router).await.unwrap();
            settled().await;
            if now {
                router.notify(book.tell_now((0, 0), How::Panics)).await.unwrap();
            } else {
                router.notify(book.tell((0, 0), How::Panics)).await.unwrap();
            }
            router.notify(book.tell((0, 1), How::Well)).await.unwrap();
            ended(managed).await;
            let begun = [((0, 0), 1), ((0, 0), 2), ((0, 0), 3), ((0, 1), 4)];
            assert_eq!(book.begun(), begun, "{mode}, now: {now}");
            assert_eq!(
                book.lost(),
                [((0, 0), Loss::after(3, panicked("out of luck")))],
                "{mode}, now: {now}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_next_one_can_handle_is_not_lost() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let managed = configure(book.host().redeliver(3)).start(&router).await.unwrap();
        settled().await;
        router.notify(book.tell((0, 0), How::PanicsTimes(2))).await.unwrap();
        router.notify(book.tell((0, 1), How::Well)).await.unwrap();
        ended(managed).await;
        assert_eq!((book.handled(), book.lost().len()), (vec![(0, 0), (0, 1)], 0), "{mode}");
        assert_eq!(book.instances(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_never_delivered_again() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let _managed = configure(book.host().redeliver(3)).start(&router).await.unwrap();
        settled().await;
        let answer = router.request(Ask { id: (0, 0), how: How::PanicsTimes(1) }).await;
        assert!(matches!(answer, Err(RequestError::Panicked { .. })), "{mode}");
        sleep(SECOND).await;
        assert_eq!(book.begun().len(), 1, "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_budget_is_spent_it_stops_and_everybody_is_told() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let mut stops = router.subscribe::<ManagerStopped>();
        let host = book.host().budget(2, 60 * SECOND).backoff(Backoff::constant(SECOND));
        let mut managed = configure(host).start(&router).await.unwrap();
        settled().await;
        for number in 0..3 {
            router.notify(book.tell((0, number), How::WaitsAndPanics(1))).await.unwrap();
        }
        router.notify(book.tell((0, 3), How::Well)).await.unwrap();
        let asked = tokio::spawn({
            let router = router.clone();
            async move { router.request(Ask { id: (0, 4), how: How::Well }).await }
        });
        let reason = panicked("out of luck, later");
        let end = End::GaveUp { fallen: "clerk".into(), reason: reason.clone(), restarts: 2 };
        assert_eq!(managed.stopped().await, end, "{mode}");
        assert_eq!(asked.await.unwrap(), Err(RequestError::Stopped), "{mode}: at once");
        let lost: Vec<_> = book.lost().into_iter().map(|(id, loss)| (id.1, loss)).collect();
        let fell = |number| (number, Loss::after(1, reason.clone()));
        let expected = [fell(0), fell(1), fell(2), (3, Loss::unhandled(Reason::Stopped))];
        assert_eq!(lost, expected, "{mode}");
        assert_eq!(book.instances(), 3);
        assert!(managed.is_stopped());
        assert_eq!(managed.state(), State::Stopped(end.clone()), "{mode}");
        let told = stops.recv().await.unwrap();
        assert_eq!((told.name.as_str(), told.end.clone()), ("clerk", end));
        assert_eq!(router.notify(book.tell((0, 5), How::Well)).await.unwrap().accepted, 0, "{mode}");
        let answer = router.request(Ask { id: (0, 6), how: How::Well }).await;
        assert!(matches!(answer, Err(RequestError::NoResponder { .. })), "{mode}: it has left its routes");
        assert_eq!(managed.stopped().await, managed.stopped().await, "it may be asked again");
        ended(managed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn with_no_budget_it_stops_when_it_first_falls() {
    let (router, book) = (Router::new(), Book::default());
    let mut managed = book.host().budget(0, SECOND).start(&router).await.unwrap();
    router.notify(book.tell((0, 0), How::Panics)).await.unwrap();
    assert!(matches!(managed.stopped().await, End::GaveUp { restarts: 0, .. }));
    assert_eq!(book.instances(), 1);
}

#[tokio::test(start_paused = true)]
async fn falls_that_are_far_apart_do_not_spend_the_budget() {
    let (router, book) = (Router::new(), Book::default());
    let managed = book.host().budget(2, 60 * SECOND).start(&router).await.unwrap();
    for number in 0..20 {
        router.notify(book.tell((0, number), How::Panics)).await.unwrap();
        sleep(30 * SECOND).await;
    }
    assert_eq!(managed.state(), State::Running);
    assert_eq!(managed.troubles().restarts, 20);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_after_a_restart_is_one_more_fall() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let host = book.host().backoff(no_jitter());
        let mut managed = configure(host).start(&router).await.unwrap();
        settled().await;
        book.fail_starts(3);
        router.notify(book.tell((0, 0), How::Panics)).await.unwrap();
        let before = Instant::now();
        assert_eq!(router.request(Ask { id: (0, 1), how: How::Well }).await, Ok(5), "{mode}");
        assert_eq!(before.elapsed().as_millis(), 100 + 200 + 400 + 800, "{mode}");
        assert_eq!(managed.troubles().restarts, 1, "{mode}: made anew once");
        book.fail_starts(usize::MAX);
        router.notify(book.tell((0, 2), How::Panics)).await.unwrap();
        let End::GaveUp { reason, .. } = managed.stopped().await else { panic!("{mode}: it goes on") };
        assert_eq!(reason, Reason::Failed(Failure::new("closed", "expected an open door")), "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn restarts_are_announced() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let mut restarts = router.subscribe::<ManagerRestarted>();
        let _managed = configure(book.host().name("teller")).start(&router).await.unwrap();
        settled().await;
        for attempt in 1..=3 {
            router.notify(book.tell((0, 0), How::Panics)).await.unwrap();
            let told = restarts.recv().await.unwrap();
            assert_eq!((&*told.name, &*told.fallen, told.attempt), ("teller", "teller", attempt), "{mode}");
            assert_eq!(told.reason, panicked("out of luck"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_in_order_is_announced_too() {
    for (_, configure) in MODES {
        for restart in [Restart::Never, Restart::OnPanic] {
            let (router, book) = (Router::new(), Book::default());
            let mut stops = router.subscribe::<ManagerStopped>();
            let mut managed = configure(book.host().restart(restart)).start(&router).await.unwrap();
            assert_eq!(managed.state(), State::Running);
            managed.close();
            assert_eq!(managed.stopped().await, End::InOrder);
            assert_eq!(stops.recv().await.unwrap().end, End::InOrder);
            assert_eq!(managed.state(), State::Stopped(End::InOrder));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_it_is_restarted_events_wait_and_its_state_says_so() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let host = book.host().backoff(Backoff::constant(10 * SECOND));
        let managed = configure(host).start(&router).await.unwrap();
        settled().await;
        router.notify(book.tell((0, 0), How::Panics)).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(managed.state(), State::Restarting, "{mode}");
        router.notify(book.tell((0, 1), How::Well)).await.unwrap();
        assert_eq!(managed.waiting(), 1, "{mode}");
        sleep(10 * SECOND).await;
        assert_eq!((managed.state(), managed.waiting()), (State::Running, 0), "{mode}");
        assert_eq!(book.handled(), [(0, 1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_the_back_off() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let host = book.host().backoff(Backoff::constant(1_000 * SECOND)).redeliver(1);
        let managed = configure(host).start(&router).await.unwrap();
        settled().await;
        router.notify(book.tell((0, 0), How::PanicsTimes(1))).await.unwrap();
        sleep(SECOND).await;
        router.notify(book.tell((0, 1), How::Well)).await.unwrap();
        let before = Instant::now();
        ended(managed).await;
        assert!(before.elapsed() < SECOND, "{mode}");
        assert_eq!(book.handled(), [(0, 0), (0, 1)], "{mode}: what waits is handled by a new one");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_its_deadline_loses_nothing_in_silence() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let managed = configure(book.host().redeliver(9)).start(&router).await.unwrap();
        settled().await;
        book.fail_starts(usize::MAX);
        router.notify(book.tell((0, 0), How::Panics)).await.unwrap();
        router.notify(book.tell((0, 1), How::Well)).await.unwrap();
        // It cannot start again, and tries until the deadline.
        let left = managed.stop(Instant::now() + Duration::from_millis(10)).await;
        settled().await;
        let lost: Vec<_> = book.lost().into_iter().map(|(id, loss)| (id.1, loss.attempts)).collect();
        assert!(
            lost.contains(&(0, 1)) && lost.contains(&(1, 0)) && lost.len() == 2,
            "{mode}: {lost:?}, {left}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_ended_at_a_deadline_does_not_take_its_event_along() {
    for (mode, configure) in MODES.into_iter().filter(|(mode, _)| *mode != "inline") {
        let (router, book) = (Router::new(), Book::default());
        let managed = configure(book.host()).start(&router).await.unwrap();
        settled().await;
        router.notify(book.tell((0, 0), How::Hangs)).await.unwrap();
        settled().await;
        assert_eq!(managed.stop(Instant::now() + SECOND).await, 1, "{mode}");
        assert_eq!(book.lost(), [((0, 0), Loss::after(1, Reason::Stopped))], "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_given_as_a_value_cannot_be_restarted() {
    let (router, book) = (Router::new(), Book::default());
    let error =
        Host::new(support::Clerk::new(1, &book)).restart(Restart::Always).start(&router).await.unwrap_err();
    let text = "the manager clerk did not start: cannot_restart: it is to be restarted, and was given as a value: \
                expected `Host::from_fn`, which can make new ones";
    assert_eq!(error.to_string(), text);
    let answer = router.request(Ask { id: (0, 0), how: How::Well }).await;
    assert!(matches!(answer, Err(RequestError::NoResponder { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_first_start_that_fails_is_an_error_and_is_not_tried_again() {
    let (router, book) = (Router::new(), Book::default());
    book.fail_starts(1);
    let error = book.host().start(&router).await.unwrap_err();
    assert_eq!(error.failure.code(), "closed");
    assert_eq!(book.instances(), 1);
    let error = Host::from_fn(|| -> support::Clerk { panic!("no clerks") }).start(&router).await.unwrap_err();
    assert_eq!(error.to_string(), "the manager clerk did not start: panicked: no clerks");
}

/// Behaviour 51: a capped manager that crashes is restarted with its cap.
#[tokio::test(start_paused = true)]
async fn a_restarted_manager_keeps_its_capacity() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let host = book.host().capacity(2).overflow(Overflow::Reject).backoff(Backoff::constant(SECOND));
        let managed = configure(host).start(&router).await.unwrap();
        settled().await;
        for round in 0..3 {
            router.notify(book.tell((0, round), How::Panics)).await.unwrap();
            settled().await;
            let accepted =
                (0..5).filter(|_| router.try_notify(book.tell((1, round), How::Well)).is_ok()).count();
            assert_eq!(accepted, 2, "{mode}");
            sleep(2 * SECOND).await;
        }
        assert_eq!(managed.tally().accepted, 3 * 2 + managed_itself(mode), "{mode}");
    }
}

/// How many of the three that panicked went by the inbox.
fn managed_itself(mode: &str) -> u64 {
    if mode == "inline" { 0 } else { 3 }
}

/// Behaviours 21 and 52: what an event took down serves again by itself, from the next event's time on.
#[tokio::test(start_paused = true)]
async fn a_manager_that_dies_in_a_request_serves_later_ones_by_itself() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let managed = configure(book.host().budget(50, SECOND)).start(&router).await.unwrap();
        settled().await;
        for round in 1..=10 {
            let died = router.request(Ask { id: (0, 0), how: How::WaitsAndPanics(1) }).await;
            assert!(matches!(died, Err(RequestError::Panicked { .. })), "{mode}");
            assert_eq!(router.request(Ask { id: (0, 0), how: How::Well }).await, Ok(round + 1), "{mode}");
            sleep(SECOND).await;
        }
        let Troubles { restarts, panics, .. } = managed.troubles();
        assert_eq!((restarts, panics), (10, 10), "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_that_fall_together_are_one_fall() {
    let (router, book) = (Router::new(), Book::default());
    let host = book.host().concurrency(edri_manager::Concurrency::Unordered(4)).budget(1, 60 * SECOND);
    let managed = host.start(&router).await.unwrap();
    for number in 0..4 {
        router.notify(book.tell((0, number), How::WaitsAndPanics(3))).await.unwrap();
    }
    assert_eq!(router.request(Ask { id: (0, 9), how: How::Well }).await, Ok(2));
    assert_eq!((managed.troubles().restarts, managed.troubles().panics), (1, 4));
    assert_eq!(book.lost().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn handlers_that_run_finish_on_the_old_one() {
    let (router, book) = (Router::new(), Book::default());
    let host = book.host().concurrency(edri_manager::Concurrency::Unordered(4));
    let _managed = host.start(&router).await.unwrap();
    let slow = tokio::spawn({
        let router = router.clone();
        async move { router.request(Ask { id: (0, 0), how: How::Sleeps(10 * SECOND) }).await }
    });
    settled().await;
    router.notify(book.tell((0, 1), How::Panics)).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(router.request(Ask { id: (0, 2), how: How::Well }).await, Ok(2));
    assert_eq!(slow.await.unwrap(), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn detached_it_is_restarted_as_ever_and_leaves_its_routes_when_it_gives_up() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        configure(book.host().budget(1, 60 * SECOND)).start(&router).await.unwrap().detach();
        settled().await;
        let panics = || router.request(Ask { id: (0, 0), how: How::Panics });
        assert!(matches!(panics().await, Err(RequestError::Panicked { .. })), "{mode}");
        assert_eq!(router.request(Ask { id: (0, 0), how: How::Well }).await, Ok(2), "{mode}");
        assert!(matches!(panics().await, Err(RequestError::Panicked { .. })), "{mode}");
        settled().await;
        assert!(matches!(panics().await, Err(RequestError::NoResponder { .. })), "{mode}");
    }
}
