//! A process for each job: ordinary tools, and what becomes of those that fail.

use std::time::Duration;

use edri_event::Request;
use edri_router::{DeathCause, RequestError, Router};
use edri_worker::{Invocation, Limits, Pool};
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use tokio::time::Instant;

use crate::program::{children_called, death, example, failure_code, until, within};

/// A script, and what it reads.
#[derive(Request)]
#[request(response = String)]
struct Shell(&'static str, String);

/// The same, and it may be run twice.
#[derive(Request)]
#[request(response = String, idempotent)]
struct Twice(&'static str);

fn shells(size: usize) -> edri_worker::CommandPool<Shell, edri_worker::PerJob<Shell>> {
    Pool::command::<Shell>("/bin/sh", ["-c"]).size(size).name("shell").keep_env("PATH").per_job_with(
        |job| Ok(Invocation::new().arg(job.0).stdin(job.1)),
        |output| Ok(output.text()?.to_owned()),
    )
}

fn shell(script: &'static str) -> Shell {
    Shell(script, String::new())
}

#[tokio::test]
async fn a_tool_reads_the_job_and_writes_the_answer() {
    within(async {
        let router = Router::new();
        let _pool = shells(2).start(&router).unwrap();
        let sorted = router.request(Shell("sort -r", "a\nc\nb\n".into())).await;
        assert_eq!(sorted, Ok("c\nb\na\n".into()));
        // More than a pipe holds, in both directions at once.
        let text = "0123456789abcdef\n".repeat(60_000);
        assert_eq!(router.request(Shell("cat", text.clone())).await, Ok(text));
        let ignored = router.request(Shell("head -n 1", "x\n".repeat(100_000))).await;
        assert_eq!(ignored, Ok("x\n".into()), "it need not read all of it");
    })
    .await;
}

#[tokio::test]
async fn a_job_may_be_json_and_its_answer_too() {
    #[derive(Request, serde::Serialize)]
    #[request(response = serde_json::Value)]
    struct Ask {
        question: &'static str,
    }

    within(async {
        let router = Router::new();
        let _pool = Pool::command::<Ask>(example("hand"), ["echo"]).per_job().start(&router).unwrap();
        let answer = router.request(Ask { question: "why?" }).await.unwrap();
        assert_eq!(answer, serde_json::json!({"question": "why?"}));
        let pool =
            Pool::command::<Ask>("/bin/sh", ["-c", "echo no json"]).per_job().start_private(&router).unwrap();
        let error = pool.request(Ask { question: "why?" }).await;
        assert_eq!(failure_code(error), "malformed-answer");
    })
    .await;
}

#[tokio::test]
async fn an_exit_code_that_is_no_answer_is_a_failure_with_the_last_words() {
    within(async {
        let router = Router::new();
        let _pool = shells(1).exit_codes([0, 1]).start(&router).unwrap();
        assert_eq!(router.request(shell("echo one; exit 1")).await, Ok("one\n".into()));
        let failed = router.request(shell("echo here; echo first >&2; echo no such thing >&2; exit 2")).await;
        let failure = failed.unwrap_err().failure().unwrap().clone();
        assert_eq!((failure.code(), failure.message()), ("exit-2", "first\nno such thing"));
        assert_eq!(failure_code(router.request(shell("printf '\\377'")).await), "malformed-answer");
    })
    .await;
}

#[tokio::test]
async fn a_signal_is_a_death() {
    within(async {
        let router = Router::new();
        let _pool = shells(1).start(&router).unwrap();
        assert_eq!(death(router.request(shell("kill -9 $$")).await).signal(), Some(9));
        let _pool = shells(1).limits(Limits::new().memory(32 << 20)).start_private(&router).unwrap();
        let grown =
            _pool.request(shell("(head -c 150000000 /dev/zero; sleep 100) | tail -c 140000000")).await;
        assert!(matches!(death(grown).cause, DeathCause::OverLimit { .. }));
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_and_what_writes_it_ended() {
    within(async {
        let router = Router::new();
        let _pool = shells(1).largest_answer(10_000).start(&router).unwrap();
        let error = router.request(shell("cat /dev/zero")).await.unwrap_err();
        assert_eq!(error.failure().unwrap().code(), "answer-too-large");
        assert_eq!(router.request(shell("echo on")).await, Ok("on\n".into()));
        let exactly = router.request(shell("head -c 10000 /dev/zero | tr '\\0' x")).await.unwrap();
        assert_eq!(exactly.len(), 10_000);
    })
    .await;
}

#[tokio::test]
async fn as_many_run_at_once_as_the_pool_has_places() {
    within(async {
        let router = Router::new();
        let pool = shells(3).start(&router).unwrap();
        let asked = join_all((0..9).map(|_| router.request(shell("sleep 0.05; echo done"))));
        let look = async {
            until("three at once", || pool.busy() == 3).await;
            assert_eq!(pool.vitals().workers.unwrap().limit, 3);
        };
        let (answers, ()) = join(asked, look).await;
        assert!(answers.into_iter().all(|answer| answer == Ok("done\n".into())));
        assert_eq!((pool.busy(), pool.vitals().counts.processed), (0, 9));
        assert_eq!(pool.reload().await, Ok(3), "each job has the program as it is");
        assert!(pool.health().await.ready);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_nobody_waits_for_is_ended_with_all_it_has_started() {
    within(async {
        let router = Router::new();
        let pool = shells(1).start(&router).unwrap();
        let mut asked = Box::pin(router.request(shell("sleep 4321 & sleep 4321; echo never")));
        assert!((&mut asked).now_or_never().is_none());
        until("it sleeps", || sleepers("4321") == 2).await;
        drop(asked);
        until("all are gone", || sleepers("4321") == 0).await;
        let late = router.request(shell("sleep 4322")).timeout(Duration::from_millis(50)).await;
        assert!(matches!(late, Err(RequestError::TimedOut { .. })));
        until("it is gone, too", || sleepers("4322") == 0 && pool.busy() == 0).await;
    })
    .await;
}

/// Processes that sleep for so long, in this machine.
fn sleepers(time: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let commands =
        processes.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok());
    commands.filter(|command| *command == format!("sleep\0{time}\0")).count()
}

#[tokio::test]
async fn a_job_beyond_the_pools_limit_is_given_up() {
    within(async {
        let router = Router::new();
        let pool = shells(1).job_limit(Duration::from_millis(50)).cancel_grace(Duration::from_millis(100));
        let _pool = pool.start(&router).unwrap();
        let stubborn = router.request(shell("trap '' TERM; while :; do sleep 0.01; done")).await;
        assert_eq!(stubborn, Err(RequestError::Abandoned));
        assert_eq!(router.request(shell("echo on")).await, Ok("on\n".into()));
    })
    .await;
}

#[tokio::test]
async fn what_a_tool_leaves_behind_does_not_keep_its_answer() {
    within(async {
        let router = Router::new();
        let _pool = shells(1).start(&router).unwrap();
        // The sleeper has the same output, and would hold it open.
        let answer = router.request(shell("sleep 4323 & echo done")).await;
        assert_eq!(answer, Ok("done\n".into()));
        until("it is gone", || sleepers("4323") == 0).await;
    })
    .await;
}

#[tokio::test]
async fn an_idempotent_job_is_tried_again_and_one_that_only_fails_is_not() {
    within(async {
        let (router, folder) = (Router::new(), tempfile::tempdir().unwrap());
        let pool = Pool::command::<Twice>("/bin/sh", ["-c"]).current_dir(folder.path()).keep_env("PATH");
        let pool =
            pool.per_job_with(|job| Ok(Invocation::new().arg(job.0)), |output| Ok(output.text()?.to_owned()));
        let _pool = pool.start(&router).unwrap();
        let tried =
            router.request(Twice("echo x >>tries; [ $(wc -l <tries) = 3 ] || kill -9 $$; cat tries")).await;
        assert_eq!(tried, Ok("x\nx\nx\n".into()));
        assert_eq!(failure_code(router.request(Twice("echo y >>fails; exit 3")).await), "exit-3");
        assert_eq!(std::fs::read_to_string(folder.path().join("fails")).unwrap(), "y\n");
    })
    .await;
}

#[tokio::test]
async fn at_the_end_what_runs_is_asked_and_then_killed() {
    within(async {
        let router = Router::new();
        let folder = tempfile::tempdir().unwrap();
        let pool = shells(2).current_dir(folder.path()).grace(Duration::from_secs(1)).start(&router).unwrap();
        let mut polite = Box::pin(
            router.request(shell("trap 'echo bye; exit 0' TERM; >ready; while :; do sleep 0.01; done")),
        );
        let mut stuck = Box::pin(router.request(shell("sleep 4324")));
        assert!((&mut polite).now_or_never().is_none() && (&mut stuck).now_or_never().is_none());
        until("both run", || pool.busy() == 2 && sleepers("4324") == 1).await;
        until("the trap is there", || folder.path().join("ready").exists()).await;
        let unfinished = pool.stop(Instant::now() + Duration::from_secs(2)).await;
        assert_eq!((unfinished.waiting, unfinished.running), (0, 1));
        assert_eq!((polite.await, stuck.await), (Ok("bye\n".into()), Err(RequestError::Cancelled)));
        until("all are gone", || sleepers("4324") == 0).await;
    })
    .await;
}

#[tokio::test]
async fn what_makes_an_answer_may_fail_or_panic() {
    within(async {
        let router = Router::new();
        let pool = Pool::command::<Shell>("/bin/sh", ["-c"]).per_job_with(
            |job| match job.0 {
                "refuse" => Err(edri_event::Failure::new("refused", "not today")),
                "panic" => panic!("in invoke"),
                script => Ok(Invocation::new().arg(script)),
            },
            |_| panic!("in answer"),
        );
        let _pool = pool.start(&router).unwrap();
        assert_eq!(failure_code(router.request(shell("refuse")).await), "refused");
        let panicked = |message: &str| Err(RequestError::Panicked { message: message.into() });
        assert_eq!(router.request(shell("panic")).await, panicked("in invoke"));
        assert_eq!(router.request(shell("echo")).await, panicked("in answer"));
    })
    .await;
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_told_to_each_job() {
    within(async {
        let (router, folder) = (Router::new(), tempfile::tempdir().unwrap());
        let program = folder.path().join("tool");
        std::fs::copy("/bin/true", &program).unwrap();
        let pool = Pool::command::<Shell>(&program, ["x"])
            .per_job_with(|_| Ok(Invocation::new()), |_| Ok("fine".into()))
            .start(&router)
            .unwrap();
        assert_eq!(router.request(shell("")).await, Ok("fine".into()));
        std::fs::remove_file(&program).unwrap();
        for _ in 0..3 {
            let death = death(router.request(shell("")).await);
            assert!(matches!(death.cause, DeathCause::NotStarted { .. }), "{death}");
        }
        assert!(children_called("tool", "").is_empty());
        drop(pool);
    })
    .await;
}
