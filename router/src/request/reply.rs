use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use super::error::RequestError;
use crate::sync::Latch;

/// One request's way back: the responder's end answers once, the requester's end waits or goes away.
///
/// With `requester`, its task is woken by the answer without having polled for it.
pub(crate) fn reply<T: Send + 'static>(requester: Option<&Waker>) -> (ReplyTo<T>, Reply<T>) {
    let requester = requester.cloned();
    let slot = Arc::new(Slot(Latch::new(State::Waiting { requester, responders: None })));
    (ReplyTo { slot: Some(Arc::clone(&slot)) }, Reply { slot: Some(slot) })
}

struct Slot<T>(Latch<State<T>>);

enum State<T> {
    Waiting {
        requester: Option<Waker>,
        responders: Option<Box<Responders>>,
    },
    Answered(Result<T, RequestError>),
    /// The requester has the answer.
    Done,
    /// The requester has gone away without an answer.
    Cancelled,
}

/// Those who want to know when the requester goes away, each under its number; numbers rise. Made for the first: few
/// requests have one, and all are smaller for it; and of those that have, few have more than one.
#[derive(Default)]
struct Responders {
    next: u64,
    first: Option<(u64, Waker)>,
    others: Vec<(u64, Waker)>,
}

impl Responders {
    fn find(&self, number: u64) -> Result<usize, usize> {
        self.others.binary_search_by_key(&number, |(number, _)| *number)
    }

    /// Wakes `waker` from now on, under the number that is answered.
    fn watch(&mut self, known: Option<u64>, waker: &Waker) -> u64 {
        if let Some(number) = known {
            if let Some((_, known)) = self.first.as_mut().filter(|(first, _)| *first == number) {
                known.clone_from(waker);
                return number;
            }
            if let Ok(index) = self.find(number) {
                self.others[index].1.clone_from(waker);
                return number;
            }
        }
        let number = self.next;
        self.next += 1;
        let watcher = (number, waker.clone());
        match &mut self.first {
            None => self.first = Some(watcher),
            Some(_) => self.others.push(watcher),
        }
        number
    }

    fn forget(&mut self, number: u64) -> Option<(u64, Waker)> {
        let first = self.first.take_if(|(first, _)| *first == number);
        first.or_else(|| self.find(number).ok().map(|index| self.others.remove(index)))
    }

    fn wake(self) {
        self.first.into_iter().chain(self.others).for_each(|(_, waker)| waker.wake());
    }
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
            wake(slot.answer(answer));
        }
    }

    /// The same, but for the requester, who is to be woken.
    #[inline]
    pub(crate) fn answer_unwoken(mut self, answer: Result<T, RequestError>) -> Option<Waker> {
        self.slot.take().and_then(|slot| slot.answer(answer))
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

    /// Ready when the requester has gone away; until then the task is woken for it, under a number that `watcher` is
    /// given, and that tells one who watches from another.
    pub(crate) fn poll_cancelled(&self, watcher: &mut Option<u64>, cx: &mut Context<'_>) -> Poll<()> {
        match &self.slot {
            Some(slot) => slot.poll_cancelled(watcher, cx),
            None => Poll::Pending,
        }
    }

    /// A view of the requester, for a [`Context`](crate::Context).
    pub(crate) fn requester(&self) -> Option<Audience> {
        self.slot.clone().map(|slot| Audience(slot))
    }
}

impl<T: Send + 'static> Drop for ReplyTo<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            wake(slot.answer(Err(if std::thread::panicking() {
                RequestError::Panicked { message: "(while it was dropped)".to_owned() }
            } else {
                RequestError::Cancelled
            })));
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

impl<T: Send + 'static> Reply<T> {
    /// The request that waits here, until its answer has been taken.
    pub(crate) fn request(&self) -> Option<(RequestId, Unanswered)> {
        let slot = self.slot.as_ref()?;
        let unanswered: Weak<dyn Cancellable> = Arc::<Slot<T>>::downgrade(slot);
        Some((RequestId::of(&**slot), Unanswered(unanswered)))
    }
}

impl<T: Send + 'static> Drop for Reply<T> {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        let old = std::mem::replace(&mut *slot.0.lock(), State::Cancelled);
        if let State::Waiting { responders: Some(responders), .. } = old {
            responders.wake();
        }
    }
}

impl<T> Slot<T> {
    /// Gives the requester to be woken.
    #[inline]
    fn answer(&self, answer: Result<T, RequestError>) -> Option<Waker> {
        let mut state = self.0.lock();
        // Where nobody waits any more the answer is dropped, though not under the lock.
        let State::Waiting { requester, responders } = &mut *state else {
            drop(state);
            return None;
        };
        let (requester, responders) = (requester.take(), responders.take());
        *state = State::Answered(answer);
        drop(state);
        drop(responders);
        requester
    }
}

#[inline]
fn wake(requester: Option<Waker>) {
    if let Some(requester) = requester {
        requester.wake();
    }
}

