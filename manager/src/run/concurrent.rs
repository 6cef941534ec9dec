use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;

use edri_event::Key;
use edri_router::{
    Context, DeadLetterOffice, Handler, HandlerSpan, Inbox, Loss, Message, Reason, Receiver, RequestError,
    Shifts,
};
use futures_util::FutureExt as _;
use tokio::task::JoinSet;

use super::again::Again;
use super::keys::Keys;
use super::life::Life;
use super::supervised::bury;
use crate::handled::{Handled, Undone, discard};
use crate::handling::reason;
use crate::health::answer;
use crate::manager::SharedManager;
use crate::settings::Concurrency;
use crate::supervision::{End, Standing, Supervisor};

/// What the handlers that run at the same time have in common.
pub(super) struct Crew<M: SharedManager> {
    pub(super) manager: Arc<M>,
    pub(super) cx: Context,
    pub(super) life: Arc<Life>,
    supervisor: Option<Box<Supervisor<M>>>,
    /// Keeps the inbox open until it is closed.
    open: Inbox<M::Inbox>,
}

/// For how many events, per handler that may run, the dispatcher holds back behind their key before it takes no
/// more from the inbox.
const HELD_BACK_PER_HANDLER: usize = 16;

impl<M: SharedManager> Crew<M> {
    pub(super) fn new(
        manager: M,
        cx: Context,
        life: Arc<Life>,
        supervisor: Option<Box<Supervisor<M>>>,
        open: Inbox<M::Inbox>,
    ) -> Self {
        Self { manager: Arc::new(manager), cx, life, supervisor, open }
    }

    /// Handles the manager's events on tasks of their own until the inbox is closed and empty, and all have ended,
    /// or there are no restarts left.
    pub(super) async fn work(
        &mut self,
        receiver: &mut Receiver<M::Inbox>,
        concurrency: Concurrency,
    ) -> Result<(), End> {
        let _membership = self.cx.one_of_itself(concurrency.limit());
        let shifts = receiver.chart().set_shifts(concurrency.limit());
        let noted = Arc::new(Noted { shifts, inbox: self.open.clone() });
        let mut running = Running { tasks: JoinSet::new(), life: Arc::clone(&self.life), noted };
        receiver.started();
        let mut keys = match concurrency {
            Concurrency::Unordered(_) => None,
            Concurrency::PerKey(_) => Some(Keys::new(Arc::clone(&self.life), receiver.office().clone())),
        };
        let ended = self.dispatch(receiver, concurrency.limit(), &mut keys, &mut running).await;
        if ended.is_err() {
            // Nobody waits for those that still run but their own requesters.
            drop(keys);
            receiver.close();
            while let Some(message) = receiver.try_recv() {
                discard(message, Loss::unhandled(Reason::Stopped), receiver.office());
            }
            while let Some(mut ended) = running.next().await {
                if let Some(undone) = ended.undone.take() {
                    self.life.note(&undone.reason, self.open.meter());
                    undone.give_up(ended.attempts, receiver.office());
                }
            }
        }
        ended
    }

    async fn dispatch(
        &mut self,
        receiver: &mut Receiver<M::Inbox>,
        limit: usize,
        keys: &mut Option<Keys<M::Inbox>>,
        running: &mut Running<M::Inbox>,
    ) -> Result<(), End> {
        let office = receiver.office().clone();
        let mut open = true;
        while open || !running.tasks.is_empty() {
            if self.is_recalled() {
                self.make_way(receiver, keys, running).await?;
            }
            let held_back = keys.as_ref().map_or(0, Keys::held_back);
            running.noted.shifts.set(running.tasks.len(), held_back);
            let takes_more = open && running.tasks.len() < limit && held_back < limit * HELD_BACK_PER_HANDLER;
            if !takes_more {
                receiver.let_in();
            }
            tokio::select! {
                biased;
                Some(ended) = running.next() => {
                    let key = ended.key;
                    let again = self.settle(ended, &office).await?;
                    self.go_on(running, keys, key, again);
                }
                () = recalled(self.standing()), if self.supervisor.is_some() => {}
                next = next_or_asked(receiver, takes_more) => match (next, &mut *keys) {
                    (Next::Asked, _) => answer(&*self.manager, receiver),
                    (Next::Event(None), _) => open = false,
                    (Next::Event(Some(message)), None) => self.begin(running, None, message, 1),
                    (Next::Event(Some(message)), Some(keys)) => {
                        let key = message.key();
                        if let Some(message) = keys.begin(key, message) {
                            self.begin(running, key, message, 1);
                        }
                    }
                },
            }
        }
        Ok(())
    }

    fn begin(&self, running: &mut Running<M::Inbox>, key: Option<Key>, message: M::Inbox, attempts: u32) {
        let (manager, mut cx) = (Arc::clone(&self.manager), self.cx.another());
        let generation = self.generation();
        let span = HandlerSpan::open(|| message.info(), Handler::Manager(cx.name()));
        let noted = Arc::clone(&running.noted);
        let shift = noted.shifts.begin(noted.inbox.meter(), message.tag());
        let handling = async move {
            // Should a panic get out all the same, the key is free again.
            let handling = AssertUnwindSafe(manager.handle_shared(message, &mut cx)).catch_unwind();
            let handled = shift
                .over(&noted.shifts, noted.inbox.meter(), handling)
                .await
                .unwrap_or_else(|payload| Handled::undone(None, reason(RequestError::from_panic(&*payload))));
            let undone = match handled {
                Handled::Done => None,
                Handled::Undone(undone) => Some(undone),
            };
            Ended { key, attempts, generation, undone, noted }
        };
        running.tasks.spawn(span.around(handling));
    }

