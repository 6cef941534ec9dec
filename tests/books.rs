//! Random programs of sends, panics, restarts, subscriptions, groups, drops and expiries: what was accepted is handled or a
//! dead letter, by each consumer once, and in order.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use edri::manager::{HandlerTimeout, ManagerRestarted, ManagerStopped};
use edri::prelude::*;
use edri::router::Reason;
use parking_lot::Mutex;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop, prop_oneof, proptest};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

/// Who sent it, and which of that sender's it is.
type Id = (usize, usize);

#[derive(Clone, Copy, Debug)]
enum How {
    Well,
    Yields(u8),
    Fails,
    Panics,
    /// And does well when it is delivered again.
    PanicsFirst,
    Hangs,
}

#[derive(Notification, Debug)]
struct Told {
    id: Id,
    lane: Priority,
    how: How,
    tries: AtomicU32,
}

/// What has happened at consumers, each under its name.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    begun: HashMap<(Id, String), u32>,
    handled: Vec<(Id, Priority, String)>,
}

impl Book {
    fn handled(&self, event: &Told, consumer: &str) {
        self.0.lock().handled.push((event.id, event.lane, consumer.to_owned()));
    }
}

struct Clerk(Book);

#[manager]
impl Clerk {
    #[notification]
    async fn told(&self, event: &Told, cx: &Context) -> Result<(), Failure> {
        *self.0.0.lock().begun.entry((event.id, cx.name().to_owned())).or_default() += 1;
        let first = event.tries.fetch_add(1, Ordering::Relaxed) == 0;
        match event.how {
            How::Fails => return Err(Failure::new("no", "expected a yes")),
            How::Panics => panic!("out of luck"),
            How::PanicsFirst if first => panic!("out of luck, once"),
            How::Hangs => std::future::pending().await,
            How::Yields(times) => {
                for _ in 0..times {
                    yield_now().await;
                }
            }
            How::Well | How::PanicsFirst => {}
        }
        self.0.handled(event, cx.name());
        Ok(())
    }
}

/// How a sender sends.
#[derive(Clone, Copy, Debug)]
enum Step {
    Notify,
    Try,
    Batch(usize),
    /// Nobody need be told after so many milliseconds.
    Expires(u64),
    /// Dropped after so many milliseconds, if it still waits then.
    Drop(u64),
    Sleep(u64),
}

#[derive(Clone, Copy, Debug)]
struct Send {
    step: Step,
    how: How,
    lane: Priority,
}

/// A subscription, which begins and leaves at some time.
#[derive(Clone, Debug)]
struct Guest {
    begins: u64,
    stays: u64,
    /// For each event.
    takes: u64,
    capacity: usize,
    overflow: Overflow,
    grouped: bool,
    reads_the_rest: bool,
}

/// One manager after the other, each for some time.
#[derive(Clone, Debug)]
struct Term {
    mode: usize,
    capacity: usize,
    overflow: Overflow,
    restart: Restart,
    budget: u32,
    redeliver: u32,
    grouped: bool,
    stays: u64,
    /// What it gets to stop.
    grace: u64,
}

#[derive(Clone, Debug)]
struct Plan {
    senders: Vec<Vec<Send>>,
    guests: Vec<Guest>,
    terms: Vec<Term>,
}

fn send() -> impl Strategy<Value = Send> {
    let step = prop_oneof![
        4 => Just(Step::Notify),
        3 => Just(Step::Try),
        2 => (1..8_usize).prop_map(Step::Batch),
        2 => (0..20_u64).prop_map(Step::Expires),
        2 => (0..20_u64).prop_map(Step::Drop),
        2 => (0..50_u64).prop_map(Step::Sleep),
    ];
    let how = prop_oneof![
        6 => Just(How::Well),
        3 => (0..4_u8).prop_map(How::Yields),
        1 => Just(How::Fails),
        1 => Just(How::Panics),
        1 => Just(How::PanicsFirst),
        1 => Just(How::Hangs),
    ];
    let lane = prop_oneof![3 => Just(Priority::Normal), 1 => Just(Priority::High)];
    (step, how, lane).prop_map(|(step, how, lane)| Send { step, how, lane })
}

