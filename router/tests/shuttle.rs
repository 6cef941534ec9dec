//! The interleavings that no test on real threads meets on purpose, explored by a model checker.
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" cargo test -p edri-router --test shuttle --release
//! ```
//!
//! A lost wake-up shows as a deadlock. A failure prints a schedule, which `shuttle::replay` runs again.

#![cfg(shuttle)]

mod support;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use edri_event::{Event as _, Meta, Priority, Retention};
use edri_router::{
    Asked, Asking, Context, Deliver as _, Envelope, Health, Inbox, InboxSettings, Overflow, Replay,
    RequestError, Respond, Router, Shared, SharedReceiver, ToInbox, Wait,
};
use shuttle::future::block_on;
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;
use support::{Ask, Ping, Pipe, acceptor, responder, settings, subscriber};

/// Explores at random, and once more with few but well-placed switches between threads, which finds what
/// takes a long and unlikely run of one thread.
fn explore(test: impl Fn() + Send + Sync + Copy + 'static) {
    shuttle::check_random(test, 20_000);
    shuttle::check_pct(test, 20_000, 3);
}

fn join<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|_| panic!("a thread of the model panicked"))
}

/// Polls once and drops.
async fn give_up<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn send_and_receive(capacity: usize) {
    let router = Router::new();
    let (mut receiver, inbox, registration) =
        subscriber::<Ping>(&router, InboxSettings::with_capacity(capacity));
    drop(inbox);
    let senders: Vec<_> = (0..2)
        .map(|sender| {
            let router = router.clone();
            thread::spawn(move || {
                for number in 0..3 {
                    let sent = block_on(router.notify(Ping(sender * 10 + number)));
                    assert_eq!(sent.map(|delivered| delivered.accepted), Ok(1));
                }
            })
        })
        .collect();
    let receiving = thread::spawn(move || {
        block_on(async {
            let mut seen = Vec::new();
            while let Some(envelope) = receiver.recv().await {
                seen.push(envelope.event.0);
            }
            seen
        })
    });
    senders.into_iter().for_each(join);
    drop(registration);
    let seen = join(receiving);
    for sender in 0..2 {
        let of_sender: Vec<_> = seen.iter().filter(|&&event| event / 10 == sender).collect();
        assert_eq!(of_sender, [&(sender * 10), &(sender * 10 + 1), &(sender * 10 + 2)]);
    }
}

#[test]
fn senders_in_line_and_their_receiver() {
    explore(|| send_and_receive(1));
    explore(|| send_and_receive(2));
}

#[test]
fn senders_that_go_away_and_their_receiver() {
    explore(|| {
        let router = Router::new();
        let (mut receiver, inbox, registration) =
            subscriber::<Ping>(&router, InboxSettings::with_capacity(1));
        drop(inbox);
        let steady = router.clone();
        let steady = thread::spawn(move || {
            for number in 0..3 {
                block_on(steady.notify(Ping(number))).unwrap();
            }
        });
        let fickle = thread::spawn(move || {
            (10..13)
                .filter(|&number| block_on(give_up(router.notify(Ping(number)))).is_some())
                .collect::<Vec<_>>()
        });
        let receiving = thread::spawn(move || {
            let mut seen = Vec::new();
            while let Some(envelope) = block_on(receiver.recv()) {
                seen.push(envelope.event.0);
            }
            assert_eq!(receiver.tally().accepted, seen.len() as u64);
            seen
        });
        join(steady);
        let certain = join(fickle);
        drop(registration);
        let seen = join(receiving);
        let (fickle, steady): (Vec<_>, Vec<_>) = seen.into_iter().partition(|&event| event >= 10);
        assert_eq!(steady, [0, 1, 2]);
        assert!(fickle.is_sorted_by(|one, two| one < two));
        assert!(certain.iter().all(|event| fickle.contains(event)), "{certain:?} of {fickle:?}");
    });
}

#[test]
fn closing_while_events_are_sent_and_received() {
    explore(|| {
        let router = Router::new();
        let (mut receiver, inbox, registration) =
            subscriber::<Ping>(&router, InboxSettings::with_capacity(1));
        let sending = thread::spawn(move || {
            (0..4)
                .filter(|&number| block_on(router.notify(Ping(number))).unwrap().accepted == 1)
                .collect::<Vec<_>>()
        });
        let closing = thread::spawn(move || inbox.close());
        let mut seen = Vec::new();
        while let Some(envelope) = block_on(receiver.recv()) {
            seen.push(envelope.event.0);
        }
        assert_eq!(seen, join(sending), "what was accepted is received, and nothing else");
        join(closing);
        drop(registration);
    });
}

