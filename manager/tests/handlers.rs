//! What `#[manager]` makes of methods: every kind of handler in every form.

#![deny(warnings, clippy::pedantic)]
#![allow(
    clippy::unused_async,
    clippy::unnecessary_wraps,
    reason = "every form is tried, whether or not there is something to wait for or that may fail"
)]

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use edri_event::{Event, Failure, Notification, Request, Tunnel};
use edri_manager::{Host, Manager, manager};
use edri_router::{Accepted, Answer, Context, RequestError, Router};

#[derive(Request, Clone)]
#[request(response = u64)]
struct Add {
    a: u64,
    b: u64,
}

#[derive(Request)]
#[request(response = ())]
struct Forget;

#[derive(Request)]
#[request(response = Vec<String>)]
struct Heard;

#[derive(Notification)]
struct Said(String);

#[derive(Notification, Clone, Copy)]
struct Tick;

#[derive(Tunnel)]
#[tunnel(send = u64, receive = u64)]
struct Double;

/// An error that is a failure because it is an `Error`.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("refused")
    }
}

impl std::error::Error for Refused {}

fn router() -> Router {
    Router::new()
}

mod asynchronous {
    use super::*;

    struct Everything {
        heard: Vec<String>,
        total: u64,
    }

    #[manager]
    impl Everything {
        /// A documented handler keeps its documentation and its visibility.
        #[request]
        pub(crate) async fn add(&mut self, event: Add, cx: &Context) -> Result<u64, Failure> {
            assert_eq!(cx.name(), "Everything");
            if event.a == 13 {
                return Err(Failure::new("unlucky", "expected another number"));
            }
            self.total += event.a + event.b;
            cx.router().notify(Said(self.total.to_string())).await?;
            Ok(self.helper())
        }

        #[request]
        async fn forget(&mut self, _: Forget) {
            self.heard.clear();
        }

        #[request]
        async fn heard(&self, _event: Heard) -> Result<Vec<String>, Refused> {
            if self.heard.is_empty() { Err(Refused) } else { Ok(self.heard.clone()) }
        }

        #[notification]
        async fn said(&mut self, event: &Said) {
            self.heard.push(event.0.clone());
        }

        #[notification]
        async fn tick(&mut self, event: &Tick, _cx: &Context) -> Result<(), Refused> {
            let Tick = event;
            self.heard.push("tick".into());
            Err(Refused)
        }

        #[response]
        async fn added(&mut self, answer: &Answer<Add>) {
            self.heard.push(match &answer.outcome {
                Ok(sum) => format!("{} + {} answered {sum}", answer.request.a, answer.request.b),
                Err(error) => error.to_string(),
            });
        }

        #[tunnel]
        async fn double(&mut self, _open: Double, mut tunnel: Accepted<Double>) -> Result<(), Failure> {
            while let Some(number) = tunnel.recv().await {
                tunnel.send(number? * 2).await?;
            }
            tunnel.finish();
            Ok(())
        }

        #[started]
        async fn started(&mut self) {
            self.heard.push("started".into());
        }

        const fn helper(&self) -> u64 {
            self.total
        }
    }

    #[tokio::test]
    async fn all_kinds_are_attached_and_called() {
        let router = router();
        let managed = Host::new(Everything { heard: Vec::new(), total: 0 }).start(&router).await.unwrap();
        assert_eq!(managed.name(), "Everything");
        assert_eq!(router.request(Add { a: 1, b: 2 }).await, Ok(3));
        assert_eq!(router.request(Add { a: 3, b: 4 }).await, Ok(10));
        let unlucky = Failure::new("unlucky", "expected another number");
        assert_eq!(router.request(Add { a: 13, b: 0 }).await, Err(RequestError::Failed(unlucky)));
        router.notify(Tick).await.unwrap();
        let expected = [
            "started",
            "3",
            "1 + 2 answered 3",
            "10",
            "3 + 4 answered 10",
            "the responder failed: unlucky: expected another number",
            "tick",
        ];
        assert_eq!(router.request(Heard).await.unwrap(), expected);
        assert_eq!(router.request(Forget).await, Ok(()));
        let refused = Failure::new(Failure::ERROR, "refused");
        assert_eq!(router.request(Heard).await, Err(RequestError::Failed(refused)));

        let mut tunnel = router.open(Double).await.unwrap();
        tunnel.send(21).await.unwrap();
        assert_eq!(tunnel.recv().await, Some(Ok(42)));
        tunnel.finish();
        assert_eq!(tunnel.recv().await, None);
    }
}

