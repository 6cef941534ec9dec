use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;

use edri_event::Key;
use edri_router::{Context, DeadLetterOffice, Inbox, Loss, Message, Reason, Receiver, Shifts};
use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use super::cut_short::CutShort;
use crate::health::answer;
use crate::manager::{Manager, SharedManager};
use crate::settings::Concurrency;

/// What the handlers that run at the same time have in common.
pub(super) struct Crew<M: Manager> {
    pub(super) manager: Arc<M>,
    pub(super) cx: Context,
    pub(super) cut_short: CutShort,
    pub(super) open: Inbox<M::Inbox>,
}

/// Where they are noted.
struct Noted<I: Message> {
    shifts: Arc<Shifts>,
    inbox: Inbox<I>,
}

/// Handles the manager's events on tasks of their own until the inbox is closed and empty, and all have ended.
pub(super) async fn shared<M: SharedManager>(
    crew: Crew<M>,
    receiver: &mut Receiver<M::Inbox>,
    concurrency: Concurrency,
) -> Arc<M> {
    let Crew { manager, cx, cut_short, open } = crew;
    let shifts = receiver.chart().set_shifts(concurrency.limit());
    let noted = Arc::new(Noted { shifts: Arc::clone(&shifts), inbox: open });
    let handle = |message: M::Inbox| {
        let (manager, mut cx, noted) = (Arc::clone(&manager), cx.clone(), Arc::clone(&noted));
        let shift = noted.shifts.begin(noted.inbox.meter(), message.tag());
        async move {
            let meter = noted.inbox.meter();
            shift.over(&noted.shifts, meter, manager.handle_shared(message, &mut cx)).await;
            cx.settle(meter);
        }
    };
    let dispatcher = Dispatcher {
        limit: concurrency.limit(),
        cut_short: &cut_short,
        shifts: &shifts,
        handle,
        answer: |receiver: &Receiver<M::Inbox>| answer(&*manager, receiver),
    };
    receiver.started();
    match concurrency {
        Concurrency::Unordered(_) => dispatcher.unordered(receiver).await,
        Concurrency::PerKey(_) => dispatcher.per_key(receiver).await,
    }
    drop(noted);
    manager
}

/// Gives events to handlers, and answers for the manager meanwhile.
struct Dispatcher<'c, H, A> {
    limit: usize,
    cut_short: &'c CutShort,
    shifts: &'c Shifts,
    handle: H,
    answer: A,
}

/// For how many events, per handler that may run, the dispatcher holds back behind their key before it takes no
/// more from the inbox.
const HELD_BACK_PER_HANDLER: usize = 16;