#[test]
fn a_receiver_that_goes_lets_its_senders_go() {
    explore(|| {
        let router = Router::new();
        let (mut receiver, inbox, registration) =
            subscriber::<Ping>(&router, InboxSettings::with_capacity(1));
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let router = router.clone();
                thread::spawn(move || {
                    (0..3).for_each(|number| drop(block_on(router.notify(Ping(number)))));
                })
            })
            .collect();
        block_on(receiver.recv());
        drop(receiver);
        senders.into_iter().for_each(join);
        assert!(inbox.is_empty() && !inbox.is_occupied());
        drop(registration);
    });
}

type Pool = SharedReceiver<Envelope<Ping>>;

fn pool(router: &Router, capacity: usize) -> (Pool, edri_router::Registration) {
    let (inbox, receiver) = Inbox::shared(InboxSettings::with_capacity(capacity));
    let to = ToInbox::new("pool".into(), inbox, std::convert::identity);
    (receiver, router.attach_subscriber(Arc::new(to)))
}

fn take_all(receiver: Pool) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let mut seen = 0;
        while block_on(receiver.recv()).is_some() {
            seen += 1;
        }
        seen
    })
}

#[test]
fn receivers_that_share_and_one_that_gives_up() {
    explore(|| {
        let router = Router::new();
        let (receiver, registration) = pool(&router, 2);
        let fickle = receiver.clone();
        let fickle = thread::spawn(move || {
            (0..3).filter(|_| block_on(give_up(fickle.recv())).flatten().is_some()).count() as u64
        });
        let workers = [take_all(receiver.clone()), take_all(receiver)];
        let sending = thread::spawn(move || {
            block_on(async {
                router.notify(Ping(0)).await.unwrap();
                router.notify_all((1..4).map(Ping)).await.unwrap();
                router.notify(Ping(4)).await.unwrap();
            });
        });
        join(sending);
        drop(registration);
        let seen: u64 = workers.into_iter().map(join).sum();
        assert_eq!(seen + join(fickle), 5);
    });
}

#[test]
fn no_event_stays_while_a_receiver_that_shares_waits() {
    explore(|| {
        let router = Router::new();
        let (receiver, registration) = pool(&router, 2);
        // Each takes one event and goes: all have to be woken, and nothing but events wakes them.
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let receiver = receiver.clone();
                thread::spawn(move || assert!(block_on(receiver.recv()).is_some()))
            })
            .collect();
        let fickle = receiver.clone();
        let fickle = thread::spawn(move || block_on(give_up(fickle.recv())).flatten().is_some());
        let sender = router.clone();
        let sending = thread::spawn(move || drop(block_on(sender.notify_all((0..2).map(Ping)))));
        if join(fickle) {
            block_on(router.notify(Ping(2))).unwrap();
        }
        workers.into_iter().for_each(join);
        join(sending);
        drop((registration, receiver));
    });
}

#[test]
fn an_answer_and_a_requester_that_goes_away() {
    explore(|| {
        let router = Router::new();
        let (mut receiver, _inbox, registration) = responder::<Ask>(&router, InboxSettings::with_capacity(1));
        let answering = thread::spawn(move || {
            let mut answered = 0;
            while let Some(asked) = block_on(receiver.recv()) {
                let mut cx = edri_router::Context::new(Router::new(), "responder".into());
                cx.begin_request::<Ask>(asked.meta, &asked.reply);
                if asked.event.0 == 1 {
                    // Ready only if the requester goes away, which it does.
                    block_on(cx.cancelled());
                    assert!(asked.reply.is_cancelled());
                }
                asked.reply.answer(Ok(asked.event.0));
                answered += 1;
            }
            answered
        });
        let fickle = router.clone();
        let fickle = thread::spawn(move || block_on(give_up(fickle.request(Ask(1)))));
        for number in 2..4 {
            assert_eq!(block_on(router.request(Ask(number))), Ok(number));
        }
        assert_eq!(join(fickle), None);
        drop((registration, _inbox, router));
        assert!((2..=3).contains(&join(answering)));
    });
}

