//! Groups, observers of answers, and the choice among several, wherever they are.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use edri_event::{Event as _, Failure, Priority, Request, Retention, RoutePolicy};
use edri_link::Link;
use edri_router::{
    Answer, Asked, Inbox, InboxSettings, Overflow, Reason, Receiver, Registration, Replay, RequestError,
    Router, Subscription, ToInbox,
};
use serde::{Deserialize, Serialize};
use support::net::{link, link_apart, settle};
use support::routers::{Ask, Ping};

#[derive(Request, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[request(response = u64, shareable, policy = "by_key", key = 0)]
struct Keyed(u64);

fn member(router: &Router) -> Subscription<Ping> {
    router.subscription::<Ping>().group("workers").inbox(InboxSettings::with_capacity(10_000)).start()
}

fn heard(subscription: &mut Subscription<Ping>) -> Vec<u64> {
    std::iter::from_fn(|| subscription.try_recv()).map(|ping| ping.0).collect()
}

async fn three() -> ([Router; 3], Vec<[Link; 2]>) {
    let routers = [Router::new(), Router::new(), Router::new()];
    let [a, b, c] = &routers;
    let links = vec![link(a, b).await, link(b, c).await, link(c, a).await];
    (routers, links)
}

#[tokio::test(start_paused = true)]
async fn each_event_goes_to_one_member_of_a_group_wherever_the_members_are() {
    let (routers, _links) = three().await;
    let [a, b, c] = &routers;
    let mut members = [member(a), member(b), member(b), member(c)];
    let mut all = b.subscribe::<Ping>();
    settle().await;
    for router in &routers {
        for number in 0..400 {
            router.notify(Ping(number)).await.unwrap();
            if number % 100 == 0 {
                all.try_recv();
                settle().await;
            }
            while all.try_recv().is_some() {}
        }
    }
    settle().await;
    let shares = members.each_mut().map(heard);
    let counts = shares.each_ref().map(Vec::len);
    assert_eq!(counts.iter().sum::<usize>(), 1_200, "{counts:?}");
    assert!(counts.iter().all(|count| (200..400).contains(count)), "they take turns: {counts:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_with_a_key_goes_to_the_same_member_from_whichever_router_it_is_sent() {
    let (routers, _links) = three().await;
    let mut members: Vec<_> = routers.iter().flat_map(|router| [member(router), member(router)]).collect();
    settle().await;
    for router in &routers {
        for number in 0..100_u64 {
            router.notify(Ping(number)).key(&number).await.unwrap();
        }
    }
    settle().await;
    let mut whose: BTreeMap<u64, BTreeSet<usize>> = BTreeMap::new();
    for (index, member) in members.iter_mut().enumerate() {
        let heard = heard(member);
        assert!(!heard.is_empty(), "keys are spread");
        for number in heard {
            whose.entry(number).or_default().insert(index);
        }
    }
    assert!(whose.len() == 100 && whose.values().all(|members| members.len() == 1), "{whose:?}");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_leaves_gets_no_more_and_nothing_is_lost_on_the_way() {
    let (routers, _links) = three().await;
    let [a, b, c] = &routers;
    let mut stays = member(b);
    let mut total = 0;
    for round in 0..20 {
        let mut guest = member(c);
        settle().await;
        for number in 0..50 {
            a.notify(Ping(round * 50 + number)).await.unwrap();
        }
        if round % 2 == 0 {
            settle().await;
        }
        total += heard(&mut guest).len();
        // What is unread or on its way to it then is a dead letter, with its reason.
        drop(guest);
    }
    settle().await;
    total += heard(&mut stays).len();
    let lost = c.snapshot().dead_letters;
    let missing = 1_000 - total as u64;
    assert_eq!(lost.stopped + lost.no_subscriber, missing, "{lost:?}");
    assert!(missing < 500);
}

#[tokio::test(start_paused = true)]
async fn a_member_behind_another_horizon_is_a_member_like_others() {
    let [child, parent, peer] = [Router::new(), Router::new(), Router::new()];
    let _links = [link_apart(&child, &parent).await, link(&parent, &peer).await];
    let mut members = [member(&child), member(&peer)];
    settle().await;
    for router in [&child, &parent, &peer] {
        for number in 0..100 {
            router.notify(Ping(number)).await.unwrap();
        }
    }
    settle().await;
    let counts = members.each_mut().map(|member| heard(member).len());
    assert_eq!(counts, [150, 150]);
}

fn answered(subscription: &mut Subscription<Answer<Ask>>) -> Vec<(u64, Result<u64, RequestError>)> {
    std::iter::from_fn(|| subscription.try_recv())
        .map(|answer| (answer.request.0, answer.outcome.clone()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_observer_sees_every_answer_once_wherever_it_was_asked_and_given() {
    let (routers, _links) = three().await;
    let [a, b, c] = &routers;
    let _adder = b.respond(|ask: Ask| async move {
        match ask.0 {
            0 => Err(Failure::new("zero", "nothing")),
            1 => panic!("oh no"),
            number => Ok(number + 1),
        }
    });
    let mut observers = routers.each_ref().map(Router::responses::<Ask>);
    settle().await;
    for (index, router) in [a, b, c].into_iter().enumerate() {
        let _ = router.request(Ask(0)).await;
        let _ = router.request(Ask(1)).await;
        let _ = router.request(Ask(10 * (index as u64 + 1))).await;
    }
    settle().await;
    for observer in &mut observers {
        let mut seen = answered(observer);
        seen.sort_by_key(|(request, _)| *request);
        let zero = Err(RequestError::Failed(Failure::new("zero", "nothing")));
        let panicked = Err(RequestError::Panicked { message: "oh no".to_owned() });
        let mut expected: Vec<_> = (0..3).map(|_| (0, zero.clone())).collect();
        expected.extend((0..3).map(|_| (1, panicked.clone())));
        expected.extend([(10, Ok(11)), (20, Ok(21)), (30, Ok(31))]);
        assert_eq!(seen, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_far_away_sees_an_answer_that_needed_no_link() {
    let [child, parent, peer] = [Router::new(), Router::new(), Router::new()];
    let _links = [link_apart(&child, &parent).await, link(&parent, &peer).await];
    let _adder = child.respond(|ask: Ask| async move {
        if ask.0 == 2 { std::future::pending().await } else { Ok(ask.0 + 1) }
    });
    let mut observer = peer.responses::<Ask>();
    settle().await;
    assert_eq!(child.request(Ask(1)).await, Ok(2));
    let _ = child.request(Ask(2)).timeout(Duration::from_millis(5)).await;
    settle().await;
    let seen = answered(&mut observer);
    assert_eq!(seen[0], (1, Ok(2)));
    assert!(matches!(seen[1..], [(2, Err(RequestError::TimedOut { .. }))]), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_that_come_over_a_link_are_retained_as_local_ones_are() {
    let (routers, _links) = three().await;
    let [a, b, _] = &routers;
    let _adder = a.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    b.retain_responses::<Ask>(Retention::last(10));
    let _observer = b.responses::<Ask>();
    settle().await;
    for number in 0..20 {
        a.request(Ask(number)).await.unwrap();
    }
    settle().await;
    let mut late = b.responses::<Ask>().from(Replay::All);
    assert!(answered(&mut late).into_iter().map(|(request, _)| request).eq(10..20));
}

fn responder(router: &Router, settings: InboxSettings) -> (Receiver<Asked<Keyed>>, Registration) {
    let (inbox, receiver) = Inbox::new(settings);
    let to = ToInbox::new("responder".into(), inbox, std::convert::identity);
    (receiver, router.attach_responder(Arc::new(to)))
}

/// Answers with a number of its own.
fn answering(router: &Router, number: u64) -> Registration {
    router.respond(move |_: Keyed| async move { Ok(number) })
}

#[tokio::test(start_paused = true)]
async fn by_key_every_router_asks_the_same_responder() {
    let (routers, _links) = three().await;
    let [a, b, c] = &routers;
    let _responders = [answering(a, 0), answering(b, 1), answering(b, 2), answering(c, 3)];
    settle().await;
    let mut used = BTreeSet::new();
    for key in 0..60 {
        let mut asked = BTreeSet::new();
        for router in &routers {
            asked.insert(router.request(Keyed(key)).await.unwrap());
        }
        assert_eq!(asked.len(), 1, "{key} is answered by {asked:?}");
        used.extend(asked);
    }
    assert_eq!(used.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn local_first_asks_far_away_only_when_all_here_are_full_or_gone() {
    let (routers, _links) = three().await;
    let [a, b, _] = &routers;
    a.route_requests::<Keyed>(RoutePolicy::LocalFirst);
    let (mut here, place) = responder(a, InboxSettings::with_capacity(2));
    let _far = answering(b, 7);
    settle().await;
    let ask = |number: u64| {
        let a = a.clone();
        tokio::spawn(async move { a.request(Keyed(number)).priority(Priority::Normal).await })
    };
    let waiting = [ask(1), ask(2)];
    settle().await;
    drop((here.try_recv(), here.try_recv()));
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), Err(RequestError::Cancelled), "they were asked here");
    }
    drop((here, place));
    assert_eq!(ask(3).await.unwrap(), Ok(7));
}

#[tokio::test(start_paused = true)]
async fn round_robin_takes_turns_with_responders_far_away() {
    let (routers, _links) = three().await;
    let [a, b, c] = &routers;
    a.route_requests::<Keyed>(RoutePolicy::RoundRobin);
    let _responders = [answering(a, 0), answering(b, 1), answering(c, 2)];
    settle().await;
    let mut counts = [0; 3];
    for number in 0..30 {
        counts[a.request(Keyed(number)).await.unwrap() as usize] += 1;
    }
    assert_eq!(counts, [10; 3]);
}

#[tokio::test(start_paused = true)]
async fn the_least_loaded_is_asked_wherever_it_is() {
    let (routers, _links) = three().await;
    let [a, b, c] = &routers;
    a.route_requests::<Keyed>(RoutePolicy::LeastLoaded);
    c.route_requests::<Keyed>(RoutePolicy::LocalFirst);
    let (mut at_b, _b) = responder(b, InboxSettings::default());
    let (mut at_c, _c) = responder(c, InboxSettings::default());
    settle().await;
    // What others have it do counts, as it has told.
    let burden: Vec<_> = (0..10)
        .map(|number| {
            let c = c.clone();
            tokio::spawn(async move { c.request(Keyed(number)).await })
        })
        .collect();
    settle().await;
    // It tells when it is asked over the link.
    let first = tokio::spawn({
        let a = a.clone();
        async move { a.request(Keyed(100)).await }
    });
    settle().await;
    let asked: Vec<_> = (0..12)
        .map(|number| {
            let a = a.clone();
            tokio::spawn(async move { a.request(Keyed(200 + number)).await })
        })
        .collect();
    settle().await;
    let (of_b, of_c) = (at_b.len(), at_c.len());
    assert_eq!(of_b + of_c, 23);
    assert!(of_b.abs_diff(of_c) <= 3, "{of_b} and {of_c}");
    while at_b.try_recv().is_some() || at_c.try_recv().is_some() {}
    for task in burden.into_iter().chain(asked).chain([first]) {
        assert_eq!(task.await.unwrap(), Err(RequestError::Cancelled));
    }
}

#[tokio::test(start_paused = true)]
async fn a_responder_that_left_while_a_request_was_on_its_way_leaves_it_to_another_of_its_router() {
    let [a, b] = [Router::new(), Router::new()];
    let _links = link(&a, &b).await;
    let leaving = answering(&b, 1);
    settle().await;
    assert!(a.has_responders::<Keyed>());
    drop(leaving);
    let _stays = answering(&b, 2);
    assert_eq!(a.request(Keyed(1)).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn what_a_far_consumers_policy_refuses_is_a_dead_letter_there() {
    let [a, b] = [Router::new(), Router::new()];
    let _links = link(&a, &b).await;
    let settings = InboxSettings::with_capacity(3).overflow(Overflow::Reject);
    let mut full = b.subscribe_with::<Ping>(settings);
    let mut lost = b.dead_letters::<Ping>();
    settle().await;
    for number in 0..10 {
        a.notify(Ping(number)).await.unwrap();
    }
    settle().await;
    assert_eq!(heard(&mut full), [0, 1, 2]);
    let lost: Vec<_> = std::iter::from_fn(|| lost.try_recv())
        .map(|lost| (lost.event.0, lost.letter.reason.clone()))
        .collect();
    assert!(lost.into_iter().eq((3..10).map(|number| (number, Reason::Overflow))));
    assert_eq!(Ping::name(), b.snapshot().routes[0].event);
}
