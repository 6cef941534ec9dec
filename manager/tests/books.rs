//! Random programs of sends, panics, failures, restarts and drops: the books balance at the end.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::collections::HashMap;
use std::time::Duration;

use edri_manager::{Backoff, Concurrency, Group, HandlerTimeout, Host, Restart};
use edri_router::{Reason, Router};
use proptest::prelude::*;
use support::{Ask, AskNow, Book, Clerk, How, Id};
use tokio::time::{Instant, sleep};

/// One thing a sender does.
#[derive(Clone, Copy, Debug)]
enum Step {
    Tell(How),
    TellNow(How),
    Try(How),
    Ask(How),
    AskNow(How),
    Sleep(u64),
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        6 => Just(How::Well),
        4 => (0..3_u8).prop_map(How::Waits),
        1 => Just(How::Fails),
        1 => Just(How::Panics),
        1 => (1..3_usize).prop_map(How::PanicsTimes),
        1 => (0..3_u8).prop_map(How::WaitsAndPanics),
        1 => Just(How::Hangs),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        how().prop_map(Step::Tell),
        how().prop_map(Step::TellNow),
        how().prop_map(Step::Try),
        how().prop_map(Step::Ask),
        how().prop_map(Step::AskNow),
        (0..2_000_u64).prop_map(Step::Sleep),
    ];
    prop::collection::vec(step, 0..25)
}

#[derive(Clone, Debug)]
struct Plan {
    senders: Vec<Vec<Step>>,
    mode: usize,
    restart: Restart,
    budget: u32,
    redeliver: u32,
    capacity: usize,
    bad_starts: usize,
    /// Milliseconds after which it is told to stop, and those it gets for it.
    stop: (u64, u64),
    /// Another in its group falls this often.
    neighbour_falls: usize,
}

fn plan() -> impl Strategy<Value = Plan> {
    let restart = prop_oneof![Just(Restart::Never), Just(Restart::OnPanic), Just(Restart::Always)];
    (
        prop::collection::vec(steps(), 1..4),
        0..4_usize,
        restart,
        0..12_u32,
        0..3_u32,
        1..6_usize,
        0..3_usize,
        (0..20_000_u64, 0..5_000_u64),
        0..3_usize,
    )
        .prop_map(
            |(senders, mode, restart, budget, redeliver, capacity, bad_starts, stop, neighbour_falls)| Plan {
                senders,
                mode,
                restart,
                budget,
                redeliver,
                capacity,
                bad_starts,
                stop,
                neighbour_falls,
            },
        )
}

fn host(plan: &Plan, book: &Book, group: &Group) -> Host<Clerk> {
    let host = book
        .host()
        .restart(plan.restart)
        .redeliver(plan.redeliver)
        .capacity(plan.capacity)
        .restart_group(group)
        .handler_timeout(HandlerTimeout::after(Duration::from_millis(300)).abandon());
    match plan.mode {
        0 => host.mailbox(),
        1 => host.inline(),
        2 => host.concurrency(Concurrency::PerKey(3)),
        _ => host.concurrency(Concurrency::Unordered(3)),
    }
}

/// Takes the steps; the notifications that were accepted.
async fn send(sender: usize, steps: Vec<Step>, router: Router, book: Book) -> Vec<Id> {
    let mut accepted = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        let id = (sender, number);
        let delivered = match step {
            Step::Tell(how) => router.notify(book.tell(id, how)).await.unwrap().accepted,
            Step::TellNow(how) => router.notify(book.tell_now(id, how)).await.unwrap().accepted,
            Step::Try(how) => router.try_notify(book.tell(id, how)).map_or(0, |delivered| delivered.accepted),
            Step::Ask(how) => {
                // Answered, whatever happens.
                let _ = router.request(Ask { id, how }).await;
                0
            }
            Step::AskNow(how) => {
                let _ = router.request(AskNow { id, how }).await;
                0
            }
            Step::Sleep(milliseconds) => {
                sleep(Duration::from_millis(milliseconds)).await;
                0
            }
        };
        if delivered == 1 {
            accepted.push(id);
        }
    }
    accepted
}

