//! Subscribers that share the events under one name.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use edri_event::Notification;
use edri_router::{Overflow, Replay, Router, Subscription};
use proptest::prelude::*;
use support::{Ping, turns, waiting};
use tokio_test::{assert_pending, assert_ready_ok, task};

#[derive(Notification, Clone)]
#[notification(key = 0)]
struct Keyed(u64, u64);

fn member(router: &Router, capacity: usize) -> Subscription<Ping> {
    router.subscription::<Ping>().group("workers").capacity(capacity).start()
}

fn numbers(subscription: &mut Subscription<Keyed>) -> Vec<u64> {
    std::iter::from_fn(|| subscription.try_recv()).map(|event| event.1).collect()
}

#[tokio::test]
async fn each_event_goes_to_one_member_of_each_group_and_to_everybody_else() {
    let router = Router::new();
    let mut alone = router.subscribe::<Ping>();
    let mut ones: Vec<_> = (0..2).map(|_| router.subscription::<Ping>().group("one").start()).collect();
    let mut others: Vec<_> = (0..3).map(|_| router.subscription::<Ping>().group("other").start()).collect();
    for number in 0..6 {
        assert_eq!(router.notify(Ping(number)).await.unwrap().accepted, 3);
    }
    assert_eq!(waiting(&mut alone), (0..6).collect::<Vec<_>>());
    let shares = |members: &mut [Subscription<Ping>]| members.iter_mut().map(waiting).collect::<Vec<_>>();
    assert_eq!(shares(&mut ones), [[0, 2, 4], [1, 3, 5]]);
    assert_eq!(shares(&mut others), [[0, 3], [1, 4], [2, 5]]);

    assert_eq!(router.try_notify(Ping(6)).unwrap().accepted, 3);
    assert_eq!(router.notify_all((7..12).map(Ping)).await.unwrap().accepted, 15);
    for members in [&mut ones, &mut others] {
        let mut all: Vec<_> = shares(members).concat();
        all.sort_unstable();
        assert_eq!(all, (6..12).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_group_of_one_is_like_any_subscriber() {
    let router = Router::new();
    let mut only = member(&router, 4);
    router.notify(Ping(1)).await.unwrap();
    router.notify_all([Ping(2), Ping(3)]).await.unwrap();
    assert_eq!(waiting(&mut only), [1, 2, 3]);
}

#[tokio::test]
async fn events_of_a_key_go_to_the_same_member_in_order_and_only_its_keys_move_when_one_leaves() {
    let router = Router::new();
    let mut members: Vec<_> =
        (0..4).map(|_| router.subscription::<Keyed>().group("workers").start()).collect();
    let owners = async |members: &mut Vec<Subscription<Keyed>>| {
        let mut owners = Vec::new();
        for key in 0..50 {
            for number in 0..3 {
                router.notify(Keyed(key, number)).await.unwrap();
            }
            let got: Vec<_> = members.iter_mut().map(numbers).collect();
            let owner =
                got.iter().position(|got| *got == [0, 1, 2]).expect("one member has all of a key, in order");
            assert_eq!(got.concat().len(), 3);
            owners.push(owner);
        }
        owners
    };
    let before = owners(&mut members).await;
    assert!((0..4).all(|member| before.contains(&member)), "{before:?}");
    drop(members.pop());
    let after = owners(&mut members).await;
    for (before, after) in before.into_iter().zip(after) {
        assert!(before == after || before == 3, "{before} {after}");
    }
}

#[test]
fn a_full_member_is_passed_over_while_another_has_room_and_then_makes_its_sender_wait() {
    let router = Router::new();
    let mut members = [member(&router, 1), member(&router, 3)];
    for number in 0..4 {
        assert_ready_ok!(task::spawn(router.notify(Ping(number))).poll());
    }
    assert_eq!([members[0].len(), members[1].len()], [1, 3]);
    assert_eq!(router.try_notify(Ping(9)).unwrap_err().subscriber, "the group \"workers\"");
    let mut sending = task::spawn(router.notify(Ping(4)));
    assert_pending!(sending.poll());
    let mut given_up = task::spawn(router.notify(Ping(5)));
    assert_pending!(given_up.poll());
    drop(given_up);
    let all: Vec<_> = members.iter_mut().flat_map(waiting).collect();
    assert!(sending.is_woken());
    assert_eq!(assert_ready_ok!(sending.poll()).accepted, 1);
    let mut all: Vec<_> = all.into_iter().chain(members.iter_mut().flat_map(waiting)).collect();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4], "what was given up is not delivered");
}

#[test]
fn a_full_member_refuses_if_all_are_full_and_that_is_its_policy() {
    let router = Router::new();
    let refusing =
        || router.subscription::<Ping>().group("workers").capacity(1).overflow(Overflow::Reject).start();
    let _members = [refusing(), refusing()];
    for number in 0..2 {
        assert_ready_ok!(task::spawn(router.notify(Ping(number))).poll());
    }
    let refused = task::spawn(router.notify(Ping(2))).poll();
    assert!(matches!(refused, std::task::Poll::Ready(Err(error)) if error.refused == 1));
}

#[test]
fn a_sender_that_waits_is_let_go_when_the_member_it_waits_for_leaves() {
    let router = Router::new();
    let members = [member(&router, 1), member(&router, 1)];
    router.try_notify(Ping(0)).unwrap();
    router.try_notify(Ping(1)).unwrap();
    let mut sending = task::spawn(router.notify(Ping(2)));
    let mut batch = task::spawn(router.notify_all([Ping(3), Ping(4)]));
    assert_pending!(sending.poll());
    assert_pending!(batch.poll());
    drop(members);
    assert_ready_ok!(sending.poll());
    assert_ready_ok!(batch.poll());
}

#[tokio::test]
async fn a_member_that_leaves_hands_over_to_the_others_and_keeps_what_it_has() {
    let router = Router::new();
    let mut members = vec![member(&router, 8), member(&router, 8), member(&router, 8)];
    router.notify_all((0..3).map(Ping)).await.unwrap();
    let mut leaving = members.remove(0);
    leaving.close();
    router.notify_all((3..7).map(Ping)).await.unwrap();
    assert_eq!(waiting(&mut leaving).len(), 1);
    let mut rest: Vec<_> = members.iter_mut().flat_map(waiting).collect();
    rest.sort_unstable();
    assert_eq!(rest.len(), 6);
    assert!(rest.ends_with(&[3, 4, 5, 6]));

    drop(members);
    assert_eq!(router.notify(Ping(9)).await.unwrap().accepted, 0, "the group is gone with its last member");
    let mut again = member(&router, 8);
    router.notify(Ping(10)).await.unwrap();
    assert_eq!(waiting(&mut again), [10]);
}

#[tokio::test]
async fn a_group_gets_no_replay() {
    let router = Router::new();
    router.retain::<Ping>(edri_event::Retention::last(8));
    router.notify(Ping(1)).await.unwrap();
    let mut late = router.subscription::<Ping>().group("workers").from(Replay::All).start();
    router.notify(Ping(2)).await.unwrap();
    assert_eq!(waiting(&mut late), [2]);
}

#[tokio::test]
async fn a_subscription_is_named_in_errors_as_it_was_told() {
    let router = Router::new();
    let _full =
        router.subscription::<Ping>().named("the display").capacity(1).overflow(Overflow::Reject).start();
    router.notify(Ping(1)).await.unwrap();
    let refused = router.notify(Ping(2)).await.unwrap_err();
    assert_eq!(refused.subscriber, "the display");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn between_them_members_that_come_and_go_get_each_event_once(
        stays in prop::collection::vec((0..60_usize, 1..60_usize, 1..5_usize), 1..8),
        events in 1..300_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let all = runtime.block_on(async {
            let router = Router::new();
            let steady = member(&router, 2);
            let take = |mut subscription: Subscription<Ping>| tokio::spawn(async move {
                let mut all = Vec::new();
                while let Some(event) = subscription.recv().await {
                    all.push(event.0);
                }
                all
            });
            let mut members = vec![take(steady)];
            for (comes, stays, capacity) in stays {
                let router = router.clone();
                members.push(tokio::spawn(async move {
                    turns(comes).await;
                    let mut subscription = member(&router, capacity);
                    drop(router);
                    let mut all = Vec::new();
                    for _ in 0..stays {
                        turns(1).await;
                        all.extend(waiting(&mut subscription));
                    }
                    subscription.close();
                    all.extend(waiting(&mut subscription));
                    all
                }));
            }
            let one = router.clone();
            let one = tokio::spawn(async move {
                for number in 0..events {
                    one.notify(Ping(number)).await.unwrap();
                }
            });
            for first in (events..2 * events).step_by(5) {
                router.notify_all((first..(2 * events).min(first + 5)).map(Ping)).await.unwrap();
                turns(1).await;
            }
            one.await.unwrap();
            drop(router);
            let mut all = Vec::new();
            for member in members {
                all.extend(member.await.unwrap());
            }
            all
        });
        let mut all = all;
        all.sort_unstable();
        prop_assert_eq!(all, (0..2 * events).collect::<Vec<_>>());
    }
}