fn overflow() -> impl Strategy<Value = Overflow> {
    prop_oneof![
        3 => Just(Overflow::Wait),
        1 => Just(Overflow::Reject),
        1 => Just(Overflow::DropOldest),
        1 => Just(Overflow::DropNewest),
    ]
}

fn guest() -> impl Strategy<Value = Guest> {
    let times = (0..300_u64, 0..300_u64, 0..10_u64);
    (times, 1..5_usize, overflow(), prop::bool::ANY, prop::bool::ANY).prop_map(
        |((begins, stays, takes), capacity, overflow, grouped, reads_the_rest)| Guest {
            begins,
            stays,
            takes,
            capacity,
            overflow,
            grouped,
            reads_the_rest,
        },
    )
}

fn term() -> impl Strategy<Value = Term> {
    let restart = prop_oneof![Just(Restart::Never), Just(Restart::OnPanic), Just(Restart::Always)];
    let supervision = (restart, 0..6_u32, 0..3_u32);
    let stop = (0..500_u64, 0..100_u64);
    (0..4_usize, 1..5_usize, overflow(), supervision, prop::bool::ANY, stop).prop_map(
        |(mode, capacity, overflow, (restart, budget, redeliver), grouped, (stays, grace))| Term {
            mode,
            capacity,
            overflow,
            restart,
            budget,
            redeliver,
            grouped,
            stays,
            grace,
        },
    )
}

fn plan() -> impl Strategy<Value = Plan> {
    (
        prop::collection::vec(prop::collection::vec(send(), 0..25), 1..4),
        prop::collection::vec(guest(), 0..4),
        prop::collection::vec(term(), 0..3),
    )
        .prop_map(|(senders, guests, terms)| Plan { senders, guests, terms })
}

/// What a sender was told of one event, or of all events of a batch.
struct Sent {
    ids: Vec<Id>,
    /// `None` if it was dropped, and nothing was told.
    told: Option<(Delivered, usize)>,
}

async fn sender(sender: usize, sends: Vec<Send>, router: Router) -> Vec<Sent> {
    let (mut sent, mut number) = (Vec::new(), 0);
    let outcome = |result: Result<Delivered, NotifyError>| match result {
        Ok(delivered) => Some((delivered, 0)),
        Err(error) => Some((error.delivered, error.refused)),
    };
    for Send { step, how, lane } in sends {
        let mut event = |lane| {
            number += 1;
            Told { id: (sender, number), lane, how, tries: AtomicU32::new(0) }
        };
        let in_time = Duration::from_millis;
        let (ids, told) = match step {
            Step::Notify => {
                let event = event(lane);
                (vec![event.id], outcome(router.notify(event).priority(lane).await))
            }
            Step::Try => {
                let event = event(Priority::Normal);
                (vec![event.id], outcome(router.try_notify(event)))
            }
            Step::Batch(events) => {
                let batch: Vec<_> = (0..events).map(|_| event(Priority::Normal)).collect();
                let ids = batch.iter().map(|event| event.id).collect();
                (ids, outcome(router.notify_all(batch).await))
            }
            Step::Expires(after) => {
                let event = event(lane);
                let notify = router.notify(event).priority(lane).expires_in(in_time(after));
                (vec![(sender, number)], outcome(notify.await))
            }
            Step::Drop(after) => {
                let event = event(lane);
                let ended = timeout(in_time(after), router.notify(event).priority(lane)).await;
                (vec![(sender, number)], ended.ok().and_then(outcome))
            }
            Step::Sleep(time) => {
                sleep(in_time(time)).await;
                continue;
            }
        };
        sent.push(Sent { ids, told });
    }
    sent
}

