//! The traits, implemented without the macro.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edri_event::{Failure, Key, Notification, Request};
use edri_manager::__private::{CallNotification, CallRequest, begin, begin_request};
use edri_manager::{Concurrency, Entrance, Handled, Host, Manager, Settings, SharedManager};
use edri_router::{
    Asked, Context, DeadLetterOffice, Envelope, Loss, Message, Reason, RequestError, Router, Shared,
};

#[derive(Request)]
#[request(response = u64)]
struct Get;

#[derive(Notification)]
#[notification(key = 0)]
struct Add(u64);

#[derive(Clone, Default)]
struct Counter(Arc<AtomicU64>);

enum CounterInbox {
    Get(Asked<Get>),
    Add(Envelope<Add>),
}

impl Message for CounterInbox {
    fn key(&self) -> Option<Key> {
        match self {
            Self::Get(asked) => asked.key(),
            Self::Add(envelope) => envelope.key(),
        }
    }

    fn discard(self, loss: Loss, office: &DeadLetterOffice) {
        match self {
            Self::Get(asked) => asked.discard(loss, office),
            Self::Add(envelope) => envelope.discard(loss, office),
        }
    }
}

impl Counter {
    fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Breaks the promise of `handle`: a panic leaves it.
    fn add(&self, amount: u64) {
        assert_ne!(amount, 13, "unlucky");
        self.0.fetch_add(amount, Ordering::SeqCst);
    }
}

impl Manager for Counter {
    type Inbox = CounterInbox;

    fn settings() -> Settings {
        Settings::new("by hand")
    }

    fn attach(entrance: &mut Entrance<'_, Self>) {
        entrance.request(CounterInbox::Get, CallRequest::Now(|counter, _event: Get, _cx| Ok(counter.get())));
        entrance.notification(
            CounterInbox::Add,
            CallNotification::Later(|mut held, event: Shared<Add>| {
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    held.parts().0.add(event.0);
                })
            }),
        );
    }

    async fn handle(&mut self, message: CounterInbox, cx: &mut Context) -> Handled<CounterInbox> {
        self.handle_shared(message, cx).await
    }
}

impl SharedManager for Counter {
    async fn handle_shared(&self, message: CounterInbox, cx: &mut Context) -> Handled<CounterInbox> {
        match message {
            CounterInbox::Get(asked) => {
                if let Some((Get, reply)) = begin_request(asked, cx) {
                    reply.answer(Ok(self.get()));
                }
            }
            CounterInbox::Add(envelope) => {
                if let Some(add) = begin(envelope, cx) {
                    self.add(add.0);
                }
            }
        }
        Handled::Done
    }
}

#[tokio::test]
async fn a_manager_can_be_written_by_hand() {
    let modes: [fn(Host<Counter>) -> Host<Counter>; 4] = [
        Host::mailbox,
        Host::inline,
        |host| host.concurrency(Concurrency::PerKey(2)),
        |host| host.concurrency(Concurrency::Unordered(1)),
    ];
    for configure in modes {
        let router = Router::new();
        let counter = Counter::default();
        let managed = configure(Host::new(counter.clone())).start(&router).await.unwrap();
        assert_eq!(managed.name(), "by hand");
        for amount in 1..=4 {
            router.notify(Add(amount)).await.unwrap();
        }
        while counter.get() < 10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(router.request(Get).await, Ok(10));
        assert_eq!(managed.stop(tokio::time::Instant::now() + Duration::from_secs(1)).await, 0);
    }
}

#[tokio::test]
async fn a_panic_out_of_a_concurrent_handler_frees_its_key() {
    let router = Router::new();
    let counter = Counter::default();
    let host = Host::new(counter.clone()).concurrency(Concurrency::PerKey(1));
    let managed = host.start(&router).await.unwrap();
    for _ in 0..100 {
        router.notify(Add(13)).await.unwrap();
    }
    router.notify(Add(1)).await.unwrap();
    assert_eq!(managed.stop(tokio::time::Instant::now() + Duration::from_secs(1)).await, 0);
    assert_eq!(counter.get(), 1);
}

/// A hook that panics before it gives its future.
struct Hasty;

impl Manager for Hasty {
    type Inbox = CounterInbox;

    fn settings() -> Settings {
        Settings::new("hasty")
    }

    fn attach(_entrance: &mut Entrance<'_, Self>) {}

    async fn handle(&mut self, message: CounterInbox, _cx: &mut Context) -> Handled<CounterInbox> {
        message.discard(Loss::unhandled(Reason::Stopped), &DeadLetterOffice::default());
        Handled::Done
    }

    fn started(&mut self, _cx: &Context) -> impl Future<Output = Result<(), Failure>> + Send {
        if self.is_hasty() {
            panic!("too soon");
        }
        std::future::ready(Ok(()))
    }
}

impl Hasty {
    const fn is_hasty(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_hook_may_panic_at_once() {
    let router = Router::new();
    let error = Host::new(Hasty).start(&router).await.unwrap_err();
    assert_eq!(error.to_string(), "the manager hasty did not start: panicked: too soon");
    assert!(matches!(router.request(Get).await, Err(RequestError::NoResponder { .. })));
}