mod synchronous {
    use super::*;

    #[derive(Default)]
    struct Everything {
        total: AtomicU64,
        ticks: u64,
    }

    #[manager(name = "the sync one", capacity = 8, overflow = Reject)]
    impl Everything {
        #[request]
        fn add(&self, Add { a, b }: Add) -> u64 {
            self.total.fetch_add(a + b, Ordering::Relaxed) + a + b
        }

        #[request]
        fn forget(&mut self, _event: Forget, _cx: &Context) -> Result<(), Failure> {
            self.total = AtomicU64::new(0);
            Ok(())
        }

        #[request]
        fn heard(&self, _event: Heard, cx: &edri_router::Context) -> Vec<String> {
            vec![cx.name().to_owned(), self.ticks.to_string()]
        }

        #[notification]
        fn tick(&mut self, _event: &Tick) {
            self.ticks += 1;
        }

        #[notification]
        fn said(&self, event: &Said, _cx: &Context) -> Result<(), Failure> {
            self.total.fetch_add(event.0.parse::<u64>()?, Ordering::Relaxed);
            Ok(())
        }

        #[response]
        fn added(&mut self, answer: &Answer<Add>, _cx: &Context) -> Result<(), RequestError> {
            self.ticks += answer.outcome.clone()?;
            Ok(())
        }

        #[tunnel]
        fn double(&self, _open: Double, tunnel: Accepted<Double>, _cx: &Context) {
            tunnel.abort(Failure::new("busy", self.ticks.to_string()));
        }

        #[started]
        fn begin(&mut self, cx: &Context) -> Result<(), Failure> {
            self.ticks = cx.name().len() as u64;
            Ok(())
        }

        #[stopping]
        fn end(&self) {}
    }

    #[tokio::test]
    async fn all_kinds_are_attached_and_called() {
        for inline in [false, true] {
            let router = router();
            let host = Host::new(Everything::default());
            let host = if inline { host.inline() } else { host };
            let _managed = host.start(&router).await.unwrap();
            assert_eq!(router.request(Add { a: 1, b: 2 }).await, Ok(3));
            router.notify(Tick).await.unwrap();
            router.notify(Said("4".into())).await.unwrap();
            router.notify(Said("not a number".into())).await.unwrap();
            assert_eq!(router.request(Add { a: 0, b: 0 }).await, Ok(7));
            // 12 letters of the name, an answer of 3, a tick, an answer of 7.
            assert_eq!(router.request(Heard).await.unwrap(), ["the sync one", "23"]);
            assert_eq!(router.request(Forget).await, Ok(()));
            assert_eq!(router.request(Add { a: 1, b: 0 }).await, Ok(1));
            let mut tunnel = router.open(Double).await.unwrap();
            let error = tunnel.recv().await.unwrap().unwrap_err();
            assert_eq!(error.to_string(), "the other end aborted the tunnel: busy: 24");
        }
    }
}

mod generic {
    use super::*;

    #[derive(Request)]
    #[request(response = Vec<T>)]
    struct All<T>(std::marker::PhantomData<T>);

    #[derive(Notification)]
    struct Put<T>(T);

    struct Keeper<T, const MOST: usize> {
        kept: Vec<T>,
    }

    #[manager]
    impl<T, const MOST: usize> Keeper<T, MOST>
    where
        T: Clone + Send + Sync + 'static,
    {
        #[request]
        async fn all(&self, _event: All<T>) -> Vec<T> {
            self.kept.clone()
        }

        #[notification]
        fn put(&mut self, event: &Put<T>) {
            self.kept.push(event.0.clone());
            self.kept.truncate(MOST);
        }
    }

    #[tokio::test]
    async fn a_generic_manager_is_one_for_each_type() {
        let router = router();
        let words = Keeper::<String, 2> { kept: Vec::new() };
        let numbers = Keeper::<u64, 1> { kept: Vec::new() };
        let words = Host::new(words).start(&router).await.unwrap();
        let _numbers = Host::new(numbers).start(&router).await.unwrap();
        assert_eq!(words.name(), "Keeper");
        for number in 1..4_u64 {
            router.notify(Put(number)).await.unwrap();
            router.notify(Put(number.to_string())).await.unwrap();
        }
        assert_eq!(router.request(All(std::marker::PhantomData::<String>)).await.unwrap(), ["1", "2"]);
        assert_eq!(router.request(All(std::marker::PhantomData::<u64>)).await.unwrap(), [1]);
    }

