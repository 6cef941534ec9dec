//! A worker that crashes, leaks, hangs and babbles, and a program that shrugs.
//!
//! The worker is in processes of this same program. What it does wrong is told to whoever asked for it, and to whoever wants
//! to know; the rest of the program does not notice.
//!
//! ```text
//! cargo run --example sandbox
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

#[cfg(target_os = "linux")]
mod program {
    use std::time::Duration;

    use edri::prelude::*;
    use edri::worker::{WorkerLost, WorkerOutput};
    use serde::{Deserialize, Serialize};

    /// What the worker is to do. Whatever it does, to do it twice does no harm.
    #[derive(Request, Serialize, Deserialize, Clone, Copy, Debug)]
    #[request(response = u64, shareable, idempotent)]
    enum Chore {
        /// Honest work.
        Square(u64),
        /// Ends in the middle of it.
        Crash,
        /// Takes memory and does not give it back.
        Leak,
        /// Never ends, and does not listen.
        Hang,
        /// Says this and that, and does its work.
        Babble,
    }

    #[derive(Default)]
    struct Drudge;

    #[worker]
    impl Worker for Drudge {
        type Job = Chore;

        async fn run(&mut self, chore: Chore, _cx: &WorkerContext) -> Result<u64, Failure> {
            match chore {
                Chore::Square(number) => Ok(number * number),
                Chore::Crash => {
                    eprintln!("I have a bad feeling about this");
                    std::process::abort();
                }
                Chore::Leak => {
                    // A little more than it may have.
                    std::mem::forget(vec![1_u8; 100 << 20]);
                    std::thread::sleep(Duration::from_secs(60));
                    Err(Failure::new("unlimited", "nobody has stopped it"))
                }
                Chore::Hang => loop {
                    std::thread::sleep(Duration::from_secs(3600));
                },
                Chore::Babble => {
                    println!("no, thank you");
                    Ok(0)
                }
            }
        }
    }

    #[edri::main]
    pub(crate) async fn main() -> Result<(), edri::Error> {
        let sandbox = Pool::processes::<Drudge>(2)
            .name("sandbox")
            .limits(Limits::new().memory(64 << 20).open_files(32).processes(4).niceness(5))
            .job_limit(Duration::from_secs(1))
            .cancel_grace(Duration::from_millis(50))
            .retries(1);
        let app = App::new().workers(sandbox).start().await?;
        let router = app.router();
        let mut output = router.subscribe::<WorkerOutput>();
        let mut lost = router.subscribe::<WorkerLost>();

        let chores =
            [Chore::Square(7), Chore::Crash, Chore::Leak, Chore::Hang, Chore::Babble, Chore::Square(8)];
        for chore in chores {
            match router.request(chore).await {
                Ok(answer) => println!("{chore:?}: {answer}"),
                Err(error) => println!("{chore:?}: {error}"),
            }
        }

        println!("meanwhile:");
        while let Some(lost) = lost.try_recv() {
            println!("  a worker died: {}", lost.death);
        }
        while let Some(said) = output.try_recv() {
            println!("  {} said: {}", said.worker, said.line);
        }
        app.shutdown(Duration::from_secs(5)).await.into_result()
    }
}

#[cfg(target_os = "linux")]
fn main() -> Result<(), edri::Error> {
    program::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("workers that are processes need Linux");
}
