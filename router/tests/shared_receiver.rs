//! One inbox, many workers.

mod support;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use edri_router::{Envelope, Inbox, Overflow, Registration, Router, SharedReceiver, ToInbox};
use proptest::prelude::*;
use support::{Ping, settings};
use tokio_test::task::{self, Spawn};
use tokio_test::{assert_pending, assert_ready};

fn pool(router: &Router, capacity: usize) -> (SharedReceiver<Envelope<Ping>>, Registration) {
    let (inbox, receiver) = Inbox::shared(settings(capacity, Overflow::Wait));
    let to = ToInbox::new("pool".into(), inbox, std::convert::identity);
    (receiver, router.attach_subscriber(Arc::new(to)))
}

#[tokio::test]
async fn each_event_goes_to_one_receiver_in_order() {
    let router = Router::new();
    let (one, _registration) = pool(&router, 8);
    let other = one.clone();
    router.notify_all((1..=4).map(Ping)).await.unwrap();
    assert_eq!(one.recv().await.unwrap().event.0, 1);
    assert_eq!(other.recv().await.unwrap().event.0, 2);
    assert_eq!(one.try_recv().unwrap().event.0, 3);
    assert_eq!((other.len(), other.is_empty()), (1, false));
    drop(other);
    assert_eq!(one.recv().await.unwrap().event.0, 4);
    assert_eq!(one.tally().accepted, 4);
}

/// Waking costs more than many an event: the first to come wakes the next, if there is more to do.
#[test]
fn a_batch_wakes_a_receiver_for_each_of_its_events() {
    let router = Router::new();
    let (receiver, _registration) = pool(&router, 8);
    let mut waiting: Vec<_> = (0..4).map(|_| task::spawn(receiver.recv())).collect();
    waiting.iter_mut().for_each(|waiting| assert_pending!(waiting.poll()));
    assert_ready!(task::spawn(router.notify_all((0..3).map(Ping))).poll()).unwrap();
    // At once or one by the other, but with no other help.
    let mut seen = Vec::new();
    while let Some(index) = waiting.iter().position(Spawn::is_woken) {
        seen.push(assert_ready!(waiting.remove(index).poll()).unwrap().event.0);
    }
    assert_eq!(seen, [0, 1, 2]);
}

#[test]
fn a_receiver_that_was_woken_and_dropped_passes_it_on() {
    let router = Router::new();
    let (receiver, _registration) = pool(&router, 8);
    let mut first = task::spawn(receiver.recv());
    let mut second = task::spawn(receiver.recv());
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    router.try_notify(Ping(1)).unwrap();
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    assert!(second.is_woken());
    assert_eq!(assert_ready!(second.poll()).unwrap().event.0, 1);
}

#[test]
fn closing_wakes_all_receivers_and_ends_them_when_nothing_is_left() {
    let router = Router::new();
    let (receiver, registration) = pool(&router, 8);
    let mut waiting: Vec<_> = (0..3).map(|_| task::spawn(receiver.recv())).collect();
    waiting.iter_mut().for_each(|waiting| assert_pending!(waiting.poll()));
    router.try_notify(Ping(1)).unwrap();
    receiver.close();
    drop(registration);
    assert!(waiting.iter().all(Spawn::is_woken));
    let left: Vec<_> = waiting.iter_mut().filter_map(|waiting| assert_ready!(waiting.poll())).collect();
    assert_eq!(left.len(), 1);
}

type Waiting = Spawn<Pin<Box<dyn Future<Output = Option<Envelope<Ping>>> + Send>>>;

#[derive(Clone, Debug)]
enum Step {
    Send,
    SendMany(usize),
    /// A receiver begins to wait, or is polled though nothing has woken it.
    Poll(usize),
    /// A receiver's future is dropped.
    Drop(usize),
    /// A sender's future is dropped.
    Forget(usize),
    /// All that were woken are polled.
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Send),
        1 => (2_usize..6).prop_map(Step::SendMany),
        4 => (0_usize..4).prop_map(Step::Poll),
        2 => (0_usize..4).prop_map(Step::Drop),
        1 => any::<usize>().prop_map(Step::Forget),
        3 => Just(Step::Settle),
    ]
}

proptest! {
    /// Whatever is dropped when: once all that were woken have run, no event waits beside a waiting receiver, no
    /// sender stands in line beside free room, and what was sent arrives once and in order.
    #[test]
    fn no_wake_up_is_lost_when_receivers_and_senders_are_dropped(
        capacity in 1_usize..4,
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let router = Router::new();
        let (receiver, _registration) = pool(&router, capacity);
        let mut waiting: [Option<Waiting>; 4] = [const { None }; 4];
        let mut sending = Vec::new();
        let mut received = Vec::new();
        let mut next = 0;
        for step in steps.into_iter().chain([Step::Settle]) {
            match step {
                Step::Send => {
                    let mut send = task::spawn(Box::pin(router.notify(Ping(next))));
                    next += 1;
                    if send.poll().is_pending() {
                        sending.push(send);
                    }
                }
                Step::SendMany(many) => {
                    let room = capacity.saturating_sub(receiver.len());
                    let events: Vec<_> = (next..).take(many.min(room)).map(Ping).collect();
                    next += events.len() as u64;
                    prop_assert!(task::spawn(router.notify_all(events)).poll().is_ready());
                }
                Step::Poll(index) => {
                    let own = receiver.clone();
                    let waiting = &mut waiting[index];
                    let future = waiting.get_or_insert_with(|| {
                        task::spawn(Box::pin(async move { own.recv().await }))
                    });
                    if let Poll::Ready(event) = future.poll() {
                        received.push(event.unwrap().event.0);
                        *waiting = None;
                    }
                }
                Step::Drop(index) => waiting[index] = None,
                Step::Forget(index) => {
                    if !sending.is_empty() {
                        drop(sending.remove(index % sending.len()));
                    }
                }
                Step::Settle => {
                    while let Some(woken) = waiting.iter_mut().find(|waiting| {
                        waiting.as_ref().is_some_and(Spawn::is_woken)
                    }) {
                        if let Some(Poll::Ready(event)) = woken.as_mut().map(Spawn::poll) {
                            received.push(event.unwrap().event.0);
                            *woken = None;
                        }
                    }
                    let waits = waiting.iter().any(Option::is_some);
                    prop_assert!(receiver.is_empty() || !waits, "{} events stay", receiver.len());
                    let woken: Vec<bool> = sending.iter().map(Spawn::is_woken).collect();
                    let ready: Vec<bool> = sending.iter_mut().map(|send| send.poll().is_ready()).collect();
                    prop_assert_eq!(&woken, &ready);
                    let mut ready = ready.into_iter();
                    sending.retain(|_| ready.next() == Some(false));
                }
            }
        }
        received.extend(std::iter::from_fn(|| receiver.try_recv()).map(|envelope| envelope.event.0));
        prop_assert!(received.is_sorted_by(|one, two| one < two), "{received:?}");
        prop_assert_eq!(received.len() as u64, receiver.tally().accepted);
    }
}