async fn guest_of(router: Router, name: String, guest: Guest, book: Book, mut over: watch::Receiver<bool>) {
    sleep(Duration::from_millis(guest.begins)).await;
    let subscription = router.subscription::<Told>().named(name.clone()).capacity(guest.capacity);
    let subscription = subscription.overflow(guest.overflow);
    let mut events = if guest.grouped { subscription.group("shared").start() } else { subscription.start() };
    let leaves = Instant::now() + Duration::from_millis(guest.stays);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => book.handled(&event, &name),
                None => return,
            },
            () = tokio::time::sleep_until(leaves) => break,
            _ = over.wait_for(|over| *over) => break,
        }
        sleep(Duration::from_millis(guest.takes)).await;
    }
    if guest.reads_the_rest {
        events.close();
        while let Some(event) = events.recv().await {
            book.handled(&event, &name);
        }
    }
}

async fn terms_of(router: Router, terms: Vec<Term>, book: Book, mut over: watch::Receiver<bool>) {
    for (number, term) in terms.into_iter().enumerate() {
        let its_book = book.clone();
        let host = Host::from_fn(move || Clerk(its_book.clone()))
            .name(manager_name(number))
            .capacity(term.capacity)
            .overflow(term.overflow)
            .restart(term.restart)
            .budget(term.budget, Duration::from_secs(60))
            .backoff(Backoff::constant(Duration::from_millis(10)))
            .redeliver(term.redeliver)
            .handler_timeout(HandlerTimeout::after(Duration::from_millis(30)).abandon());
        let host = if term.grouped { host.group("shared") } else { host };
        let host = match term.mode {
            0 => host.mailbox(),
            1 => host.inline(),
            2 => host.concurrency(Concurrency::PerKey(3)),
            _ => host.concurrency(Concurrency::Unordered(3)),
        };
        let managed = host.start(&router).await.unwrap();
        tokio::select! {
            () = sleep(Duration::from_millis(term.stays)) => {}
            _ = over.wait_for(|over| *over) => {}
        }
        managed.stop(Instant::now() + Duration::from_millis(term.grace)).await;
    }
}

fn manager_name(number: usize) -> String {
    format!("manager {number}")
}

fn guest_name(number: usize) -> String {
    format!("guest {number}")
}

async fn run(plan: Plan) {
    let (router, book) = (Router::new(), Book::default());
    let roomy = edri::router::InboxSettings::with_capacity(100_000);
    let mut letters = router.subscribe_with::<Undelivered<Told>>(roomy);
    // Nobody else subscribes to these: they would be dead letters, too.
    let _news =
        (router.subscribe_with::<ManagerRestarted>(roomy), router.subscribe_with::<ManagerStopped>(roomy));
    let (end, over) = watch::channel(false);
    let mut consumers = tokio::task::JoinSet::new();
    for (number, guest) in plan.guests.iter().enumerate() {
        let name = guest_name(number);
        consumers.spawn(guest_of(router.clone(), name, guest.clone(), book.clone(), over.clone()));
    }
    consumers.spawn(terms_of(router.clone(), plan.terms.clone(), book.clone(), over));
    let senders = plan.senders.iter().enumerate();
    let senders: Vec<_> =
        senders.map(|(number, sends)| tokio::spawn(sender(number, sends.clone(), router.clone()))).collect();
    let mut sent = Vec::new();
    for sender in senders {
        // The clock goes on by itself when nobody has anything to do: an hour of that is for ever.
        sent.extend(timeout(Duration::from_secs(3600), sender).await.expect("it waits for ever").unwrap());
    }
    end.send_replace(true);
    while let Some(ended) = consumers.join_next().await {
        ended.unwrap();
    }
    let mut lost = Vec::new();
    while let Some(letter) = letters.try_recv() {
        lost.push((letter.event.id, letter.letter.clone()));
    }
    check(&plan, &sent, &book.0.lock(), &lost);
    let counts = router.dead_letter_counts();
    assert_eq!((counts.total(), counts.untold), (lost.len() as u64, 0));
}

