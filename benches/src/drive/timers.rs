//! Timers: setting them, what they take, and how late they come.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    measure::{Sample, Stopwatch},
    memory,
};

/// How long before the first of them is due timers are begun to be set.
const LEAD: Duration = Duration::from_secs(1);

/// From one due time to the next: a thousand in a second.
const APART: Duration = Duration::from_millis(1);

/// How long those that are late are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something that can be told to come later.
pub trait Timers: Send {
    /// The event of this number is to come after so long; then it is told to [`Lateness::came`].
    fn set(&mut self, number: u64, after: Duration) -> impl Future<Output = ()> + Send;
}

/// When timers came, by their numbers.
#[derive(Debug)]
pub struct Lateness {
    begun: Instant,
    /// Nanoseconds after the begin, and one; zero for those that have not come.
    came: Vec<AtomicU64>,
    count: AtomicUsize,
}

impl Lateness {
    /// For so many timers.
    pub fn of(timers: u64) -> Arc<Self> {
        let came = (0..timers).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { begun: Instant::now(), came, count: AtomicUsize::new(0) })
    }

    /// The timer of this number comes now.
    ///
    /// # Panics
    /// When it has come before.
    pub fn came(&self, number: u64) {
        let after = self.begun.elapsed().as_nanos() as u64 + 1;
        let before = self.came[number as usize].swap(after, Ordering::Relaxed);
        assert_eq!(before, 0, "a timer came twice");
        self.count.fetch_add(1, Ordering::Release);
    }
}

/// Sets timers that are due at random times of the next day.
pub async fn insert(timers: u64, mut contender: impl Timers) -> Sample {
    let stopwatch = Stopwatch::start();
    set_far(timers, &mut contender).await;
    let sample = stopwatch.stop(timers);
    drop(contender);
    sample
}

/// What each of many timers takes that are due at random times of the next day.
pub async fn memory<T: Timers>(timers: u64, contender: T) -> Sample {
    memory::of_each(timers, async move {
        let mut contender = contender;
        set_far(timers, &mut contender).await;
        contender
    })
    .await
}

/// Sets timers that are due at random times of the next day, from an hour on.
pub async fn set_far(timers: u64, contender: &mut impl Timers) {
    // A linear congruence by Knuth: the same times for all contenders.
    let mut random = 1_u64;
    for number in 0..timers {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        contender.set(number, Duration::from_secs(3_600) + Duration::from_micros((random >> 31) * 10)).await;
    }
}

/// Sets timers of which one is due each millisecond, and sees when they come. The figure is how many come in a second:
/// those that are lost are missing in it. The latencies are how late they are; early is told as late by a second.
pub async fn lateness(timers: u64, lateness: &Lateness, mut contender: impl Timers) -> Sample {
    let first = lateness.begun.elapsed() + LEAD;
    let stopwatch = Stopwatch::start();
    let due = |number: u64| first + APART * number as u32;
    for number in 0..timers {
        contender.set(number, due(number).saturating_sub(lateness.begun.elapsed())).await;
    }
    let end = lateness.begun + due(timers) + PATIENCE;
    while lateness.count.load(Ordering::Acquire) < timers as usize && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let cpu_nanoseconds = stopwatch.stop(timers).cpu_nanoseconds;
    let late = lateness.came.iter().zip(0..).filter_map(|(came, number)| {
        let came = Duration::from_nanos(came.load(Ordering::Relaxed).checked_sub(1)?);
        let late = came.checked_sub(due(number)).unwrap_or(Duration::from_secs(1));
        Some(late.as_nanos() as u64)
    });
    let latencies: Vec<u64> = late.collect();
    drop(contender);
    let value = latencies.len() as f64 / (APART * timers as u32).as_secs_f64();
    Sample { value, cpu_nanoseconds, latencies }
}
