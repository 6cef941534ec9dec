use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use edri_router::{Context, Message, Receiver};

use super::cut_short::CutShort;
use super::inline::{Seat, Slot};
use crate::health::{answer_if_asked, or_asked};
use crate::manager::Manager;

/// Takes the manager's events from its inbox until that is closed and empty.
pub(super) async fn mailbox<M: Manager>(
    manager: &mut M,
    receiver: &mut Receiver<M::Inbox>,
    cx: &mut Context,
    cut_short: &CutShort,
) {
    receiver.started();
    while let Some(message) = next_that_waits(manager, cx, receiver).await {
        wait_for(manager.handle(message, cx), receiver, cut_short).await;
        cx.settle(receiver.meter());
    }
}

/// As [`mailbox`], with the manager in its slot while nothing waits.
pub(super) async fn inline<M: Manager>(
    manager: M,
    receiver: &mut Receiver<M::Inbox>,
    cx: Context,
    slot: &Slot<M>,
    cut_short: &CutShort,
) -> (M, Context) {
    receiver.started();
    slot.put(Box::new(Seat { manager, cx }));
    loop {
        let open = poll_fn(|task| or_asked::<M, _>(receiver.poll_occupied(task), receiver)).await;
        let mut seat = poll_fn(|task| slot.poll_take(task)).await;
        answer_if_asked(&seat.manager, receiver);
        // What waits is taken only with the manager in hand: no later event of its sender can overtake it.
        while let Some(message) = receiver.try_recv() {
            if let Some(message) = handle_now(&mut seat.manager, message, &mut seat.cx, receiver) {
                wait_for(seat.manager.handle(message, &mut seat.cx), receiver, cut_short).await;
            }
            seat.cx.settle(receiver.meter());
            answer_if_asked(&seat.manager, receiver);
            tokio::task::coop::consume_budget().await;
        }
        receiver.meter().rest();
        if open == Some(false) {
            let Seat { manager, cx } = *seat;
            return (manager, cx);
        }
        slot.put(seat);
    }
}

/// Handles what comes for as long as handlers never wait; ready with the first event whose handler may, or when
/// the inbox is closed and empty.
async fn next_that_waits<M: Manager>(
    manager: &mut M,
    cx: &mut Context,
    receiver: &mut Receiver<M::Inbox>,
) -> Option<M::Inbox> {
    poll_fn(|task| {
        while let Poll::Ready(next) = receiver.poll_recv(task) {
            let Some(message) = next else { return Poll::Ready(None) };
            let waits = handle_now(manager, message, cx, receiver);
            answer_if_asked(manager, receiver);
            if waits.is_some() {
                return Poll::Ready(waits);
            }
            cx.settle(receiver.meter());
        }
        receiver.meter().rest();
        // Asleep only now: who asks wakes one who sleeps, and no other.
        answer_if_asked(manager, receiver);
        Poll::Pending
    })
    .await
}

/// How many events are handled for one unit of tokio's cooperative budget, which yields after 128 units.
const TOGETHER: usize = 16;

/// This event, which is noted as begun, and some that the receiver has in hand, for as long as their handlers never wait; gives back the
/// first whose handler may.
#[inline]
fn handle_now<M: Manager>(
    manager: &mut M,
    first: M::Inbox,
    cx: &mut Context,
    receiver: &mut Receiver<M::Inbox>,
) -> Option<M::Inbox> {
    let (mut message, mut left) = (first, TOGETHER);
    loop {
        receiver.meter().begin(message.tag());
        if let Some(waits) = manager.handle_now(message, cx) {
            return Some(waits);
        }
        receiver.meter().end();
        left -= 1;
        if left == 0 {
            return None;
        }
        message = receiver.next_in_hand()?;
    }
}

/// A handler that may wait, to its end; senders that wait for room do not wait for it.
async fn wait_for<I: Message>(
    handling: impl Future<Output = ()>,
    receiver: &mut Receiver<I>,
    cut_short: &CutShort,
) {
    let begun = cut_short.begin();
    let mut handling = pin!(handling);
    poll_fn(|task| {
        let polled = handling.as_mut().poll(task);
        if polled.is_pending() {
            receiver.meter().wait();
            receiver.let_in();
        }
        polled
    })
    .await;
    receiver.meter().end();
    begun.ended();
}
