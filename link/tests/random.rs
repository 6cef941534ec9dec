//! Two ends under random schedules: whatever they do, everything arrives once and in order, nothing holds more than it
//! may, and in the end nothing is left.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use edri_event::Priority;
use edri_link::{AnswerError, CallId, Closed, Cost, Ending, Event, IncomingCall, Interest, Role, TunnelId};
use proptest::prelude::*;
use support::{LEFT, Pair, RIGHT, number, of, payload, schema, settings};

const LANES: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Control];
const WINDOW: u32 = 20_000;
const OUTBOX: u32 = 30_000;
const LONGEST: usize = 200_000;

/// What a test does next, at one end.
#[derive(Clone, Debug)]
enum Step {
    Notify {
        lane: usize,
        size: usize,
    },
    Ask {
        lane: usize,
        size: usize,
    },
    Answer {
        which: usize,
        size: usize,
    },
    Cancel {
        which: usize,
    },
    Open,
    Send {
        which: usize,
        size: usize,
    },
    Finish {
        which: usize,
    },
    Handle {
        most: usize,
    },
    Pass {
        millis: u64,
    },
    /// The connection is lost, and some of what is on its way.
    Lose {
        arrive: [usize; 2],
    },
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 8..100_usize, 3 => 100..5_000_usize, 1 => 60_000..LONGEST]
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        6 => (0..3_usize, size()).prop_map(|(lane, size)| Step::Notify { lane, size }),
        4 => (0..3_usize, size()).prop_map(|(lane, size)| Step::Ask { lane, size }),
        4 => (any::<usize>(), size()).prop_map(|(which, size)| Step::Answer { which, size }),
        1 => any::<usize>().prop_map(|which| Step::Cancel { which }),
        1 => Just(Step::Open),
        6 => (any::<usize>(), size()).prop_map(|(which, size)| Step::Send { which, size }),
        1 => any::<usize>().prop_map(|which| Step::Finish { which }),
        6 => (1..8_usize).prop_map(|most| Step::Handle { most }),
        6 => (0..15_u64).prop_map(|millis| Step::Pass { millis }),
        1 => [0..2_000_usize, 0..200_000_usize].prop_map(|arrive| Step::Lose { arrive }),
    ];
    (0..2_usize, step)
}

/// What one end has done and learned.
#[derive(Default)]
struct Side {
    interests: Option<[Interest; 3]>,
    next: u64,
    /// Events sent in each lane, and not seen at the other end yet.
    sent: [VecDeque<u64>; 3],
    pending: BTreeMap<CallId, u64>,
    cancelled: BTreeSet<u64>,
    notes: BTreeSet<u64>,
    asked: BTreeMap<IncomingCall, u64>,
    /// Arrived, and not handled.
    held: VecDeque<(Priority, usize)>,
    held_cost: [u64; 3],
    sending: BTreeMap<TunnelId, VecDeque<u64>>,
    receiving: BTreeMap<TunnelId, u64>,
    /// Items that arrived, and were not handled.
    items: VecDeque<(TunnelId, usize)>,
    item_cost: u64,
}

struct World {
    pair: Pair,
    sides: [Side; 2],
    answered: usize,
}

impl World {
    fn new(cuts: Vec<usize>) -> Self {
        let settings = [(1, "left"), (2, "right")].map(|(bits, name)| {
            let mut settings = settings(bits, name);
            settings.limits.window = WINDOW;
            settings.limits.calls = 8;
            settings.limits.tunnels = 4;
            settings.outbox = OUTBOX;
            settings.rejoin = Some(Duration::from_secs(10));
            settings
        });
        let [left, right] = settings;
        let mut pair = Pair::new(left, right).open();
        pair.cuts = cuts;
        let mut sides = [Side::default(), Side::default()];
        for end in [LEFT, RIGHT] {
            let names = [("note", Role::Subscriber), ("ask", Role::Responder), ("pipe", Role::Acceptor)];
            sides[end].interests = Some(names.map(|(name, role)| pair.want(1 - end, &schema(name, role))));
        }
        Self { pair, sides, answered: 0 }
    }

