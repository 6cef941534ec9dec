//! What a job asks is asked on behalf of its requester.

use std::sync::Arc;
use std::time::Duration;

use edri_event::Request;
use edri_router::{AtATime, Context, RequestError, Router, WaitGraph};
use edri_worker::RunningPool;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::{Crew, Hold, Job, Kind, made};

both_kinds!(
    an_expired_job_is_not_run,
    what_a_job_asks_has_the_jobs_deadline,
    what_a_job_asks_ends_with_its_requester,
    a_pool_without_a_route_is_asked_on_behalf_of_an_event,
    jobs_that_wait_for_their_own_pool_are_a_circle_when_nobody_is_free,
);

/// Asked by jobs.
#[derive(Request)]
#[request(response = u64)]
struct Ask;

/// Tells the deadline it had, if any.
fn asking(router: &Router, told: &mpsc::UnboundedSender<Option<std::time::Instant>>) -> Job {
    let told = told.clone();
    router
        .respond_with(move |_: Ask, cx| {
            told.send(cx.deadline()).unwrap();
            std::future::pending()
        })
        .keep();
    Job::new(|_, cx| Box::pin(async move { Ok(cx.router().request(Ask).await?) }))
}

/// The graph, once it has so many waits.
async fn with_waits(router: &Router, waits: usize) -> WaitGraph {
    loop {
        let graph = router.wait_graph();
        if graph.waits.len() == waits {
            return graph;
        }
        tokio::task::yield_now().await;
    }
}

async fn an_expired_job_is_not_run(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let held = made(router.request(Job::held(1, &hold)));
    assert_eq!(hold.begun().await, 1);
    let second = Duration::from_secs(1);
    let expires = made(router.request(Job::held(2, &hold)).timeout(second));
    let in_time = made(router.request(Job::held(3, &hold)).timeout(3_600 * second));
    tokio::time::pause();
    tokio::time::advance(second).await;
    tokio::time::resume();
    hold.let_all_go();
    assert_eq!((held.await, in_time.await), (Ok(1), Ok(3)));
    assert_eq!(expires.await, Err(RequestError::Expired));
    assert_eq!(hold.begun_so_far(), [3]);
    assert_eq!(pool.busy(), 0);
}

async fn what_a_job_asks_has_the_jobs_deadline(kind: Kind) {
    let (router, crew, (told, mut tells)) = (Router::new(), Crew::new(), mpsc::unbounded_channel());
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let deadline = Instant::now() + Duration::from_millis(20);
    let asked = router.request(asking(&router, &told)).deadline(deadline).await;
    assert!(matches!(asked, Err(RequestError::TimedOut { .. })), "{asked:?}");
    assert_eq!(tells.recv().await.unwrap(), Some(deadline.into_std()));
    assert_eq!(router.request(Job::who()).await, Ok(1), "the worker ended its job");
}

async fn what_a_job_asks_ends_with_its_requester(kind: Kind) {
    let (router, crew, (told, mut tells)) = (Router::new(), Crew::new(), mpsc::unbounded_channel());
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let asked = made(router.request(asking(&router, &told)));
    assert_eq!(tells.recv().await.unwrap(), None);
    drop(asked);
    assert_eq!(router.request(Job::who()).await, Ok(1), "the worker ended its job");
    assert!(router.wait_graph().is_empty());
}

async fn a_pool_without_a_route_is_asked_on_behalf_of_an_event(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::new());
    let pool = kind.pool(1, crew.hands()).start_private(&router).unwrap();
    let mut cx = Context::new(router.clone(), "manager".into());
    let mut meta = edri_event::Meta::new();
    let deadline = (Instant::now() + Duration::from_secs(3_600)).into_std();
    meta.set_deadline(deadline);
    cx.begin(meta);
    let job = Job::new(move |_, cx| {
        Box::pin(async move {
            assert_eq!(cx.deadline(), Some(deadline));
            Ok(7)
        })
    });
    assert_eq!(pool.request_on_behalf(&cx, job).await, Ok(7));
}

async fn jobs_that_wait_for_their_own_pool_are_a_circle_when_nobody_is_free(kind: Kind) {
    fn nested(hold: &Hold, pool: &Arc<RunningPool<Job>>) -> Job {
        let (end, inner, pool) = (hold.end(), Job::held(0, hold), Arc::clone(pool));
        Job::new(move |_, cx| {
            Box::pin(async move {
                end.pass(1).await;
                Ok(pool.request_on_behalf(cx, inner).await?)
            })
        })
    }

    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = Arc::new(kind.pool(2, crew.hands()).name("smiths").start_private(&router).unwrap());
    let first = made(pool.request(nested(&hold, &pool)));
    assert_eq!(hold.begun().await, 1);
    hold.let_go(1);
    // The inner job is done by the other worker.
    assert_eq!(hold.begun().await, 0);
    let graph = with_waits(&router, 1).await;
    assert_eq!(graph.cycles().count(), 0, "{graph}");
    let smiths = graph.waits[0].responder;
    assert_eq!(graph.parts[smiths].name, "smiths");
    assert_eq!(graph.parts[smiths].at_a_time, AtATime::UpTo(2));
    assert_eq!(graph.parts[graph.waits[0].asker].member_of, Some(smiths));
    hold.let_go(1);
    assert_eq!(first.await, Ok(0));

    let both = [(); 2].map(|()| made(pool.request(nested(&hold, &pool))));
    assert_eq!(hold.begun_together(2).await, [1, 1]);
    hold.let_go(2);
    let graph = with_waits(&router, 2).await;
    assert_eq!(graph.cycles().count(), 1, "{graph}");
    drop(both);
    assert_eq!(pool.request(Job::answer(3)).await, Ok(3), "nobody waits any more");
}
