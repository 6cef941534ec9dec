use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Poll, Waker};

use edri_router::{Context, Message, Receiver, is_traced};

use super::inline::{Seat, Slot};
use super::life::Life;
use crate::handled::{Handled, Undone};
use crate::health::{answer_if_asked, or_asked};
use crate::manager::Manager;
use crate::supervision::Standing;

/// Who looks after a manager while it handles events.
pub(super) trait Overseer {
    /// Whether it may fall and be called back at all.
    const SUPERVISES: bool;

    /// Whether the manager is called back, asked between events.
    fn is_recalled(&self) -> bool;

    /// The same before a wait, which `waker` ends if it becomes true.
    fn is_recalled_or_wakes(&self, waker: &Waker) -> bool;
}

/// Nobody does: it goes on until its inbox is closed and empty. All questions are answered by the compiler.
pub(super) struct Nobody;

impl Overseer for Nobody {
    const SUPERVISES: bool = false;

    #[inline]
    fn is_recalled(&self) -> bool {
        false
    }

    #[inline]
    fn is_recalled_or_wakes(&self, _waker: &Waker) -> bool {
        false
    }
}

impl Overseer for Standing {
    const SUPERVISES: bool = true;

    #[inline]
    fn is_recalled(&self) -> bool {
        Self::is_recalled(self)
    }

    fn is_recalled_or_wakes(&self, waker: &Waker) -> bool {
        Self::is_recalled_or_wakes(self, waker)
    }
}

/// Why a loop has ended, with the manager that it ran.
pub(super) enum Left<M: Manager> {
    /// The inbox is closed and empty.
    Closed(M, Context),
    /// A handler took the manager down, with this event.
    Fell(M, Context, Box<Undone<M::Inbox>>),
    /// Its group is made anew.
    Recalled(M, Context),
}

/// What follows, such as a hook, does not ask on behalf of the last event.
fn at_rest(mut cx: Context) -> Context {
    cx.end();
    cx.wake();
    cx
}

/// Takes the manager's events from its inbox.
pub(super) async fn mailbox<M: Manager, O: Overseer>(
    mut manager: M,
    receiver: &mut Receiver<M::Inbox>,
    mut cx: Context,
    life: &Life,
    overseer: &O,
) -> Left<M> {
    receiver.started();
    cx = cx.waking_later();
    loop {
        let handled = match next_that_waits(&mut manager, &mut cx, receiver, overseer).await {
            Next::Waits(message) => {
                let handling = pin!(manager.handle(message, &mut cx));
                wait_for(handling, receiver, life).await
            }
            Next::Undone(undone) => Handled::Undone(undone),
            Next::Closed => return Left::Closed(manager, at_rest(cx)),
            Next::Recalled => return Left::Recalled(manager, at_rest(cx)),
        };
        if let Handled::Undone(undone) = handled
            && let Some(undone) = life.judge(undone, 1, receiver)
        {
            return Left::Fell(manager, at_rest(cx), undone);
        }
    }
}

/// As [`mailbox`], with the manager in its slot while nothing waits.
pub(super) async fn inline<M: Manager, O: Overseer>(
    manager: M,
    receiver: &mut Receiver<M::Inbox>,
    cx: Context,
    slot: &Slot<M>,
    life: &Life,
    overseer: &O,
) -> Left<M> {
    receiver.started();
    slot.put(Box::new(Seat { manager, cx, fallen: None }));
    loop {
        let open = poll_fn(|task| {
            if O::SUPERVISES
                && (overseer.is_recalled_or_wakes(task.waker()) || slot.has_fallen_or_wakes(task.waker()))
            {
                return Poll::Ready(Some(true));
            }
            or_asked::<M, _>(receiver.poll_occupied(task), receiver)
        })
        .await;
        let mut seat = poll_fn(|task| slot.poll_take(task)).await;
        if let Some(undone) = seat.fallen.take() {
            let Seat { manager, cx, .. } = *seat;
            return Left::Fell(manager, at_rest(cx), undone);
        }
        answer_if_asked(&seat.manager, receiver);
        // What waits is taken only with the manager in hand: no later event of its sender can overtake it.
        while !overseer.is_recalled()
            && let Some(message) = receiver.try_recv()
        {
            let begun = match is_traced() {
                false => handle_now(&mut seat.manager, message, &mut seat.cx, receiver, overseer),
                true => Err(in_span(message, receiver, &seat.cx)),
            };
            let handled = match begun {
                Ok(handled) => handled,
                Err(waits) => {
                    let handling = pin!(seat.manager.handle(waits, &mut seat.cx));
                    wait_for(handling, receiver, life).await
                }
            };
            if let Handled::Undone(undone) = handled
                && let Some(undone) = life.judge(undone, 1, receiver)
            {
                let Seat { manager, cx, .. } = *seat;
                return Left::Fell(manager, at_rest(cx), undone);
            }
            answer_if_asked(&seat.manager, receiver);
            tokio::task::coop::consume_budget().await;
        }
        receiver.meter().rest();
        if overseer.is_recalled() {
            let Seat { manager, cx, .. } = *seat;
            return Left::Recalled(manager, at_rest(cx));
        }
        if open == Some(false) {
            let Seat { manager, cx, .. } = *seat;
            return Left::Closed(manager, at_rest(cx));
        }
        seat.cx.rest();
        slot.put(seat);
    }
}