async fn run(plan: Plan) {
    let (router, book) = (Router::new(), Book::default());
    let group = Group::one_for_all("all")
        .budget(plan.budget, Duration::from_secs(10))
        .backoff(Backoff::constant(Duration::from_millis(50)));
    let managed = host(&plan, &book, &group).start(&router).await.unwrap();
    book.fail_starts(plan.bad_starts);
    let (beside, its_book) = (Router::new(), Book::default());
    let neighbour = its_book.host().restart_group(&group).start(&beside).await.unwrap();

    let senders: Vec<_> = plan
        .senders
        .iter()
        .enumerate()
        .map(|(sender, steps)| tokio::spawn(send(sender, steps.clone(), router.clone(), book.clone())))
        .collect();
    for fall in 0..plan.neighbour_falls {
        sleep(Duration::from_millis(plan.stop.0 / 4)).await;
        let _ = beside.try_notify(its_book.tell((9, fall), How::Panics));
    }
    sleep(Duration::from_millis(plan.stop.0)).await;
    managed.stop(Instant::now() + Duration::from_millis(plan.stop.1)).await;
    drop(neighbour);
    let mut accepted = Vec::new();
    for sender in senders {
        accepted.extend(sender.await.unwrap());
    }
    sleep(Duration::from_secs(60)).await;
    check(&plan, &book, &accepted);
}

fn check(plan: &Plan, book: &Book, accepted: &[Id]) {
    let mut ends: HashMap<Id, usize> = HashMap::new();
    let handled = book.handled();
    for id in handled.iter().copied().chain(book.lost().into_iter().map(|(id, _)| id)) {
        *ends.entry(id).or_default() += 1;
    }
    for id in accepted {
        assert_eq!(ends.get(id), Some(&1), "{id:?} is not handled or lost once: {:?}", book.begun());
    }
    assert!(ends.values().all(|ends| *ends == 1), "something ended twice: {ends:?}");

    let mut begun: HashMap<Id, Vec<usize>> = HashMap::new();
    for (id, instance) in book.begun() {
        begun.entry(id).or_default().push(instance);
    }
    for (id, instances) in &begun {
        assert!(instances.len() <= 1 + plan.redeliver as usize, "{id:?} was begun {instances:?}");
        assert!(instances.is_sorted_by(|a, b| a < b), "{id:?}: each attempt is another's: {instances:?}");
    }
    for (id, loss) in book.lost() {
        // What was cut short is not told how often it had been tried before.
        if loss.reason != Reason::Stopped {
            assert_eq!(begun.get(&id).map_or(0, Vec::len), loss.attempts as usize, "{id:?}");
        }
    }
    // Unordered, only the beginnings are in order, and not those of a second attempt.
    if plan.mode < 3 {
        for sender in 0..plan.senders.len() {
            let own: Vec<_> = handled.iter().filter(|id| id.0 == sender).collect();
            assert!(own.is_sorted(), "sender {sender}: {own:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_accepted_is_handled_or_lost_once_and_in_order(plan in plan()) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        // The panics of this test are its subject.
        runtime.block_on(run(plan));
    }
}

/// On real threads, where an inline manager falls on one while others send.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_the_books_balance_too() {
    let pattern = [
        Step::Tell(How::Waits(1)),
        Step::TellNow(How::Well),
        Step::TellNow(How::PanicsTimes(1)),
        Step::AskNow(How::Well),
        Step::Tell(How::WaitsAndPanics(1)),
        Step::Ask(How::Waits(2)),
        Step::AskNow(How::Panics),
        Step::Tell(How::Well),
        Step::Try(How::Waits(1)),
        Step::TellNow(How::Panics),
    ];
    for mode in 0..4 {
        let plan = Plan {
            senders: (0..4)
                .map(|sender| pattern.into_iter().cycle().skip(sender).take(200).collect())
                .collect(),
            mode,
            restart: Restart::OnPanic,
            budget: u32::MAX,
            redeliver: 1,
            capacity: 8,
            bad_starts: 0,
            stop: (0, 0),
            neighbour_falls: 0,
        };
        let (router, book) = (Router::new(), Book::default());
        let group = Group::one_for_all("all")
            .budget(plan.budget, Duration::from_secs(60))
            .backoff(Backoff::constant(Duration::ZERO));
        let managed = host(&plan, &book, &group).start(&router).await.unwrap();
        let senders: Vec<_> = (0..)
            .zip(&plan.senders)
            .map(|(sender, steps)| tokio::spawn(send(sender, steps.clone(), router.clone(), book.clone())))
            .collect();
        let mut accepted = Vec::new();
        for sender in senders {
            accepted.extend(sender.await.unwrap());
        }
        assert_eq!(managed.stop(Instant::now() + Duration::from_secs(60)).await, 0);
        assert!(accepted.len() >= 4 * 200 / 2, "{} were accepted", accepted.len());
        check(&plan, &book, &accepted);
    }
}
