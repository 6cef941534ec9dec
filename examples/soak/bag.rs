//! Counting events so that one cannot stand for another.

use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::dice::mix;

/// Events that were counted: how many, and a sum over who they are. Two bags of the same events are equal in any order; one
/// in which an event is missing and another is there twice differs, though it counts as many. It needs no more room the
/// more there are.
#[derive(Debug, Default)]
pub struct Bag {
    count: AtomicU64,
    sum: AtomicU64,
}

/// What was in a bag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    pub count: u64,
    sum: u64,
}

impl Bag {
    pub fn add(&self, sender: u32, number: u64) {
        self.add_times(sender, number, 1);
    }

    pub fn add_times(&self, sender: u32, number: u64, times: u64) {
        let identity = mix(mix(u64::from(sender)) ^ number);
        self.count.fetch_add(times, Ordering::Relaxed);
        self.sum.fetch_add(identity.wrapping_mul(times), Ordering::Relaxed);
    }

    pub fn total(&self) -> Total {
        Total { count: self.count.load(Ordering::Relaxed), sum: self.sum.load(Ordering::Relaxed) }
    }
}

impl Add for Total {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum.wrapping_add(other.sum) }
    }
}

/// All of them together.
pub fn all<'b>(bags: impl IntoIterator<Item = &'b Bag>) -> Total {
    bags.into_iter().map(Bag::total).fold(Total::default(), Add::add)
}
