use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::error::RequestError;
use crate::sync::Latch;

/// One request's way back: the responder's end answers once, the requester's end waits or goes away.
///
/// With `requester`, its task is woken by the answer without having polled for it.
pub(crate) fn reply<T: Send + 'static>(requester: Option<&Waker>) -> (ReplyTo<T>, Reply<T>) {
    let requester = requester.cloned();
    let slot = Arc::new(Slot(Latch::new(State::Waiting { requester, responders: Vec::new() })));
    (ReplyTo { slot: Some(Arc::clone(&slot)) }, Reply { slot: Some(slot) })
}

struct Slot<T>(Latch<State<T>>);

enum State<T> {
    Waiting {
        requester: Option<Waker>,
        /// Those who want to know when the requester goes away.
        responders: Vec<Waker>,
    },
    Answered(Result<T, RequestError>),
    /// The requester has the answer.
    Done,
    /// The requester has gone away without an answer.
    Cancelled,
}

/// The responder's end of a request: answers it, once.
///
/// Dropped without an answer, it answers [`RequestError::Cancelled`], or [`RequestError::Panicked`] if a panic
/// drops it.
pub struct ReplyTo<T: Send + 'static> {
    slot: Option<Arc<Slot<T>>>,
}

impl<T: Send + 'static> ReplyTo<T> {
    /// Answers. An answer that nobody waits for any more is dropped.
    pub fn answer(mut self, answer: Result<T, RequestError>) {
        if let Some(slot) = self.slot.take() {
            slot.answer(answer);
        }
    }

    /// Whether the requester has gone away.
    pub fn is_cancelled(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| slot.is_cancelled())
    }

    /// As [`is_cancelled`](Self::is_cancelled) without a lock, for as long as no [`Context`](crate::Context) has
    /// been given this request.
    pub fn is_abandoned(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| Arc::strong_count(slot) == 1)
    }

    /// A view of the requester, for a [`Context`](crate::Context).
    pub(crate) fn requester(&self) -> Option<Audience> {
        self.slot.clone().map(|slot| Audience(slot))
    }
}

impl<T: Send + 'static> Drop for ReplyTo<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.answer(Err(if std::thread::panicking() {
                RequestError::Panicked { message: "(while it was dropped)".to_owned() }
            } else {
                RequestError::Cancelled
            }));
        }
    }
}

/// The requester's end of a request. Dropping it cancels the request.
pub struct Reply<T: Send + 'static> {
    /// Until the answer has been taken.
    slot: Option<Arc<Slot<T>>>,
}

impl<T: Send + 'static> Reply<T> {
    /// The answer, or the task is woken when it comes. After the answer has been taken it stays pending.
    pub fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, RequestError>> {
        let Some(slot) = &self.slot else { return Poll::Pending };
        let mut state = slot.0.lock();
        match &mut *state {
            State::Waiting { requester, .. } => {
                match requester {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *requester = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            State::Done | State::Cancelled => Poll::Pending,
            answered @ State::Answered(_) => {
                let answered = std::mem::replace(answered, State::Done);
                drop(state);
                self.slot = None;
                match answered {
                    State::Answered(answer) => Poll::Ready(answer),
                    State::Waiting { .. } | State::Done | State::Cancelled => Poll::Pending,
                }
            }
        }
    }
}

impl<T: Send + 'static> Drop for Reply<T> {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        let old = std::mem::replace(&mut *slot.0.lock(), State::Cancelled);
        if let State::Waiting { responders, .. } = old {
            responders.into_iter().for_each(Waker::wake);
        }
    }
}

impl<T> Slot<T> {
    fn answer(&self, answer: Result<T, RequestError>) {
        let mut state = self.0.lock();
        // Where nobody waits any more the answer is dropped, though not under the lock.
        let State::Waiting { requester, responders } = &mut *state else { return drop(state) };
        let (requester, responders) = (requester.take(), std::mem::take(responders));
        *state = State::Answered(answer);
        drop(state);
        drop(responders);
        if let Some(requester) = requester {
            requester.wake();
        }
    }
}

/// The requester as its responder sees it, whatever the type of the response.
#[derive(Clone)]
pub(crate) struct Audience(Arc<dyn Cancellable>);

trait Cancellable: Send + Sync {
    fn is_cancelled(&self) -> bool;
    fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()>;
}

impl<T: Send> Cancellable for Slot<T> {
    fn is_cancelled(&self) -> bool {
        matches!(&*self.0.lock(), State::Cancelled)
    }

    fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self.0.lock() {
            State::Cancelled => Poll::Ready(()),
            State::Waiting { responders, .. } => {
                if !responders.iter().any(|waker| waker.will_wake(cx.waker())) {
                    responders.push(cx.waker().clone());
                }
                Poll::Pending
            }
            State::Answered(_) | State::Done => Poll::Pending,
        }
    }
}

impl Audience {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    pub(crate) async fn cancelled(&self) {
        poll_fn(|cx| self.0.poll_cancelled(cx)).await;
    }
}

impl<T: Send + 'static> fmt::Debug for ReplyTo<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReplyTo").field("cancelled", &self.is_cancelled()).finish()
    }
}

impl<T: Send + 'static> fmt::Debug for Reply<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reply")
    }
}