#[test]
fn a_responder_that_stops_answers_all_who_wait() {
    explore(|| {
        let router = Router::new();
        let (mut receiver, _inbox, _registration) =
            responder::<Ask>(&router, InboxSettings::with_capacity(1));
        let asking: Vec<_> = (0..3)
            .map(|number| {
                let router = router.clone();
                thread::spawn(move || block_on(router.request(Ask(number))))
            })
            .collect();
        let first = block_on(receiver.recv()).unwrap();
        let first_number = first.event.0;
        drop(receiver);
        first.reply.answer(Ok(7));
        for (number, asking) in (0..).zip(asking) {
            match join(asking) {
                Ok(answer) => assert_eq!((number, answer), (first_number, 7)),
                Err(RequestError::Stopped | RequestError::NoResponder { .. }) => {
                    assert_ne!(number, first_number)
                }
                Err(other) => panic!("{other}"),
            }
        }
    });
}

#[test]
fn subscribing_and_leaving_while_events_are_sent() {
    explore(|| {
        let router = Router::new();
        let mut steady = router.subscribe_with::<Ping>(settings(2, Overflow::Wait));
        let sender = router.clone();
        let sent = Arc::new(AtomicU64::new(0));
        let sending = Arc::clone(&sent);
        let sending = thread::spawn(move || {
            for event in 0..4 {
                block_on(sender.notify(Ping(event))).unwrap();
                sending.store(event + 1, Ordering::SeqCst);
            }
        });
        let fickle = router.clone();
        let fickle = thread::spawn(move || {
            drop(fickle.subscribe_with::<Ping>(settings(1, Overflow::Wait)));
            let before = sent.load(Ordering::SeqCst);
            let mut late = fickle.subscribe_with::<Ping>(settings(1, Overflow::Wait));
            let after = sent.load(Ordering::SeqCst);
            if after < 3 {
                // One at most was on its way as it subscribed; it misses none of those that follow.
                let first = block_on(late.recv()).unwrap().0;
                assert!((before..=after + 1).contains(&first), "{before} {first} {after}");
            }
        });
        for event in 0..4 {
            assert_eq!(block_on(steady.recv()).unwrap().0, event);
        }
        join(sending);
        join(fickle);
        drop(steady);
        assert_eq!(router.try_notify(Ping(9)).unwrap().accepted, 0);
    });
}

#[test]
fn a_tunnel_whose_ends_talk_and_then_go() {
    explore(|| {
        let router = Router::new();
        let (mut openings, _registration) = acceptor::<Pipe>(&router, InboxSettings::with_capacity(1));
        let mut opened = block_on(router.open(Pipe).window(1)).unwrap();
        let mut accepted = openings.try_recv().unwrap().tunnel;
        let echo = thread::spawn(move || {
            block_on(async {
                let mut heard = 0;
                while let Some(Ok(item)) = accepted.recv().await {
                    heard += 1;
                    if heard == 3 || accepted.send(item).await.is_err() {
                        break;
                    }
                }
            });
        });
        block_on(async {
            for item in 0..2 {
                opened.send(item).await.unwrap();
                assert_eq!(opened.recv().await, Some(Ok(item)));
            }
            // The other end goes at the next one: every further send and receive ends, whichever waits.
            while opened.send(2).await.is_ok() {}
            while let Some(Ok(_)) = opened.recv().await {}
        });
        join(echo);
    });
}

#[test]
fn a_requester_never_lags_behind_its_router() {
    explore(|| {
        let router = Router::new();
        let mut requester = router.requester::<Ask>();
        let registration = Arc::new(std::sync::Mutex::new(None));
        let coming = {
            let (router, registration) = (router.clone(), Arc::clone(&registration));
            thread::spawn(move || {
                let coming = router.respond(|ask: Ask| async move { Ok(ask.0) });
                *registration.lock().unwrap() = Some(coming);
            })
        };
        let routed = block_on(router.request(Ask(1)));
        let kept = block_on(requester.request(Ask(1)));
        assert!(kept.is_ok() || routed.is_err(), "{routed:?}, {kept:?}");
        join(coming);
        assert_eq!(block_on(requester.request(Ask(2))), Ok(2));
        let leaving = thread::spawn(move || drop(registration.lock().unwrap().take()));
        let routed = block_on(router.request(Ask(3)));
        let kept = block_on(requester.request(Ask(3)));
        assert!(kept.is_err() || routed.is_ok(), "{routed:?}, {kept:?}");
        join(leaving);
        assert_eq!(
            block_on(requester.request(Ask(4))),
            Err(RequestError::NoResponder { event: Ask::name() })
        );
    });
}

