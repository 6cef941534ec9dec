//! Requesters that go away.

use std::time::Duration;

use edri_router::{RequestError, Router};
use edri_worker::WorkerContext;
use tokio::sync::mpsc;

use crate::support::{Crew, Hold, Job, Kind, made};

both_kinds!(
    a_dropped_request_cancels_its_job,
    a_request_whose_time_is_over_cancels_its_job,
    a_cancelled_job_that_does_not_care_is_finished,
    a_waiting_job_whose_requester_is_gone_is_never_run,
    a_worker_does_not_see_the_requester_of_the_job_before,
    nothing_of_a_job_is_left_when_it_is_answered,
);

/// Tells the test that it has begun, and then, when its requester has gone away, whether it was so all along.
fn until_cancelled(reports: &mpsc::UnboundedSender<(bool, bool)>) -> Job {
    let reports = reports.clone();
    Job::new(move |_, cx| {
        Box::pin(async move {
            let before = cx.is_cancelled();
            reports.send((before, before)).unwrap();
            cx.cancelled().await;
            reports.send((before, cx.is_cancelled())).unwrap();
            Ok(0)
        })
    })
}

async fn a_dropped_request_cancels_its_job(kind: Kind) {
    let (router, crew, (sender, mut reports)) = (Router::new(), Crew::new(), mpsc::unbounded_channel());
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let asked = made(router.request(until_cancelled(&sender)));
    assert_eq!(reports.recv().await, Some((false, false)));
    drop(asked);
    assert_eq!(reports.recv().await, Some((false, true)));
    assert_eq!(router.request(Job::who()).await, Ok(1));
}

async fn a_request_whose_time_is_over_cancels_its_job(kind: Kind) {
    let (router, crew, (sender, mut reports)) = (Router::new(), Crew::new(), mpsc::unbounded_channel());
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let asked = made(router.request(until_cancelled(&sender)).timeout(Duration::from_secs(5)));
    assert_eq!(reports.recv().await, Some((false, false)));
    tokio::time::pause();
    let late = asked.await;
    tokio::time::resume();
    assert!(matches!(late, Err(RequestError::TimedOut { after, .. }) if after == Duration::from_secs(5)));
    assert_eq!(reports.recv().await, Some((false, true)));
    assert_eq!(router.request(Job::who()).await, Ok(1));
}

async fn a_cancelled_job_that_does_not_care_is_finished(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let asked = made(router.request(Job::held(1, &hold)));
    assert_eq!(hold.begun().await, 1);
    drop(asked);
    assert_eq!(pool.busy(), 1);
    hold.let_go(1);
    assert_eq!(router.request(Job::who()).await, Ok(1));
}

async fn a_waiting_job_whose_requester_is_gone_is_never_run(kind: Kind) {
    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let running = made(router.request(Job::held(0, &hold)));
    assert_eq!(hold.begun().await, 0);
    let gone: Vec<_> = (1..4).map(|number| made(router.request(Job::held(number, &hold)))).collect();
    let stays = made(router.request(Job::held(4, &hold)));
    drop(gone);
    hold.let_all_go();
    assert_eq!((running.await, stays.await), (Ok(0), Ok(4)));
    assert_eq!(hold.begun_so_far(), [4]);
}

async fn a_worker_does_not_see_the_requester_of_the_job_before(kind: Kind) {
    #[derive(edri_event::Request)]
    #[request(response = bool)]
    struct Peek(Option<mpsc::UnboundedSender<()>>);

    /// Panics when its requester is gone; answers whether it was told so in its setup.
    struct Peeker(bool);

    impl edri_worker::Worker for Peeker {
        type Job = Peek;

        async fn setup(&mut self, cx: &WorkerContext) -> Result<(), edri_event::Failure> {
            self.0 = cx.is_cancelled() || cx.deadline().is_some();
            Ok(())
        }

        async fn run(&mut self, job: Peek, cx: &WorkerContext) -> Result<bool, edri_event::Failure> {
            if let Some(begun) = job.0 {
                begun.send(()).unwrap();
                cx.cancelled().await;
                panic!("left alone");
            }
            Ok(self.0)
        }
    }

    let (router, (sender, mut begun)) = (Router::new(), mpsc::unbounded_channel());
    let _pool = kind.pool(1, || Peeker(false)).start(&router).unwrap();
    let asked = made(router.request(Peek(Some(sender))).timeout(Duration::from_secs(60)));
    begun.recv().await.unwrap();
    drop(asked);
    assert_eq!(router.request(Peek(None)).await, Ok(false));
}

async fn nothing_of_a_job_is_left_when_it_is_answered(kind: Kind) {
    let (router, crew, (reports, mut progress)) = (Router::new(), Crew::new(), mpsc::unbounded_channel());
    let pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let asking = router.request(Job::answer(1)).on_progress(move |done| reports.send(done).unwrap());
    assert_eq!(asking.await, Ok(1));
    assert_eq!(pool.busy(), 0);
    // Ends only when the worker, which is idle now, does not hold the other end.
    assert_eq!(progress.recv().await, None);
}
