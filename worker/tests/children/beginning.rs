//! How processes begin, and what keeps them from it.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use edri_router::{Backoff, DeathCause, RequestError, Router, Status};
use edri_worker::{Pool, PoolError, Worker, WorkerContext};
use futures_util::future::join_all;

use crate::processes;
use crate::program::{death, example, failure_code, until, within};
use crate::smith::{Forge, Smith, Tinker, job};

/// Nobody but this file knows of it.
mod hermit {
    use super::*;

    pub(crate) struct Hermit;

    impl Worker for Hermit {
        type Job = Forge;

        async fn run(&mut self, _: Forge, _: &WorkerContext) -> Result<String, edri_event::Failure> {
            Ok(String::new())
        }
    }

    // By hand, and without an entry in the table.
    impl edri_worker::ProcessWorker for Hermit {
        const NAME: &'static str = "test::Hermit";

        fn make() -> Self {
            Self
        }
    }

    pub(crate) struct Twin;
    pub(crate) struct OtherTwin;

    impl Worker for Twin {
        type Job = Forge;

        async fn run(&mut self, _: Forge, _: &WorkerContext) -> Result<String, edri_event::Failure> {
            Ok(String::new())
        }
    }

    impl Worker for OtherTwin {
        type Job = Forge;

        async fn run(&mut self, _: Forge, _: &WorkerContext) -> Result<String, edri_event::Failure> {
            Ok(String::new())
        }
    }

    edri_worker::enlist!(Twin, || Twin, "test::Twin");
    edri_worker::enlist!(OtherTwin, || OtherTwin, "test::Twin");

    /// It is here, and not in the program that the tests run.
    pub(crate) struct Stranger;

    impl Worker for Stranger {
        type Job = Forge;

        async fn run(&mut self, _: Forge, _: &WorkerContext) -> Result<String, edri_event::Failure> {
            Ok(String::new())
        }
    }

    edri_worker::enlist!(Stranger, || Stranger);
}

#[tokio::test]
async fn a_program_that_was_not_at_the_entrance_starts_no_processes_and_is_told_what_is_missing() {
    let router = Router::new();
    // The program is that of the tests, which is not entered.
    let error = Pool::processes::<Smith>(1).start(&router).unwrap_err();
    assert!(matches!(error, PoolError::NoEntrance { .. }));
    let text = error.to_string();
    assert!(text.contains("test::Smith") && text.contains("#[edri::main]"), "{text}");
    // Nor does another that was not.
    let told = std::process::Command::new(example("smith")).arg("without-entrance").output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("has no `#[edri::main]`"), "{told}");
}

/// Behaviour 76 of the original: what is entered without a name gets one of its own, and a name that is taken is an error.
#[tokio::test]
async fn a_worker_that_a_child_would_not_find_is_an_error_at_the_start_which_names_it() {
    let router = Router::new();
    let hermit = processes::<hermit::Hermit>(1).start(&router).unwrap_err();
    assert!(matches!(hermit, PoolError::NotEnlisted { .. }));
    assert!(hermit.to_string().contains("test::Hermit"), "{hermit}");
    for error in
        [processes::<hermit::Twin>(1).start(&router), processes::<hermit::OtherTwin>(1).start(&router)]
    {
        let error = error.unwrap_err();
        assert!(matches!(error, PoolError::Ambiguous { .. }) && error.to_string().contains("test::Twin"));
    }
    let none = processes::<Smith>(0).start(&router).unwrap_err();
    assert!(matches!(none, PoolError::NoWorkers { .. }));
    let nowhere = processes::<Smith>(1).executable("/nowhere/app").start(&router).unwrap_err();
    assert!(matches!(nowhere, PoolError::Program { .. }) && nowhere.to_string().contains("/nowhere/app"));
}