/// The requester as its responder sees it, whatever the type of the response.
#[derive(Clone)]
pub(crate) struct Audience(Arc<dyn Cancellable>);

trait Cancellable: Send + Sync {
    fn is_cancelled(&self) -> bool;

    /// Whether the requester still waits.
    fn is_waiting(&self) -> bool;

    /// Ready when the requester has gone away; until then `watcher` is woken for it, under a number it is given.
    fn poll_cancelled(&self, watcher: &mut Option<u64>, cx: &mut Context<'_>) -> Poll<()>;

    /// This watcher wants to know no more.
    fn forget(&self, watcher: u64);
}

impl<T: Send> Cancellable for Slot<T> {
    fn is_cancelled(&self) -> bool {
        matches!(&*self.0.lock(), State::Cancelled)
    }

    fn is_waiting(&self) -> bool {
        matches!(&*self.0.lock(), State::Waiting { .. })
    }

    fn poll_cancelled(&self, watcher: &mut Option<u64>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self.0.lock() {
            State::Cancelled => Poll::Ready(()),
            State::Waiting { responders, .. } => {
                *watcher = Some(responders.get_or_insert_default().watch(*watcher, cx.waker()));
                Poll::Pending
            }
            State::Answered(_) | State::Done => Poll::Pending,
        }
    }

    fn forget(&self, watcher: u64) {
        let mut state = self.0.lock();
        let State::Waiting { responders: Some(responders), .. } = &mut *state else { return };
        let forgotten = responders.forget(watcher);
        drop(state);
        // A waker's code is not ours: it is dropped after the lock.
        drop(forgotten);
    }
}

impl Audience {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    pub(crate) async fn cancelled(&self) {
        let mut watch = Watch::new(self);
        poll_fn(|cx| watch.poll_cancelled(cx)).await;
    }

    /// Wakes `waker` when the requester goes away, at once if it has.
    pub(crate) fn wake_when_cancelled(&self, waker: &Waker) {
        if self.0.poll_cancelled(&mut None, &mut Context::from_waker(waker)).is_ready() {
            waker.wake_by_ref();
        }
    }

    /// What tells this request from all others that are under way.
    pub(crate) fn request(&self) -> RequestId {
        RequestId::of(&*self.0)
    }
}

/// Watches a requester for as long as it lives.
pub(crate) struct Watch<'r> {
    requester: &'r Audience,
    number: Option<u64>,
}

impl<'r> Watch<'r> {
    pub(crate) fn new(requester: &'r Audience) -> Self {
        Self { requester, number: None }
    }

    /// Ready when the requester has gone away, or the task is woken when it does.
    pub(crate) fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.requester.0.poll_cancelled(&mut self.number, cx)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.requester.0.forget(number);
        }
    }
}

/// What tells a request from all others that are under way: where in memory its answer is made or expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RequestId(usize);

impl RequestId {
    /// Whatever stays where it is for as long as the request is under way.
    pub(crate) fn of<T: ?Sized>(place: &T) -> Self {
        Self(std::ptr::from_ref(place).cast::<()>().addr())
    }
}

/// Whether a request is still unanswered, told without keeping its requester's place.
pub(crate) struct Unanswered(Weak<dyn Cancellable>);

impl Unanswered {
    pub(crate) fn is_true(&self) -> bool {
        self.0.upgrade().is_some_and(|slot| slot.is_waiting())
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn all_who_watch_a_requester_and_have_not_left_are_woken_once_when_it_goes_away() {
        let (reply_to, reply) = reply::<()>(None);
        let requester = reply_to.requester().unwrap();
        let woken: Vec<_> = (0..4).map(|_| Arc::<Woken>::default()).collect();
        let wakers: Vec<_> = woken.iter().map(|woken| Waker::from(Arc::clone(woken))).collect();
        let mut watches: Vec<_> = (0..3).map(|_| Watch::new(&requester)).collect();
        for _ in 0..2 {
            for (watch, waker) in watches.iter_mut().zip(&wakers) {
                assert!(watch.poll_cancelled(&mut Context::from_waker(waker)).is_pending());
            }
        }
        requester.wake_when_cancelled(&wakers[3]);
        // The first, and then one of the others; and another comes where the first was.
        drop(watches.remove(0));
        drop(watches.remove(0));
        let mut again = Watch::new(&requester);
        assert!(again.poll_cancelled(&mut Context::from_waker(&wakers[1])).is_pending());
        drop(reply);
        let times = |woken: &Arc<Woken>| woken.0.load(Ordering::Relaxed);
        assert_eq!(woken.iter().map(times).collect::<Vec<_>>(), [0, 1, 1, 1]);
        requester.wake_when_cancelled(&wakers[0]);
        assert_eq!(times(&woken[0]), 1, "it has gone away already");
        assert!(reply_to.is_cancelled());
    }
}
