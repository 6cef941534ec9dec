use std::collections::VecDeque;
use std::sync::Arc;

use edri_event::{Meta, Retention};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::replay::Replay;

/// What a router keeps of one type at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Retained {
    /// How many events.
    pub events: usize,
    /// How many bytes they count for; counted only where the retention is bounded in bytes.
    pub bytes: usize,
}

/// The newest events, oldest first, within the bounds of a retention. Time is handed in.
pub(super) struct Kept<E> {
    events: VecDeque<One<E>>,
    bytes: usize,
    retention: Retention,
}

/// One event of the past.
pub(super) struct One<E> {
    pub(super) event: Arc<E>,
    /// What travels beside it when it is replayed.
    pub(super) meta: Meta,
    pub(super) sent: Instant,
    pub(super) bytes: usize,
}

impl<E> Kept<E> {
    pub(super) fn new(retention: Retention) -> Self {
        Self { events: VecDeque::new(), bytes: 0, retention }
    }

    pub(super) fn retention(&self) -> Retention {
        self.retention
    }

    /// What is kept already is measured anew. What has to go is given back: it is dropped by its caller, after its
    /// lock.
    pub(super) fn set_retention(
        &mut self,
        retention: Retention,
        now: Instant,
        measure: impl Fn(&E) -> usize,
    ) -> Vec<One<E>> {
        // First all the user's code, which may panic.
        let sizes =
            self.events.iter().map(|one| if retention.bytes.is_some() { measure(&one.event) } else { 0 });
        let sizes: Vec<usize> = sizes.collect();
        self.retention = retention;
        self.bytes = sizes.iter().fold(0, |sum, size| sum.saturating_add(*size));
        self.events.iter_mut().zip(sizes).for_each(|(one, size)| one.bytes = size);
        self.evict(now)
    }

    /// Keeps one more. What has to go, itself perhaps, is given back as above.
    pub(super) fn push(&mut self, one: One<E>) -> Vec<One<E>> {
        let now = one.sent;
        self.bytes = self.bytes.saturating_add(one.bytes);
        self.events.push_back(one);
        self.evict(now)
    }

    /// Gives back what is no longer within the bounds.
    pub(super) fn evict(&mut self, now: Instant) -> Vec<One<E>> {
        let mut gone = Vec::new();
        while let Some(oldest) = self.events.front()
            && !self.is_within(oldest, now)
        {
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
            gone.extend(self.events.pop_front());
        }
        gone
    }

    /// The part of it that is wanted, in order. Nothing of it is too old if [`evict`](Self::evict) came before.
    pub(super) fn part(&self, wanted: Replay, now: Instant) -> impl Iterator<Item = &One<E>> {
        let skipped = match wanted {
            Replay::All => 0,
            Replay::Last(events) => self.events.len().saturating_sub(events),
            Replay::Since(since) => self.events.partition_point(|one| one.sent < since),
            Replay::Within(age) => self.events.partition_point(|one| now.duration_since(one.sent) > age),
        };
        self.events.range(skipped..)
    }

    pub(super) fn retained(&self) -> Retained {
        Retained { events: self.events.len(), bytes: self.bytes }
    }

