use super::cost::Cost;

/// What this end may still send. Totals since the link began, so that the same grant heard twice counts once.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    granted: u64,
    spent: u64,
}

/// What the other end may still send.
#[derive(Debug)]
pub(crate) struct Grants {
    window: u64,
    granted: u64,
    arrived: u64,
    handled: u64,
    /// What arrived in an earlier session and was not handled: it comes first.
    earlier: u64,
}

impl Allowance {
    pub(crate) fn new(granted: u32) -> Self {
        Self { granted: granted.into(), spent: 0 }
    }

    /// Whether one more message may go. It may be of any size: a window is overdrawn by one message at most.
    pub(crate) fn is_open(&self) -> bool {
        self.spent < self.granted
    }

    /// Whether all of several messages may go that cost so much together.
    #[inline]
    pub(crate) fn has(&self, cost: Cost) -> bool {
        self.spent.saturating_add(cost.get()) <= self.granted
    }

    pub(crate) fn spend(&mut self, cost: Cost) {
        self.spent = self.spent.saturating_add(cost.get());
    }

    /// Whether that opened it.
    pub(crate) fn raise(&mut self, granted: u64) -> bool {
        let was_open = self.is_open();
        self.granted = self.granted.max(granted);
        !was_open && self.is_open()
    }
}

impl Grants {
    pub(crate) fn new(window: u32) -> Self {
        Self { window: window.into(), granted: window.into(), arrived: 0, handled: 0, earlier: 0 }
    }

    /// The same window for another session. What of this one has not been handled yet still will be.
    pub(crate) fn begin_again(&self) -> Self {
        let earlier = self.earlier + (self.arrived - self.handled);
        Self { window: self.window, granted: self.window, arrived: 0, handled: 0, earlier }
    }

    /// Notes an arrival; `false` if it was not allowed.
    pub(crate) fn arrive(&mut self, cost: Cost) -> bool {
        let allowed = self.arrived < self.granted;
        self.arrived = self.arrived.saturating_add(cost.get());
        allowed
    }

    /// That much of what has arrived needs no room any more. Whether the other end should be told.
    pub(crate) fn handle(&mut self, cost: Cost) -> bool {
        let earlier = self.earlier.min(cost.get());
        self.earlier -= earlier;
        self.handled = self.handled.saturating_add(cost.get() - earlier).min(self.arrived);
        // Where the other end is at a stand it has to hear at once; else half a window at a time is enough.
        let worth_it = self.due() - self.granted >= self.window.div_ceil(2);
        worth_it || self.arrived >= self.granted && self.due() > self.arrived
    }

    /// What is to be told, as a total.
    pub(crate) fn grant(&mut self) -> u64 {
        self.granted = self.due();
        self.granted
    }

    fn due(&self) -> u64 {
        self.handled.saturating_add(self.window).max(self.granted)
    }

    /// What has arrived and was not handled.
    #[cfg(test)]
    pub(crate) fn held(&self) -> u64 {
        self.arrived - self.handled
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The receiver handles in any rhythm: it holds a window and a message at most, and the sender never stalls
        /// for good.
        #[test]
        fn a_window_is_never_overdrawn_by_more_than_a_message_and_never_stalls(
            window in 1..5_000_u32,
            sizes in prop::collection::vec(0..3_000_usize, 1..200),
            rhythm in prop::collection::vec(0..4_usize, 1..50),
        ) {
            let (mut allowance, mut grants) = (Allowance::new(window), Grants::new(window));
            let mut rhythm = rhythm.into_iter().cycle();
            let mut held = std::collections::VecDeque::new();
            let mut sizes = sizes.into_iter().peekable();
            while sizes.peek().is_some() {
                if allowance.is_open() {
                    let cost = Cost::of(sizes.next().unwrap_or_default());
                    allowance.spend(cost);
                    prop_assert!(grants.arrive(cost));
                    held.push_back(cost);
                    prop_assert!(grants.held() < u64::from(window) + Cost::of(3_000).get());
                } else {
                    prop_assert!(!held.is_empty(), "it stalls with nothing to be handled");
                }
                let handles = rhythm.next().unwrap_or(1) + usize::from(!allowance.is_open());
                for cost in held.drain(..handles.min(held.len())) {
                    if grants.handle(cost) {
                        allowance.raise(grants.grant());
                    }
                }
            }
        }
    }

    #[test]
    fn what_came_in_an_earlier_session_is_handled_before_what_came_in_this_one() {
        let mut before = Grants::new(1_000);
        (0..5).for_each(|_| assert!(before.arrive(Cost::of(36))));
        before.handle(Cost::of(36));
        let mut grants = before.begin_again();
        assert!(grants.arrive(Cost::of(936)));
        for _ in 0..4 {
            grants.handle(Cost::of(36));
        }
        assert_eq!((grants.held(), grants.grant()), (1_000, 1_000));
        grants.handle(Cost::of(936));
        assert_eq!((grants.held(), grants.grant()), (0, 2_000));
    }

    #[test]
    fn what_was_not_granted_is_noticed() {
        let mut grants = Grants::new(100);
        assert!(grants.arrive(Cost::of(1_000)));
        assert!(!grants.arrive(Cost::of(0)));
    }
}