#[tokio::test]
async fn another_executable_that_does_not_know_the_worker_says_so() {
    within(async {
        let router = Router::new();
        let _pool = processes::<hermit::Stranger>(1).start(&router).unwrap();
        let death = death(router.request(job("echo")).await);
        let text = death.to_string();
        assert!(text.contains("has no worker called children::beginning::hermit::Stranger"), "{text}");
        assert!(text.contains("test::Smith, test::Tinker"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn an_executable_that_does_not_enter_is_found_out_and_ended() {
    within(async {
        let router = Router::new();
        let imposter = |mode| {
            let pool = Pool::processes::<Smith>(1).executable(example("imposter")).env("MODE", mode);
            let pool = pool.enters_within(Duration::from_millis(300)).crash_loop(1, Backoff::default());
            pool.start_private(&router).unwrap()
        };
        let cause = async |mode| {
            let pool = imposter(mode);
            let death = death(pool.request(job("echo")).await);
            match death.cause {
                DeathCause::CrashLoop { last, .. } => *last,
                cause => cause,
            }
        };
        let DeathCause::NotStarted { reason } = cause("silent").await else { panic!("it greeted") };
        assert!(reason.contains("did not greet") && reason.contains("#[edri::main]"), "{reason}");
        assert_eq!(cause("garbage").await, DeathCause::Babbled);
        assert_eq!(cause("closes").await, DeathCause::ClosedPipe);
        assert_eq!(cause("exits").await, DeathCause::Exited { code: 0 });
        until("none is left", || crate::program::children_called("imposter", "").is_empty()).await;
    })
    .await;
}

/// Children of children are workers, too, but not without an end.
#[tokio::test]
async fn workers_that_start_workers_of_their_own_kind_come_to_an_end() {
    within(async {
        let router = Router::new();
        let mut output = router.subscribe::<edri_worker::WorkerOutput>();
        let pool = processes::<Smith>(1).env("SETUP", "pools").keep_env("LLVM_PROFILE_FILE");
        let pool = pool.start(&router).unwrap();
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
        // The deepest says so to the one above, and that one repeats what it hears to nobody; but it is alive.
        assert_eq!(pool.busy(), 0);
        drop(output.try_recv());
        let unfinished = pool.stop(tokio::time::Instant::now() + Duration::from_secs(20)).await;
        assert_eq!(unfinished, edri_worker::Unfinished::default());
        until("none is left", || crate::program::children_called("smith", "").is_empty()).await;
    })
    .await;
}

#[tokio::test]
async fn processes_start_at_the_same_time() {
    within(async {
        let router = Router::new();
        let folder = tempfile::tempdir().unwrap();
        // Each waits in its setup for the seven others: one after the other, none would ever be ready.
        let pool = processes::<Smith>(8).env("SETUP", "meets").env("MEETS_IN", folder.path());
        let pool = pool.start(&router).unwrap();
        let answers = join_all((0..8).map(|_| router.request(job("pid")))).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(pool.vitals().counts.restarts, 0);
    })
    .await;
}

/// Behaviour 55 of the original: a setup that fails is told, its worker gets no job, and the slot is free for the next try.
#[tokio::test]
async fn a_setup_that_fails_is_answered_and_one_that_ends_the_process_is_tried_again() {
    within(async {
        let router = Router::new();
        let pool = processes::<Smith>(1).env("SETUP", "fails").start(&router).unwrap();
        let Err(RequestError::Failed(failure)) = router.request(job("who")).await else {
            panic!("it was set up")
        };
        assert_eq!(failure.code(), "no-fire");
        assert!(failure.message().contains("could not be set up"), "{failure}");
        assert_eq!(pool.busy(), 0);
        drop(pool);
        let short = Backoff::constant(Duration::from_millis(1));
        let pool =
            processes::<Smith>(1).env("SETUP", "exits").backoff(short).crash_loop(3, Backoff::default());
        let pool = pool.start(&router).unwrap();
        let death = death(pool.request(job("who")).await);
        let DeathCause::CrashLoop { deaths: 3, last } = &death.cause else { panic!("{death}") };
        assert_eq!(**last, DeathCause::Exited { code: 5 });
        assert_eq!(pool.health().await.status, Status::Failed);
    })
    .await;
}

#[tokio::test]
async fn a_setup_that_takes_too_long_ends_its_process() {
    within(async {
        let router = Router::new();
        let pool = processes::<Smith>(1).env("SETUP", "hangs").ready_within(Duration::from_millis(200));
        let pool = pool.crash_loop(1, Backoff::default()).start(&router).unwrap();
        let death = death(router.request(job("who")).await);
        assert!(death.to_string().contains("it was not ready within 200ms"), "{death}");
        drop(pool);
    })
    .await;
}

#[tokio::test]
async fn a_process_sees_what_it_was_given_and_nothing_else() {
    within(async {
        let router = Router::new();
        let folder = tempfile::tempdir().unwrap();
        let pool = Pool::processes::<Smith>(1).executable(example("smith")).current_dir(folder.path());
        let pool = pool.env("TEMPER", "hot").arg("--anvil").arg("large").start(&router).unwrap();
        let ask = async |what: &str| router.request(job(what)).await.unwrap();
        assert_eq!(ask("environment").await, "EDRI_WORKER TEMPER");
        assert_eq!(ask("arguments").await, "--anvil large");
        assert_eq!(ask("directory").await, folder.path().canonicalize().unwrap().display().to_string());
        assert_eq!(ask("image").await, example("smith").canonicalize().unwrap().display().to_string());
        drop(pool);
    })
    .await;
}

#[tokio::test]
async fn a_pool_that_is_reloaded_has_new_processes_and_loses_no_job() {
    within(async {
        let router = Router::new();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("smith");
        std::fs::copy(example("smith"), &file).unwrap();
        let pool = processes::<Tinker>(2).executable(&file).start(&router).unwrap();
        let asked: Vec<_> =
            (0..200).map(|_| router.request(job("sleep").number(5).text("done").idempotent())).collect();
        let reload = async {
            until("they are at it", || pool.busy() == 2).await;
            let before = crate::program::children_called("smith", "test::Tinker");
            // Another file in its place, as a build or a package makes it.
            let new = folder.path().join("new");
            std::fs::copy(example("smith"), &new).unwrap();
            std::fs::rename(&new, &file).unwrap();
            assert_eq!(pool.reload().await, Ok(2));
            before
        };
        let (answers, before) = futures_util::future::join(join_all(asked), reload).await;
        assert!(answers.iter().all(|answer| *answer == Ok("done".into())), "{answers:?}");
        let image = router.request(job("image").idempotent()).await.unwrap();
        assert_eq!(image, file.canonicalize().unwrap().display().to_string());
        let ours = |children: &[String]| -> Vec<String> {
            let of_file = |child: &&String| {
                std::fs::read_to_string(format!("/proc/{child}/cmdline"))
                    .is_ok_and(|line| line.starts_with(file.to_str().unwrap()))
            };
            children.iter().filter(of_file).cloned().collect()
        };
        let old = ours(&before);
        until("the old ones are gone", || !old.iter().any(|old| crate::program::exists(old))).await;
        // One that cannot be started leaves those that there are.
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(pool.reload().await.is_err());
        assert_eq!(router.request(job("echo").text("on").idempotent()).await, Ok("on".into()));
        // Nor does one that is another program.
        std::fs::remove_file(&file).unwrap();
        std::fs::copy(example("imposter"), &file).unwrap();
        assert!(pool.reload().await.is_err());
        assert_eq!(router.request(job("echo").text("on").idempotent()).await, Ok("on".into()));
        assert_eq!(failure_code(router.request(job("fail").idempotent()).await), "bent");
    })
    .await;
}
