use std::task::Poll;

use edri_router::{Health, Receiver, RequestError, caught_now};

use crate::manager::Manager;

/// Answers the question how the manager is, if it is being asked. A hook that panics is an answer, too.
#[inline]
pub(crate) fn answer_if_asked<M: Manager>(manager: &M, receiver: &Receiver<M::Inbox>) {
    if receiver.is_asked() {
        answer(manager, receiver);
    }
}

#[cold]
pub(crate) fn answer<M: Manager>(manager: &M, receiver: &Receiver<M::Inbox>) {
    let health = caught_now(|| Ok(manager.health())).unwrap_or_else(|error| match error {
        RequestError::Panicked { message } => Health::failed(format!("its health hook panicked: {message}")),
        other => Health::failed(other.to_string()),
    });
    receiver.answer(health);
}

/// Ready, too, when the manager is asked: for a wait that the question has to interrupt.
pub(crate) fn or_asked<M: Manager, T>(waits: Poll<T>, receiver: &Receiver<M::Inbox>) -> Poll<Option<T>> {
    match waits {
        Poll::Ready(ready) => Poll::Ready(Some(ready)),
        Poll::Pending if receiver.is_asked() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    }
}
