use std::time::{Duration, Instant};

/// How fast a router may say that its interests change, since all others have to hear it: so much at once, and then so
/// much a second. Whoever says more is not listened to for a while.
#[derive(Debug)]
pub(super) struct Pace {
    /// How many bytes it may still say; less than nothing if it has said too much.
    left: i64,
    at: Instant,
}

/// What a router says when it joins is less, as a rule: some tens of thousands of interests.
const AT_ONCE: i64 = 4 << 20;

const PER_SECOND: i64 = 256 << 10;

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: AT_ONCE, at: now }
    }

    /// It has said so many bytes. Until when it is not to be listened to, if that was too much.
    pub(super) fn said(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let passed = now.saturating_duration_since(self.at).as_millis().min(60_000) as i64;
        self.left = (self.left + passed * PER_SECOND / 1000).min(AT_ONCE) - bytes as i64;
        self.at = now;
        let too_much = u64::try_from(-self.left).ok().filter(|too_much| *too_much > 0)?;
        Some(now + Duration::from_millis(too_much * 1000 / PER_SECOND as u64 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_may_be_said_at_once_and_after_that_only_so_much_a_second() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        assert_eq!(pace.said(4 << 20, began), None);
        let until = pace.said(256 << 10, began).unwrap();
        assert_eq!(until, began + Duration::from_millis(1_001));
        assert_eq!(pace.said(0, until), None);
        assert_eq!(pace.said(1_000, until + Duration::from_secs(3_600)), None);
        assert!(pace.said(4 << 20, until + Duration::from_secs(3_600)).is_some());
    }
}
