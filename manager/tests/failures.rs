//! A handler that goes wrong is answered for, and harms nobody else.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use edri_event::{Failure, Notification, Request, Tunnel};
use edri_manager::{Concurrency, Host, Managed, manager};
use edri_router::{Accepted, Answer, OpenError, RequestError, Router, TunnelError};

#[derive(Clone, Copy, Debug)]
enum How {
    Well,
    Fails,
    Panics,
    PanicsWithText,
}

impl How {
    fn go(self) -> Result<(), Failure> {
        match self {
            Self::Well => Ok(()),
            Self::Fails => Err(Failure::new("no", "expected a yes")),
            Self::Panics => panic!("out of luck"),
            Self::PanicsWithText => panic!("out of luck {} times", 2),
        }
    }
}

#[derive(Request, Clone)]
#[request(response = u64)]
struct Ask(How);

/// As [`Ask`], for the handler that is not async.
#[derive(Request, Clone)]
#[request(response = u64)]
struct AskNow(How);

#[derive(Notification)]
struct Tell(How);

#[derive(Notification)]
struct TellNow(How);

#[derive(Tunnel)]
#[tunnel(send = u64, receive = u64)]
struct Talk(How);

#[derive(Tunnel)]
#[tunnel(send = u64, receive = u64)]
struct TalkNow(How);

#[derive(Default)]
struct Clumsy {
    calls: Arc<AtomicU64>,
    observes: How2,
}

/// How the observer behaves: it sees an answer and has no event of its own to be told by.
#[derive(Default)]
struct How2(Option<How>);

