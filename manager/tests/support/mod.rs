//! A manager that keeps books: what was begun, handled, and lost. Written by hand, since what is lost goes through its
//! inbox.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "not every test uses all of it, and fails where it cannot go on"
)]

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use edri_event::{Failure, Key, Notification, Request};
use edri_manager::__private::{CallNotification, CallRequest, Lent, Watched, begin, begin_request, judge};
use edri_manager::{Concurrency, Entrance, Handled, Host, Manager, Settings, SharedManager};
use edri_router::{
    Asked, Context, DeadLetterOffice, Envelope, Loss, Message, Reason, Shared, caught, caught_now,
};
use parking_lot::Mutex;

/// What a handler does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Well,
    Fails,
    Panics,
    /// The first so many times; well after that.
    PanicsTimes(usize),
    /// Yields so often, and does well.
    Waits(u8),
    /// Yields so often, and panics.
    WaitsAndPanics(u8),
    Sleeps(Duration),
    /// Waits for ever.
    Hangs,
}

/// Who sent an event, and which of that sender's it is.
pub(crate) type Id = (usize, usize);

/// Handled by a handler that may wait.
#[derive(Notification)]
pub(crate) struct Tell {
    pub(crate) id: Id,
    pub(crate) how: How,
    pub(crate) book: Book,
}

/// Handled by one that does not.
#[derive(Notification)]
pub(crate) struct TellNow {
    pub(crate) id: Id,
    pub(crate) how: How,
    pub(crate) book: Book,
}

/// Answered with the number of the instance that answers.
#[derive(Request)]
#[request(response = usize)]
pub(crate) struct Ask {
    pub(crate) id: Id,
    pub(crate) how: How,
}

#[derive(Request)]
#[request(response = usize)]
pub(crate) struct AskNow {
    pub(crate) id: Id,
    pub(crate) how: How,
}

/// What has happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Pages>);

#[derive(Default)]
struct Pages {
    begun: Mutex<Vec<(Id, usize)>>,
    handled: Mutex<Vec<Id>>,
    lost: Mutex<Vec<(Id, Loss)>>,
    instances: AtomicUsize,
    bad_starts: AtomicUsize,
    stopped: Mutex<Vec<usize>>,
}

impl Book {
    /// The next so many instances do not start.
    pub(crate) fn fail_starts(&self, starts: usize) {
        self.0.bad_starts.store(starts, Ordering::SeqCst);
    }

    /// The events that a handler has begun with, and on which instance.
    pub(crate) fn begun(&self) -> Vec<(Id, usize)> {
        self.0.begun.lock().clone()
    }

    pub(crate) fn handled(&self) -> Vec<Id> {
        self.0.handled.lock().clone()
    }

    pub(crate) fn lost(&self) -> Vec<(Id, Loss)> {
        self.0.lost.lock().clone()
    }

    /// How many instances there have been.
    pub(crate) fn instances(&self) -> usize {
        self.0.instances.load(Ordering::SeqCst)
    }

    /// The instances whose `stopping` was called.
    pub(crate) fn stopped(&self) -> Vec<usize> {
        self.0.stopped.lock().clone()
    }

    /// A host that makes clerks.
    pub(crate) fn host(&self) -> Host<Clerk> {
        let book = self.clone();
        Host::from_fn(move || {
            let instance = book.0.instances.fetch_add(1, Ordering::SeqCst) + 1;
            Clerk::new(instance, &book)
        })
    }

    pub(crate) fn tell(&self, id: Id, how: How) -> Tell {
        Tell { id, how, book: self.clone() }
    }

    pub(crate) fn tell_now(&self, id: Id, how: How) -> TellNow {
        TellNow { id, how, book: self.clone() }
    }
}

pub(crate) struct Clerk {
    pub(crate) instance: usize,
    book: Book,
}

pub(crate) enum ClerkInbox {
    Tell(Envelope<Tell>),
    TellNow(Envelope<TellNow>),
    Ask(Asked<Ask>),
    AskNow(Asked<AskNow>),
}

