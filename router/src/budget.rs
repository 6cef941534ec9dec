//! tokio's cooperative budget, spent in shares.
//!
//! A task that is always ready has to yield now and then, or others on its thread starve. tokio gives it 128 units
//! a turn and takes one for each operation. Where an operation costs less than a yield by orders of magnitude,
//! that is too often: a unit is spent for several of them here.

use std::cell::Cell;
use std::task::{Context, Poll, ready};

use tokio::task::coop;

thread_local! {
    static OPERATIONS: Cell<u32> = const { Cell::new(0) };
}

/// Ready, but for the one of so many `operations` that finds the budget of this task used up: that one yields.
#[inline]
pub(crate) fn poll_share(cx: &mut Context<'_>, operations: u32) -> Poll<()> {
    let turn = OPERATIONS.get().wrapping_add(1);
    OPERATIONS.set(turn);
    if turn.is_multiple_of(operations) {
        ready!(coop::poll_proceed(cx)).made_progress();
    }
    Poll::Ready(())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_task_that_is_always_ready_yields_after_its_share() {
        let mut ready = 0;
        poll_fn(|cx| {
            while poll_share(cx, 4).is_ready() {
                ready += 1;
                assert!(ready < 1_000, "it never yields");
            }
            Poll::Ready(())
        })
        .await;
        assert!(ready >= 4 * 100, "it yields after {ready} operations");
    }
}
