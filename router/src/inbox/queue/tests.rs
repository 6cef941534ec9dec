use std::sync::atomic::AtomicU32;
use std::sync::{Arc, atomic};
use std::task::Wake;

use proptest::prelude::*;

use super::*;
use crate::dead_letter::Loss;
use crate::inbox::{Inbox, InboxSettings, Message};

/// The lane it was sent in, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbered(Priority, u64);

impl Message for Numbered {
    fn discard(self, _: Loss, _: &DeadLetterOffice) {}
}

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, atomic::Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Many are offered, and those for whom there is no room stand in line.
    Many(Priority, usize),
    /// One is.
    One(Priority),
    Receive(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lane =
        prop_oneof![4 => Just(Priority::Normal), 1 => Just(Priority::High), 1 => Just(Priority::Control)];
    let step = prop_oneof![
        3 => (lane.clone(), 0..20_usize).prop_map(|(lane, many)| Step::Many(lane, many)),
        1 => lane.prop_map(Step::One),
        3 => (0..25_usize).prop_map(Step::Receive),
    ];
    prop::collection::vec(step, 1..60)
}

fn one(inbox: &Inbox<Numbered>, numbered: Numbered) {
    let pushed = inbox.push(numbered.0, Standing::Notify(Waker::noop()), || numbered);
    assert!(matches!(pushed, Pushed::Accepted | Pushed::Parked(_)), "there is nobody who refuses it");
}

fn many(inbox: &Inbox<Numbered>, lane: Priority, mut all: VecDeque<Numbered>) {
    assert!(inbox.push_many(lane, &mut all, |numbered| numbered));
    if inbox.park_many(lane, &mut all, Waker::noop(), |numbered| numbered).is_some() {
        assert!(all.is_empty(), "some of them stand in line, and others do not");
    }
    all.into_iter().for_each(|numbered| one(inbox, numbered));
}

proptest! {
    /// Whoever joins the line, one by one or together, and however many are received at a time.
    #[test]
    fn each_lane_keeps_its_order_and_loses_nothing(
        steps in steps(),
        capacity in 1..12_usize,
    ) {
        let (inbox, mut receiver) = Inbox::new(InboxSettings::with_capacity(capacity));
        let (mut sent, mut received) = ([0; 3], [0; 3]);
        for step in steps.into_iter().chain([Step::Receive(usize::MAX)]) {
            match step {
                Step::One(lane) => {
                    one(&inbox, Numbered(lane, sent[lane as usize]));
                    sent[lane as usize] += 1;
                }
                Step::Many(lane, most) => {
                    let first = sent[lane as usize];
                    sent[lane as usize] += most as u64;
                    many(&inbox, lane, (first..sent[lane as usize]).map(|number| Numbered(lane, number)).collect());
                }
                Step::Receive(most) => {
                    for _ in 0..most {
                        let Some(Numbered(lane, number)) = receiver.try_recv() else { break };
                        prop_assert_eq!(number, received[lane as usize]);
                        received[lane as usize] += 1;
                    }
                }
            }
        }
        prop_assert_eq!(received, sent);
        prop_assert!(receiver.is_empty());
        prop_assert_eq!(receiver.tally().accepted, sent.iter().sum::<u64>());
    }
}

#[test]
fn many_that_stand_in_line_are_taken_in_when_the_last_of_them_is_and_its_sender_is_woken_once() {
    let (inbox, mut receiver) = Inbox::new(InboxSettings::with_capacity(2));
    let numbered = |number| Numbered(Priority::Normal, number);
    let mut all: VecDeque<_> = (0..6).map(numbered).collect();
    assert!(inbox.push_many(Priority::Normal, &mut all, |numbered| numbered));
    assert_eq!(all.len(), 4);
    let woken = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&woken));
    let last = inbox.park_many(Priority::Normal, &mut all, &waker, |numbered| numbered);
    let last = last.expect("there is no room");
    assert!(matches!(inbox.place(last, &waker), Place::InLine));
    let mut rounds = 0;
    while woken.0.load(atomic::Ordering::Relaxed) == 0 {
        assert!(matches!(inbox.place(last, &waker), Place::InLine));
        assert_eq!(receiver.try_recv(), Some(numbered(rounds)));
        rounds += 1;
    }
    assert!(matches!(inbox.place(last, &waker), Place::Gone));
    let rest: Vec<_> = std::iter::from_fn(|| receiver.try_recv()).collect();
    assert_eq!(rest, (rounds..6).map(numbered).collect::<Vec<_>>());
    assert_eq!(woken.0.load(atomic::Ordering::Relaxed), 1);
}

#[test]
fn nobody_stands_in_line_where_the_policy_is_not_to_wait_or_nothing_more_is_taken() {
    let numbered = |number| Numbered(Priority::Normal, number);
    for overflow in [Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest] {
        let settings = InboxSettings::with_capacity(1).overflow(overflow);
        let (inbox, _receiver) = Inbox::new(settings);
        let mut all: VecDeque<_> = (0..3).map(numbered).collect();
        assert!(inbox.push_many(Priority::Normal, &mut all, |numbered| numbered));
        assert!(inbox.park_many(Priority::Normal, &mut all, Waker::noop(), |numbered| numbered).is_none());
        assert_eq!(all.len(), 2);
    }
    let (inbox, _receiver) = Inbox::new(InboxSettings::with_capacity(1));
    inbox.close();
    let mut all: VecDeque<_> = (0..3).map(numbered).collect();
    assert!(inbox.park_many(Priority::Normal, &mut all, Waker::noop(), |numbered| numbered).is_none());
    assert_eq!(all.len(), 3);
}
