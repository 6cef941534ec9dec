//! Handlers that take longer than they may.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use edri_event::Request;
use edri_manager::{Concurrency, HandlerTimeout, Host, Restart, manager};
use edri_router::{Context, Loss, Reason, RequestError, Router};
use parking_lot::Mutex;
use support::{Ask, Book, How, MODES};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// Answered after so many seconds, or when its handler hears that it is overdue: with whether it did.
#[derive(Request)]
#[request(response = bool)]
struct Work(u32);

/// Answered with whether the handler is overdue, before and after it has blocked its thread.
#[derive(Request)]
#[request(response = bool)]
struct Block;

#[derive(Default)]
struct Slow {
    kept: Arc<Mutex<Vec<Context>>>,
}

#[manager(restart = OnPanic, handler_timeout = "5s")]
impl Slow {
    #[request]
    async fn work(&self, event: Work, cx: &Context) -> bool {
        assert!(!cx.is_overdue());
        self.kept.lock().push(cx.clone());
        tokio::select! {
            () = cx.overdue() => {}
            () = sleep(event.0 * SECOND) => {}
        }
        cx.is_overdue()
    }

    #[request]
    fn block(&self, _event: Block, cx: &Context) -> bool {
        std::thread::sleep(Duration::from_millis(20));
        cx.is_overdue()
    }
}

const SLOW_MODES: [fn(Host<Slow>) -> Host<Slow>; 4] = [
    Host::mailbox,
    Host::inline,
    |host| host.concurrency(Concurrency::PerKey(2)),
    |host| host.concurrency(Concurrency::Unordered(2)),
];

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_longer_is_told_and_counted_and_goes_on() {
    for configure in SLOW_MODES {
        let router = Router::new();
        let managed = configure(Host::from_fn(Slow::default)).start(&router).await.unwrap();
        sleep(SECOND).await;
        for (takes, told, after) in [(4, false, 4), (6, true, 5), (4, false, 4), (60, true, 5)] {
            let before = Instant::now();
            assert_eq!(router.request(Work(takes)).await, Ok(told));
            assert_eq!(before.elapsed().as_secs(), after);
        }
        assert_eq!((managed.troubles().overdue, managed.troubles().restarts), (2, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_context_that_was_kept_knows_of_its_own_handler_only() {
    for configure in SLOW_MODES {
        let (router, kept) = (Router::new(), Arc::<Mutex<Vec<Context>>>::default());
        let slow = Slow { kept: Arc::clone(&kept) };
        let host = Host::new(slow).restart(Restart::Never);
        let _managed = configure(host).start(&router).await.unwrap();
        assert_eq!(router.request(Work(9)).await, Ok(true));
        assert_eq!(router.request(Work(1)).await, Ok(false));
        let overdue: Vec<_> = kept.lock().iter().map(Context::is_overdue).collect();
        assert_eq!(overdue, [true, false]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_not_async_is_not_overdue_because_the_last_one_was() {
    for configure in SLOW_MODES {
        let router = Router::new();
        let _managed = configure(Host::from_fn(Slow::default)).start(&router).await.unwrap();
        assert_eq!(router.request(Work(9)).await, Ok(true));
        assert_eq!(router.request(Block).await, Ok(false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_beyond_all_time_is_none() {
    let router = Router::new();
    let host = Host::from_fn(Slow::default).handler_timeout(Duration::MAX);
    let managed = host.start(&router).await.unwrap();
    assert_eq!(router.request(Work(1_000_000)).await, Ok(false));
    assert_eq!(managed.troubles().overdue, 0);
}

/// It cannot even be seen.
#[tokio::test]
async fn a_handler_that_blocks_its_thread_is_not_given_up() {
    let router = Router::new();
    let timeout = HandlerTimeout::after(Duration::from_millis(1)).abandon();
    let managed = Host::from_fn(Slow::default).handler_timeout(timeout).start(&router).await.unwrap();
    assert_eq!(router.request(Block).await, Ok(false));
    assert_eq!(managed.troubles().overdue, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_given_up_is_answered_or_lost_and_its_manager_is_restarted() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let host = book.host().handler_timeout(HandlerTimeout::after(5 * SECOND).abandon());
        let managed = configure(host).start(&router).await.unwrap();
        sleep(SECOND).await;
        let before = Instant::now();
        let answer = router.request(Ask { id: (0, 0), how: How::Hangs }).await;
        assert_eq!(answer, Err(RequestError::Abandoned), "{mode}");
        assert_eq!(before.elapsed(), 5 * SECOND, "{mode}");
        router.notify(book.tell((0, 1), How::Hangs)).await.unwrap();
        assert_eq!(router.request(Ask { id: (0, 2), how: How::Well }).await, Ok(3), "{mode}");
        assert_eq!(book.lost(), [((0, 1), Loss::after(1, Reason::Abandoned))], "{mode}");
        let troubles = managed.troubles();
        assert_eq!((troubles.overdue, troubles.restarts, troubles.panics), (2, 2, 0), "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_given_up_is_delivered_again_if_so_asked() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let host = book.host().handler_timeout(HandlerTimeout::after(SECOND).abandon()).redeliver(1);
        let _managed = configure(host).start(&router).await.unwrap();
        sleep(SECOND).await;
        router.notify(book.tell((0, 1), How::Hangs)).await.unwrap();
        sleep(10 * SECOND).await;
        assert_eq!(book.begun().len(), 2, "{mode}");
        assert_eq!(book.lost(), [((0, 1), Loss::after(2, Reason::Abandoned))], "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_is_never_restarted_goes_on_without_the_handler() {
    for (mode, configure) in MODES {
        let (router, book) = (Router::new(), Book::default());
        let host = book.host().restart(Restart::Never);
        let host = host.handler_timeout(HandlerTimeout::after(SECOND).abandon());
        let _managed = configure(host).start(&router).await.unwrap();
        sleep(SECOND).await;
        let answer = router.request(Ask { id: (0, 0), how: How::Hangs }).await;
        assert_eq!(answer, Err(RequestError::Abandoned), "{mode}");
        assert_eq!(router.request(Ask { id: (0, 1), how: How::Well }).await, Ok(1), "{mode}");
    }
}

/// Panics when it is dropped.
struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[derive(Request)]
#[request(response = ())]
struct Spring;

struct Trapper;

#[manager(handler_timeout = Duration::from_secs(1), abandon)]
impl Trapper {
    #[request]
    async fn spring(&self, _event: Spring) {
        let _trap = Trap;
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_it_is_given_up_harms_nobody() {
    let router = Router::new();
    let managed = Host::from_fn(|| Trapper).start(&router).await.unwrap();
    for _ in 0..2 {
        let answer = router.request(Spring).await;
        assert_eq!(answer, Err(RequestError::Panicked { message: "dropped".into() }));
    }
    assert!(!managed.is_stopped());
}