#[test]
fn a_subscriber_that_goes_while_others_send_leaves_dead_letters_for_what_it_had_accepted() {
    explore(|| {
        let router = Router::new();
        let letters = router.dead_letters::<Ping>();
        let mut going = router.subscribe_with::<Ping>(settings(1, Overflow::Wait));
        let senders: Vec<_> = (0..2)
            .map(|sender| {
                let router = router.clone();
                thread::spawn(move || {
                    let sends = (0..2).map(|number| block_on(router.notify(Ping(sender * 10 + number))));
                    sends.map(|sent| sent.map_or(0, |delivered| delivered.accepted as u64)).sum::<u64>()
                })
            })
            .collect();
        let receiving = thread::spawn(move || u64::from(going.try_recv().is_some()));
        let accepted: u64 = senders.into_iter().map(join).sum();
        let received = join(receiving);
        let counts = router.dead_letter_counts();
        assert_eq!((received + counts.stopped, counts.no_subscriber), (accepted, 4 - accepted));
        assert_eq!((letters.len() as u64, counts.untold), (counts.total(), 0));
    });
}

#[test]
fn an_urgent_sender_in_line_and_a_receiver_that_takes_in_batches() {
    explore(|| {
        let router = Router::new();
        let (mut receiver, inbox, registration) =
            subscriber::<Ping>(&router, InboxSettings::with_capacity(2));
        drop(inbox);
        let senders: Vec<_> = [Priority::Normal, Priority::Control]
            .into_iter()
            .map(|lane| {
                let router = router.clone();
                thread::spawn(move || {
                    for number in 0..3 {
                        let urgent = 10 * u64::from(lane == Priority::Control);
                        let sent = block_on(router.notify(Ping(urgent + number)).priority(lane));
                        assert_eq!(sent.map(|delivered| delivered.accepted), Ok(1));
                    }
                })
            })
            .collect();
        let receiving = thread::spawn(move || {
            let mut next = [0, 10];
            block_on(async {
                while let Some(ping) = receiver.recv().await {
                    let lane = &mut next[(ping.event.0 / 10) as usize];
                    assert_eq!(ping.event.0, *lane);
                    *lane += 1;
                }
            });
            assert_eq!(next, [3, 13]);
        });
        senders.into_iter().for_each(join);
        drop(registration);
        join(receiving);
    });
}

/// Two senders, one event at a time and in a batch, while somebody joins from the past on.
#[test]
fn a_past_and_a_present_without_a_gap_or_a_double() {
    explore(|| {
        let router = Router::new();
        router.retain::<Ping>(Retention::last(16));
        let one = router.clone();
        let one = thread::spawn(move || {
            for event in 0..2 {
                block_on(one.notify(Ping(event))).unwrap();
            }
        });
        let batch = router.clone();
        let batch = thread::spawn(move || block_on(batch.notify_all((10..12).map(Ping))));
        let mut late = router.subscribe::<Ping>().from(Replay::All);
        let (inbox, mut receiver) = Inbox::new(settings(1, Overflow::Wait));
        let to = ToInbox::new("gated".into(), inbox, std::convert::identity);
        let attached = router.attach_subscriber_from::<Ping>(Arc::new(to), Replay::All);
        let (mut all, mut gated) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            all.push(block_on(late.recv()).unwrap().0);
            gated.push(block_on(receiver.recv()).unwrap().event.0);
        }
        join(one);
        assert!(join(batch).is_ok());
        assert!(late.try_recv().is_none());
        assert!(receiver.try_recv().is_none());
        for all in [all, gated] {
            let of = |from: u64| all.iter().filter(|event| *event / 10 == from).copied().collect::<Vec<_>>();
            assert_eq!((of(0), of(1)), (vec![0, 1], vec![10, 11]));
        }
        drop(attached);
    });
}

#[test]
fn members_of_a_group_that_come_and_go_get_each_event_once() {
    explore(|| {
        let router = Router::new();
        let member = |router: &Router| router.subscription::<Ping>().group("g").capacity(1).start();
        let mut steady = member(&router);
        let sender = router.clone();
        let sending = thread::spawn(move || {
            for event in 0..3 {
                block_on(sender.notify(Ping(event))).unwrap();
            }
        });
        let fickle = router.clone();
        let fickle = thread::spawn(move || {
            let mut fickle = member(&fickle);
            let first = fickle.try_recv().map(|event| event.0);
            fickle.close();
            let rest = std::iter::from_fn(|| fickle.try_recv().map(|event| event.0));
            first.into_iter().chain(rest).collect::<Vec<_>>()
        });
        drop(router);
        let mut all = Vec::new();
        while let Some(event) = block_on(steady.recv()) {
            all.push(event.0);
        }
        join(sending);
        all.extend(join(fickle));
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
    });
}

