//! What `#[manager]` gives back to the loop when a handler does not end well.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use edri_event::{Failure, Notification, Request, Tunnel};
use edri_manager::{Concurrency, Host, Managed, Restart, manager};
use edri_router::{Accepted, Answer, Context, Router, TunnelError};
use parking_lot::Mutex;
use tokio::time::sleep;

#[derive(Notification)]

struct Tell(u64);

#[derive(Notification)]

struct TellNow(u64);

#[derive(Request, Clone)]
#[request(response = u64)]
struct Ask(u64);

#[derive(Tunnel)]
#[tunnel(send = u64, receive = u64)]
struct Talk;

/// Fails with each event when it first sees it.
#[derive(Clone, Default)]
struct Reluctant {
    seen: Arc<Mutex<Vec<(&'static str, u64)>>>,
    made: Arc<AtomicUsize>,
}

impl Reluctant {
    fn see(&self, what: &'static str, number: u64) -> Result<(), Failure> {
        let mut seen = self.seen.lock();
        let first = !seen.contains(&(what, number));
        seen.push((what, number));
        if !first {
            return Ok(());
        }
        if number.is_multiple_of(2) {
            panic!("not at first");
        }
        Err(Failure::new("reluctant", "not at first"))
    }

    fn count(&self, event: (&'static str, u64)) -> usize {
        self.seen.lock().iter().filter(|seen| **seen == event).count()
    }

    fn host(&self) -> Host<Self> {
        let this = self.clone();
        Host::from_fn(move || {
            this.made.fetch_add(1, Ordering::SeqCst);
            this.clone()
        })
    }
}

#[manager(restart = Always, redeliver = 3)]
impl Reluctant {
    #[notification]
    async fn tell(&self, event: &Tell, cx: &Context) -> Result<(), Failure> {
        tokio::task::yield_now().await;
        assert!(cx.meta().key().is_some(), "what travels beside it comes again, too");
        self.see("tell", event.0)
    }

    #[notification]
    fn tell_now(&self, event: &TellNow, cx: &Context) -> Result<(), Failure> {
        assert!(cx.meta().key().is_some());
        self.see("tell now", event.0)
    }

    #[response]
    async fn answered(&self, answer: &Answer<Ask>) -> Result<(), Failure> {
        assert_eq!(answer.outcome, Ok(answer.request.0));
        self.see("answered", answer.request.0)
    }

    #[tunnel]
    async fn talk(&self, _open: Talk, _tunnel: Accepted<Talk>) -> Result<(), Failure> {
        self.see("talk", 1)
    }
}

async fn in_each_mode(mut test: impl AsyncFnMut(&Router, &Reluctant, &Managed)) {
    let modes: [fn(Host<Reluctant>) -> Host<Reluctant>; 4] = [
        Host::mailbox,
        Host::inline,
        |host| host.concurrency(Concurrency::PerKey(4)),
        |host| host.concurrency(Concurrency::Unordered(4)),
    ];
    for configure in modes {
        let (router, reluctant) = (Router::new(), Reluctant::default());
        let managed = configure(reluctant.host()).start(&router).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        test(&router, &reluctant, &managed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_notification_comes_again_as_it_was() {
    in_each_mode(async |router, reluctant, managed| {
        for number in [1, 2] {
            assert_eq!(router.notify(Tell(number)).key("a").await.unwrap().accepted, 1);
            sleep(Duration::from_secs(1)).await;
            assert_eq!(router.notify(TellNow(number)).key("a").await.unwrap().accepted, 1);
            sleep(Duration::from_secs(1)).await;
            assert_eq!((reluctant.count(("tell", number)), reluctant.count(("tell now", number))), (2, 2));
        }
        assert_eq!(reluctant.made.load(Ordering::SeqCst), 5);
        let troubles = managed.troubles();
        assert_eq!((troubles.failures, troubles.panics, troubles.restarts), (2, 2, 4));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_event_shared_with_others_comes_again_to_the_one_that_fell() {
    in_each_mode(async |router, reluctant, _| {
        let mut others = router.subscribe::<Tell>();
        assert_eq!(router.notify(Tell(1)).key("a").await.unwrap().accepted, 2);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(reluctant.count(("tell", 1)), 2);
        assert!(others.try_recv().is_some() && others.try_recv().is_none());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_comes_again_and_a_tunnel_does_not() {
    in_each_mode(async |router, reluctant, _| {
        let _answers = router.respond(|ask: Ask| async move { Ok(ask.0) });
        router.request(Ask(2)).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(reluctant.count(("answered", 2)), 2);
        let mut tunnel = router.open(Talk).await.unwrap();
        assert!(matches!(tunnel.recv().await, Some(Err(TunnelError::Aborted(_)))));
        sleep(Duration::from_secs(1)).await;
        assert_eq!((reluctant.count(("talk", 1)), reluctant.made.load(Ordering::SeqCst)), (1, 3));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_a_restart_nothing_comes_again() {
    let (router, reluctant) = (Router::new(), Reluctant::default());
    let _managed = reluctant.host().restart(Restart::OnPanic).start(&router).await.unwrap();
    router.notify(Tell(1)).key("a").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!((reluctant.count(("tell", 1)), reluctant.made.load(Ordering::SeqCst)), (1, 1));
}