impl Message for ClerkInbox {
    fn key(&self) -> Option<Key> {
        let (sender, _) = match self {
            Self::Tell(envelope) => envelope.event.id,
            Self::TellNow(envelope) => envelope.event.id,
            Self::Ask(asked) => asked.event.id,
            Self::AskNow(asked) => asked.event.id,
        };
        Some(Key::of(&sender))
    }

    fn discard(self, loss: Loss, office: &DeadLetterOffice) {
        match self {
            Self::Tell(envelope) => envelope.event.book.lose(envelope.event.id, loss),
            Self::TellNow(envelope) => envelope.event.book.lose(envelope.event.id, loss),
            Self::Ask(asked) => asked.discard(loss, office),
            Self::AskNow(asked) => asked.discard(loss, office),
        }
    }
}

impl Book {
    fn lose(&self, id: Id, loss: Loss) {
        self.0.lost.lock().push((id, loss));
    }
}

/// An event that is being handled: lost if its handler is ended from outside.
struct Kept(Option<Shared<Tell>>);

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(event) = &self.0 {
            event.book.lose(event.id, Loss::after(1, Reason::Stopped));
        }
    }
}

impl Clerk {
    pub(crate) fn new(instance: usize, book: &Book) -> Self {
        Self { instance, book: book.clone() }
    }

    fn now(&self, id: Id, how: How) -> Result<(), Failure> {
        let times = {
            let mut begun = self.book.0.begun.lock();
            begun.push((id, self.instance));
            begun.iter().filter(|(other, _)| *other == id).count()
        };
        match how {
            How::Fails => return Err(Failure::new("no", "expected a yes")),
            How::Panics => panic!("out of luck"),
            How::PanicsTimes(most) if times <= most => panic!("out of luck, {times} times"),
            _ => {}
        }
        Ok(())
    }

    async fn later(&self, id: Id, how: How) -> Result<(), Failure> {
        self.now(id, how)?;
        match how {
            How::Waits(times) | How::WaitsAndPanics(times) => {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
            }
            How::Sleeps(time) => tokio::time::sleep(time).await,
            How::Hangs => std::future::pending().await,
            _ => {}
        }
        assert!(!matches!(how, How::WaitsAndPanics(_)), "out of luck, later");
        Ok(())
    }

    fn done(&self, id: Id, outcome: Result<(), Failure>) -> Result<(), Failure> {
        if outcome.is_ok() {
            self.book.0.handled.lock().push(id);
        }
        outcome
    }

    fn tell_now(&self, event: &TellNow) -> Result<(), Failure> {
        let outcome = self.now(event.id, event.how);
        self.done(event.id, outcome)
    }

    async fn tell(&self, event: &Tell) -> Result<(), Failure> {
        let outcome = self.later(event.id, event.how).await;
        self.done(event.id, outcome)
    }

    async fn ask(&self, event: Ask) -> Result<usize, Failure> {
        self.later(event.id, event.how).await.map(|()| self.instance)
    }

    fn ask_now(&self, event: AskNow) -> Result<usize, Failure> {
        self.now(event.id, event.how).map(|()| self.instance)
    }

    fn handle_it_now(
        &self,
        message: ClerkInbox,
        cx: &mut Context,
    ) -> Result<Handled<ClerkInbox>, ClerkInbox> {
        match message {
            ClerkInbox::TellNow(envelope) => {
                let Some(event) = begin(envelope, cx) else { return Ok(Handled::Done) };
                let mut event = Lent::new(event);
                let outcome = caught_now(|| {
                    let outcome = self.tell_now(event.get());
                    event.end(outcome)
                });
                Ok(event.settle(outcome, cx, ClerkInbox::TellNow))
            }
            ClerkInbox::AskNow(asked) => Ok(match begin_request(asked, cx) {
                None => Handled::Done,
                Some((event, reply)) => {
                    let outcome = caught_now(|| self.ask_now(event));
                    let handled = judge(&outcome);
                    reply.answer(outcome);
                    handled
                }
            }),
            waits => Err(waits),
        }
    }
}

impl Manager for Clerk {
    type Inbox = ClerkInbox;

    fn settings() -> Settings {
        Settings::new("clerk")
    }