    fn take(&mut self, end: usize, step: Step) {
        let [note, ask, pipe] = self.sides[end].interests.unwrap();
        let (endpoint, side) = (&mut self.pair.ends[end], &mut self.sides[end]);
        let id = side.next;
        side.next += 1;
        match step {
            Step::Notify { lane, size } => {
                if endpoint.notify(note, of(LANES[lane]), payload(id, size)).is_ok() {
                    side.sent[lane].push_back(id);
                    side.notes.insert(id);
                }
            }
            Step::Ask { lane, size } => {
                if let Ok(call) = endpoint.request(ask, of(LANES[lane]), payload(id, size)) {
                    side.sent[lane].push_back(id);
                    side.pending.insert(call, id);
                }
            }
            Step::Answer { which, size } => {
                let calls: Vec<_> = side.asked.keys().copied().collect();
                if let Some(call) = calls.get(which % calls.len().max(1)) {
                    let outcome = match which % 3 {
                        0 => Err(AnswerError::Overloaded),
                        _ => Ok(payload(side.asked[call], size)),
                    };
                    if endpoint.answer(*call, outcome).is_ok() {
                        side.asked.remove(call);
                    }
                }
            }
            Step::Cancel { which } => {
                let calls: Vec<_> = side.pending.keys().copied().collect();
                if let Some(call) = calls.get(which % calls.len().max(1)) {
                    endpoint.cancel(*call);
                    side.cancelled.extend(side.pending.remove(call));
                }
            }
            Step::Open => {
                if let Ok(tunnel) = endpoint.open_tunnel(pipe, of(Priority::Normal), payload(id, 8), WINDOW) {
                    side.sent[0].push_back(id);
                    side.sending.insert(tunnel, VecDeque::new());
                    side.receiving.insert(tunnel, 0);
                }
            }
            Step::Send { which, size } => {
                let tunnels: Vec<_> = side.sending.keys().copied().collect();
                if let Some(tunnel) = tunnels.get(which % tunnels.len().max(1)) {
                    let sent = side.sending.get_mut(tunnel).unwrap();
                    let item = sent.back().map_or(0, |last| last + 1);
                    if endpoint.send_item(*tunnel, payload(item, size)).is_ok() {
                        sent.push_back(item);
                    }
                }
            }
            Step::Finish { which } => {
                let tunnels: Vec<_> = side.sending.keys().copied().collect();
                if let Some(tunnel) = tunnels.get(which % tunnels.len().max(1)) {
                    endpoint.end_tunnel(*tunnel, Ending::Finished);
                    side.sending.remove(tunnel);
                }
            }
            Step::Handle { most } => self.handle(end, most),
            Step::Lose { arrive } => self.pair.lose(arrive),
            Step::Pass { millis } => {
                let until = self.pair.now + Duration::from_millis(millis);
                self.pair.reconnect();
                self.pair.exchange();
                self.pair.advance(until);
                self.pair.exchange();
            }
        }
        self.learn();
    }

    fn handle(&mut self, end: usize, most: usize) {
        let (endpoint, side) = (&mut self.pair.ends[end], &mut self.sides[end]);
        for (priority, size) in side.held.drain(..most.min(side.held.len())) {
            side.held_cost[priority as usize] -= Cost::of(size).get();
            endpoint.handled(priority, size);
        }
        for (tunnel, size) in side.items.drain(..most.min(side.items.len())) {
            side.item_cost -= Cost::of(size).get();
            endpoint.item_handled(tunnel, size);
        }
    }

    /// An event arrived: it is the next of its lane, but for what was taken back.
    fn arrived(&mut self, end: usize, priority: Priority, id: u64, size: usize) {
        let lane = LANES.iter().position(|lane| *lane == priority).unwrap();
        let other = &mut self.sides[1 - end];
        while other.sent[lane].front().is_some_and(|next| *next != id && other.cancelled.contains(next)) {
            other.sent[lane].pop_front();
        }
        assert_eq!(other.sent[lane].pop_front(), Some(id), "out of order, or twice");
        let side = &mut self.sides[end];
        side.held.push_back((priority, size));
        side.held_cost[priority as usize] += Cost::of(size).get();
        let most = u64::from(WINDOW) + Cost::of(LONGEST).get();
        assert!(side.held_cost[priority as usize] <= most, "more arrived than the window allows");
    }

    fn learn(&mut self) {
        for end in [LEFT, RIGHT] {
            for event in self.pair.take(end) {
                self.learn_one(end, event);
            }
        }
    }

