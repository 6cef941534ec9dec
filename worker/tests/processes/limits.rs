//! What a worker may use, and what it finds around it.

use std::time::Duration;

use edri_router::{DeathCause, Router, WorkerLimit};
use edri_worker::{Limits, Pool};

use crate::program::{Do, children_called, death, example, hands, hands_with, job, until, within};

#[tokio::test]
async fn a_worker_that_allocates_past_its_limit_is_killed_and_that_is_told() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).limits(Limits::new().memory(48 << 20));
        let _pool = pool.start(&router).unwrap();
        assert_eq!(router.request(job("allocate").number(4)).await, Ok("4".into()));
        let death = death(router.request(job("allocate").number(200).text("hold")).await);
        match death.cause {
            DeathCause::OverLimit { limit: WorkerLimit::Memory { used, limit } } => {
                assert!(limit == 48 << 20 && used > limit, "{used} of {limit}");
            }
            cause => panic!("{cause}"),
        }
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
    })
    .await;
}

#[tokio::test]
async fn an_allocation_beyond_the_address_space_fails_in_the_worker() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).limits(Limits::new().address_space(64 << 20));
        let _pool = pool.start(&router).unwrap();
        let death = death(router.request(job("allocate").number(100)).await);
        // How a program of Rust ends then.
        assert_eq!(death.signal(), Some(6));
        assert!(
            death.stderr.iter().any(|line| line.contains("memory allocation of 1048576 bytes failed")),
            "{death:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_fork_bomb_is_ended_with_all_its_processes() {
    within(async {
        let router = Router::new();
        let _pool =
            hands_with::<Do>(1, &["bomb"]).limits(Limits::new().processes(20)).start(&router).unwrap();
        let death = death(router.request(job("fork-bomb")).await);
        match death.cause {
            DeathCause::OverLimit { limit: WorkerLimit::Processes { used, limit: 20 } } => assert!(used > 20),
            cause => panic!("{cause}"),
        }
        // Of all of them: what is alive in that group.
        until("the bomb is gone", || groups_of_shells() == 0).await;
        assert_eq!(router.request(job("echo").text("on")).await, Ok("on".into()));
        assert_eq!(children_called("hand", "bomb").len(), 1);
    })
    .await;
}

/// Shells that run the bomb, zombies not counted.
fn groups_of_shells() -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let commands =
        processes.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok());
    commands.filter(|command| command.contains("bomb $(($1 - 1)) &")).count()
}

#[tokio::test]
async fn a_user_has_so_many_processes_and_the_next_fails_to_start() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: it takes privileges to be another user");
        return;
    }
    within(async {
        let router = Router::new();
        let folder = tempfile::Builder::new().permissions(world()).tempdir().unwrap();
        let hand = folder.path().join("hand");
        std::fs::copy(example("hand"), &hand).unwrap();
        // Whose processes nobody else is.
        let pool = Pool::command::<Do>(&hand, ["x"]).run_as(61_234, 61_234).current_dir("/");
        let _pool = pool.limits(Limits::new().user_processes(5)).start(&router).unwrap();
        assert_eq!(router.request(job("children").number(4)).await.unwrap().split(' ').count(), 4);
        let death = death(router.request(job("children").number(1)).await);
        assert!(
            death.stderr.iter().any(|line| line.contains("Resource temporarily unavailable")),
            "{death:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn processes_within_the_limit_are_left_alone() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).limits(Limits::new().processes(20).memory(1 << 30)).start(&router).unwrap();
        router.request(job("children").number(10)).await.unwrap();
        assert_eq!(router.request(job("sleep").number(500)).await, Ok("slept".into()));
        assert_eq!(pool.vitals().counts.restarts, 0);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_takes_too_much_processor_time_is_killed_and_that_is_told() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).limits(Limits::new().cpu_time(Duration::from_secs(1)));
        let _pool = pool.start(&router).unwrap();
        let death = death(router.request(job("burn")).await);
        assert_eq!(death.cause, DeathCause::OverLimit { limit: WorkerLimit::CpuTime { limit: 1 } });
        assert_eq!(death.to_string(), "hand-0 was killed: it took more than 1 s of processor time");
    })
    .await;
}

#[tokio::test]
async fn open_files_and_niceness_are_the_kernels() {
    within(async {
        let router = Router::new();
        let pool = hands::<Do>(1).limits(Limits::new().open_files(16).niceness(7)).start(&router).unwrap();
        // Three are its pipes.
        assert_eq!(router.request(job("open-files")).await, Ok("13".into()));
        let stat = router.request(job("proc").text("stat")).await.unwrap();
        let after_name = stat.rsplit(')').next().unwrap();
        assert_eq!(after_name.split_ascii_whitespace().nth(16), Some("7"), "{stat}");
        drop(pool);
    })
    .await;
}

#[tokio::test]
async fn a_worker_finds_the_environment_that_was_named_and_nothing_else() {
    within(async {
        let (router, folder) = (Router::new(), tempfile::tempdir().unwrap());
        let pool = Pool::command::<Do>(example("hand"), ["x"]).name("hand");
        let pool = pool.env("COLOUR", "green").keep_env("PATH").keep_env("NO_SUCH_VARIABLE");
        let _pool = pool.current_dir(folder.path()).start(&router).unwrap();
        let env = router.request(job("env")).await.unwrap();
        let mut env: Vec<_> = env.split(' ').map(|pair| pair.split('=').next().unwrap()).collect();
        env.sort_unstable();
        assert_eq!(env, ["COLOUR", "EDRI_WORKER", "PATH"]);
        let env = router.request(job("env")).await.unwrap();
        assert!(env.contains("EDRI_WORKER=hand-0") && env.contains("COLOUR=green"), "{env}");
        let here = router.request(job("cwd")).await.unwrap();
        assert_eq!(here, folder.path().canonicalize().unwrap().display().to_string());
    })
    .await;
}

#[tokio::test]
async fn a_worker_may_be_another_user() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: it takes privileges");
        return;
    }
    within(async {
        let router = Router::new();
        // Where anybody may come.
        let folder = tempfile::Builder::new().permissions(world()).tempdir().unwrap();
        let hand = folder.path().join("hand");
        std::fs::copy(example("hand"), &hand).unwrap();
        let pool =
            Pool::command::<Do>(&hand, ["x"]).run_as(65_534, 65_534).current_dir("/").start(&router).unwrap();
        let status = router.request(job("proc").text("status")).await.unwrap();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        assert_eq!(
            (field("Uid:"), field("Gid:"), field("Groups:")),
            ("65534\t65534\t65534\t65534", "65534\t65534\t65534\t65534", "")
        );
        drop(pool);
    })
    .await;
}

fn world() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}
