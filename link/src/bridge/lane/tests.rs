use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Wake;

use edri_event::Meta;
use edri_router::{Back, Description, RouteKind, Router, Shareable};
use proptest::prelude::*;

use super::*;

fn event(router: &Router) -> Shareable {
    router.foreign(Description {
        name: "a".to_owned(),
        kind: RouteKind::Notification,
        version: 1,
        codec: "postcard".to_owned(),
        shapes: Vec::new(),
    })
}

struct Bed {
    router: Router,
    event: Shareable,
    lane: Lane,
    office: DeadLetterOffice,
}

#[derive(Default)]
struct Count(AtomicU64);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bed {
    fn new(capacity: usize, overflow: Overflow) -> Self {
        let router = Router::new();
        let lane = Lane::new(InboxSettings::with_capacity(capacity).overflow(overflow));
        let office = DeadLetterOffice::new(&router, "a link".into());
        Self { event: event(&router), router, lane, office }
    }

    fn push(&self, number: u64, wait: Wait<'_>) -> (Delivery, Then, bool) {
        let departure = Departure::new(self.event.clone(), number, Meta::new(), Back::Nothing);
        let mut departure = Some(departure);
        let (delivery, then) =
            self.lane.push(&mut departure, Payload::Short(&number.to_le_bytes()), wait, &self.office);
        (delivery, then, departure.is_some())
    }

    /// A plain one, if there is room.
    fn push_plain(&self, number: u64) -> Option<Then> {
        let head = Head::new(&[7]).unwrap();
        self.lane.push_plain((&self.event, number), head, EventId::fresh(), &number.to_le_bytes())
    }

    fn wait(&self, number: u64) -> Ticket {
        match self.push(number, Wait::Woken(Waker::noop())) {
            (Delivery::Waiting(ticket), _, false) => ticket,
            other => panic!("{other:?}"),
        }
    }

    fn take(&self, hand: &mut Hand) -> Vec<u64> {
        self.lane.take(hand);
        let mut taken = Vec::new();
        while let Some((to, number)) = hand.departures.take_first(|departure, payload| {
            (departure.to, u64::from_le_bytes(payload[..].try_into().unwrap()))
        }) {
            assert_eq!(to, number);
            taken.push(number);
        }
        taken
    }
}

#[test]
fn all_that_waits_is_taken_at_once_and_whoever_stands_in_line_is_let_in() {
    let (bed, mut hand) = (Bed::new(2, Overflow::Wait), Hand::default());
    assert!(matches!(bed.push(0, Wait::Never), (Delivery::Accepted, Then::Nothing, false)));
    assert!(matches!(bed.push(1, Wait::Never), (Delivery::Accepted, Then::Nothing, false)));
    assert!(matches!(bed.push(2, Wait::Room), (Delivery::Full, Then::Nothing, true)));
    let woken = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&woken));
    let (delivery, ..) = bed.push(2, Wait::Woken(&waker));
    let Delivery::Waiting(ticket) = delivery else { panic!("{delivery:?}") };
    assert!(!bed.lane.has_left_line(ticket, &waker));
    let gone = bed.wait(3);
    let last = bed.wait(4);
    assert!(bed.lane.leave_line(gone).is_some() && bed.lane.leave_line(gone).is_none());
    assert_eq!(bed.take(&mut hand), [0, 1]);
    // They count until the task has taken the next.
    assert_eq!((bed.lane.len(), woken.0.load(Ordering::Relaxed)), (4, 0));
    assert_eq!(bed.take(&mut hand), [2, 4]);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(bed.lane.has_left_line(ticket, &waker) && bed.lane.has_left_line(last, &waker));
    assert_eq!(bed.take(&mut hand), []);
}

#[test]
fn the_task_is_woken_once_for_all_that_comes_while_it_sleeps() {
    let (bed, mut hand) = (Bed::new(10, Overflow::Wait), Hand::default());
    assert_eq!(bed.push(0, Wait::Never).1, Then::Nothing, "it has not slept");
    assert_eq!(bed.take(&mut hand), [0]);
    assert_eq!(bed.take(&mut hand), []);
    assert_eq!(
        [1, 2, 3].map(|number| bed.push(number, Wait::Never).1),
        [Then::Wake, Then::Nothing, Then::Nothing]
    );
    assert_eq!(bed.take(&mut hand), [1, 2, 3]);
}

#[test]
fn each_policy_does_what_it_says() {
    let bed = Bed::new(1, Overflow::Reject);
    assert!(matches!(bed.push(0, Wait::Never).0, Delivery::Accepted));
    assert!(matches!(bed.push(1, Wait::Woken(Waker::noop())), (Delivery::Rejected, _, true)));

    let (bed, mut hand) = (Bed::new(1, Overflow::DropNewest), Hand::default());
    assert!(matches!(bed.push(0, Wait::Never).0, Delivery::Accepted));
    assert!(matches!(bed.push(1, Wait::Never), (Delivery::Dropped, _, false)));
    assert_eq!(bed.take(&mut hand), [0]);
    assert_eq!(bed.router.snapshot().dead_letters.overflow, 1);

    let (bed, mut hand) = (Bed::new(2, Overflow::DropOldest), Hand::default());
    (0..2).for_each(|number| assert!(matches!(bed.push(number, Wait::Never).0, Delivery::Accepted)));
    (2..5).for_each(|number| assert!(matches!(bed.push(number, Wait::Never).0, Delivery::Displaced)));
    assert_eq!(bed.take(&mut hand), [3, 4]);
    assert_eq!(bed.router.snapshot().dead_letters.overflow, 3);
}

