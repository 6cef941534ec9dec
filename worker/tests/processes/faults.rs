//! Workers that die, hang and misbehave: who is told what, and that there is another.

use std::time::Duration;

use edri_router::{Backoff, DeathCause, RequestError, Router, Status};
use edri_worker::{CrashLoop, CrashLoopOver, WorkerLost};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::program::{Again, Do, death, exists, failure_code, hands, hands_with, job, kill, until, within};

/// Behaviour 52 of the original: what dies in the middle of a request is there again for the next.
#[tokio::test]
async fn a_worker_that_exits_answers_its_job_with_its_code_and_its_last_words() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).start(&router).unwrap();
        let death = death(router.request(job("exit").number(3)).await);
        assert_eq!((death.worker.as_ref(), death.code()), ("hand-0", Some(3)));
        assert_eq!(death.stderr, ["the last words"]);
        assert_eq!(death.to_string(), "hand-0 exited with code 3; it said last: the last words");
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
        let counts = pool.vitals().counts;
        assert_eq!((counts.processed, counts.failed, counts.restarts), (2, 1, 1));
    })
    .await;
}

/// Behaviour 56 of the original: a worker that was killed hard frees its slot.
#[tokio::test]
async fn a_worker_that_is_killed_answers_its_job_with_the_signal() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        let asked = router.request(job("hang"));
        let kill = async {
            until("it is at work", || pool.busy() == 1).await;
            kill(&pid);
        };
        let (answer, ()) = futures_util::future::join(asked, kill).await;
        assert_eq!(death(answer).signal(), Some(9));
        assert_eq!(death(router.request(job("abort")).await).signal(), Some(6));
        until("it is buried", || !exists(&pid)).await;
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_is_killed_while_it_is_idle_is_replaced() {
    within(async {
        let router = Router::new();
        let mut lost = router.subscribe::<WorkerLost>();
        let pool = hands::<Do>(2).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        kill(&pid);
        let lost = lost.recv().await.unwrap();
        assert_eq!((lost.pool.as_str(), lost.death.signal()), ("hand", Some(9)));
        for answer in join_all((0..20).map(|_| router.request(job("pid")))).await {
            assert_ne!(answer.unwrap(), pid);
        }
        assert_eq!(pool.size(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_is_killed_while_it_starts_is_replaced_and_no_job_is_lost() {
    within(async {
        let router = Router::new();
        let pool = hands_with::<Do>(1, &["stay-silent"]).ready_within(Duration::from_secs(60));
        let pool = pool.backoff(Backoff::constant(Duration::from_millis(1))).start(&router).unwrap();
        let mut lost = router.subscribe::<WorkerLost>();
        let before = crate::program::children();
        let mut asked = Box::pin(router.request(job("echo")));
        for _ in 0..3 {
            let find = async {
                loop {
                    let new = crate::program::children_called("hand", "stay-silent");
                    if let Some(new) = new.into_iter().find(|child| !before.contains(child)) {
                        return new;
                    }
                    sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                answer = &mut asked => panic!("{answer:?}"),
                child = find => kill(&child),
            }
            tokio::select! {
                answer = &mut asked => panic!("{answer:?}"),
                lost = lost.recv() => assert_eq!(lost.unwrap().death.signal(), Some(9)),
            }
        }
        assert_eq!(pool.waiting(), 1, "the job waits for a worker that gets up");
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_closes_its_pipes_and_lives_on_is_ended() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(1).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        assert_eq!(death(router.request(job("close-stdout")).await).cause, DeathCause::ClosedPipe);
        until("it is buried", || !exists(&pid)).await;
        let pid = router.request(job("pid")).await.unwrap();
        assert_eq!(router.request(job("close-stdin")).await, Ok("deaf".into()));
        assert_eq!(death(router.request(job("echo")).await).cause, DeathCause::ClosedPipe);
        until("it is buried", || !exists(&pid)).await;
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
    })
    .await;
}

#[tokio::test]
async fn a_job_beyond_the_pools_limit_is_given_up_and_its_worker_replaced() {
    within(async {
        let router = Router::new();
        let pool =
            hands::<Do>(1).job_limit(Duration::from_millis(50)).cancel_grace(Duration::from_millis(50));
        let _pool = pool.start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        assert_eq!(router.request(job("hang")).await, Err(RequestError::Abandoned));
        assert_ne!(router.request(job("pid")).await.unwrap(), pid);
        until("it is buried", || !exists(&pid)).await;
    })
    .await;
}

#[tokio::test]
async fn a_job_beyond_its_requesters_deadline_ends_its_worker() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(1).cancel_grace(Duration::from_millis(50)).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        let late = router.request(job("hang")).timeout(Duration::from_millis(50)).await;
        assert!(matches!(late, Err(RequestError::TimedOut { .. })), "{late:?}");
        assert_ne!(router.request(job("pid")).await.unwrap(), pid);
        until("it is buried", || !exists(&pid)).await;
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_leaves_a_late_job_in_time_stays() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(1).cancel_grace(Duration::from_secs(30)).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        let late = router.request(job("sleep").number(80)).timeout(Duration::from_millis(20)).await;
        assert!(matches!(late, Err(RequestError::TimedOut { .. })), "{late:?}");
        assert_eq!(router.request(job("pid")).await.unwrap(), pid);
    })
    .await;
}

#[tokio::test]
async fn other_jobs_of_a_worker_that_is_stuck_with_one_have_time_to_end() {
    within(async {
        let router = Router::new();
        // Does one after the other, whatever it says: those behind the stuck one never come to their turn.
        let ready = r#"{"ready":{"concurrency":3}}"#;
        let pool = hands_with::<Do>(1, &["say", ready]).ready_within(Duration::from_secs(20));
        let pool = pool.grace(Duration::from_millis(100)).cancel_grace(Duration::from_millis(10));
        let _pool = pool.start(&router).unwrap();
        let stuck = router.request(job("hang")).timeout(Duration::from_millis(50));
        let behind = router.request(job("echo"));
        let (stuck, behind) = futures_util::future::join(stuck, behind).await;
        assert!(matches!(stuck, Err(RequestError::TimedOut { .. })), "{stuck:?}");
        assert_eq!(death(behind).cause, DeathCause::Overdue);
    })
    .await;
}

#[tokio::test]
async fn an_idempotent_job_is_tried_again_so_often_and_another_is_not() {
    within(async {
        let router = Router::new();
        let mut lost = router.subscribe::<WorkerLost>();
        let _pool = hands::<Again>(2).retries(2).start(&router).unwrap();
        let asked = router.request(job("exit").number(4).idempotent());
        assert_eq!(death(asked.await).code(), Some(4));
        for _ in 0..3 {
            assert_eq!(lost.recv().await.unwrap().death.code(), Some(4));
        }
        assert!(lost.try_recv().is_none(), "it was tried more often");
        let _pool = hands::<Do>(2).start(&router).unwrap();
        assert_eq!(death(router.request(job("exit").number(5)).await).code(), Some(5));
        assert_eq!(lost.recv().await.unwrap().death.code(), Some(5));
        // One that is tried again dies again, in a process of its own: there is nothing else to wait for.
        sleep(Duration::from_millis(50)).await;
        assert!(lost.try_recv().is_none());
    })
    .await;
}

#[tokio::test]
async fn an_idempotent_job_whose_worker_was_killed_is_done_by_another() {
    within(async {
        let router = Router::new();
        let pool = hands::<Again>(2).start(&router).unwrap();
        let first = router.request(job("pid").idempotent()).await.unwrap();
        let asked = join_all((0..2).map(|_| router.request(job("sleep").number(100).idempotent())));
        let kill = async {
            until("both are at work", || pool.busy() == 2).await;
            kill(&first);
        };
        let (answers, ()) = futures_util::future::join(asked, kill).await;
        assert_eq!(answers, [Ok("slept".into()), Ok("slept".into())]);
        assert_eq!(pool.vitals().counts.restarts, 1);
    })
    .await;
}

#[tokio::test]
async fn a_crash_loop_is_told_and_jobs_do_not_wait_for_it() {
    within(async {
        let router = Router::new();
        let mut loops = router.subscribe::<CrashLoop>();
        let pool = hands_with::<Do>(2, &["exit", "7"]).backoff(Backoff::constant(Duration::from_millis(1)));
        let pool = pool.crash_loop(4, Backoff::constant(Duration::from_secs(3_600))).start(&router).unwrap();
        let news = loops.recv().await.unwrap();
        assert_eq!((news.pool.as_str(), news.deaths, news.death.code()), ("hand", 4, Some(7)));
        assert_eq!(news.pause, Duration::from_secs(3_600));
        // One of them may have been started before.
        let death = loop {
            match death(router.request(job("echo")).await) {
                death if matches!(death.cause, DeathCause::CrashLoop { .. }) => break death.to_string(),
                death => assert_eq!(death.code(), Some(7)),
            }
        };
        assert!(death.contains("keeps dying, ") && death.contains(" times in a row"), "{death}");
        assert!(
            death.ends_with("the last time it exited with code 7; it said last: it will not do"),
            "{death}"
        );
        let health = pool.health().await;
        assert_eq!((health.status, health.ready), (Status::Failed, false));
        let reason = health.reason.unwrap();
        assert!(reason.contains(" workers died in a row without an answer: hand-"), "{reason}");
        assert!(loops.try_recv().is_none());
        let _ = pool.stop(Instant::now() + Duration::from_secs(20)).await;
    })
    .await;
}

#[tokio::test]
async fn a_crash_loop_ends_with_the_first_answer() {
    within(async {
        let router = Router::new();
        let (mut loops, mut over) = (router.subscribe::<CrashLoop>(), router.subscribe::<CrashLoopOver>());
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("worker.sh");
        std::fs::write(&script, "exit 1").unwrap();
        let pool = edri_worker::Pool::command::<Do>("/bin/sh", [&script]).size(2).name("hand");
        let pool = pool.backoff(Backoff::constant(Duration::from_millis(1)));
        let pool = pool.crash_loop(3, Backoff::constant(Duration::from_millis(20))).start(&router).unwrap();
        assert_eq!(loops.recv().await.unwrap().deaths, 3);
        // The other one may have been alive then; in between, one is tried.
        assert!((4..6).contains(&loops.recv().await.unwrap().deaths));
        let hand = crate::program::example("hand");
        std::fs::write(&script, format!("exec {} well", hand.display())).unwrap();
        let answer = loop {
            match router.request(job("echo").text("well")).await {
                Err(RequestError::WorkerDied(_)) => sleep(Duration::from_millis(5)).await,
                answer => break answer,
            }
        };
        assert_eq!(answer, Ok("well".into()));
        assert_eq!(over.recv().await.unwrap().pool, "hand");
        until("both are there again", || crate::program::children_called("hand", "well").len() == 2).await;
        let reason = pool.health().await.reason.unwrap_or_default();
        assert!(!reason.contains("in a row"), "{reason}");
    })
    .await;
}

#[tokio::test]
async fn a_program_that_cannot_be_executed_any_more_is_a_death_that_says_so() {
    within(async {
        let router = Router::new();
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("hand");
        std::fs::copy(crate::program::example("hand"), &program).unwrap();
        let pool = edri_worker::Pool::command::<Do>(&program, ["work"]);
        let pool = pool.crash_loop(1, Backoff::constant(Duration::from_secs(60))).start(&router).unwrap();
        assert_eq!(router.request(job("echo").text("here")).await, Ok("here".into()));
        std::fs::remove_file(&program).unwrap();
        assert_eq!(death(router.request(job("exit").number(1)).await).code(), Some(1));
        let death = death(router.request(job("echo")).await);
        assert!(death.to_string().contains("No such file or directory"), "{death}");
        drop(pool);
    })
    .await;
}

/// Behaviour 55 of the original: where the setup fails, the job is not done, and the slot is free.
#[tokio::test]
async fn a_worker_that_fails_before_it_is_ready_does_no_job_and_frees_its_slot() {
    within(async {
        let router = Router::new();
        let mut lost = router.subscribe::<WorkerLost>();
        let pool = hands_with::<Do>(1, &["exit", "9"]).ready_within(Duration::from_secs(20));
        let pool = pool.crash_loop(2, Backoff::constant(Duration::from_secs(60)));
        let pool = pool.backoff(Backoff::constant(Duration::from_millis(1))).start(&router).unwrap();
        assert_eq!(lost.recv().await.unwrap().death.stderr, ["it will not do"]);
        let death = death(router.request(job("echo")).await);
        assert!(matches!(death.cause, DeathCause::CrashLoop { .. }), "{death}");
        assert_eq!((pool.busy(), pool.waiting()), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_panic_in_what_makes_the_line_is_an_answer() {
    #[derive(edri_event::Request)]
    #[request(response = String)]
    struct Bad;
    impl serde::Serialize for Bad {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("I cannot be written")
        }
    }
    #[derive(edri_event::Request)]
    #[request(response = String)]
    struct Worse;
    impl serde::Serialize for Worse {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("nor can I"))
        }
    }

    within(async {
        let router = Router::new();
        let _bad = hands::<Bad>(1).start(&router).unwrap();
        let _worse = hands::<Worse>(1).start(&router).unwrap();
        for _ in 0..3 {
            let panicked = router.request(Bad).await;
            assert_eq!(panicked, Err(RequestError::Panicked { message: "I cannot be written".into() }));
            let failed = router.request(Worse).await;
            assert_eq!(failure_code(failed), "error");
        }
    })
    .await;
}
