//! Processes that are killed, end, hang and misbehave: who is told what, and that there is another.

use std::time::Duration;

use edri_router::{Backoff, DeathCause, RequestError, Router, WorkerLimit};
use edri_worker::{CrashLoop, Limits, WorkerLost, WorkerOutput};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::processes;
use crate::program::{children_called, death, exists, is_alive, kill, until, within};
use crate::smith::{Forged, Smith, Tinker, job};

/// Behaviours 52 and 56 of the original: a process that dies in the middle of a job answers it at once with how, its slot is
/// free, and there is another for the next.
#[tokio::test]
async fn a_process_that_dies_at_work_answers_its_job_with_how_and_is_replaced() {
    within(async {
        let router = Router::new();
        let pool = processes::<Smith>(1).start(&router).unwrap();
        let dead = death(router.request(job("exit").number(3)).await);
        assert_eq!((dead.worker.as_ref(), dead.code()), ("smith-0", Some(3)));
        assert_eq!(dead.stderr, ["the last words"]);
        let pid = router.request(job("pid")).await.unwrap();
        let asked = router.request(job("block"));
        let kill = async {
            until("it is at it", || pool.busy() == 1).await;
            kill(&pid);
        };
        let (answer, ()) = futures_util::future::join(asked, kill).await;
        assert_eq!(death(answer).signal(), Some(9));
        assert_eq!(death(router.request(job("abort")).await).signal(), Some(6));
        assert_eq!(router.request(job("who")).await, Ok("smith-0 0 1".into()));
        until("it is buried", || !exists(&pid)).await;
        let counts = pool.vitals().counts;
        assert_eq!((counts.failed, counts.restarts, pool.busy()), (3, 3, 0));
    })
    .await;
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_is_idle_is_replaced() {
    within(async {
        let router = Router::new();
        let mut lost = router.subscribe::<WorkerLost>();
        let _pool = processes::<Smith>(2).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        kill(&pid);
        assert_eq!(lost.recv().await.unwrap().death.signal(), Some(9));
        for answer in join_all((0..20).map(|_| router.request(job("pid")))).await {
            assert_ne!(answer.unwrap(), pid);
        }
    })
    .await;
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_starts_is_replaced_and_no_job_is_lost() {
    within(async {
        let router = Router::new();
        let mark = "killed-while-it-starts";
        let short = Backoff::constant(Duration::from_millis(1));
        let pool = processes::<Smith>(1).env("SETUP", "slow").arg(mark).backoff(short);
        let _pool = pool.crash_loop(100, Backoff::default()).start(&router).unwrap();
        let mut lost = router.subscribe::<WorkerLost>();
        let mut asked = Box::pin(router.request(job("echo").text("done")));
        assert!((&mut asked).now_or_never().is_none());
        for pause in [0, 1, 5, 20, 100] {
            until("it is started", || !children_called("smith", mark).is_empty()).await;
            sleep(Duration::from_millis(pause)).await;
            children_called("smith", mark).iter().for_each(|child| kill(child));
            assert_eq!(lost.recv().await.unwrap().death.signal(), Some(9));
        }
        assert_eq!(asked.await, Ok("done".into()));
    })
    .await;
}

#[tokio::test]
async fn jobs_that_may_be_done_twice_are_tried_again_elsewhere() {
    within(async {
        let router = Router::new();
        let pool = processes::<Tinker>(2).retries(3).start(&router).unwrap();
        let pid = router.request(job("pid").idempotent()).await.unwrap();
        let asked =
            join_all((0..6).map(|_| router.request(job("sleep").number(50).text("done").idempotent())));
        let kill = async {
            until("they are at it", || pool.busy() == 2).await;
            kill(&pid);
        };
        let (answers, ()) = futures_util::future::join(asked, kill).await;
        assert!(answers.iter().all(|answer| *answer == Ok("done".into())), "{answers:?}");
        // One that kills each of its workers is given up.
        let dead = death(router.request(job("abort").idempotent()).await);
        assert_eq!(dead.signal(), Some(6));
        assert_eq!(pool.vitals().counts.restarts, 1 + 4);
    })
    .await;
}

#[tokio::test]
async fn all_that_a_process_has_at_hand_is_answered_when_it_dies() {
    within(async {
        let router = Router::new();
        let _pool = processes::<Smith>(1).in_flight(4).start(&router).unwrap();
        let mut asked: Vec<_> = (0..3).map(|_| router.request(job("sleep").number(30))).collect();
        asked.push(router.request(job("abort")));
        asked.extend((0..4).map(|_| router.request(job("sleep").number(1).text("later"))));
        let answers = join_all(asked).await;
        // The last answer before it may have been lost with it.
        assert!(answers[..2].iter().all(Result::is_ok), "{answers:?}");
        let died = answers.iter().filter(|answer| matches!(answer, Err(RequestError::WorkerDied(_)))).count();
        assert!((1..=5).contains(&died), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 8 - died);
        assert_eq!(answers[7], Ok("later".into()));
    })
    .await;
}

/// Its answer is in the socket when it dies: it counts.
#[tokio::test]
async fn an_answer_that_was_given_before_a_process_died_arrives() {
    within(async {
        let router = Router::new();
        let (mut told, mut lost) = (router.subscribe::<Forged>(), router.subscribe::<WorkerLost>());
        let _pool = processes::<Smith>(1).start(&router).unwrap();
        for length in [1, 1_000, 2_000_000] {
            let pid = router.request(job("pid")).await.unwrap();
            let text = "x".repeat(length);
            let mut asked = Box::pin(router.request(job("die-later").number(200).text(text.clone())));
            tokio::select! {
                biased;
                _ = told.recv() => {}
                answer = &mut asked => panic!("{:?}", answer.map(|text| text.len())),
            }
            // Nothing is read before it is dead.
            let begun = Instant::now();
            while is_alive(&pid) {
                assert!(begun.elapsed() < Duration::from_secs(20), "it does not die");
                std::thread::sleep(Duration::from_millis(1));
            }
            let answer = asked.await;
            assert!(answer.as_ref() == Ok(&text), "{:?}", answer.map(|text| text.len()));
            assert_eq!(lost.recv().await.unwrap().death.signal(), Some(6));
        }
    })
    .await;
}

#[tokio::test]
async fn a_crash_loop_opens_a_breaker_and_says_so() {
    within(async {
        let router = Router::new();
        let mut loops = router.subscribe::<CrashLoop>();
        let short = Backoff::constant(Duration::from_millis(1));
        let pool =
            processes::<Smith>(1).backoff(short).crash_loop(3, Backoff::constant(Duration::from_secs(60)));
        let _pool = pool.start(&router).unwrap();
        for _ in 0..3 {
            assert_eq!(death(router.request(job("abort")).await).signal(), Some(6));
        }
        assert_eq!(loops.recv().await.unwrap().deaths, 3);
        let begun = Instant::now();
        let dead = death(router.request(job("echo")).await);
        assert!(matches!(dead.cause, DeathCause::CrashLoop { deaths: 3, .. }), "{dead}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    })
    .await;
}

#[tokio::test]
async fn a_process_and_its_own_child_that_ignore_sigterm_are_killed_when_the_grace_is_over() {
    within(async {
        let router = Router::new();
        let mut told = router.subscribe::<Forged>();
        let pool = processes::<Smith>(1).grace(Duration::from_millis(200)).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        let asked = router.request(job("ignore-sigterm"));
        let stop = async {
            let child = told.recv().await.unwrap().worker.clone();
            assert!(is_alive(&child) && is_alive(&pid));
            let begun = Instant::now();
            let unfinished = pool.stop(begun + Duration::from_secs(1)).await;
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
            (child, unfinished)
        };
        let (answer, (child, unfinished)) = futures_util::future::join(asked, stop).await;
        assert!(matches!(answer, Err(RequestError::Cancelled)), "{answer:?}");
        assert_eq!(unfinished.running, 1);
        until("both are gone", || !is_alive(&child) && !exists(&pid)).await;
    })
    .await;
}

/// Whoever sends it a SIGTERM has it finish what it has, and another come in its place.
#[tokio::test]
async fn a_process_that_gets_a_sigterm_from_elsewhere_finishes_its_job() {
    within(async {
        let router = Router::new();
        let pool = processes::<Smith>(1).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        let asked = router.request(job("sleep").number(100).text("finished"));
        let terminate = async {
            until("it is at it", || pool.busy() == 1).await;
            let process = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
            rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        };
        let (answer, ()) = futures_util::future::join(asked, terminate).await;
        assert_eq!(answer, Ok("finished".into()));
        assert_ne!(router.request(job("pid")).await.unwrap(), pid);
        until("it is gone", || !exists(&pid)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_floods_its_standard_output_harms_nobody() {
    within(async {
        let router = Router::new();
        let mut output = router.subscribe::<WorkerOutput>();
        let _pool = processes::<Smith>(1).start(&router).unwrap();
        assert_eq!(router.request(job("flood").number(200_000).text("done")).await, Ok("done".into()));
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
        let mut lines = 0;
        while output.try_recv().is_some() {
            lines += 1;
        }
        assert!((1..50_000).contains(&lines), "{lines} lines");
    })
    .await;
}

#[tokio::test]
async fn what_a_process_writes_is_told_line_by_line_with_its_name() {
    within(async {
        let router = Router::new();
        let mut output = router.subscribe::<WorkerOutput>();
        let _pool = processes::<Smith>(1).start(&router).unwrap();
        router.request(job("say").text("one\ntwo")).await.unwrap();
        let mut said = Vec::new();
        while said.len() < 4 {
            let line = output.recv().await.unwrap();
            assert_eq!(line.worker, "smith-0");
            said.push((line.stream, line.line.clone()));
        }
        said.sort_by_key(|(stream, _)| *stream == edri_worker::Stream::Stderr);
        let lines: Vec<_> = said.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(lines, ["one", "two", "one", "two!"]);
    })
    .await;
}

#[tokio::test]
async fn a_process_that_takes_more_than_it_may_is_killed_for_it() {
    within(async {
        let router = Router::new();
        let limits = Limits::new().memory(96 << 20);
        let _pool = processes::<Smith>(1).limits(limits).start(&router).unwrap();
        let dead = death(router.request(job("take").number(200 << 20)).await);
        assert!(matches!(dead.cause, DeathCause::OverLimit { limit: WorkerLimit::Memory { .. } }), "{dead}");
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
        let limits = Limits::new().cpu_time(Duration::from_secs(1));
        let spinning = processes::<Smith>(1).name("spinning").limits(limits).start_private(&router).unwrap();
        let dead = death(spinning.request(job("spin").number(30_000_000)).await);
        assert!(matches!(dead.cause, DeathCause::OverLimit { limit: WorkerLimit::CpuTime { .. } }), "{dead}");
    })
    .await;
}

/// Behaviour 51 of the original: after its workers have died, a pool has as many as before, and no more.
#[tokio::test]
async fn processes_are_recycled_in_order_and_there_are_never_more_than_there_may_be() {
    within(async {
        let router = Router::new();
        let pool = processes::<Smith>(2).recycle_after(3).start(&router).unwrap();
        let mut pids = std::collections::BTreeSet::new();
        for answer in join_all((0..18).map(|_| router.request(job("pid").number(5)))).await {
            pids.insert(answer.unwrap());
        }
        assert!((6..=8).contains(&pids.len()), "{pids:?}");
        assert_eq!(pool.vitals().counts.restarts, 0);
        drop(pool);
        let leaking =
            processes::<Smith>(1).name("leaking").recycle_above(64 << 20).start_private(&router).unwrap();
        let before = leaking.request(job("pid")).await.unwrap();
        leaking.request(job("keep").number(100 << 20)).await.unwrap();
        assert_ne!(leaking.request(job("pid")).await.unwrap(), before);
    })
    .await;
}
