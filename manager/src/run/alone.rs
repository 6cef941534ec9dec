use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, ready};

use edri_router::{Context, Message, Receiver, is_traced};

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
    while let Some(message) = next_that_waits(&mut manager, &mut cx, receiver).await {
        wait_for(manager.handle(message, &mut cx), receiver, cut_short).await;
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
            let waits = match is_traced() {
                false => handle_now(&mut seat.manager, message, &mut seat.cx, receiver),
                true => Some(in_span(message, receiver, &seat.cx)),
            };
            if let Some(message) = waits {
                let Seat { manager, cx } = &mut *seat;
                wait_for(manager.handle(message, cx), receiver, cut_short).await;
            }
            tokio::task::coop::consume_budget().await;
        }
        if !open {
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
        while let Some(message) = ready!(receiver.poll_recv(task)) {
            // Where somebody listens all go the same way, which has a place for their spans.
            if is_traced() {
                return Poll::Ready(Some(in_span(message, receiver, cx)));
            }
            if let Some(waits) = handle_now(manager, message, cx, receiver) {
                return Poll::Ready(Some(waits));
            }
        }
        Poll::Ready(None)
    })
    .await
}

/// How many events are handled for one unit of tokio's cooperative budget, which yields after 128 units.
const TOGETHER: usize = 16;

/// This event, and some that the receiver has in hand, for as long as their handlers never wait; gives back the
/// first whose handler may.
fn handle_now<M: Manager>(
    manager: &mut M,
    first: M::Inbox,
    cx: &mut Context,
    receiver: &mut Receiver<M::Inbox>,
) -> Option<M::Inbox> {
    let mut message = first;
    for _ in 1..TOGETHER {
        if let Some(waits) = manager.handle_now(message, cx) {
            return Some(waits);
        }
        message = receiver.next_in_hand()?;
    }
    manager.handle_now(message, cx)
}

/// The event is about to be handled, within its span. It comes and goes by value: what is lent within a future stays a part
/// of it, and managers that wait are many.
#[cold]
fn in_span<I: Message>(message: I, receiver: &mut Receiver<I>, cx: &Context) -> I {
    receiver.span().reopen(|| message.info(), cx);
    message
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
        let within = receiver.span().enter();
        let polled = handling.as_mut().poll(task);
        within.left();
        if polled.is_pending() {
            receiver.let_in();
        }
        polled
    })
    .await;
    receiver.span().close();
    begun.ended();
}