    mod two_blocks {
        use super::*;

        struct Of<T>(T);

        #[manager]
        impl Of<u8> {
            #[request]
            fn add(&self, event: Add) -> u64 {
                event.a + u64::from(self.0)
            }
        }

        #[manager]
        impl Of<u16> {
            #[request]
            fn forget(&self, _event: Forget) {
                assert_eq!(self.0, 2);
            }
        }

        #[tokio::test]
        async fn two_types_of_one_name_may_each_be_a_manager() {
            let router = router();
            let _one = Host::new(Of(1_u8)).start(&router).await.unwrap();
            let _other = Host::new(Of(2_u16)).start(&router).await.unwrap();
            assert_eq!(router.request(Add { a: 1, b: 0 }).await, Ok(2));
            assert_eq!(router.request(Forget).await, Ok(()));
        }
    }
}

/// Reachable from outside, were this a library.
pub mod public {
    use super::*;

    trait Store {
        type Key: Notification;
    }

    /// A public manager of private events, behind a projection of its own.
    #[derive(Debug)]
    pub struct Public;

    impl Store for Public {
        type Key = Tick;
    }

    #[manager]
    impl Public {
        #[notification]
        fn tick(&self, _event: &<Self as Store>::Key) {}

        #[notification]
        fn r#type(&self, _event: &Said) {}
    }

    #[tokio::test]
    async fn a_public_manager_may_have_private_events() {
        let router = router();
        let _managed = Host::new(Public).start(&router).await.unwrap();
        assert_eq!(router.notify(Tick).await.unwrap().accepted, 1);
        assert_eq!(router.notify(Said(String::new())).await.unwrap().accepted, 1);
    }
}

mod conditional {
    use super::*;

    struct Sometimes;

    #[manager]
    impl Sometimes {
        #[cfg(not(test))]
        #[request]
        fn never(&self, _event: NoSuchEvent) -> NoSuchResponse {}

        #[cfg(test)]
        #[request]
        fn add(&self, event: Add) -> u64 {
            event.a + event.b
        }

        #[cfg(not(test))]
        #[request]
        fn add_otherwise(&mut self, event: Add) -> u64 {
            event.a
        }

        #[cfg(not(test))]
        #[started]
        fn started(&self) -> NoSuchResponse {}
    }

    struct Nothing;

    #[manager]
    impl Nothing {
        #[cfg(not(test))]
        #[request]
        fn never(&self, _event: NoSuchEvent) -> NoSuchResponse {}
    }

    #[tokio::test]
    async fn handlers_under_conditions_exist_when_those_hold() {
        let router = router();
        let _sometimes = Host::new(Sometimes).start(&router).await.unwrap();
        let _nothing = Host::new(Nothing).start(&router).await.unwrap();
        assert_eq!(router.request(Add { a: 1, b: 2 }).await, Ok(3));
    }
}

mod hooks_alone {
    use super::*;

    struct Greeter;

    #[manager]
    impl Greeter {
        #[started]
        async fn greet(&self, cx: &Context) -> Result<(), Failure> {
            cx.router().notify(Said("hello".into())).await?;
            Ok(())
        }

        #[stopping]
        fn leave(&mut self, cx: &Context) -> Result<(), Failure> {
            cx.router().try_notify(Said("goodbye".into()))?;
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_manager_may_have_hooks_and_no_handlers() {
        let router = router();
        let mut said = router.subscribe::<Said>();
        let managed = Host::new(Greeter).start(&router).await.unwrap();
        assert_eq!(said.try_recv().unwrap().0, "hello");
        assert_eq!(managed.stop(tokio::time::Instant::now() + std::time::Duration::from_secs(1)).await, 0);
        assert_eq!(said.try_recv().unwrap().0, "goodbye");
    }
}

mod names {
    use super::*;

    struct Taken;

    /// The names of the generated trait's own methods, and two that give one variant.
    #[manager]
    impl Taken {
        #[request]
        fn handle(&self, event: Add) -> u64 {
            event.b
        }