    fn attach(entrance: &mut Entrance<'_, Self>) {
        entrance.notification(
            ClerkInbox::Tell,
            CallNotification::Later(|held, event: Shared<Tell>| {
                let mut held = held.lend(event);
                Box::pin(async move {
                    let mut watching = held.watch("Tell");
                    let outcome = {
                        let (clerk, _, lent) = held.parts();
                        let handling = pin!(Some(caught(async move {
                            let outcome = clerk.tell(lent.get()).await;
                            lent.end(outcome)
                        })));
                        Watched::new(handling, &mut watching).await
                    };
                    held.settle(outcome, ClerkInbox::Tell);
                })
            }),
        );
        entrance.notification(
            ClerkInbox::TellNow,
            CallNotification::Now(|clerk, event: &TellNow, _| clerk.tell_now(event)),
        );
        entrance.request(
            ClerkInbox::Ask,
            CallRequest::Later(|mut held, event: Ask| {
                Box::pin(async move {
                    let mut watching = held.watch("Ask");
                    let outcome = {
                        let (clerk, _) = held.parts();
                        let handling = pin!(Some(caught(clerk.ask(event))));
                        Watched::new(handling, &mut watching).await
                    };
                    held.settle_request(&outcome);
                    outcome
                })
            }),
        );
        entrance
            .request(ClerkInbox::AskNow, CallRequest::Now(|clerk, event: AskNow, _| clerk.ask_now(event)));
    }

    async fn handle(&mut self, message: ClerkInbox, cx: &mut Context) -> Handled<ClerkInbox> {
        self.handle_shared(message, cx).await
    }

    fn handle_now(
        &mut self,
        message: ClerkInbox,
        cx: &mut Context,
    ) -> Result<Handled<ClerkInbox>, ClerkInbox> {
        self.handle_it_now(message, cx)
    }

    async fn started(&mut self, _cx: &Context) -> Result<(), Failure> {
        let bad = &self.book.0.bad_starts;
        if bad.load(Ordering::SeqCst) > 0 {
            bad.fetch_sub(1, Ordering::SeqCst);
            return Err(Failure::new("closed", "expected an open door"));
        }
        Ok(())
    }

    async fn stopping(&mut self, _cx: &Context) -> Result<(), Failure> {
        self.book.0.stopped.lock().push(self.instance);
        Ok(())
    }
}

impl SharedManager for Clerk {
    async fn handle_shared(&self, message: ClerkInbox, cx: &mut Context) -> Handled<ClerkInbox> {
        match self.handle_it_now(message, cx) {
            Ok(handled) => handled,
            Err(ClerkInbox::Tell(envelope)) => {
                let mut watching = cx.watch("Tell");
                let Some(event) = begin(envelope, cx) else { return Handled::Done };
                let mut kept = Kept(Some(event));
                let outcome = {
                    let handling = pin!(Some(caught(self.tell(kept.0.as_ref().unwrap()))));
                    Watched::new(handling, &mut watching).await
                };
                Lent::new(kept.0.take().unwrap()).settle(outcome, cx, ClerkInbox::Tell)
            }
            Err(ClerkInbox::Ask(asked)) => match begin_request(asked, cx) {
                None => Handled::Done,
                Some((event, reply)) => {
                    let mut watching = cx.watch("Ask");
                    let outcome = {
                        let handling = pin!(Some(caught(self.ask(event))));
                        Watched::new(handling, &mut watching).await
                    };
                    let handled = judge(&outcome);
                    reply.answer(outcome);
                    handled
                }
            },
            Err(ClerkInbox::TellNow(_) | ClerkInbox::AskNow(_)) => unreachable!("handled above"),
        }
    }
}

pub(crate) type Configure = fn(Host<Clerk>) -> Host<Clerk>;

/// Every mode a manager may run in, each with one event at a time for one sender.
pub(crate) const MODES: [(&str, Configure); 4] = [
    ("mailbox", Host::mailbox),
    ("inline", Host::inline),
    ("per key", |host| host.concurrency(Concurrency::PerKey(4))),
    ("unordered", |host| host.concurrency(Concurrency::Unordered(1))),
];
