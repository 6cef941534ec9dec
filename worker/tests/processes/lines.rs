//! What a worker may say, and what it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use edri_event::{Failure, Notification};
use edri_router::{RequestError, Router};
use futures_util::future::join_all;
use serde::Deserialize;

use crate::program::{Do, death, failure_code, hands, hands_with, job, until, within};

#[tokio::test]
async fn a_job_is_a_line_and_so_is_its_answer() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(2).start(&router).unwrap();
        for number in 0..100 {
            let text = format!("number {number}, with \"quotes\", a\nline feed and ů");
            assert_eq!(router.request(job("echo").text(&text)).await, Ok(text));
        }
    })
    .await;
}

#[tokio::test]
async fn a_line_has_the_events_name_and_the_time_that_is_left() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(1).start(&router).unwrap();
        let line = router.request(job("line")).await.unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["event"], &line["job"]["do"]), (&"test::Do".into(), &"line".into()));
        assert_eq!(line.get("timeout_ms"), None);
        let line = router.request(job("line")).timeout(Duration::from_secs(3_600)).await.unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!((3_500_000..=3_600_000).contains(&line["timeout_ms"].as_u64().unwrap()), "{line}");
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_an_answer() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).start(&router).unwrap();
        let failed = router.request(job("fail").text("no-paper")).await;
        assert_eq!(failed, Err(RequestError::Failed(Failure::new("no-paper", "as told"))));
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
        let counts = pool.vitals().counts;
        assert_eq!((counts.processed, counts.failed, counts.restarts), (2, 1, 0));
    })
    .await;
}

#[tokio::test]
async fn progress_reaches_the_requester_before_the_answer() {
    within(async {
        let (router, seen) = (Router::new(), Arc::new(Mutex::new(Vec::new())));
        let _pool = hands::<Do>(1).start(&router).unwrap();
        let sink = Arc::clone(&seen);
        let asked = router.request(job("progress").number(3));
        let answer =
            asked.on_progress(move |progress| sink.lock().unwrap().push((progress.done, progress.total)));
        assert_eq!(answer.await, Ok("done".into()));
        assert_eq!(*seen.lock().unwrap(), [(1, 3), (2, 3), (3, 3)]);
    })
    .await;
}

/// Behaviour 54 of the original: what a worker emits reaches those who want it.
#[tokio::test]
async fn a_worker_sends_the_notifications_that_its_pool_declares_and_no_others() {
    #[derive(Notification, Deserialize)]
    #[notification(name = "shop::Sold")]
    struct Sold {
        value: u64,
    }

    within(async {
        let router = Router::new();
        let mut sold = router.subscribe::<Sold>();
        let _pool = hands::<Do>(1).notifies::<Sold>().start(&router).unwrap();
        let told = router.request(job("notify").text("shop::Sold").number(7)).await;
        assert_eq!(told, Ok("told".into()));
        assert_eq!(sold.recv().await.unwrap().value, 7, "it was there before the answer");
        let ignored = router.request(job("notify").text("shop::Stolen").number(8)).await;
        assert_eq!(ignored, Ok("told".into()));
        assert!(sold.try_recv().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_worker_has_as_many_jobs_at_a_time_as_it_says_and_as_the_pool_lets_it() {
    within(async {
        let router = Router::new();
        let ready = r#"{"ready":{"concurrency":5}}"#;
        let pool = hands_with::<Do>(1, &["say", ready]).in_flight(3).ready_within(Duration::from_secs(20));
        let pool = pool.start(&router).unwrap();
        // It says that it takes five, does one after the other, and has read the next ones while it sleeps.
        let asked: Vec<_> = (0..8).map(|_| Box::pin(router.request(job("sleep").number(20)))).collect();
        let all = join_all(asked);
        let look = async {
            until("three at a time", || pool.busy() == 3).await;
            assert_eq!((pool.waiting(), pool.vitals().workers.unwrap().limit), (5, 3));
        };
        let (answers, ()) = futures_util::future::join(all, look).await;
        answers.into_iter().for_each(|answer| assert_eq!(answer, Ok("slept".into())));
        assert_eq!(pool.busy(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_says_nothing_has_one_job_at_a_time() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(2).start(&router).unwrap();
        let asked: Vec<_> = (0..6).map(|_| Box::pin(router.request(job("sleep").number(10)))).collect();
        let look = async {
            until("both at work", || pool.busy() == 2).await;
            assert_eq!(
                pool.waiting() + pool.busy() + usize::try_from(pool.vitals().counts.processed).unwrap(),
                6
            );
        };
        futures_util::future::join(join_all(asked), look).await;
        let workers = pool.vitals().workers.unwrap();
        assert_eq!((workers.busy, workers.limit), (0, 2));
    })
    .await;
}

#[tokio::test]
async fn a_line_that_is_no_answer_fails_the_job_alone() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(1).start(&router).unwrap();
        let pid = router.request(job("pid")).await;
        // With the number of the job it is clear what the line is about, and the worker goes on.
        let answer = router.request(job("raw").text(r#"{"id":2,"failure":"no"}"#)).await;
        assert_eq!(failure_code(answer), "malformed-answer");
        assert_eq!(router.request(job("pid")).await, pid);
        // Without it is not to be trusted, and is replaced.
        for garbage in ["hello", "{}", "\u{0}\u{7f}", r#"[1]"#] {
            let answer = router.request(job("raw-then-answer").text(garbage)).await;
            assert_eq!(failure_code(answer), "malformed-answer", "{garbage}");
            assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
        }
        assert_ne!(router.request(job("pid")).await, pid);
    })
    .await;
}

#[tokio::test]
async fn a_line_beyond_the_longest_fails_the_job_alone() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(1).longest_line(1_000).start(&router).unwrap();
        let pid = router.request(job("pid")).await;
        let long = router.request(job("long-line").number(1_000_000)).await.unwrap_err();
        let expected = "a line of 1000000 bytes, expected at most 1000";
        assert!(long.to_string().contains(expected), "{long}");
        let too_large = router.request(job("echo").text("x".repeat(1_000))).await.unwrap_err();
        assert_eq!(too_large.failure().unwrap().code(), "job-too-large");
        assert!(too_large.to_string().ends_with("bytes as JSON, expected at most 1000"), "{too_large}");
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
        assert_ne!(router.request(job("pid")).await, pid);
    })
    .await;
}

#[tokio::test]
async fn an_answer_of_another_type_fails_the_job_alone() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(1).start(&router).unwrap();
        let error = router.request(job("wrong-type")).await.unwrap_err().to_string();
        assert!(error.contains("expected alloc::string::String as the response of a worker"), "{error}");
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
    })
    .await;
}