impl Clumsy {
    fn count(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[manager]
impl Clumsy {
    #[request]
    async fn ask(&self, event: Ask) -> Result<u64, Failure> {
        let calls = self.count();
        tokio::task::yield_now().await;
        event.0.go()?;
        Ok(calls)
    }

    #[request]
    fn ask_now(&self, event: AskNow) -> Result<u64, Failure> {
        let calls = self.count();
        event.0.go()?;
        Ok(calls)
    }

    #[notification]
    async fn tell(&self, event: &Tell) -> Result<(), Failure> {
        self.count();
        tokio::task::yield_now().await;
        event.0.go()
    }

    #[notification]
    fn tell_now(&self, event: &TellNow) -> Result<(), Failure> {
        self.count();
        event.0.go()
    }

    #[response]
    async fn answered(&self, _answer: &Answer<Ask>) -> Result<(), Failure> {
        self.observes.0.unwrap_or(How::Well).go()
    }

    #[response]
    fn answered_now(&self, _answer: &Answer<AskNow>) -> Result<(), Failure> {
        self.observes.0.unwrap_or(How::Well).go()
    }

    #[tunnel]
    async fn talk(&self, open: Talk, mut tunnel: Accepted<Talk>) -> Result<(), Failure> {
        self.count();
        tunnel.send(1).await?;
        open.0.go()?;
        tunnel.finish();
        Ok(())
    }

    #[tunnel]
    fn talk_now(&self, open: TalkNow, mut tunnel: Accepted<TalkNow>) -> Result<(), Failure> {
        self.count();
        open.0.go()?;
        tunnel.finish();
        Ok(())
    }
}

/// Handles what the other does too.
struct Bystander;

#[manager]
impl Bystander {
    #[notification]
    fn tell(&self, _event: &Tell) {}
}

const MODES: [fn(Host<Clumsy>) -> Host<Clumsy>; 4] = [
    Host::mailbox,
    Host::inline,
    |host| host.concurrency(Concurrency::PerKey(2)),
    |host| host.concurrency(Concurrency::Unordered(2)),
];

/// In each mode: a router, its clumsy manager and a bystander.
async fn in_each_mode(observes: Option<How>, mut test: impl AsyncFnMut(&Router, &Managed)) {
    for configure in MODES {
        let router = Router::new();
        let clumsy = Clumsy { observes: How2(observes), ..Clumsy::default() };
        let managed = configure(Host::new(clumsy)).start(&router).await.unwrap();
        let _bystander = Host::new(Bystander).start(&router).await.unwrap();
        test(&router, &managed).await;
        assert!(!managed.is_stopped());
    }
}

fn expected(how: How, calls: u64) -> Result<u64, RequestError> {
    match how {
        How::Well => Ok(calls),
        How::Fails => Err(RequestError::Failed(Failure::new("no", "expected a yes"))),
        How::Panics => Err(RequestError::Panicked { message: "out of luck".into() }),
        How::PanicsWithText => Err(RequestError::Panicked { message: "out of luck 2 times".into() }),
    }
}

const ALL: [How; 5] = [How::Fails, How::Well, How::Panics, How::PanicsWithText, How::Well];

#[tokio::test]
async fn a_request_handler_that_fails_or_panics_answers_and_the_manager_works_on() {
    in_each_mode(None, async |router, _| {
        let mut calls = 0;
        for how in ALL {
            calls += 1;
            assert_eq!(router.request(Ask(how)).await, expected(how, calls));
            calls += 1;
            assert_eq!(router.request(AskNow(how)).await, expected(how, calls));
        }
    })
    .await;
}

#[tokio::test]
async fn a_notification_handler_that_fails_or_panics_leaves_the_manager_working() {
    in_each_mode(None, async |router, managed| {
        let mut calls = 0;
        for how in ALL {
            assert_eq!(router.notify(Tell(how)).await.unwrap().accepted, 2, "a bystander is not harmed");
            assert_eq!(router.notify(TellNow(how)).await.unwrap().accepted, 1);
            calls += 2;
        }
        while managed.waiting() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(router.request(AskNow(How::Well)).await, Ok(calls + 1));
    })
    .await;
}

#[tokio::test]
async fn an_observer_that_fails_or_panics_changes_no_answer() {
    for how in [How::Fails, How::Panics] {
        in_each_mode(Some(how), async |router, _| {
            for calls in [1, 3] {
                assert_eq!(router.request(Ask(How::Well)).await, Ok(calls));
                assert_eq!(router.request(AskNow(How::Well)).await, Ok(calls + 1));
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_tunnel_handler_that_fails_or_panics_ends_the_tunnel_and_the_manager_works_on() {
    in_each_mode(None, async |router, _| {
        for how in ALL {
            let mut tunnel = router.open(Talk(how)).await.unwrap();
            assert_eq!(tunnel.recv().await, Some(Ok(1)), "what was sent before arrives");
            ends_as(how, tunnel.recv().await);
            let mut tunnel = router.open(TalkNow(how)).await.unwrap();
            ends_as(how, tunnel.recv().await);
        }
        assert_eq!(router.request(AskNow(How::Well)).await, Ok(11));
    })
    .await;
}

fn ends_as(how: How, end: Option<Result<u64, TunnelError>>) {
    match (how, end) {
        (How::Well, None) => {}
        (How::Fails, Some(Err(TunnelError::Aborted(failure)))) => assert_ne!(failure.code(), "panicked"),
        (How::Panics | How::PanicsWithText, Some(Err(TunnelError::Aborted(failure)))) => {
            assert_eq!(failure.code(), "panicked");
        }
        (how, end) => panic!("{how:?} ended as {end:?}"),
    }
}

#[tokio::test]
async fn a_request_is_answered_exactly_once() {
    in_each_mode(None, async |router, _| {
        let mut answers = router.responses::<Ask>();
        for how in ALL {
            let answer = router.request(Ask(how)).await;
            assert_eq!(answers.recv().await.unwrap().outcome, answer);
            assert!(answers.try_recv().is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_nobody_handles_reaches_nobody() {
    let router = Router::new();
    let managed = Host::new(Bystander).start(&router).await.unwrap();
    assert_eq!(router.notify(TellNow(How::Panics)).await.unwrap(), Default::default());
    assert!(matches!(router.request(Ask(How::Panics)).await, Err(RequestError::NoResponder { .. })));
    assert!(matches!(router.open(Talk(How::Panics)).await, Err(OpenError::NoAcceptor { .. })));
    assert_eq!(managed.tally(), Default::default());
}
