//! What nobody handled, and who learns of it.

mod support;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use edri_event::{Event, Notification, Priority};
use edri_router::{
    Capacity, DeadLetter, Delivered, Envelope, InboxSettings, Loss, Message, Overflow, Reason, Receiver,
    Router, Undelivered,
};
use futures_util::FutureExt as _;
use proptest::prelude::*;
use support::{Ask, Holding, Ping, lost, named, responder, settings};
use tokio_test::{assert_pending, assert_ready_ok, task};

#[test]
fn what_nobody_subscribes_to_is_a_dead_letter() {
    let router = Router::new();
    let mut letters = router.subscribe::<DeadLetter>();
    let mut undelivered = router.dead_letters::<Ping>();
    assert_eq!(router.try_notify(Ping(1)).unwrap(), Delivered::default());
    assert_ready_ok!(task::spawn(router.notify(Ping(2))).poll());
    assert_ready_ok!(task::spawn(router.notify_all((3..5).map(Ping))).poll());
    let letter = letters.try_recv().unwrap().into_owned();
    assert_eq!((&*letter.event, letter.id, letter.attempts), (Ping::name(), None, 0));
    assert_eq!((letter.reason, letter.consumer), (Reason::NoSubscriber, None));
    assert_eq!(letters.len(), 3);
    let numbers: Vec<_> = lost(&mut undelivered).into_iter().map(|(number, ..)| number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!((router.dead_letter_counts().no_subscriber, router.dead_letter_counts().total()), (4, 4));
}

#[test]
fn what_an_inbox_drops_is_a_dead_letter_with_its_consumer() {
    let router = Router::new();
    let mut undelivered = router.dead_letters::<Ping>();
    let _newest = named::<Ping>(&router, "newest", settings(1, Overflow::DropNewest));
    let _oldest = named::<Ping>(&router, "oldest", settings(1, Overflow::DropOldest));
    assert_ready_ok!(task::spawn(router.notify(Ping(1))).poll());
    assert_ready_ok!(task::spawn(router.notify(Ping(2))).poll());
    let who = |name: &str| Some(name.to_owned());
    let expected = [(2, Reason::Overflow, who("newest")), (1, Reason::Overflow, who("oldest"))];
    assert_eq!(lost(&mut undelivered), expected);
    assert_eq!(router.dead_letter_counts().overflow, 2);
}

#[test]
fn what_waits_when_its_receiver_goes_is_a_dead_letter_in_line_too() {
    let router = Router::new();
    let mut undelivered = router.dead_letters::<Ping>();
    let mut subscription = router.subscribe_with::<Ping>(settings(2, Overflow::Wait));
    let mut sending: Vec<_> = (0..4).map(|number| task::spawn(router.notify(Ping(number)))).collect();
    sending.iter_mut().for_each(|sending| drop(sending.poll()));
    assert_eq!(subscription.try_recv().unwrap().0, 0, "the next is in hand now, the last one in line");
    drop(subscription);
    let numbers: Vec<_> = lost(&mut undelivered).into_iter().map(|(number, ..)| number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(router.dead_letter_counts().stopped, 3);
    sending[3].poll().is_ready().then_some(()).expect("its sender does not wait for ever");
}

#[test]
fn what_a_sender_takes_back_or_is_refused_is_no_dead_letter() {
    let router = Router::new();
    let full = router.subscribe_with::<Ping>(settings(1, Overflow::Wait));
    let refusing = router.subscribe_with::<Ping>(settings(1, Overflow::Reject));
    assert_eq!(router.try_notify(Ping(1)).unwrap().accepted, 2);
    let mut waiting = task::spawn(router.notify(Ping(2)));
    assert_pending!(waiting.poll());
    drop(waiting);
    router.try_notify(Ping(3)).unwrap_err();
    drop(router.notify(Ping(4)));
    assert_eq!(router.dead_letter_counts().total(), 0);
    drop((full, refusing));
    assert_eq!(router.dead_letter_counts().total(), 2, "what waited there");
}

#[test]
fn requests_are_answered_and_are_no_dead_letters() {
    let router = Router::new();
    assert!(router.request(Ask(1)).now_or_never().unwrap().is_err());
    let (asked, _inbox, _registration) = responder::<Ask>(&router, settings(1, Overflow::DropOldest));
    let mut first = task::spawn(router.request(Ask(2)));
    let mut second = task::spawn(router.request(Ask(3)));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    drop(asked);
    assert!(first.poll().is_ready() && second.poll().is_ready());
    assert_eq!(router.dead_letter_counts().total(), 0);
}

#[test]
fn a_shared_event_is_lost_for_one_and_delivered_to_the_other() {
    let router = Router::new();
    let mut undelivered = router.dead_letters::<Ping>();
    let mut steady = router.subscribe::<Ping>();
    let unread = router.subscribe::<Ping>();
    router.try_notify(Ping(7)).unwrap();
    drop(unread);
    assert_eq!(steady.try_recv().unwrap().0, 7);
    assert_eq!(undelivered.try_recv().unwrap().event.0, 7);
}

#[test]
fn a_failed_handlers_event_is_handed_in_with_its_attempts() {
    let router = Router::new();
    let mut undelivered = router.dead_letters::<Ping>();
    let (mut receiver, _registration) = named::<Ping>(&router, "biller", InboxSettings::default());
    router.try_notify(Ping(1)).unwrap();
    let message = receiver.try_recv().unwrap();
    let reason = Reason::Panicked { message: "no money".into() };
    message.discard(Loss::after(3, reason.clone()), receiver.office());
    let undelivered = undelivered.try_recv().unwrap();
    assert_eq!((undelivered.letter.attempts, &undelivered.letter.reason), (3, &reason));
    assert_eq!(undelivered.letter.to_string(), format!("{} was lost at biller: {reason}", Ping::name()));
    assert_eq!(router.dead_letter_counts().panicked, 1);
}

#[test]
fn an_event_with_an_identity_keeps_it() {
    #[derive(Notification, serde::Serialize, serde::Deserialize)]
    #[notification(shareable)]
    struct Far(u64);

    let router = Router::new();
    let mut undelivered = router.dead_letters::<Far>();
    router.try_notify(Far(1)).unwrap();
    let undelivered = undelivered.try_recv().unwrap();
    assert_eq!(undelivered.event.0, 1);
    assert!(undelivered.letter.id.is_some());
}

#[test]
fn a_letter_travels() {
    let router = Router::new();
    router.try_notify(Ping(1)).unwrap();
    let letter = router.recent_dead_letters().remove(0);
    let wire = DeadLetter::wire().unwrap();
    let mut bytes = Vec::new();
    wire.encode(&letter, &mut bytes).unwrap();
    assert_eq!(wire.decode(&bytes).unwrap(), letter);
    let _worked_out = wire.fingerprint();
    let counts = router.dead_letter_counts();
    assert_eq!(
        postcard::from_bytes::<edri_router::DeadLetterCounts>(&postcard::to_stdvec(&counts).unwrap()),
        Ok(counts)
    );
}

#[test]
fn the_newest_letters_are_kept_and_no_more_than_told() {
    let router = Router::new();
    (0..300).for_each(|number| assert!(router.try_notify(Ping(number)).is_ok()));
    assert_eq!(router.recent_dead_letters().len(), 256);
    router.retain_dead_letters(2);
    assert_eq!(router.recent_dead_letters().len(), 2);
    router.try_notify(Holding(Arc::new(()))).unwrap();
    let names: Vec<_> = router.recent_dead_letters().into_iter().map(|letter| letter.event).collect();
    assert_eq!(names, [Ping::name(), Holding::name()]);
    router.retain_dead_letters(0);
    router.try_notify(Ping(0)).unwrap();
    assert!(router.recent_dead_letters().is_empty());
    assert_eq!(router.dead_letter_counts().no_subscriber, 302);
}

#[test]
fn a_lost_letter_is_counted_and_makes_no_other() {
    let router = Router::new();
    let slow = router.subscribe_with::<DeadLetter>(settings(2, Overflow::Wait));
    let newest = router.subscribe_with::<DeadLetter>(settings(2, Overflow::DropOldest));
    let rejecting = router.subscribe_with::<Undelivered<Ping>>(settings(2, Overflow::Reject));
    for number in 0..10_000 {
        router.try_notify(Ping(number)).unwrap();
    }
    let counts = router.dead_letter_counts();
    assert_eq!((counts.total(), counts.untold), (10_000, 3 * 9_998));
    assert_eq!((slow.len(), newest.len(), rejecting.len()), (2, 2, 2));
    drop((slow, newest, rejecting));
    assert_eq!(router.dead_letter_counts().untold, 3 * 9_998 + 6);
    assert_eq!(router.dead_letter_counts().total(), 10_000);
}

#[test]
fn an_event_that_is_lost_is_dropped_with_its_last_letter() {
    let held = Arc::new(());
    let router = Router::new();
    router.try_notify(Holding(Arc::clone(&held))).unwrap();
    assert_eq!(Arc::strong_count(&held), 1, "nobody asked for the event itself");
    let mut undelivered = router.dead_letters::<Holding>();
    router.try_notify(Holding(Arc::clone(&held))).unwrap();
    assert_eq!(Arc::strong_count(&held), 2);
    let last = undelivered.try_recv();
    drop(router);
    assert_eq!(Arc::strong_count(&held), 2);
    drop(last);
    assert_eq!(Arc::strong_count(&held), 1);
}

/// Tells the router when it is dropped: from within whatever drops it.
#[derive(Notification, Clone)]
struct Noisy(Router, u64);

impl Drop for Noisy {
    fn drop(&mut self) {
        let _ = self.0.try_notify(Ping(self.1));
    }
}

#[test]
fn losing_holds_no_lock_while_the_users_code_runs() {
    let router = Router::new();
    let mut pings = router.subscribe_with::<Ping>(settings(1, Overflow::DropOldest));
    let noisy = router.subscribe_with::<Noisy>(settings(1, Overflow::DropOldest));
    let mut letters = router.subscribe_with::<DeadLetter>(settings(1, Overflow::DropOldest));
    for number in 0..3 {
        router.try_notify(Noisy(router.clone(), number)).unwrap();
    }
    drop(noisy);
    router.try_notify(Noisy(router.clone(), 3)).unwrap();
    assert_eq!(pings.try_recv().unwrap().0, 3);
    assert_eq!(letters.try_recv().unwrap().event, Ping::name(), "the one before it");
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe(usize, Overflow),
    /// Without ever waiting.
    Try,
    /// Begins a send that may wait.
    Send(Priority),
    SendMany(u64),
    /// Polls all sends that wait.
    Poll,
    GiveUp(usize),
    Receive(usize),
    Drop(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let policy = prop::sample::select(vec![
        Overflow::Wait,
        Overflow::Reject,
        Overflow::DropOldest,
        Overflow::DropNewest,
    ]);
    let lane = prop::sample::select(vec![Priority::Normal, Priority::High, Priority::Control]);
    let step = prop_oneof![
        2 => (1..5_usize, policy).prop_map(|(capacity, policy)| Step::Subscribe(capacity, policy)),
        4 => Just(Step::Try),
        4 => lane.prop_map(Step::Send),
        2 => (0..8_u64).prop_map(Step::SendMany),
        2 => Just(Step::Poll),
        1 => any::<usize>().prop_map(Step::GiveUp),
        6 => any::<usize>().prop_map(Step::Receive),
        1 => any::<usize>().prop_map(Step::Drop),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    /// Of every inbox: what it has accepted (or dropped on arrival) was received or is a dead letter, once. And
    /// what nobody accepted at all is a dead letter of nobody.
    #[test]
    fn accepted_is_received_plus_dead_letters_and_none_is_doubled(steps in steps()) {
        let router = Router::new();
        let mut undelivered = router.subscribe_with::<Undelivered<Ping>>(InboxSettings::with_capacity(Capacity::new(100_000)));
        let mut consumers = Vec::new();
        let mut received: HashMap<String, HashSet<u64>> = HashMap::new();
        let mut due: HashMap<String, u64> = HashMap::new();
        let mut sends = Vec::new();
        let mut batches = Vec::new();
        let (mut next, mut names) = (0, 0);
        let mut gone = |name: &String, receiver: Receiver<Envelope<Ping>>| {
            // A receiver that goes lets in those in line: they are accepted.
            let in_line = receiver.len() as u64;
            let tally = receiver.tally();
            receiver.close();
            let let_in = receiver.tally().accepted - tally.accepted;
            assert!(let_in <= in_line);
            let on_arrival = if name.ends_with("DropNewest") { tally.dropped } else { 0 };
            due.insert(name.clone(), tally.accepted + let_in + on_arrival);
        };
        for step in steps {
            match step {
                Step::Subscribe(capacity, policy) => {
                    names += 1;
                    let name = format!("{names} {policy:?}");
                    let (receiver, registration) = named::<Ping>(&router, &name, settings(capacity, policy));
                    consumers.push((name, receiver, registration));
                }
                Step::Try => {
                    let _ = router.try_notify(Ping(next));
                    next += 1;
                }
                Step::Send(lane) => {
                    let mut send = task::spawn(router.notify(Ping(next)).priority(lane));
                    next += 1;
                    if send.poll().is_pending() {
                        sends.push(send);
                    }
                }
                Step::SendMany(count) => {
                    let mut batch = task::spawn(router.notify_all((next..next + count).map(Ping)).boxed());
                    next += count;
                    if batch.poll().is_pending() {
                        batches.push(batch);
                    }
                }
                Step::Poll => {
                    sends.retain_mut(|send| send.poll().is_pending());
                    batches.retain_mut(|batch| batch.poll().is_pending());
                }
                Step::GiveUp(which) if !sends.is_empty() => drop(sends.swap_remove(which % sends.len())),
                Step::Receive(which) if !consumers.is_empty() => {
                    let which = which % consumers.len();
                    let (name, receiver, _) = &mut consumers[which];
                    if let Some(ping) = receiver.try_recv() {
                        prop_assert!(received.entry(name.clone()).or_default().insert(ping.event.0), "doubled");
                    }
                }
                Step::Drop(which) if !consumers.is_empty() => {
                    let (name, receiver, registration) = consumers.swap_remove(which % consumers.len());
                    gone(&name, receiver);
                    drop(registration);
                }
                Step::GiveUp(_) | Step::Receive(_) | Step::Drop(_) => {}
            }
        }
        drop((sends, batches));
        for (name, receiver, _registration) in consumers {
            gone(&name, receiver);
        }
        let mut letters: HashMap<String, HashSet<u64>> = HashMap::new();
        let mut total = 0;
        while let Some(lost) = undelivered.try_recv() {
            let whose = lost.letter.consumer.as_deref().unwrap_or_default().to_owned();
            prop_assert!(letters.entry(whose).or_default().insert(lost.event.0), "lost twice");
            total += 1;
        }
        for (name, due) in due {
            let received = received.remove(&name).unwrap_or_default();
            let letters = letters.remove(&name).unwrap_or_default();
            prop_assert!(received.is_disjoint(&letters), "received and lost at {name}");
            prop_assert_eq!((received.len() + letters.len()) as u64, due, "at {}", name);
        }
        prop_assert!(letters.keys().all(String::is_empty), "of nobody: {letters:?}");
        let of_nobody = letters.remove("").unwrap_or_default();
        let counts = router.dead_letter_counts();
        prop_assert_eq!((counts.total(), counts.no_subscriber), (total, of_nobody.len() as u64));
        prop_assert_eq!(counts.untold, 0);
    }
}
