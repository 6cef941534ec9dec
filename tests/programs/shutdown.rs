//! What `tests/shutdown.rs` sends signals to.

#![allow(clippy::print_stdout, reason = "the test listens")]

use std::time::Duration;

use edri::prelude::*;

#[derive(Request)]
#[request(response = ())]
struct Block(Duration);

const FOR_EVER: Duration = Duration::from_secs(3600);

/// Blocks the thread it is on.
struct Blocker;

impl Worker for Blocker {
    type Job = Block;

    async fn run(&mut self, job: Block, _: &WorkerContext) -> Result<(), Failure> {
        println!("at work");
        std::thread::sleep(job.0);
        println!("done");
        Ok(())
    }
}

#[manager]
impl Blocker {
    #[request]
    fn block(&mut self, block: Block) {
        println!("at work");
        std::thread::sleep(block.0);
    }
}

#[edri::main]
async fn busy_thread() -> Result<(), edri::Error> {
    with_a_thread(Duration::from_millis(500)).await
}

#[edri::main]
async fn blocked_thread() -> Result<(), edri::Error> {
    with_a_thread(FOR_EVER).await
}

/// A job on a thread, and a grace in which it ends or does not.
async fn with_a_thread(job: Duration) -> Result<(), edri::Error> {
    let pool = Pool::threads(1, || Blocker);
    let app = App::new().workers(pool).grace(Duration::from_secs(2)).start().await?;
    let router = app.router().clone();
    app.run_until(async move {
        // The answer comes after the signal, if it comes.
        tokio::spawn(async move { router.request(Block(job)).await });
        std::future::pending::<()>().await;
    })
    .await
    .map(drop)
}

/// A handler that blocks the only thread there is.
#[edri::main(flavor = "current_thread")]
async fn deaf() -> Result<(), edri::Error> {
    let app = App::new().manager(Blocker).start().await?;
    let router = app.router().clone();
    app.run_until(async move { router.request(Block(FOR_EVER)).await }).await.map(drop)
}

/// A shell that takes its time for a job, which is a process of its own.
#[cfg(target_os = "linux")]
#[edri::main]
async fn command() -> Result<(), edri::Error> {
    #[derive(Request, serde::Serialize)]
    #[request(response = u64)]
    struct Wait;

    let script = "read job; sleep 0.4321; echo '{\"id\":1,\"response\":1}'; read job; sleep 1000";
    let pool = Pool::command::<Wait>("/bin/sh", ["-c", script]);
    let app = App::new().workers(pool).grace(Duration::from_secs(20)).start().await?;
    let router = app.router().clone();
    app.run_until(async move {
        // The answer comes after the signal.
        tokio::spawn(async move {
            let answer = router.request(Wait).await;
            println!("{answer:?}");
        });
        println!("at work");
        std::future::pending::<()>().await;
    })
    .await
    .map(drop)
}

/// A job that takes its time in a process of this program.
#[cfg(target_os = "linux")]
#[edri::main]
async fn process() -> Result<(), edri::Error> {
    let app =
        App::new().workers(Pool::processes::<Sleeper>(1)).grace(Duration::from_secs(20)).start().await?;
    let router = app.router().clone();
    app.run_until(async move {
        let process = router.request(Sleep(Duration::ZERO)).await;
        // The answer comes after the signal.
        tokio::spawn(async move {
            let answer = router.request(Sleep(Duration::from_millis(500))).await;
            println!("{}", answer.is_ok());
        });
        println!("at work {process:?}");
        std::future::pending::<()>().await;
    })
    .await
    .map(drop)
}

#[derive(Request, serde::Serialize, serde::Deserialize)]
#[request(response = u32, shareable)]
struct Sleep(Duration);

#[derive(Default)]
struct Sleeper;

/// Answers which process it is.
#[worker]
impl Worker for Sleeper {
    type Job = Sleep;

    async fn run(&mut self, job: Sleep, _: &WorkerContext) -> Result<u32, Failure> {
        std::thread::sleep(job.0);
        Ok(std::process::id())
    }
}

/// Nothing to do.
#[edri::main]
async fn idle() -> Result<(), edri::Error> {
    let app = App::new().start().await?;
    app.run_until(async {
        println!("at work");
        std::future::pending::<()>().await;
    })
    .await
    .map(drop)
}

fn main() -> Result<(), edri::Error> {
    // Before it is asked what the program is to be.
    #[cfg(target_os = "linux")]
    edri::worker::enter();
    match std::env::args().nth(1).as_deref() {
        Some("thread") => busy_thread(),
        Some("blocked-thread") => blocked_thread(),
        Some("deaf") => deaf(),
        #[cfg(target_os = "linux")]
        Some("command") => command(),
        #[cfg(target_os = "linux")]
        Some("process") => process(),
        _ => idle(),
    }
}