    fn learn_one(&mut self, end: usize, event: Event) {
        match event {
            Event::Notification { circumstances, payload, .. } => {
                self.arrived(end, circumstances.priority, number(&payload), payload.len());
            }
            Event::Request { call, circumstances, payload, .. } => {
                self.arrived(end, circumstances.priority, number(&payload), payload.len());
                assert!(self.sides[end].asked.insert(call, number(&payload)).is_none());
            }
            Event::Cancelled { call } => {
                let id = self.sides[end].asked.remove(&call);
                assert!(id.is_none_or(|id| self.sides[1 - end].cancelled.contains(&id)));
            }
            Event::Answer { call, outcome } => {
                let id = self.sides[end]
                    .pending
                    .remove(&call)
                    .expect("it was answered twice, or though cancelled");
                match outcome {
                    Ok(payload) => assert_eq!(number(&payload), id, "it has the answer to another request"),
                    Err(error) => assert_eq!(error, AnswerError::Overloaded),
                }
                self.answered += 1;
            }
            Event::TunnelOpened { tunnel, circumstances, payload, .. } => {
                self.arrived(end, circumstances.priority, number(&payload), payload.len());
                self.pair.ends[end].accept_tunnel(tunnel, WINDOW);
                self.sides[end].sending.insert(tunnel, VecDeque::new());
                self.sides[end].receiving.insert(tunnel, 0);
            }
            Event::TunnelItem { tunnel, payload } => {
                let side = &mut self.sides[end];
                let next = side.receiving.get_mut(&tunnel).expect("an item came after the end");
                assert_eq!(number(&payload), *next, "an item is out of order, or came twice");
                *next += 1;
                side.items.push_back((tunnel, payload.len()));
                side.item_cost += Cost::of(payload.len()).get();
                let most = 8 * (u64::from(WINDOW) + Cost::of(LONGEST).get());
                assert!(side.item_cost <= most, "more items arrived than the windows allow");
            }
            Event::TunnelEnded { tunnel, ending } => {
                assert_eq!(ending, Ending::Finished);
                assert!(self.sides[end].receiving.remove(&tunnel).is_some());
            }
            Event::TunnelGranted { .. } | Event::Suspended { .. } | Event::Resumed | Event::Informed => {}
            other => panic!("{other:?}"),
        }
    }

    /// Handles everything and ends everything; then nothing is left.
    fn settle(mut self) {
        for _ in 0..2_000 {
            for end in [LEFT, RIGHT] {
                self.handle(end, usize::MAX);
                for which in 0..8 {
                    self.take(end, Step::Answer { which, size: 8 });
                    self.take(end, Step::Finish { which });
                }
            }
            self.pair.reconnect();
            self.pair.run(Duration::from_millis(30));
            self.learn();
            let done = self.sides.iter().all(|side| {
                let sent = side.sent.iter().flatten().all(|id| side.cancelled.contains(id));
                sent && side.pending.is_empty() && side.receiving.is_empty() && side.held.is_empty()
            });
            if done {
                let now = self.pair.now;
                self.pair.ends[LEFT].close(now);
                self.pair.run(Duration::from_secs(1));
                for end in [LEFT, RIGHT] {
                    assert_eq!(self.pair.take(end), [Event::Closed(Closed::Orderly)]);
                }
                return;
            }
        }
        for side in &self.sides {
            eprintln!("not seen {:?}, pending {:?}, open {:?}", side.sent, side.pending, side.receiving);
        }
        panic!("it stalls");
    }
}

proptest! {
    #[test]
    fn everything_arrives_once_and_in_order_and_nothing_stalls(
        steps in prop::collection::vec(step(), 1..200),
        cuts in prop::collection::vec(prop_oneof![1..20_usize, Just(usize::MAX), 1_000..70_000_usize], 1..20),
    ) {
        let mut world = World::new(cuts);
        for (end, step) in steps {
            world.take(end, step);
        }
        world.settle();
    }

    /// A connection that is cut and does not come back: what arrived is a beginning of what was sent, in each lane, what
    /// did not is given back, and every request has ended.
    #[test]
    fn a_connection_that_does_not_come_back_gives_back_what_did_not_arrive_and_ends_everything(
        steps in prop::collection::vec(step(), 1..100),
    ) {
        let mut world = World::new(vec![7, 1_000]);
        for (end, step) in steps {
            world.take(end, step);
        }
        // What happens at the other end is seen until the end.
        world.pair.reconnect();
        world.pair.run(Duration::from_millis(30));
        world.learn();
        world.pair.cut_off();
        world.pair.run(Duration::from_secs(60));
        for end in [LEFT, RIGHT] {
            let events = world.pair.take(end);
            let lost = matches!(events.last(), Some(Event::Closed(Closed::Lost { .. })));
            prop_assert!(lost, "{:?}", events.last());
            let mut undelivered = BTreeSet::new();
            for event in events {
                match event {
                    Event::Answer { call, outcome } => {
                        prop_assert!(world.sides[end].pending.remove(&call).is_some());
                        let lost = matches!(outcome, Err(AnswerError::LinkLost { .. }));
                        prop_assert!(lost, "{:?}", outcome);
                    }
                    Event::Undelivered { circumstances, payload, .. } => {
                        let id = number(&payload);
                        prop_assert!(undelivered.insert(id), "it was told twice of {}", id);
                        let unseen = world.sides[end].sent.iter().flatten().any(|sent| *sent == id);
                        prop_assert!(unseen || circumstances.redelivered, "{} was delivered", id);
                    }
                    _ => {}
                }
            }
            prop_assert!(world.sides[end].pending.is_empty(), "a request has no answer");
            let side = &world.sides[end];
            let lost = side.sent.iter().flatten().find(|id| side.notes.contains(id) && !undelivered.contains(id));
            prop_assert!(lost.is_none(), "nobody was told of note {:?}", lost);
        }
    }
}
