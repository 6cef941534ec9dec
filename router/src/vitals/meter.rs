use std::fmt;
use std::time::Duration;

use super::clock::Moment;
use super::histogram::Histogram;
use super::numbers::Times;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// What those who handle events or do jobs, one at a time, note of it: how many, which one now, how long.
///
/// Whoever handles is its only writer at that time, so that an event costs plain loads and stores on a line of
/// memory that it writes anyway. Times are *sampled*: of one event in 64, and of each whose handler had to wait, from
/// there on. Anybody may read at any time.
#[derive(Default)]
pub struct Meter {
    /// How many were begun, and in the lower bits which kind is being handled: its tag and one, or zero.
    on: AtomicU64,
    /// Since when what is being handled is measured, as a [`Moment`]; zero if it is not.
    since: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    renewed: AtomicU64,
    /// Made when something is measured, or somebody looks while something is being handled.
    rare: Mutex<Option<Box<Rare>>>,
}

struct Rare {
    times: Histogram,
    /// The number of what was being handled when somebody looked, and when that was.
    seen: Option<(u64, Moment)>,
}

const TAG_BITS: u32 = 16;
const TAG: u64 = (1 << TAG_BITS) - 1;
const ONE: u64 = 1 << TAG_BITS;

/// One in so many is measured whatever it does, the first included.
pub(crate) const SAMPLED: u64 = 64;

impl Meter {
    /// An event of the kind `tag` is about to be handled, and the one before has ended.
    #[inline]
    pub fn begin(&self, tag: u16) {
        let on = (self.on.load(Ordering::Relaxed) & !TAG) + ONE + u64::from(tag.wrapping_add(1));
        self.on.store(on, Ordering::Relaxed);
        if is_sampled(on) {
            self.measure();
        }
    }

    /// An event is about to be handled among others, and measured elsewhere: whether it is to be.
    pub(crate) fn count(&self) -> bool {
        let on = self.on.load(Ordering::Relaxed) + ONE;
        self.on.store(on, Ordering::Relaxed);
        is_sampled(on)
    }

    /// Its handler waits: it is measured from here on, if it was not before.
    #[inline]
    pub fn wait(&self) {
        if self.since.load(Ordering::Relaxed) == 0 {
            self.measure();
        }
    }

    /// Its handler has ended.
    #[inline]
    pub fn end(&self) {
        if self.since.load(Ordering::Relaxed) != 0 {
            self.measured();
        }
    }

    /// Nothing is being handled.
    #[inline]
    pub fn rest(&self) {
        self.on.store(self.on.load(Ordering::Relaxed) & !TAG, Ordering::Relaxed);
    }

    #[cold]
    fn measure(&self) {
        self.since.store(Moment::now().to_bits(), Ordering::Relaxed);
    }

    #[cold]
    fn measured(&self) {
        if let Some(since) = Moment::from_bits(self.since.load(Ordering::Relaxed)) {
            self.record(since.elapsed());
        }
        self.since.store(0, Ordering::Relaxed);
    }

    /// Notes a handling time that was measured otherwise.
    pub(crate) fn record(&self, time: Duration) {
        self.rare.lock().get_or_insert_with(Rare::new).times.record(time);
    }

    /// Handlers have failed.
    #[cold]
    pub fn failed(&self, handlers: u64) {
        self.failed.fetch_add(handlers, Ordering::Relaxed);
    }

    /// Handlers have panicked.
    #[cold]
    pub fn panicked(&self, handlers: u64) {
        self.panicked.fetch_add(handlers, Ordering::Relaxed);
    }

