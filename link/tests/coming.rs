//! Who comes and goes, in whatever order, while events flow; and what becomes of what nobody consumes any more.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use edri_event::{Event as _, EventId, Key, Notification, Priority, TraceContext};
use edri_link::memory::{Conditions, pair};
use edri_link::{End, Filter, Link};
use edri_router::{
    Asked, Inbox, InboxSettings, Reason, Registration, Replay, Router, Subscription, ToInbox, has_expired,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use support::net::{link, link_with, settle};
use support::routers::{Ask, Ping, Pipe, settings_of, until};

#[derive(Notification, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[notification(shareable, retain = 5)]
struct Kept(u64);

#[derive(Notification, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[notification(shareable, key = 0)]
struct Keyed(u64);

fn heard(subscription: &mut Subscription<Ping>) -> Vec<u64> {
    std::iter::from_fn(|| subscription.try_recv()).map(|ping| ping.0).collect()
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_last_the_first_event_after_that_arrives() {
    // The link, the subscriber there, the sender's first event here: in any order.
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let [a, b] = [Router::new(), Router::new()];
        let mut links = None;
        let mut there = None;
        for step in order {
            match step {
                0 => links = Some(link(&a, &b).await),
                1 => there = Some(b.subscribe::<Ping>()),
                _ => drop(a.notify(Ping(0)).await.unwrap()),
            }
        }
        settle().await;
        // Once a link is open, all is known that was consumed before.
        let expected = if order == [1, 0, 2] { vec![0] } else { vec![] };
        assert_eq!(heard(there.as_mut().unwrap()), expected, "{order:?}");
        a.notify(Ping(1)).await.unwrap();
        settle().await;
        assert_eq!(heard(there.as_mut().unwrap()), [1], "{order:?}");
        drop(links);
    }
}

#[tokio::test(start_paused = true)]
async fn a_responder_an_observer_and_an_acceptor_may_come_before_or_after_the_link() {
    for link_first in [false, true] {
        let [a, b] = [Router::new(), Router::new()];
        let mut links = Vec::new();
        if link_first {
            links.push(link(&a, &b).await);
        }
        let _adder = b.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
        let mut observer = b.responses::<Ask>();
        let (inbox, mut openings) = Inbox::new(InboxSettings::default());
        let to = ToInbox::new("acceptor".into(), inbox, std::convert::identity);
        let _place = b.attach_acceptor::<Pipe>(Arc::new(to));
        if !link_first {
            links.push(link(&a, &b).await);
        }
        settle().await;
        // The very first of each type.
        assert_eq!(a.request(Ask(1)).await, Ok(2));
        let mut opened = a.open(Pipe(1)).await.unwrap();
        opened.send(7).await.unwrap();
        let mut accepted = openings.recv().await.unwrap().tunnel;
        assert_eq!(accepted.recv().await, Some(Ok(7)));
        settle().await;
        assert_eq!(observer.try_recv().unwrap().request, Ask(1));
        // A handle that was made before anybody was known finds who comes.
        let mut requester = b.requester::<Ask>();
        assert_eq!(requester.request(Ask(4)).await, Ok(5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_requester_made_before_the_link_finds_who_is_behind_it() {
    let [a, b] = [Router::new(), Router::new()];
    let mut requester = a.requester::<Ask>();
    assert!(requester.request(Ask(1)).await.is_err());
    let _adder = b.respond(|ask: Ask| async move { Ok(ask.0 + 1) });
    let _links = link(&a, &b).await;
    settle().await;
    assert_eq!(requester.request(Ask(1)).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn what_is_merely_sent_is_not_announced_and_what_is_consumed_is() {
    let [a, b] = [Router::new(), Router::new()];
    let _links = link(&a, &b).await;
    a.notify(Ping(1)).await.unwrap();
    let _own = a.subscribe::<Kept>();
    settle().await;
    assert!(!b.has_subscribers::<Ping>(), "it is merely sent there");
    assert!(b.has_subscribers::<Kept>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Subscribers come and go while events flow: each gets, without a gap, all that was sent from when it was known until
    /// it went; and nothing disappears: what found nobody is a dead letter.
    #[test]
    fn subscribers_that_come_and_go_lose_nothing_that_was_sent_while_they_were_known(
        latency in 0..4_u64,
        steps in prop::collection::vec((any::<bool>(), 0..8_u64, any::<bool>()), 1..40),
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let [a, b] = [Router::new(), Router::new()];
            let mut conditions = Conditions::default();
            conditions.latency = Duration::from_millis(latency);
            let (near, far) = pair(conditions);
            let near = Link::start(&a, near, End::Connecting, settings_of(&a, "a"));
            let _far = Link::start(&b, far, End::Accepting, settings_of(&b, "b"));
            near.opened().await.unwrap();
            let capacity = InboxSettings::with_capacity(100_000);
            let (mut there, mut known): (Vec<Subscription<Ping>>, Vec<Option<u64>>) = (Vec::new(), Vec::new());
            let (mut next, mut accepted) = (0, 0);
            let mut read = 0;
            for (comes, count, settles) in steps {
                if comes || there.is_empty() {
                    there.push(b.subscribe_with::<Ping>(capacity));
                    known.push(None);
                } else {
                    let mut leaves = there.remove(0);
                    check(&mut leaves, known.remove(0), None);
                    read += leaves.tally().accepted;
                }
                if settles {
                    settle().await;
                    known.iter_mut().for_each(|known| *known = known.or(Some(next)));
                }
                for _ in 0..count {
                    accepted += a.notify(Ping(next)).await.unwrap().accepted;
                    next += 1;
                }
            }
            settle().await;
            for (mut subscription, known) in there.drain(..).zip(known) {
                check(&mut subscription, known, Some(next));
                read += subscription.tally().accepted;
            }
            settle().await;
            // Whatever was sent was delivered to somebody, or is lost at one of the ends, with its reason.
            let lost = [&a, &b].map(|router| router.snapshot().dead_letters.no_subscriber);
            assert!(read + lost[0] + lost[1] >= next, "{read} {lost:?} of {next}");
            assert!(lost[0] >= next - accepted as u64);
        });
    }
}

/// Without a gap, and from `known` on at the latest until `end`.
fn check(subscription: &mut Subscription<Ping>, known: Option<u64>, end: Option<u64>) {
    let heard = heard(subscription);
    assert!(heard.iter().zip(heard.iter().skip(1)).all(|(one, next)| one + 1 == *next), "{heard:?}");
    if let (Some(known), Some(end)) = (known, end)
        && known < end
    {
        assert!(heard.first().is_some_and(|first| *first <= known), "{heard:?} from {known}");
        assert_eq!(heard.last(), Some(&(end - 1)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_to_the_last_subscriber_is_a_dead_letter_where_it_arrives() {
    let [a, b] = [Router::new(), Router::new()];
    let _links = link(&a, &b).await;
    let there = b.subscribe::<Ping>();
    let mut lost = b.dead_letters::<Ping>();
    settle().await;
    for number in 0..5 {
        assert_eq!(a.notify(Ping(number)).await.unwrap().accepted, 1);
    }
    drop(there);
    settle().await;
    let lost: Vec<_> = std::iter::from_fn(|| lost.try_recv())
        .map(|lost| (lost.event.0, lost.letter.reason.clone(), lost.letter.id.is_some()))
        .collect();
    assert!(lost.into_iter().eq((0..5).map(|number| (number, Reason::NoSubscriber, true))));
    assert!(!a.has_subscribers::<Ping>());
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_link_that_is_lost_are_dead_letters_with_that_reason() {
    let [a, b] = [Router::new(), Router::new()];
    let (near, far) = pair(Conditions::default());
    let near_link = Link::start(&a, near, End::Connecting, settings_of(&a, "a"));
    let mut settings = settings_of(&b, "b");
    settings.limits.window = 1;
    let far_link = Link::start(&b, far, End::Accepting, settings);
    near_link.opened().await.unwrap();
    let _slow = b.subscribe_with::<Ping>(InboxSettings::with_capacity(1));
    settle().await;
    for number in 0..100 {
        a.notify(Ping(number)).await.unwrap();
    }
    settle().await;
    drop(far_link);
    near_link.closed().await;
    settle().await;
    let lost = a.snapshot().dead_letters;
    assert!(lost.link_lost + lost.stopped > 90, "{lost:?}");
    assert_eq!(lost.total(), lost.link_lost + lost.stopped);
}

#[tokio::test(start_paused = true)]
async fn what_comes_over_a_link_is_retained_here_as_what_is_sent_here() {
    let [a, b] = [Router::new(), Router::new()];
    let _links = link(&a, &b).await;
    let first = b.subscribe::<Kept>();
    settle().await;
    for number in 0..10 {
        a.notify(Kept(number)).await.unwrap();
    }
    settle().await;
    let mut late = b.subscribe::<Kept>().from(Replay::All);
    a.notify(Kept(10)).await.unwrap();
    settle().await;
    let got: Vec<_> = std::iter::from_fn(|| late.try_recv()).map(|kept| kept.0).collect();
    assert_eq!(got, [5, 6, 7, 8, 9, 10]);
    drop(first);
    assert_eq!(a.retained::<Kept>().events, 5);
}

#[tokio::test(start_paused = true)]
async fn events_the_filter_denies_do_not_go_over_in_either_direction() {
    let [a, b] = [Router::new(), Router::new()];
    let _links = link_with(&a, &b, |settings| {
        if settings.identity.name == "one" {
            settings.filter = Filter::all().only([Ping::name(), Ask::name()]).deny([Ask::name()]);
        }
    })
    .await;
    let (mut pings, mut kept) = (b.subscribe::<Ping>(), b.subscribe::<Kept>());
    let _adder = b.respond(|ask: Ask| async move { Ok(ask.0) });
    let _here = a.respond(|_: Ask| std::future::pending());
    settle().await;
    a.notify(Ping(1)).await.unwrap();
    a.notify(Kept(1)).await.unwrap();
    settle().await;
    assert_eq!(heard(&mut pings), [1]);
    assert!(kept.try_recv().is_none());
    let registered = |router: &Router| {
        let routes = router.snapshot().routes;
        routes.iter().find(|route| route.event == Ask::name()).map_or(0, |route| route.registered)
    };
    assert_eq!((registered(&a), registered(&b)), (1, 1));
}

fn responder(router: &Router) -> (edri_router::Receiver<Asked<Ask>>, Registration) {
    let (inbox, receiver) = Inbox::new(InboxSettings::default());
    let to = ToInbox::new("responder".into(), inbox, std::convert::identity);
    (receiver, router.attach_responder(Arc::new(to)))
}

#[tokio::test(start_paused = true)]
async fn all_that_travels_beside_an_event_arrives_with_it() {
    let [a, b] = [Router::new(), Router::new()];
    let _links = link(&a, &b).await;
    let (inbox, mut received) = Inbox::<edri_router::Envelope<Keyed>>::new(InboxSettings::default());
    let to = ToInbox::new("subscriber".into(), inbox, std::convert::identity);
    let _place = b.attach_subscriber(Arc::new(to));
    let (mut asked, _responder) = responder(&b);
    settle().await;
    let trace: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    let before = EventId::fresh();
    a.notify(Keyed(7)).trace(trace).expires_in(Duration::from_secs(60)).await.unwrap();
    a.notify(Keyed(8)).key("other").priority(Priority::High).await.unwrap();
    settle().await;
    // The urgent one goes first.
    let urgent = received.try_recv().unwrap();
    assert_eq!((urgent.event.0, urgent.meta.key()), (8, Some(Key::of("other"))));
    let envelope = received.try_recv().unwrap();
    let meta = &envelope.meta;
    assert_eq!(meta.trace().map(|trace| trace.trace_id()), Some(trace.trace_id()));
    assert_eq!(meta.origin().map(|origin| (origin.router, origin.hops)), Some((a.id(), 1)));
    assert!(meta.id().unwrap() > before, "its identity is the sender's");
    assert!(meta.deadline().is_some() && !has_expired(meta));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(has_expired(meta));

    let asking = tokio::spawn({
        let a = a.clone();
        async move { a.request(Ask(1)).trace(trace).key("tea").await }
    });
    let asked = asked.recv().await.unwrap();
    assert_eq!(asked.meta.trace(), Some(trace));
    assert_eq!(asked.meta.key(), Some(Key::of("tea")));
    assert_eq!(asked.meta.origin().map(|origin| origin.router), Some(a.id()));
    asked.reply.answer(Ok(3));
    assert_eq!(asking.await.unwrap(), Ok(3));
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_shows_who_is_on_another_router() {
    let [a, b] = [Router::new(), Router::new()];
    let _links = link(&a, &b).await;
    let (_here, _there) = (a.subscribe::<Ping>(), b.subscribe::<Ping>());
    settle().await;
    until(|| a.has_subscribers::<Ping>()).await;
    let snapshot = a.snapshot();
    let route = snapshot.routes.iter().find(|route| route.event == Ping::name()).unwrap();
    let consumers: Vec<_> = route.consumers.iter().map(|who| (who.name.as_str(), who.links)).collect();
    assert_eq!(consumers.len(), 2);
    assert!(consumers.contains(&("other", 1)), "{consumers:?}");
    assert!(snapshot.to_string().contains("other (0, over a link)"), "{snapshot}");
}