    /// A handler has ended: the event again, or the next of its key.
    fn go_on(
        &self,
        running: &mut Running<M::Inbox>,
        keys: &mut Option<Keys<M::Inbox>>,
        key: Option<Key>,
        again: Option<Again<M::Inbox>>,
    ) {
        if let Some((message, attempt)) = again.and_then(Again::begin) {
            self.begin(running, key, message, attempt);
        } else if let Some(message) = keys.as_mut().and_then(|keys| keys.next(key)) {
            self.begin(running, key, message, 1);
        }
    }

    /// After a handler: a new manager if this one fell, and the event if it is to be delivered again.
    async fn settle(
        &mut self,
        mut ended: Ended<M::Inbox>,
        office: &DeadLetterOffice,
    ) -> Result<Option<Again<M::Inbox>>, End> {
        let Some(undone) = ended.undone.take() else { return Ok(None) };
        let (attempts, generation) = (ended.attempts, ended.generation);
        drop(ended);
        self.life.note(&undone.reason, self.open.meter());
        let reason = undone.reason.clone();
        let redeliver = match &self.supervisor {
            Some(supervisor) if self.life.falls_by(&reason) => supervisor.redeliver,
            _ => 0,
        };
        let again = Again::after(attempts, redeliver, *undone, office, &self.life);
        // Of several that run when it falls, the first takes it down.
        if generation == self.generation() && self.life.falls_by(&reason) {
            self.replace(Some(reason)).await?;
        }
        Ok(again)
    }

    /// The group is made anew: this manager as soon as its handlers have ended.
    async fn make_way(
        &mut self,
        receiver: &mut Receiver<M::Inbox>,
        keys: &mut Option<Keys<M::Inbox>>,
        running: &mut Running<M::Inbox>,
    ) -> Result<(), End> {
        let office = receiver.office().clone();
        let mut next = Vec::new();
        receiver.let_in();
        while let Some(ended) = running.next().await {
            let key = ended.key;
            let again = self.settle(ended, &office).await?;
            next.push((key, again));
        }
        if self.is_recalled() {
            // Nobody else has it, unless it has given itself away.
            if let Some(manager) = Arc::get_mut(&mut self.manager) {
                super::engine::stopping(manager, &self.cx).await;
            }
            self.replace(None).await?;
        }
        for (key, again) in next {
            self.go_on(running, keys, key, again);
        }
        Ok(())
    }

    /// Handlers that run finish with the old one.
    async fn replace(&mut self, fell: Option<Reason>) -> Result<(), End> {
        if let Some(supervisor) = &mut self.supervisor {
            let new = supervisor.revive(fell, &mut self.cx, &self.open).await?;
            bury(std::mem::replace(&mut self.manager, Arc::new(new)));
        }
        Ok(())
    }

    fn is_recalled(&self) -> bool {
        self.standing().is_some_and(Standing::is_recalled)
    }

    fn generation(&self) -> u64 {
        self.standing().map_or(0, |standing| standing.generation)
    }

    fn standing(&self) -> Option<&Standing> {
        self.supervisor.as_ref().map(|supervisor| &supervisor.standing)
    }
}

/// Ready when the manager is called back by its group.
async fn recalled(standing: Option<&Standing>) {
    poll_fn(|task| match standing {
        Some(standing) if standing.is_recalled_or_wakes(task.waker()) => Poll::Ready(()),
        _ => Poll::Pending,
    })
    .await;
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

/// A handler that has run. Dropped before anybody has looked at it, since its manager was ended from outside in that
/// moment, it hands in what was not done.
struct Ended<I: Message> {
    key: Option<Key>,
    /// Which attempt it was with its event.
    attempts: u32,
    /// Of its manager.
    generation: u64,
    undone: Option<Box<Undone<I>>>,
    noted: Arc<Noted<I>>,
}

impl<I: Message> Drop for Ended<I> {
    fn drop(&mut self) {
        if let Some(undone) = self.undone.take() {
            undone.give_up(self.attempts, self.noted.inbox.office());
        }
    }
}

/// The handlers that run.
struct Running<I: Message> {
    tasks: JoinSet<Ended<I>>,
    life: Arc<Life>,
    noted: Arc<Noted<I>>,
}

/// Where they are noted.
struct Noted<I: Message> {
    shifts: Arc<Shifts>,
    inbox: Inbox<I>,
}

impl<I: Message> Running<I> {
    /// The next that ends; `None` if none runs.
    async fn next(&mut self) -> Option<Ended<I>> {
        // Nobody aborts them while this runs, and no panic gets out of them.
        loop {
            if let Ok(ended) = self.tasks.join_next().await? {
                return Some(ended);
            }
        }
    }
}

impl<I: Message> Drop for Running<I> {
    /// With handlers left, this is an end from outside: they end with it.
    fn drop(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.life.add_cut_short(self.tasks.len());
    }
}