#[test]
fn plain_ones_are_taken_while_there_is_room_and_nobody_stands_in_line_and_are_dropped_one_by_one() {
    let (bed, mut hand) = (Bed::new(2, Overflow::Wait), Hand::default());
    assert_eq!(
        [0, 1, 2].map(|number| bed.push_plain(number)),
        [Some(Then::Nothing), Some(Then::Nothing), None]
    );
    let ticket = bed.wait(2);
    assert_eq!(bed.take(&mut hand), [0, 1]);
    assert_eq!(bed.push_plain(3), None, "it would overtake");
    assert_eq!(bed.take(&mut hand), [2]);
    assert!(bed.lane.has_left_line(ticket, Waker::noop()));
    assert_eq!(bed.take(&mut hand), []);
    assert_eq!([3, 4].map(|number| bed.push_plain(number)), [Some(Then::Wake), Some(Then::Nothing)]);
    bed.lane.close();
    assert_eq!(bed.push_plain(5), None);
    assert_eq!(bed.take(&mut hand), [3, 4]);

    let (bed, mut hand) = (Bed::new(3, Overflow::DropOldest), Hand::default());
    (0..3).for_each(|number| assert_eq!(bed.push_plain(number), Some(Then::Nothing)));
    assert_eq!(bed.push_plain(3), None);
    assert!(matches!(bed.push(3, Wait::Never).0, Delivery::Displaced));
    assert_eq!(bed.take(&mut hand), [1, 2, 3]);
    assert_eq!(bed.router.snapshot().dead_letters.overflow, 1);
}

#[test]
fn a_lane_is_bounded_in_bytes_and_takes_one_event_of_any_size() {
    let bed = Bed::new(1_000, Overflow::Reject);
    let large = || {
        let mut departure = Some(Departure::new(bed.event.clone(), 0, Meta::new(), Back::Nothing));
        bed.lane.push(&mut departure, Payload::Short(&vec![0; 3 * MOST_BYTES]), Wait::Never, &bed.office).0
    };
    assert!(matches!(large(), Delivery::Accepted));
    assert!(matches!(large(), Delivery::Rejected));
    assert_eq!(bed.lane.room(), 0);
    let mut hand = Hand::default();
    bed.lane.take(&mut hand);
    hand.departures.take_first(|_, payload| assert_eq!(payload.len(), 3 * MOST_BYTES));
    bed.lane.take(&mut hand);
    assert!(hand.departures.capacity() <= KEPT, "it keeps no such memory");
    assert!(matches!(large(), Delivery::Accepted));
}

#[test]
fn when_it_is_closed_it_takes_no_more_and_whoever_was_told_to_wait_is_let_in() {
    let (bed, mut hand) = (Bed::new(1, Overflow::Wait), Hand::default());
    assert!(matches!(bed.push(0, Wait::Never).0, Delivery::Accepted));
    let tickets = [1, 2].map(|number| bed.wait(number));
    bed.lane.close();
    assert!(tickets.iter().all(|ticket| bed.lane.has_left_line(*ticket, Waker::noop())));
    assert!(matches!(bed.push(3, Wait::Woken(Waker::noop())), (Delivery::Gone, _, true)));
    assert!(!bed.lane.push_many(&mut Departures::default()).0);
    assert_eq!(bed.take(&mut hand), [0, 1, 2]);
}

proptest! {
    /// Whoever pushes, stands, leaves and takes, in whatever order: what comes out is what went in, in order.
    #[test]
    fn nothing_is_lost_doubled_or_overtaken(
        capacity in 1..6_usize,
        steps in prop::collection::vec(0..7_u8, 1..200),
    ) {
        let (bed, mut hand) = (Bed::new(capacity, Overflow::Wait), Hand::default());
        let (mut expected, mut got, mut line, mut next) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for step in steps {
            match step {
                0..3 => {
                    match bed.push(next, Wait::Woken(Waker::noop())).0 {
                        Delivery::Accepted => {}
                        Delivery::Waiting(ticket) => line.push((ticket, next)),
                        other => panic!("{other:?}"),
                    }
                    expected.push(next);
                    next += 1;
                }
                3 => {
                    let mut many = Departures::default();
                    for number in next..next + 3 {
                        let departure =
                            Departure::new(bed.event.clone(), number, Meta::new(), Back::Nothing);
                        many.push(departure, Payload::Short(&number.to_le_bytes()));
                    }
                    prop_assert!(bed.lane.push_many(&mut many).0);
                    let taken = 3 - many.len() as u64;
                    prop_assert!(bed.lane.len() - line.len().min(bed.lane.len()) <= capacity.max(1));
                    expected.extend(next..next + taken);
                    next += 3;
                }
                6 => {
                    if bed.push_plain(next).is_some() {
                        expected.push(next);
                    }
                    next += 1;
                }
                4 => {
                    if let Some((ticket, number)) = line.pop()
                        && bed.lane.leave_line(ticket).is_some()
                    {
                        expected.retain(|other| *other != number);
                    }
                }
                _ => got.extend(bed.take(&mut hand)),
            }
        }
        loop {
            let more = bed.take(&mut hand);
            if more.is_empty() {
                break;
            }
            got.extend(more);
        }
        prop_assert_eq!(got, expected);
    }
}
