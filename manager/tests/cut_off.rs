//! Events whose handlers are ended from outside: each leaves one dead letter.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::future::pending;
use std::time::Duration;

use edri_event::{Notification, Request};
use edri_manager::{Concurrency, Host, manager};
use edri_router::{Reason, Router, Subscription, Undelivered};
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// Handled for ever, or at once.
#[derive(Notification, Debug)]
struct Note {
    number: u64,
    hangs: bool,
}

#[derive(Request, Clone)]
#[request(response = u64)]
struct Handled;

/// An answer to it is seen for ever.
#[derive(Request, Clone)]
#[request(response = u64)]
struct Seen;

struct Desk;

#[manager]
impl Desk {
    #[notification]
    async fn note(&self, note: &Note) {
        if note.hangs {
            pending::<()>().await;
        }
    }

    #[request]
    fn handled(&self, _: Handled) -> u64 {
        7
    }

    #[response]
    async fn seen(&self, _: &edri_router::Answer<Seen>) {
        pending::<()>().await;
    }
}

type Configure = fn(Host<Desk>) -> Host<Desk>;

fn note(number: u64, hangs: bool) -> Note {
    Note { number, hangs }
}

fn letters(lost: &mut Subscription<Undelivered<Note>>) -> Vec<(u64, Reason, u32)> {
    let next =
        || lost.try_recv().map(|lost| (lost.event.number, lost.letter.reason.clone(), lost.letter.attempts));
    std::iter::from_fn(next).collect()
}

#[tokio::test(start_paused = true)]
async fn an_inline_handler_that_ends_with_its_sender_leaves_one_letter_and_a_manager_that_goes_on() {
    let router = Router::new();
    let mut lost = router.dead_letters::<Note>();
    let desk = Host::new(Desk).inline().start(&router).await.unwrap();
    tokio::task::yield_now().await;
    timeout(SECOND, router.notify(note(1, true))).await.unwrap_err();
    assert_eq!(letters(&mut lost), [(1, Reason::Cancelled, 1)]);
    assert_eq!(router.request(Handled).await.unwrap(), 7, "it is free again");
    router.notify(note(2, false)).await.unwrap();
    timeout(SECOND, router.notify(note(3, true))).await.unwrap_err();
    assert_eq!(letters(&mut lost), [(3, Reason::Cancelled, 1)]);
    assert_eq!(desk.stop(Instant::now() + SECOND).await, 0);
    let counts = router.dead_letter_counts();
    assert_eq!((counts.cancelled, counts.total()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_observer_ends_with_its_requester_is_a_letter_too() {
    let router = Router::new();
    let _desk = Host::new(Desk).inline().start(&router).await.unwrap();
    let _responder = router.respond(|_: Seen| async { Ok(1) });
    tokio::task::yield_now().await;
    timeout(SECOND, router.request(Seen)).await.unwrap_err();
    assert_eq!(router.dead_letter_counts().cancelled, 1);
    assert_eq!(router.dead_letter_counts().total(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_notification_that_is_cut_off_at_the_stop_deadline_leaves_one_letter_and_those_behind_it_too() {
    let modes: [(&str, Configure); 4] = [
        ("mailbox", Host::mailbox),
        ("inline", Host::inline),
        ("per key", |host| host.concurrency(Concurrency::PerKey(1))),
        ("unordered", |host| host.concurrency(Concurrency::Unordered(1))),
    ];
    for (mode, configure) in modes {
        let router = Router::new();
        let mut lost = router.dead_letters::<Note>();
        let desk = configure(Host::new(Desk)).start(&router).await.unwrap();
        // Without waiting, an inline manager gets them from its inbox, too.
        for number in 0..3 {
            router.try_notify(note(number, number == 0)).unwrap();
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(desk.part().current().map(|current| current.event), Some("cut_off::Note"), "{mode}");
        assert_eq!(desk.stop(Instant::now() + SECOND).await, 3, "{mode}");
        let mut letters = letters(&mut lost);
        letters.sort_by_key(|letter| letter.0);
        let expected = [(0, Reason::Stopped, 1), (1, Reason::Stopped, 0), (2, Reason::Stopped, 0)];
        assert_eq!(letters, expected, "{mode}");
        assert_eq!(router.dead_letter_counts().total(), 3, "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_on_its_senders_task_outlives_its_managers_end_and_then_leaves_one_letter() {
    let router = Router::new();
    let mut lost = router.dead_letters::<Note>();
    let desk = Host::new(Desk).inline().start(&router).await.unwrap();
    tokio::task::yield_now().await;
    let sending = tokio::spawn({
        let router = router.clone();
        async move { router.notify(note(1, true)).await }
    });
    tokio::task::yield_now().await;
    desk.stop(Instant::now() + SECOND).await;
    assert_eq!(letters(&mut lost), [], "its sender still waits for it");
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    assert_eq!(letters(&mut lost), [(1, Reason::Cancelled, 1)]);
}