/// What a loop has to see to.
enum Next<I> {
    /// An event whose handler may wait.
    Waits(I),
    /// One whose handler has not ended well.
    Undone(Box<Undone<I>>),
    Closed,
    Recalled,
}

/// Handles what comes for as long as handlers never wait, and end well.
async fn next_that_waits<M: Manager, O: Overseer>(
    manager: &mut M,
    cx: &mut Context,
    receiver: &mut Receiver<M::Inbox>,
    overseer: &O,
) -> Next<M::Inbox> {
    poll_fn(|task| {
        loop {
            if overseer.is_recalled() {
                return Poll::Ready(Next::Recalled);
            }
            answer_if_asked(manager, receiver);
            let received = receiver.poll_recv(task);
            // The responder has seen to the rest: nothing keeps it from going to sleep, or from the next.
            cx.wake();
            match received {
                // Where somebody listens all go the same way, which has a place for their spans.
                Poll::Ready(Some(message)) if is_traced() => {
                    return Poll::Ready(Next::Waits(in_span(message, receiver, cx)));
                }
                Poll::Ready(Some(message)) if M::may_wait(&message) => {
                    receiver.meter().begin(message.tag());
                    return Poll::Ready(Next::Waits(message));
                }
                Poll::Ready(Some(message)) => match handle_now(manager, message, cx, receiver, overseer) {
                    Ok(Handled::Done) => {}
                    Ok(Handled::Undone(undone)) => return Poll::Ready(Next::Undone(undone)),
                    Err(waits) => return Poll::Ready(Next::Waits(waits)),
                },
                Poll::Ready(None) => return Poll::Ready(Next::Closed),
                Poll::Pending if overseer.is_recalled_or_wakes(task.waker()) => {
                    return Poll::Ready(Next::Recalled);
                }
                Poll::Pending => {
                    receiver.meter().rest();
                    cx.rest();
                    // Once more: who asks wakes only one who sleeps already.
                    answer_if_asked(manager, receiver);
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}

/// How many events are handled for one unit of tokio's cooperative budget, which yields after 128 units.
const TOGETHER: usize = 16;

/// This event, and some that the receiver has in hand, for as long as their handlers never wait, and end well; gives
/// back the first whose handler may wait.
#[inline]
fn handle_now<M: Manager, O: Overseer>(
    manager: &mut M,
    first: M::Inbox,
    cx: &mut Context,
    receiver: &mut Receiver<M::Inbox>,
    overseer: &O,
) -> Result<Handled<M::Inbox>, M::Inbox> {
    let (mut message, mut left) = (first, TOGETHER);
    loop {
        receiver.meter().begin(message.tag());
        match manager.handle_now(message, cx) {
            Ok(Handled::Done) => receiver.meter().end(),
            Ok(undone) => {
                receiver.meter().end();
                return Ok(undone);
            }
            waits => return waits,
        }
        left -= 1;
        if left == 0 || overseer.is_recalled() {
            return Ok(Handled::Done);
        }
        match receiver.next_in_hand() {
            Some(next) => {
                cx.wake();
                message = next;
            }
            None => return Ok(Handled::Done),
        }
    }
}

/// The event is about to be handled, within its span. It comes and goes by value: what is lent within a future stays a part
/// of it, and managers that wait are many.
#[cold]
pub(super) fn in_span<I: Message>(message: I, receiver: &mut Receiver<I>, cx: &Context) -> I {
    receiver.meter().begin(message.tag());
    receiver.span().reopen(|| message.info(), cx);
    message
}

/// A handler that may wait, to its end; senders that wait for room do not wait for it. It comes pinned: to move it
/// would cost more than the rest of this.
pub(super) async fn wait_for<I: Message>(
    mut handling: Pin<&mut impl Future<Output = Handled<I>>>,
    receiver: &mut Receiver<I>,
    life: &Life,
) -> Handled<I> {
    let begun = life.begin();
    let handled = poll_fn(|task| {
        let within = receiver.span().enter();
        let polled = handling.as_mut().poll(task);
        within.left();
        if polled.is_pending() {
            receiver.meter().wait();
            receiver.let_in();
        }
        polled
    })
    .await;
    receiver.span().close();
    receiver.meter().end();
    begun.ended();
    handled
}
