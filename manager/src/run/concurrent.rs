use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;

use edri_event::Key;
use edri_router::{Context, Message, Receiver};
use tokio::task::JoinSet;

use crate::manager::SharedManager;
use crate::settings::Concurrency;

/// Handles the manager's events on tasks of their own until the inbox is closed and empty, and all have ended.
pub(super) async fn shared<M: SharedManager>(
    manager: Arc<M>,
    receiver: &mut Receiver<M::Inbox>,
    cx: &Context,
    concurrency: Concurrency,
) -> Arc<M> {
    let handle = |message: M::Inbox| {
        let (manager, mut cx) = (Arc::clone(&manager), cx.clone());
        async move { manager.handle_shared(message, &mut cx).await }
    };
    match concurrency {
        Concurrency::Unordered(_) => unordered(receiver, concurrency.limit(), handle).await,
        Concurrency::PerKey(_) => per_key(receiver, concurrency.limit(), handle).await,
    }
    manager
}

async fn unordered<I, F>(receiver: &mut Receiver<I>, limit: usize, handle: impl Fn(I) -> F)
where
    I: Message,
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = JoinSet::new();
    loop {
        if running.len() < limit {
            let next = tokio::select! {
                biased;
                Some(_) = running.join_next() => continue,
                next = receiver.recv() => next,
            };
            match next {
                Some(message) => drop(running.spawn(handle(message))),
                None => break,
            }
        } else {
            running.join_next().await;
        }
    }
    while running.join_next().await.is_some() {}
}

/// For how many events, per handler that may run, the dispatcher holds back behind their key before it takes no
/// more from the inbox.
const HELD_BACK_PER_HANDLER: usize = 16;

async fn per_key<I, F>(receiver: &mut Receiver<I>, limit: usize, handle: impl Fn(I) -> F)
where
    I: Message,
    F: Future<Output = ()> + Send + 'static,
{
    let mut running: JoinSet<Option<Key>> = JoinSet::new();
    let mut keys = Keys { busy: HashMap::new(), held_back: 0 };
    let run = |running: &mut JoinSet<Option<Key>>, key, message| {
        let handling = handle(message);
        running.spawn(async move {
            handling.await;
            key
        });
    };
    let mut open = true;
    while open || !running.is_empty() {
        let takes_more = open && running.len() < limit && keys.held_back < limit * HELD_BACK_PER_HANDLER;
        tokio::select! {
            biased;
            Some(ended) = running.join_next() => {
                // A handler does not panic out of `handle`, and nobody aborts it while this runs.
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

/// The keys that are being handled, with the events that wait for theirs.
struct Keys<I> {
    busy: HashMap<Option<Key>, VecDeque<I>>,
    held_back: usize,
}

impl<I> Keys<I> {
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