    /// Whoever handles was replaced by a new one: a manager was restarted, a worker replaced.
    #[cold]
    pub fn renewed(&self) {
        self.renewed.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether something is being handled.
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed) & TAG != 0
    }

    /// What it has noted so far. What is being handled, and is not measured, is counted from here on.
    pub fn look(&self) -> Reading {
        let on = self.on.load(Ordering::Relaxed);
        let (begun, tag) = (on >> TAG_BITS, (on & TAG).checked_sub(1));
        let now = tag.map(|tag| {
            let measured = Moment::from_bits(self.since.load(Ordering::Relaxed));
            let since = measured.unwrap_or_else(|| self.seen(begun));
            Now { number: begun, tag: tag as u16, age: since.elapsed() }
        });
        Reading {
            ended: begun - u64::from(now.is_some()),
            now,
            failed: self.failed.load(Ordering::Relaxed),
            panicked: self.panicked.load(Ordering::Relaxed),
            renewed: self.renewed.load(Ordering::Relaxed),
        }
    }

    /// When the event of that number was first seen: at the latest now.
    fn seen(&self, number: u64) -> Moment {
        let mut rare = self.rare.lock();
        let rare = rare.get_or_insert_with(Rare::new);
        match rare.seen {
            Some((known, since)) if known == number => since,
            _ => rare.seen.insert((number, Moment::now())).1,
        }
    }

    fn histogram(&self) -> Option<Histogram> {
        self.rare.lock().as_ref().map(|rare| rare.times.clone())
    }

    /// The times that were measured, of all these meters together.
    pub fn times<'m>(meters: impl IntoIterator<Item = &'m Self>) -> Times {
        let mut all: Option<Histogram> = None;
        for more in meters.into_iter().filter_map(Self::histogram) {
            match &mut all {
                Some(all) => all.add(&more),
                None => all = Some(more),
            }
        }
        all.map_or_else(Times::default, |all| all.times())
    }
}

impl Rare {
    fn new() -> Box<Self> {
        Box::new(Self { times: Histogram::new(), seen: None })
    }
}

#[inline]
fn is_sampled(on: u64) -> bool {
    on & ((SAMPLED - 1) << TAG_BITS) == ONE
}

/// What a [`Meter`] has noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// How many were handled to their end, however it was.
    pub ended: u64,
    /// How many of their handlers failed.
    pub failed: u64,
    /// How many of their handlers panicked.
    pub panicked: u64,
    /// How often whoever handles was replaced.
    pub renewed: u64,
    /// What is being handled.
    pub now: Option<Now>,
}

/// What is being handled at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Now {
    /// How many were begun before, and this one.
    pub number: u64,
    /// Its kind.
    pub tag: u16,
    /// For how long: from where it is measured, which is its begin for one in 64, and the moment it first waited for
    /// others; for what is not measured, from when somebody first looked.
    pub age: Duration,
}

impl fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Meter").field(&self.look()).finish()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn age(meter: &Meter) -> Option<u64> {
        meter.look().now.map(|now| now.age.as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn it_tells_what_is_being_handled_and_since_when() {
        let meter = Meter::default();
        assert_eq!(meter.look(), Reading::default());
        meter.begin(7);
        advance(SECOND).await;
        let reading = meter.look();
        let now = reading.now.unwrap();
        assert_eq!((reading.ended, now.number, now.tag), (0, 1, 7));
        assert_eq!(age(&meter), Some(1), "the first is one of those sampled");
        meter.end();
        meter.begin(8);
        advance(SECOND).await;
        meter.wait();
        advance(2 * SECOND).await;
        meter.wait();
        assert_eq!((meter.look().now.map(|now| now.number), age(&meter)), (Some(2), Some(2)));
        meter.end();
        meter.rest();
        assert_eq!((meter.look().ended, meter.look().now), (2, None));
        let times = Meter::times([&meter]);
        assert_eq!((times.count, times.max.as_secs()), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_waits_is_counted_from_when_somebody_looked_and_is_no_sample() {
        let meter = Meter::default();
        meter.begin(0);
        meter.end();
        meter.begin(1);
        advance(SECOND).await;
        assert_eq!(age(&meter), Some(0));
        advance(SECOND).await;
        assert_eq!(age(&meter), Some(1));
        meter.end();
        meter.begin(2);
        assert_eq!(age(&meter), Some(0));
        assert_eq!(Meter::times([&meter]).count, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn of_handlers_that_never_wait_one_in_64_is_measured() {
        let meter = Meter::default();
        for _ in 0..6_400 {
            meter.begin(0);
            meter.end();
        }
        assert_eq!(Meter::times([&meter]).count, 100);
        assert_eq!(Meter::times([&meter, &meter]).count, 200);
    }
}
