use std::future::{Future, poll_fn};
use std::pin::pin;

use edri_router::{Context, Receiver};

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
        let begun = cut_short.begin();
        handle(&mut manager, message, &mut cx, receiver).await;
        begun.ended();
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
            let begun = cut_short.begin();
            handle(&mut seat.manager, message, &mut seat.cx, receiver).await;
            begun.ended();
            tokio::task::coop::consume_budget().await;
        }
        if !open {
            let Seat { manager, cx } = *seat;
            return (manager, cx);
        }
        slot.put(seat);
    }
}

/// One event to its end; senders that wait for room do not wait for a handler that waits.
async fn handle<M: Manager>(
    manager: &mut M,
    message: M::Inbox,
    cx: &mut Context,
    receiver: &mut Receiver<M::Inbox>,
) {
    let mut handling = pin!(manager.handle(message, cx));
    poll_fn(|task| {
        let polled = handling.as_mut().poll(task);
        if polled.is_pending() {
            receiver.let_in();
        }
        polled
    })
    .await;
}