impl<H, A> Dispatcher<'_, H, A> {
    async fn unordered<I, F>(self, receiver: &mut Receiver<I>)
    where
        I: Message,
        F: Future<Output = ()> + Send + 'static,
        H: Fn(I) -> F,
        A: Fn(&Receiver<I>),
    {
        let mut running = Running { tasks: JoinSet::new(), cut_short: self.cut_short };
        let mut open = true;
        while open || !running.tasks.is_empty() {
            self.shifts.set(running.tasks.len(), 0);
            let takes_more = open && running.tasks.len() < self.limit;
            if !takes_more {
                receiver.let_in();
            }
            tokio::select! {
                biased;
                Some(_) = running.tasks.join_next() => {}
                next = next_or_asked(receiver, takes_more) => match next {
                    Next::Event(Some(message)) => drop(running.tasks.spawn((self.handle)(message))),
                    Next::Event(None) => open = false,
                    Next::Asked => (self.answer)(receiver),
                }
            }
        }
    }

    async fn per_key<I, F>(self, receiver: &mut Receiver<I>)
    where
        I: Message,
        F: Future<Output = ()> + Send + 'static,
        H: Fn(I) -> F,
        A: Fn(&Receiver<I>),
    {
        let mut running = Running { tasks: JoinSet::new(), cut_short: self.cut_short };
        let office = receiver.office().clone();
        let mut keys = Keys { busy: HashMap::new(), held_back: 0, cut_short: self.cut_short, office };
        let run = |running: &mut Running<'_, Option<Key>>, key, message| {
            let handling = (self.handle)(message);
            running.tasks.spawn(async move {
                // Should it panic all the same, the key is free again.
                let _ = AssertUnwindSafe(handling).catch_unwind().await;
                key
            });
        };
        let mut open = true;
        while open || !running.tasks.is_empty() {
            self.shifts.set(running.tasks.len(), keys.held_back);
            let takes_more = open
                && running.tasks.len() < self.limit
                && keys.held_back < self.limit * HELD_BACK_PER_HANDLER;
            if !takes_more {
                receiver.let_in();
            }
            tokio::select! {
                biased;
                Some(ended) = running.tasks.join_next() => {
                    // Nobody aborts it while this runs.
                    if let Ok(key) = ended && let Some(message) = keys.next(key) {
                        run(&mut running, key, message);
                    }
                }
                next = next_or_asked(receiver, takes_more) => match next {
                    Next::Event(None) => open = false,
                    Next::Event(Some(message)) => {
                        let key = message.key();
                        if let Some(message) = keys.begin(key, message) {
                            run(&mut running, key, message);
                        }
                    }
                    Next::Asked => (self.answer)(receiver),
                },
            }
        }
    }
}

/// What a dispatcher waits for beside the end of a handler.
enum Next<I> {
    /// As [`Receiver::recv`].
    Event(Option<I>),
    /// The manager is asked how it is.
    Asked,
}

/// The question only, if it takes no more.
async fn next_or_asked<I: Message>(receiver: &mut Receiver<I>, takes_more: bool) -> Next<I> {
    poll_fn(|task| {
        if receiver.is_asked() {
            return Poll::Ready(Next::Asked);
        }
        if !takes_more {
            return receiver.poll_asked(task).map(|()| Next::Asked);
        }
        match receiver.poll_recv(task) {
            Poll::Ready(next) => Poll::Ready(Next::Event(next)),
            // Once more: who asks wakes only one who sleeps already.
            Poll::Pending if receiver.is_asked() => Poll::Ready(Next::Asked),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The handlers that run.
struct Running<'c, T: 'static> {
    tasks: JoinSet<T>,
    cut_short: &'c CutShort,
}

impl<T: 'static> Drop for Running<'_, T> {
    /// With handlers left, this is an end from outside: they end with it.
    fn drop(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.cut_short.add(self.tasks.len());
    }
}

/// The keys that are being handled, with the events that wait for theirs.
struct Keys<'c, I: Message> {
    busy: HashMap<Option<Key>, VecDeque<I>>,
    held_back: usize,
    cut_short: &'c CutShort,
    office: DeadLetterOffice,
}

impl<I: Message> Keys<'_, I> {
    /// The message itself if its key is free, which is busy from now on.
    fn begin(&mut self, key: Option<Key>, message: I) -> Option<I> {
        match self.busy.get_mut(&key) {
            Some(waiting) => {
                waiting.push_back(message);
                self.held_back += 1;
                None
            }
            None => {
                self.busy.insert(key, VecDeque::new());
                Some(message)
            }
        }
    }

    /// The next of that key, which is free if there is none.
    fn next(&mut self, key: Option<Key>) -> Option<I> {
        let next = self.busy.get_mut(&key).and_then(VecDeque::pop_front);
        match next {
            Some(_) => self.held_back -= 1,
            None => drop(self.busy.remove(&key)),
        }
        next
    }
}

impl<I: Message> Drop for Keys<'_, I> {
    /// With events left, this is an end from outside: whoever waits for them is told.
    fn drop(&mut self) {
        self.cut_short.add(self.held_back);
        for message in self.busy.drain().flat_map(|(_, waiting)| waiting) {
            message.discard(Loss::unhandled(Reason::Stopped), &self.office);
        }
    }
}