fn check(plan: &Plan, sent: &[Sent], pages: &Pages, lost: &[(Id, DeadLetter)]) {
    // What arrives at a full inbox that drops the newest has not been accepted.
    let drops_newest: Vec<_> = (plan.guests.iter().map(|guest| guest.overflow).enumerate())
        .map(|(number, overflow)| (guest_name(number), overflow))
        .chain(plan.terms.iter().enumerate().map(|(number, term)| (manager_name(number), term.overflow)))
        .filter(|(_, overflow)| *overflow == Overflow::DropNewest)
        .map(|(name, _)| name)
        .collect();
    let never_accepted = |letter: &DeadLetter| match (&letter.reason, &letter.consumer) {
        (Reason::NoSubscriber, _) => true,
        (Reason::Overflow, Some(consumer)) => drops_newest.iter().any(|name| **name == **consumer),
        _ => false,
    };
    let (mut ends, mut nobody) = (HashMap::<Id, usize>::new(), HashMap::<Id, usize>::new());
    let mut at_consumer = HashMap::<(Id, &str), usize>::new();
    for (id, _, consumer) in &pages.handled {
        *ends.entry(*id).or_default() += 1;
        *at_consumer.entry((*id, consumer)).or_default() += 1;
    }
    for (id, letter) in lost {
        if !never_accepted(letter) {
            *ends.entry(*id).or_default() += 1;
        }
        match letter.consumer.as_deref() {
            Some(consumer) => *at_consumer.entry((*id, consumer)).or_default() += 1,
            None => *nobody.entry(*id).or_default() += 1,
        }
    }
    for (event, ends) in &at_consumer {
        assert_eq!(*ends, 1, "{event:?} ended there more than once");
    }
    assert!(nobody.values().all(|times| *times == 1), "told twice that nobody subscribes: {nobody:?}");
    for Sent { ids, told } in sent {
        // Dropped while it waited, each consumer has it or not.
        let Some((delivered, refused)) = told else { continue };
        let ended: usize = ids.iter().map(|id| ends.get(id).copied().unwrap_or_default()).sum();
        assert_eq!(delivered.accepted, ended, "{ids:?}: {delivered:?}");
        for id in ids {
            let had = ends.contains_key(id) || delivered.dropped > 0 || *refused > 0;
            assert!(had || nobody.contains_key(id), "{id:?} is gone without a trace: {delivered:?}");
        }
    }
    for (id, letter) in lost {
        let begun = letter.consumer.as_deref().and_then(|name| pages.begun.get(&(*id, name.to_owned())));
        assert_eq!(begun.copied().unwrap_or_default(), letter.attempts, "{letter}");
    }
    order(plan, pages);
}

fn order(plan: &Plan, pages: &Pages) {
    let unordered: Vec<_> = plan.terms.iter().enumerate().filter(|(_, term)| term.mode == 3).collect();
    let mut last = HashMap::<(&str, usize, Priority), usize>::new();
    for ((sender, number), lane, consumer) in &pages.handled {
        if unordered.iter().any(|(term, _)| manager_name(*term) == *consumer) {
            continue;
        }
        let last = last.entry((consumer, *sender, *lane)).or_default();
        assert!(*last < *number, "{consumer} handled {number} of sender {sender} after {last}");
        *last = *number;
    }
}

fn on_a_paused_clock(plan: Plan) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run(plan));
}

#[test]
fn what_is_given_up_in_the_moment_its_manager_is_cut_short_is_a_dead_letter() {
    for mode in 0..4 {
        on_a_paused_clock(Plan {
            senders: vec![vec![Send { step: Step::Notify, how: How::Hangs, lane: Priority::Normal }]],
            guests: Vec::new(),
            terms: vec![Term {
                mode,
                capacity: 1,
                overflow: Overflow::Wait,
                restart: Restart::OnPanic,
                budget: 1,
                redeliver: 1,
                grouped: false,
                stays: 0,
                grace: 30,
            }],
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_accepted_is_lost_without_a_dead_letter_or_doubled_and_order_is_kept(plan in plan()) {
        on_a_paused_clock(plan);
    }
}
