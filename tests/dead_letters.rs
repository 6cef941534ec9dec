//! Dead letters in whole programs, seen by managers.

use std::time::Duration;

use edri::prelude::*;
use edri::router::Reason;
use edri::testing;

#[derive(Notification, Debug, Clone, PartialEq, Eq)]
struct Note(u64);

/// What a manager has seen of a lost event.
#[derive(Notification, Debug, PartialEq, Eq)]
struct Seen {
    event: Option<Note>,
    by: String,
    reason: Reason,
}

/// Reports the letters, and the notes that are lost.
struct Clerk;

#[manager]
impl Clerk {
    #[notification]
    async fn letter(&mut self, letter: &DeadLetter, cx: &Context) -> Result<(), Failure> {
        let by = letter.consumer.as_deref().unwrap_or("nobody").to_owned();
        cx.router().notify(Seen { event: None, by, reason: letter.reason.clone() }).await?;
        Ok(())
    }

    #[notification]
    async fn note(&mut self, lost: &Undelivered<Note>, cx: &Context) -> Result<(), Failure> {
        let by = lost.letter.consumer.as_deref().unwrap_or("nobody").to_owned();
        let event = Some(Note::clone(&lost.event));
        cx.router().notify(Seen { event, by, reason: lost.letter.reason.clone() }).await?;
        Ok(())
    }
}

/// Begins with its first note and does not end.
struct Stuck;

#[manager]
impl Stuck {
    #[notification]
    async fn note(&mut self, _event: &Note) {
        std::future::pending::<()>().await;
    }
}

#[test]
fn managers_see_lost_events_in_every_mode() {
    for host in [|host: Host<Clerk>| host, Host::inline, Host::mailbox] {
        testing::run(async |bed| {
            bed.watch::<Seen>();
            bed.start(host(Host::new(Clerk))).await;
            bed.router().notify(Note(1)).await.unwrap();
            let event = bed.expect_that(|seen: &Seen| seen.event.is_some()).await;
            let expected = Seen { event: Some(Note(1)), by: "nobody".into(), reason: Reason::NoSubscriber };
            assert_eq!(*event, expected);
            assert_eq!(*bed.expect::<Seen>().await, Seen { event: None, ..expected });
            bed.stop().await;
        });
    }
}

#[test]
fn what_a_manager_drops_or_leaves_when_it_is_ended_is_a_dead_letter_with_its_name() {
    testing::run(async |bed| {
        bed.watch::<Seen>();
        bed.start(Clerk).await;
        let stuck = Host::new(Stuck).name("stuck").capacity(2).overflow(Overflow::DropOldest);
        let stuck = stuck.start(bed.router()).await.unwrap();
        bed.router().notify(Note(0)).await.unwrap();
        bed.pass(Duration::from_millis(1)).await;
        for number in 1..4 {
            bed.router().notify(Note(number)).await.unwrap();
        }
        let dropped = bed.expect_that(|seen: &Seen| seen.event.is_some()).await;
        assert_eq!(*dropped, Seen { event: Some(Note(1)), by: "stuck".into(), reason: Reason::Overflow });
        let _left = stuck.stop(tokio::time::Instant::now() + Duration::from_secs(1)).await;
        for number in [2, 3] {
            let left = bed.expect_that(|seen: &Seen| seen.event == Some(Note(number))).await;
            assert_eq!((&*left.by, &left.reason), ("stuck", &Reason::Stopped));
        }
        assert_eq!(bed.router().dead_letter_counts().overflow, 1);
    });
}

#[test]
fn a_clerk_that_is_full_misses_letters_and_blocks_nobody() {
    testing::run(async |bed| {
        let clerk = Host::new(Clerk).capacity(4);
        bed.start(clerk).await;
        for number in 0..100 {
            assert!(bed.router().try_notify(Note(number)).is_ok());
        }
        let counts = bed.router().dead_letter_counts();
        assert_eq!((counts.no_subscriber, counts.untold), (100, 2 * 100 - 4));
    });
}
