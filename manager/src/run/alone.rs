use std::future::{Future, poll_fn};
use std::pin::pin;

use edri_router::{Context, Message, Receiver};

use super::cut_short::CutShort;
use super::inline::{Seat, Slot};
use crate::manager::Manager;

/// Takes the manager's events from its inbox until that is closed and empty.
pub(super) async fn mailbox<M: Manager>(
    mut manager: M,
    receiver: &mut Receiver<M::Inbox>,
    mut cx: Context,
    cut_short: &CutShort,
) -> (M, Context) {
    while let Some(message) = receiver.recv().await {
        handle(&mut manager, message, &mut cx, receiver, cut_short).await;
        // The rest of a batch, at the price of one `recv` for several.
        for _ in 0..TOGETHER {
            let Some(message) = receiver.next_in_hand() else { break };
            handle(&mut manager, message, &mut cx, receiver, cut_short).await;
        }
    }
    (manager, cx)
}

/// As [`mailbox`], with the manager in its slot while nothing waits.
pub(super) async fn inline<M: Manager>(
    manager: M,
    receiver: &mut Receiver<M::Inbox>,
    cx: Context,
    slot: &Slot<M>,
    cut_short: &CutShort,
) -> (M, Context) {
    slot.put(Box::new(Seat { manager, cx }));
    loop {
        let open = poll_fn(|task| receiver.poll_occupied(task)).await;
        let mut seat = poll_fn(|task| slot.poll_take(task)).await;
        // What waits is taken only with the manager in hand: no later event of its sender can overtake it.
        while let Some(message) = receiver.try_recv() {
            handle(&mut seat.manager, message, &mut seat.cx, receiver, cut_short).await;
            tokio::task::coop::consume_budget().await;
        }
        if !open {
            let Seat { manager, cx } = *seat;
            return (manager, cx);
        }
        slot.put(seat);
    }
}

/// How many events are handled for one unit of tokio's cooperative budget, which yields after 128 units.
const TOGETHER: usize = 16;

/// One event to its end.
#[inline]
async fn handle<M: Manager>(
    manager: &mut M,
    message: M::Inbox,
    cx: &mut Context,
    receiver: &mut Receiver<M::Inbox>,
    cut_short: &CutShort,
) {
    let begun = cut_short.begin();
    if let Some(message) = manager.handle_now(message, cx) {
        wait_for(manager.handle(message, cx), receiver).await;
    }
    begun.ended();
}

/// Senders that wait for room do not wait for a handler that waits.
async fn wait_for<I: Message>(handling: impl Future<Output = ()>, receiver: &mut Receiver<I>) {
    let mut handling = pin!(handling);
    poll_fn(|task| {
        let polled = handling.as_mut().poll(task);
        if polled.is_pending() {
            receiver.let_in();
        }
        polled
    })
    .await;
}