        #[notification]
        fn attach(&self, _event: &Tick) {}

        #[notification]
        fn _attach(&self, _event: &Said) {}

        #[started]
        fn run(&self) {}

        #[stopping]
        fn started(&self) {}
    }

    #[tokio::test]
    async fn methods_may_have_any_name() {
        let router = router();
        let _managed = Host::new(Taken).start(&router).await.unwrap();
        assert_eq!(router.request(Add { a: 1, b: 2 }).await, Ok(2));
        assert_eq!(router.notify(Tick).await.unwrap().accepted, 1);
        assert_eq!(router.notify(Said(String::new())).await.unwrap().accepted, 1);
    }
}

mod unsynchronized {
    use std::cell::Cell;

    use super::*;

    /// Not `Sync`, and all its handlers take `&self`.
    struct Counter(Cell<u64>);

    #[manager]
    impl Counter {
        #[request]
        fn add(&self, event: Add) -> u64 {
            self.0.set(self.0.get() + event.a);
            self.0.get()
        }
    }

    #[tokio::test]
    async fn a_manager_that_is_not_sync_handles_one_event_at_a_time() {
        for inline in [false, true] {
            let router = router();
            let host = Host::new(Counter(Cell::new(0)));
            let _managed = if inline { host.inline() } else { host }.start(&router).await.unwrap();
            assert_eq!(router.request(Add { a: 1, b: 0 }).await, Ok(1));
            assert_eq!(router.request(Add { a: 2, b: 0 }).await, Ok(3));
        }
    }
}

mod inside_a_function {
    use super::*;

    #[tokio::test]
    async fn a_manager_may_be_local_to_a_function() {
        #[derive(Request)]
        #[request(response = &'static str)]
        struct Ask;

        struct Local;

        #[manager]
        impl Local {
            #[request]
            fn ask(&self, _event: Ask) -> &'static str {
                Ask::name()
            }
        }

        let router = router();
        let _managed = Host::new(Local).start(&router).await.unwrap();
        assert!(router.request(Ask).await.unwrap().ends_with("Ask"));
    }
}

/// A response that is itself a `Result` is told apart from a handler that fails.
mod results {
    use super::*;

    #[derive(Request)]
    #[request(response = Result<u64, String>)]
    struct Parse(&'static str);

    struct Parser;

    #[manager]
    impl Parser {
        #[request]
        fn parse(&self, event: Parse) -> Result<Result<u64, String>, Failure> {
            match event.0 {
                "" => Err(Failure::new("empty", "expected a number")),
                text => Ok(text.parse().map_err(|_| text.to_owned())),
            }
        }
    }

    #[tokio::test]
    async fn a_response_may_be_a_result() {
        let router = router();
        let _managed = Host::new(Parser).start(&router).await.unwrap();
        assert_eq!(router.request(Parse("7")).await, Ok(Ok(7)));
        assert_eq!(router.request(Parse("x")).await, Ok(Err("x".into())));
        assert!(matches!(router.request(Parse("")).await, Err(RequestError::Failed(_))));
    }
}

#[test]
fn settings_are_those_of_the_attribute() {
    use edri_manager::{Concurrency, Mode};
    use edri_router::{Capacity, InboxSettings, Overflow};

    const ROOM: usize = 3;

    struct Plain;
    #[manager]
    impl Plain {}

    struct Small;
    #[manager(inline, overflow = Overflow::DropOldest, capacity = ROOM + 2)]
    impl Small {}

    struct Keyed;
    #[manager(concurrency = Concurrency::PerKey(ROOM), name = "keyed")]
    impl Keyed {}

    struct Loose;
    #[manager(concurrency = Unordered(9))]
    impl Loose {}

    let plain = Plain::settings();
    assert_eq!((&*plain.name, plain.inbox, plain.mode), ("Plain", InboxSettings::default(), Mode::Mailbox));
    let small = Small::settings();
    assert_eq!((small.inbox.capacity, small.inbox.overflow), (Capacity::new(5), Overflow::DropOldest));
    assert_eq!(small.mode, Mode::Inline);
    let keyed = Keyed::settings();
    assert_eq!((&*keyed.name, keyed.mode), ("keyed", Mode::Concurrent(Concurrency::PerKey(3))));
    assert_eq!(Loose::settings().mode, Mode::Concurrent(Concurrency::Unordered(9)));
}