    fn is_within(&self, oldest: &One<E>, now: Instant) -> bool {
        self.events.len() <= self.retention.most_events()
            && self.retention.bytes.is_none_or(|most| self.bytes <= most)
            && self.retention.age.is_none_or(|age| now.duration_since(oldest.sent) < age)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn one(number: u64, sent: Instant, bytes: usize) -> One<u64> {
        One { event: Arc::new(number), meta: Meta::new(), sent, bytes }
    }

    fn numbers(kept: &Kept<u64>, wanted: Replay, now: Instant) -> Vec<u64> {
        kept.part(wanted, now).map(|one| *one.event).collect()
    }

    /// The longest run of newest events that is within the bounds, found the slow way.
    fn model(all: &[(u64, Instant, usize)], retention: Retention, now: Instant) -> Vec<u64> {
        let mut bytes = 0;
        let mut newest: Vec<u64> = all
            .iter()
            .rev()
            .take(retention.most_events())
            .take_while(|(_, sent, _)| retention.age.is_none_or(|age| now.duration_since(*sent) < age))
            .take_while(|(_, _, size)| {
                bytes += size;
                retention.bytes.is_none_or(|most| bytes <= most)
            })
            .map(|(number, ..)| *number)
            .collect();
        newest.reverse();
        newest
    }

    fn retentions() -> impl Strategy<Value = Retention> {
        let age = prop::option::of((1..200_u64).prop_map(Duration::from_millis));
        (prop::option::of(1..20_usize), age, prop::option::of(1..500_usize))
            .prop_map(|(events, age, bytes)| Retention { events, age, bytes })
    }

    proptest! {
        #[test]
        fn it_holds_exactly_what_is_within_its_bounds_after_every_step(
            retention in retentions(),
            steps in prop::collection::vec((0..40_u64, 0..120_usize, any::<bool>()), 0..100),
        ) {
            let mut now = Instant::now();
            let mut kept = Kept::new(retention);
            // What has once left the bounds is gone, even if what follows were to make room again.
            let mut all = Vec::new();
            for (number, (passes, bytes, sends)) in (0..).zip(steps) {
                now += Duration::from_millis(passes);
                if sends {
                    all.push((number, now, bytes));
                    kept.push(one(number, now, bytes));
                } else {
                    kept.evict(now);
                }
                let expected = model(&all, retention, now);
                all.retain(|(number, ..)| expected.contains(number));
                prop_assert_eq!(numbers(&kept, Replay::All, now), expected);
                let bytes = all.iter().map(|(_, _, bytes)| bytes).sum();
                prop_assert_eq!(kept.retained(), Retained { events: all.len(), bytes });
            }
        }

        #[test]
        fn every_way_to_ask_gives_an_end_of_it(
            ages in prop::collection::vec(0..50_u64, 0..30),
            last in 0..40_usize,
            back in 0..1_000_u64,
        ) {
            let mut now = Instant::now();
            let start = now;
            let mut kept = Kept::new(Retention::last(1_000));
            let mut sent = Vec::new();
            for (number, age) in (0..).zip(&ages) {
                now += Duration::from_millis(*age);
                kept.push(one(number, now, 0));
                sent.push((number, now));
            }
            let newer = |than: Instant| sent.iter().filter(move |(_, at)| *at >= than).map(|(number, _)| *number);
            let end = |events: usize| (ages.len().saturating_sub(events) as u64..ages.len() as u64).collect::<Vec<_>>();
            prop_assert_eq!(numbers(&kept, Replay::Last(last), now), end(last));
            let since = start + Duration::from_millis(back);
            prop_assert_eq!(numbers(&kept, Replay::Since(since), now), newer(since).collect::<Vec<_>>());
            let within = now.checked_sub(Duration::from_millis(back)).unwrap_or(start);
            let expected: Vec<_> = newer(within).collect();
            prop_assert_eq!(numbers(&kept, Replay::Within(Duration::from_millis(back)), now), expected);
        }
    }

    #[test]
    fn new_bounds_hold_for_what_is_kept_already() {
        let now = Instant::now();
        let mut kept = Kept::new(Retention::last(10));
        (0..10).for_each(|number| drop(kept.push(one(number, now, 0))));
        kept.set_retention(Retention::sized(25), now, |_| 10);
        assert_eq!(numbers(&kept, Replay::All, now), [8, 9]);
        assert_eq!(kept.retained(), Retained { events: 2, bytes: 20 });
        kept.set_retention(Retention::NOTHING, now, |_| 10);
        assert_eq!(kept.retained(), Retained::default());
    }

    #[test]
    fn an_event_larger_than_all_that_may_be_kept_is_not_kept() {
        let now = Instant::now();
        let mut kept = Kept::new(Retention::sized(10));
        assert!(kept.push(one(1, now, 10)).is_empty());
        assert_eq!(kept.push(one(2, now, 11)).len(), 2);
        assert_eq!(kept.retained(), Retained::default());
    }
}
