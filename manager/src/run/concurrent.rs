use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use edri_event::Key;
use edri_router::{Context, DeadLetterOffice, Handler, HandlerSpan, Loss, Message, Reason, Receiver};
use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use super::cut_short::CutShort;
use crate::manager::SharedManager;
use crate::settings::Concurrency;

/// What the handlers that run at the same time have in common.
pub(super) struct Crew<M> {
    pub(super) manager: Arc<M>,
    pub(super) cx: Context,
    pub(super) cut_short: CutShort,
}

/// Handles the manager's events on tasks of their own until the inbox is closed and empty, and all have ended.
pub(super) async fn shared<M: SharedManager>(
    crew: Crew<M>,
    receiver: &mut Receiver<M::Inbox>,
    concurrency: Concurrency,
) -> Arc<M> {
    let Crew { manager, cx, cut_short } = crew;
    let handle = |message: M::Inbox| {
        let (manager, mut cx) = (Arc::clone(&manager), cx.clone());
        let span = HandlerSpan::open(|| message.info(), Handler::Manager(cx.name()));
        span.around(async move { manager.handle_shared(message, &mut cx).await })
    };
    match concurrency {
        Concurrency::Unordered(_) => unordered(receiver, concurrency.limit(), &cut_short, handle).await,
        Concurrency::PerKey(_) => per_key(receiver, concurrency.limit(), &cut_short, handle).await,
    }
    manager
}

async fn unordered<I, F>(
    receiver: &mut Receiver<I>,
    limit: usize,
    cut_short: &CutShort,
    handle: impl Fn(I) -> F,
) where
    I: Message,
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = Running { tasks: JoinSet::new(), cut_short };
    loop {
        if running.tasks.len() < limit {
            let next = tokio::select! {
                biased;
                Some(_) = running.tasks.join_next() => continue,
                next = receiver.recv() => next,
            };
            match next {
                Some(message) => drop(running.tasks.spawn(handle(message))),
                None => break,
            }
        } else {
            receiver.let_in();
            running.tasks.join_next().await;
        }
    }
    while running.tasks.join_next().await.is_some() {}
}

/// For how many events, per handler that may run, the dispatcher holds back behind their key before it takes no
/// more from the inbox.
const HELD_BACK_PER_HANDLER: usize = 16;

async fn per_key<I, F>(
    receiver: &mut Receiver<I>,
    limit: usize,
    cut_short: &CutShort,
    handle: impl Fn(I) -> F,
) where
    I: Message,
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = Running { tasks: JoinSet::new(), cut_short };
    let office = receiver.office().clone();
    let mut keys = Keys { busy: HashMap::new(), held_back: 0, cut_short, office };
    let run = |running: &mut Running<'_, Option<Key>>, key, message| {
        let handling = handle(message);
        running.tasks.spawn(async move {
            // Should it panic all the same, the key is free again.
            let _ = AssertUnwindSafe(handling).catch_unwind().await;
            key
        });
    };
    let mut open = true;
    while open || !running.tasks.is_empty() {
        let takes_more =
            open && running.tasks.len() < limit && keys.held_back < limit * HELD_BACK_PER_HANDLER;
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
            next = receiver.recv(), if takes_more => match next {
                None => open = false,
                Some(message) => {
                    let key = message.key();
                    if let Some(message) = keys.begin(key, message) {
                        run(&mut running, key, message);
                    }
                }
            },
        }
    }
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