/// A part that a thread of the model plays: how it is asked, what it is asked, and its context.
fn part(router: &Router, name: &str) -> (Arc<dyn Respond<Ask>>, edri_router::Receiver<Asked<Ask>>, Context) {
    let name: Arc<str> = name.into();
    let (inbox, receiver) = Inbox::new(InboxSettings::with_capacity(1));
    let to = ToInbox::new(Arc::clone(&name), inbox, std::convert::identity);
    (Arc::new(to), receiver, Context::new(router.clone(), name))
}

#[test]
fn cancellation_reaches_what_is_asked_on_behalf() {
    explore(|| {
        let router = Router::new();
        let (outer, mut outer_asked, mut outer_cx) = part(&router, "outer");
        let (inner, mut inner_asked, mut inner_cx) = part(&router, "inner");
        let handling = thread::spawn(move || {
            let asked = block_on(outer_asked.recv()).unwrap();
            outer_cx.begin_request::<Ask>(asked.meta, &asked.reply);
            let nested = block_on(Asking::of(outer_cx.router(), &inner, Ask(2)));
            assert_eq!(nested, Err(RequestError::Cancelled));
        });
        let answering = thread::spawn(move || {
            // Not asked at all, if the requester went away before.
            if let Some(asked) = block_on(inner_asked.recv()) {
                inner_cx.begin_request::<Ask>(asked.meta, &asked.reply);
                block_on(inner_cx.cancelled());
                assert!(asked.reply.is_cancelled());
            }
        });
        assert_eq!(block_on(give_up(Asking::of(&router, &outer, Ask(1)))), None);
        join(handling);
        join(answering);
        assert!(router.wait_graph().is_empty());
    });
}

/// Counts warnings, of all threads.
struct Warnings;

static WARNINGS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn event(&self, _: &tracing::Event<'_>) {
        WARNINGS.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_circle_that_both_close_at_once_is_told_once() {
    // No other model closes one.
    tracing::subscriber::set_global_default(Warnings).unwrap();
    explore(|| {
        WARNINGS.store(0, std::sync::atomic::Ordering::SeqCst);
        let router = Router::new();
        let (one, _one_asked, one_cx) = part(&router, "one");
        let (other, _other_asked, other_cx) = part(&router, "other");
        let both = Arc::new(shuttle::sync::Barrier::new(3));
        let asking = [(one_cx, other), (other_cx, one)].map(|(cx, to)| {
            let both = Arc::clone(&both);
            thread::spawn(move || {
                let mut asking = Box::pin(Asking::of(cx.router(), &to, Ask(1)));
                let answered = block_on(poll_fn(|task| Poll::Ready(asking.as_mut().poll(task).is_ready())));
                assert!(!answered);
                both.wait();
                both.wait();
            })
        });
        both.wait();
        assert_eq!(router.wait_graph().cycles().count(), 1, "{}", router.wait_graph());
        assert_eq!(WARNINGS.load(std::sync::atomic::Ordering::SeqCst), 1);
        both.wait();
        asking.into_iter().for_each(join);
        assert!(router.wait_graph().is_empty());
    });
}

#[test]
fn a_question_reaches_a_receiver_that_is_about_to_fall_asleep() {
    explore(|| {
        let (inbox, mut receiver) = Inbox::<Envelope<Ping>>::new(InboxSettings::with_capacity(1));
        let part = inbox.part();
        let to = ToInbox::new("receiver".into(), inbox, std::convert::identity);
        let sender = thread::spawn(move || {
            let mut parcel = Some(Envelope { event: Shared::Own(Ping(1)), meta: Meta::new() });
            let _ = to.deliver(&mut parcel, Priority::Normal, Wait::Never);
            // Kept open: only the question can wake it.
            to
        });
        let asker = thread::spawn(move || part.poke());
        block_on(poll_fn(|cx| {
            while let Poll::Ready(next) = receiver.poll_recv(cx) {
                assert!(next.is_some(), "nobody closes it");
            }
            if receiver.is_asked() { Poll::Ready(()) } else { Poll::Pending }
        }));
        receiver.answer(Health::ok());
        assert!(!receiver.is_asked());
        join(asker);
        drop(join(sender));
    });
}
