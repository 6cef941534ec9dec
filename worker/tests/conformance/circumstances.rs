//! What a worker may know beside its job.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use edri_event::{Key, Priority, Progress};
use edri_router::Router;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::support::{Crew, Hold, Job, Kind, made};

both_kinds!(
    progress_reaches_its_requester_and_no_other,
    workers_have_a_number_and_are_called_by_it,
    a_pool_is_called_by_its_workers_type,
    a_worker_knows_the_deadline_and_the_key,
);

async fn progress_reaches_its_requester_and_no_other(kind: Kind) {
    fn counting() -> Job {
        Job::new(|_, cx| {
            Box::pin(async move {
                (1..=3).for_each(|done| cx.progress(done, 3));
                Ok(3)
            })
        })
    }

    let (router, crew) = (Router::new(), Crew::new());
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let report = {
        let seen = Arc::clone(&seen);
        move |progress| seen.lock().unwrap().push(progress)
    };
    assert_eq!(router.request(counting()).on_progress(report).await, Ok(3));
    assert_eq!(router.request(counting()).await, Ok(3));
    let expected: Vec<_> = (1..=3).map(|done| Progress { done, total: 3 }).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

async fn workers_have_a_number_and_are_called_by_it(kind: Kind) {
    fn number(hold: &Hold) -> Job {
        let hold = hold.end();
        Job::new(move |_, cx| {
            Box::pin(async move {
                assert_eq!(cx.name(), format!("smiths-{}", cx.number()));
                let number = cx.number() as u64;
                hold.pass(number).await;
                Ok(number)
            })
        })
    }

    let (router, crew, mut hold) = (Router::new(), Crew::new(), Hold::new());
    let _pool = kind.pool(3, crew.hands()).name("smiths").start(&router).unwrap();
    let asked: Vec<_> = (0..3).map(|_| made(router.request(number(&hold)))).collect();
    assert_eq!(hold.begun_together(3).await, [0, 1, 2]);
    hold.let_all_go();
    assert!(join_all(asked).await.iter().all(Result::is_ok));
}

async fn a_pool_is_called_by_its_workers_type(kind: Kind) {
    struct Generic<T>(std::marker::PhantomData<T>);

    impl<T: Send + 'static> edri_worker::Worker for Generic<T> {
        type Job = Job;

        async fn run(&mut self, _: Job, _: &edri_worker::WorkerContext) -> Result<u64, edri_event::Failure> {
            Ok(0)
        }
    }

    let router = Router::new();
    let plain = kind.pool(1, Crew::new().hands()).start_private(&router).unwrap();
    let generic =
        kind.pool(1, || Generic::<Vec<String>>(std::marker::PhantomData)).start_private(&router).unwrap();
    assert_eq!((plain.name(), generic.name()), ("Hand", "Generic"));
}

async fn a_worker_knows_the_deadline_and_the_key(kind: Kind) {
    let (router, crew) = (Router::new(), Crew::new());
    let _pool = kind.pool(1, crew.hands()).start(&router).unwrap();
    let until = Duration::from_secs(3_600);
    let soonest = (Instant::now() + until).into_std();
    let given = Job::new(move |_, cx| {
        Box::pin(async move {
            let latest = (Instant::now() + until).into_std();
            let deadline = cx.deadline().expect("a deadline");
            assert!((soonest..=latest).contains(&deadline));
            assert_eq!(cx.meta().key(), Some(Key::of("horse-shoe")));
            Ok(1)
        })
    });
    let none = Job::new(|_, cx| {
        Box::pin(async move {
            assert_eq!((cx.deadline(), cx.meta().key()), (None, None));
            Ok(2)
        })
    });
    let given = router.request(given).timeout(until).key("horse-shoe").priority(Priority::High);
    assert_eq!((given.await, router.request(none).await), (Ok(1), Ok(2)));
}
