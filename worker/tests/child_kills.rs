//! Processes of a program that are killed all the time: what becomes of jobs, and what is left behind.

#![cfg(target_os = "linux")]
#[path = "support/program.rs"]
mod program;
#[path = "support/smith.rs"]
mod smith;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use edri_router::{RequestError, Router};
use edri_worker::{Pool, ProcessPool, ProcessWorker, WorkerLost};
use futures_util::StreamExt as _;
use program::{children, children_called, descriptors, example, kill, until, within};
use smith::{Smith, Tinker, job, mapped};
use tokio::time::{Instant, sleep};

/// As many as there are jobs of either kind, those that may be done twice and those that may not.
const JOBS: u64 = 5_000;

fn processes<W: ProcessWorker>(mark: &str) -> ProcessPool<W> {
    let backoff = edri_router::Backoff::constant(Duration::from_millis(5));
    let pool = Pool::processes::<W>(3).executable(example("smith")).keep_env("LLVM_PROFILE_FILE");
    pool.arg(mark).in_flight(4).backoff(backoff).crash_loop(10_000, backoff)
}

/// What there is in shared memory that has a name; ours has none.
fn shared_memory() -> usize {
    std::fs::read_dir("/dev/shm").map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_ten_thousand_jobs_is_answered_once_while_a_process_is_killed_every_50_ms() {
    within(async {
        let router = Router::new();
        // Whatever stays open for good is there before.
        let pool = processes::<Smith>("before").start(&router).unwrap();
        assert_eq!(router.request(job("echo")).await, Ok(String::new()));
        let _ = pool.stop(Instant::now() + Duration::from_secs(20)).await;
        until("it is gone", || children_called("smith", "before").is_empty()).await;
        let (open, relatives, shared) = (descriptors(), children().len(), shared_memory());

        let careful = processes::<Smith>("careful").start(&router).unwrap();
        let bold = processes::<Tinker>("bold").retries(1_000).start(&router).unwrap();
        let mut lost = router.subscribe::<WorkerLost>();
        let (done, killed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let killer = tokio::spawn({
            let (done, killed) = (Arc::clone(&done), Arc::clone(&killed));
            async move {
                let mut dice = 0x9e37_79b9_u64;
                while !done.load(SeqCst) {
                    sleep(Duration::from_millis(50)).await;
                    let mut children = children_called("smith", "careful");
                    children.extend(children_called("smith", "bold"));
                    dice =
                        dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    if let Some(child) = children.get((dice >> 33) as usize % children.len().max(1)) {
                        kill(child);
                        killed.fetch_add(1, SeqCst);
                    }
                }
            }
        });
        // Every hundredth is so long that it does not go through the socket.
        let text = |number: u64| {
            let length = if number.is_multiple_of(100) { 100_000 } else { 0 };
            number.to_string() + &"x".repeat(length)
        };
        let asking_careful = async {
            let answers = futures_util::stream::iter(0..JOBS).map(|number| {
                let asked = router.request(job("sleep").number(1).text(text(number)));
                async move { (number, asked.await) }
            });
            let answers: Vec<_> = answers.buffer_unordered(100).collect().await;
            let mut died = 0;
            for (number, answer) in &answers {
                match answer {
                    Ok(answer) => assert!(*answer == text(*number)),
                    Err(RequestError::WorkerDied(death)) => {
                        assert_eq!(death.signal(), Some(9), "{death}");
                        died += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            (answers.len(), died)
        };
        let asking_boldly = async {
            let answers = futures_util::stream::iter(0..JOBS).map(|number| {
                let asked = router.request(job("sleep").number(1).text(text(number)).idempotent());
                async move { assert!(asked.await.unwrap() == text(number)) }
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
        // No zombie, no descriptor, no shared memory.
        until("no child is left", || children().len() == relatives).await;
        until("no descriptor is left", || descriptors() <= open).await;
        assert_eq!((mapped(), shared_memory() <= shared), (0, true));
    })
    .await;
}