#[tokio::test]
async fn a_second_answer_is_nobodys() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(1).start(&router).unwrap();
        for _ in 0..50 {
            assert_eq!(router.request(job("twice")).await, Ok("one".into()));
        }
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_floods_its_output_is_ended_and_replaced() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(1).longest_line(100_000).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        assert_eq!(failure_code(router.request(job("flood")).await), "malformed-answer");
        let next = router.request(job("pid")).await.unwrap();
        assert_ne!(next, pid);
        // What never ends a line says nothing, and is bounded all the same.
        let pool = hands::<Do>(1).longest_line(100_000).job_limit(Duration::from_millis(300));
        let pool = pool.cancel_grace(Duration::from_millis(10)).start_private(&router).unwrap();
        assert_eq!(pool.request(job("flood-without-lines")).await, Err(RequestError::Abandoned));
        assert_eq!(pool.request(job("echo").text("on")).await, Ok("on".into()));
    })
    .await;
}

#[tokio::test]
async fn a_line_that_may_be_any_jobs_is_laid_to_the_one_that_is_left() {
    within(async {
        let router = Router::new();
        let ready = r#"{"ready":{"concurrency":4}}"#;
        let pool = hands_with::<Do>(1, &["say", ready]).ready_within(Duration::from_secs(20));
        let _pool = pool.start(&router).unwrap();
        let pid = router.request(job("pid")).await;
        let jobs = [job("sleep").number(50), job("raw").text("oops"), job("sleep").number(10)];
        let answers = join_all(jobs.map(|job| router.request(job))).await;
        assert_eq!(answers[0], Ok("slept".into()));
        assert_eq!(failure_code(answers[1].clone()), "malformed-answer");
        assert_eq!(answers[2], Ok("slept".into()));
        assert_ne!(router.request(job("pid")).await, pid, "it was replaced, since it was not to be trusted");
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_wants_to_know_is_told_when_a_job_is_not_wanted_any_more() {
    within(async {
        let router = Router::new();
        let mut output = router.subscribe::<edri_worker::WorkerOutput>();
        let ready = r#"{"ready":{"cancel":true}}"#;
        let pool = hands_with::<Do>(1, &["say", ready]).start(&router).unwrap();
        assert_eq!(router.request(job("echo").text("up")).await, Ok("up".into()));
        let folder = tempfile::tempdir().unwrap();
        let awaited = folder.path().join("awaited");
        let mut asked = Box::pin(router.request(job("wait-for").text(awaited.to_str().unwrap())));
        tokio::select! {
            answer = &mut asked => panic!("{answer:?}"),
            () = until("the worker has the job", || pool.busy() == 1) => {}
        }
        drop(asked);
        std::fs::write(&awaited, "").unwrap();
        // It hears of it when it is done.
        loop {
            let line = output.recv().await.unwrap();
            if line.line == r#"told: {"cancel":2}"# {
                break;
            }
        }
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_is_not_ready_in_time_is_no_worker() {
    within(async {
        let router = Router::new();
        let mut lost = router.subscribe::<edri_worker::WorkerLost>();
        let pool = hands_with::<Do>(1, &["stay-silent"]).ready_within(Duration::from_millis(50));
        let _pool = pool.start(&router).unwrap();
        let death = lost.recv().await.unwrap().death.clone();
        assert_eq!(
            death.to_string(),
            "hand-0 could not be started: it did not say within 50ms that it is ready"
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_pool_is_said_when_it_is_started() {
    let router = Router::new();
    let error = hands::<Do>(0).start(&router).unwrap_err().to_string();
    assert_eq!(error, "the pool hand needs at least 1 worker, not 0");
    let nowhere = edri_worker::Pool::command::<Do>("no-such-program", ["x"]).start(&router);
    assert_eq!(
        nowhere.unwrap_err().to_string(),
        "the pool Do cannot start its program: no-such-program is in none of the directories of PATH"
    );
    let error = hands::<Do>(1).current_dir("/no/such/place").start(&router).unwrap_err().to_string();
    assert!(error.ends_with("the working directory /no/such/place is no directory"), "{error}");
    let late = router.request(job("echo")).await;
    assert!(matches!(late, Err(RequestError::NoResponder { .. })), "{late:?}");
}

#[tokio::test]
async fn a_job_that_ends_its_worker_in_the_middle_of_a_line_has_not_been_answered() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(1).start(&router).unwrap();
        assert_eq!(death(router.request(job("half-an-answer")).await).signal(), Some(9));
        let pid = router.request(job("pid")).await.unwrap();
        assert_eq!(router.request(job("answer-and-exit")).await, Ok("bye".into()));
        until("it is buried", || !crate::program::exists(&pid)).await;
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
    })
    .await;
}
