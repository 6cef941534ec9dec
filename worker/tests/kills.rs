//! Workers that are killed all the time: what becomes of jobs, and what is left behind.

#![cfg(target_os = "linux")]

#[path = "support/program.rs"]
mod program;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use edri_router::{DeathCause, RequestError, Router};
use edri_worker::WorkerLost;
use futures_util::StreamExt as _;
use program::{Again, Do, children, children_called, descriptors, hands_with, job, kill, until, within};
use tokio::time::{Instant, sleep};

/// As many as there are jobs of either kind, those that may be done twice and those that may not.
const JOBS: u64 = 5_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_ten_thousand_jobs_is_answered_once_while_a_child_is_killed_every_50_ms() {
    within(async {
        let router = Router::new();
        // Whatever stays open for good is there before.
        let pool = hands_with::<Do>(1, &["before"]).start(&router).unwrap();
        assert_eq!(router.request(job("echo")).await, Ok(String::new()));
        let _ = pool.stop(Instant::now() + Duration::from_secs(20)).await;
        until("it is gone", || children_called("hand", "before").is_empty()).await;
        let (open, relatives) = (descriptors(), children().len());

        let ready = r#"{"ready":{"concurrency":4}}"#;
        let careful = hands_with::<Do>(3, &["say", ready, "careful"]).start(&router).unwrap();
        let bold = hands_with::<Again>(3, &["say", ready, "bold"]).retries(1_000).start(&router).unwrap();
        let mut lost = router.subscribe::<WorkerLost>();
        let (done, killed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let killer = tokio::spawn({
            let (done, killed) = (Arc::clone(&done), Arc::clone(&killed));
            async move {
                let mut dice = 0x9e37_79b9_u64;
                while !done.load(SeqCst) {
                    sleep(Duration::from_millis(50)).await;
                    let mut children = children_called("hand", "careful");
                    children.extend(children_called("hand", "bold"));
                    dice =
                        dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    if let Some(child) = children.get((dice >> 33) as usize % children.len().max(1)) {
                        kill(child);
                        killed.fetch_add(1, SeqCst);
                    }
                }
            }
        });
        let asking_careful = async {
            let answers = futures_util::stream::iter(0..JOBS).map(|number| {
                let asked = router.request(job("sleep-then-echo").number(1).text(number.to_string()));
                async move { (number, asked.await) }
            });
            let answers: Vec<_> = answers.buffer_unordered(100).collect().await;
            let mut died = 0;
            for (number, answer) in &answers {
                match answer {
                    Ok(text) => assert_eq!(*text, number.to_string()),
                    Err(RequestError::WorkerDied(death)) => {
                        assert!(matches!(death.cause, DeathCause::Signalled { signal: 9 }), "{death}");
                        died += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            (answers.len(), died)
        };
        let asking_boldly = async {
            let answers = futures_util::stream::iter(0..JOBS).map(|number| {
                let job = job("sleep-then-echo").number(1).text(number.to_string());
                let asked = router.request(job.idempotent());
                async move { assert_eq!(asked.await, Ok(number.to_string())) }
            });
            answers.buffer_unordered(100).count().await
        };
        let ((careful_answers, died), bold_answers) =
            futures_util::future::join(asking_careful, asking_boldly).await;
        done.store(true, SeqCst);
        killer.await.unwrap();
        assert_eq!((careful_answers as u64, bold_answers as u64), (JOBS, JOBS));
        let killed = killed.load(SeqCst);
        assert!(killed > 10, "only {killed} were killed");
        // Four jobs at most for each that was killed.
        assert!(died <= 4 * killed, "{died} jobs died of {killed} kills");
        assert_eq!((careful.busy(), careful.waiting(), bold.busy(), bold.waiting()), (0, 0, 0, 0));
        let later = Instant::now() + Duration::from_secs(20);
        let unfinished = (careful.stop(later).await, bold.stop(later).await);
        assert_eq!(unfinished, Default::default());
        let mut told = 0;
        while lost.try_recv().is_some() {
            told += 1;
        }
        assert!(told <= killed, "{told} of {killed}");
        // No zombie, no descriptor.
        until("no child is left", || children().len() == relatives).await;
        until("no descriptor is left", || descriptors() <= open).await;
    })
    .await;
}
