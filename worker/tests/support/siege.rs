//! Workers that are killed all the time: what becomes of their jobs.

#![allow(clippy::unwrap_used, reason = "a test's own")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use edri_event::Request;
use edri_router::{RequestError, Router};
use edri_worker::{RunningPool, Unfinished, WorkerLost};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, sleep};

use crate::program::{children, children_called, descriptors, kill, until};

/// For each of the two pools.
const JOBS: u64 = 5_000;
/// How often a worker is killed.
const EVERY: Duration = Duration::from_millis(50);

/// Whose jobs are answered once at most, and whose are tried again. Their workers have so many jobs at a time, and `careful`
/// or `bold` among their arguments.
pub(crate) struct Besieged<C: Request, B: Request> {
    pub(crate) careful: RunningPool<C>,
    pub(crate) bold: RunningPool<B>,
    pub(crate) at_a_time: usize,
}

impl<C: Request<Response = String>, B: Request<Response = String>> Besieged<C, B> {
    /// Ten thousand jobs, each answered once, with what `answer` says or by the death of its worker. Nothing of it is left.
    pub(crate) async fn holds(
        self,
        router: &Router,
        program: &'static str,
        (careful_job, bold_job): (impl Fn(u64) -> C, impl Fn(u64) -> B),
        answer: impl Fn(u64) -> String,
    ) {
        let Self { careful, bold, at_a_time } = self;
        let mut lost = router.subscribe::<WorkerLost>();
        let killer = Killer::begin(program);
        let carefully = async {
            let answers = futures_util::stream::iter(0..JOBS)
                .map(|number| router.request(careful_job(number)).map(move |answer| (number, answer)));
            let answers: Vec<_> = answers.buffer_unordered(100).collect().await;
            let mut died = 0;
            for (number, got) in &answers {
                match got {
                    Ok(got) => assert!(*got == answer(*number)),
                    Err(RequestError::WorkerDied(death)) => {
                        assert_eq!(death.signal(), Some(9), "{death}");
                        died += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            (answers.len(), died)
        };
        let boldly = async {
            let answers = futures_util::stream::iter(0..JOBS).map(|number| {
                let (asked, answer) = (router.request(bold_job(number)), answer(number));
                async move { assert!(asked.await.unwrap() == answer) }
            });
            answers.buffer_unordered(100).count().await
        };
        let ((carefully, died), boldly) = tokio::join!(carefully, boldly);
        let killed = killer.end().await;
        assert_eq!((carefully as u64, boldly as u64), (JOBS, JOBS));
        assert!(killed > 10, "only {killed} were killed");
        assert!(died <= at_a_time * killed, "{died} jobs died of {killed} kills");
        assert_eq!((careful.busy(), careful.waiting(), bold.busy(), bold.waiting()), (0, 0, 0, 0));
        let later = Instant::now() + Duration::from_secs(20);
        let unfinished = (careful.stop(later).await, bold.stop(later).await);
        assert_eq!(unfinished, (Unfinished::default(), Unfinished::default()));
        let told = std::iter::from_fn(|| lost.try_recv()).count();
        assert!(told <= killed, "{told} of {killed}");
    }
}

/// Kills a worker of a program now and then.
struct Killer {
    done: Arc<AtomicBool>,
    killed: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Killer {
    fn begin(program: &'static str) -> Self {
        let (done, killed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (is_done, count) = (Arc::clone(&done), Arc::clone(&killed));
        let task = tokio::spawn(async move {
            let mut dice = 0x9e37_79b9_u64;
            while !is_done.load(SeqCst) {
                sleep(EVERY).await;
                let mut children = children_called(program, "careful");
                children.extend(children_called(program, "bold"));
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if let Some(child) = children.get((dice >> 33) as usize % children.len().max(1)) {
                    kill(child);
                    count.fetch_add(1, SeqCst);
                }
            }
        });
        Self { done, killed, task }
    }

    /// How many were killed.
    async fn end(self) -> usize {
        self.done.store(true, SeqCst);
        self.task.await.unwrap();
        self.killed.load(SeqCst)
    }
}

/// What there was before, and has to be there after.
pub(crate) struct Remains {
    relatives: usize,
    descriptors: usize,
}

impl Remains {
    /// Of a pool that has come and gone, so that whatever stays open for good is there before.
    pub(crate) async fn of<R: Request>(pool: RunningPool<R>, program: &str, argument: &str) -> Self {
        let _ = pool.stop(Instant::now() + Duration::from_secs(20)).await;
        until("it is gone", || children_called(program, argument).is_empty()).await;
        Self { relatives: children().len(), descriptors: descriptors() }
    }

    /// No zombie, no descriptor.
    pub(crate) async fn are_as_before(self) {
        until("no child is left", || children().len() == self.relatives).await;
        until("no descriptor is left", || descriptors() <= self.descriptors).await;
    }
}
