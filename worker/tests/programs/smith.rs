//! A program that has workers in processes of its own, for the tests: it is the children of theirs, and a parent whose
//! end can be watched.
//!
//! What it is told on its command line is in `main`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is a test's own")]

#[cfg(target_os = "linux")]
#[path = "../support/smith.rs"]
mod smith;

#[cfg(target_os = "linux")]
fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    if mode != "without-entrance" {
        edri_worker::enter();
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(program(&mode));
}

/// A parent: it says which processes there are, and waits, or ends as it was told.
#[cfg(target_os = "linux")]
async fn program(mode: &str) {
    use edri_router::Router;
    use edri_worker::Pool;
    use smith::{Smith, job};

    let router = Router::new();
    let pool = match Pool::processes::<Smith>(2).keep_env("LLVM_PROFILE_FILE").start(&router) {
        Ok(pool) => pool,
        Err(error) => {
            println!("{error}");
            return;
        }
    };
    let both = futures_util::future::join_all([(); 2].map(|()| router.request(job("pid").number(100)))).await;
    let processes: Vec<_> = both.into_iter().map(Result::unwrap).collect();
    let started = router.request(job("start")).await.unwrap();
    println!("{} {started}", processes.join(" "));
    match mode {
        "exit" => std::process::exit(3),
        "abort" => std::process::abort(),
        "return" => {}
        "busy" => drop(router.request(job("block")).await),
        // The executable that it was started from may be another by the time it is asked.
        "reload" => {
            for _ in std::io::stdin().lines() {
                match pool.reload().await {
                    Ok(new) => println!("{new} {}", router.request(job("image")).await.unwrap()),
                    Err(error) => println!("{error}"),
                }
            }
        }
        _ => std::future::pending().await,
    }
    drop(pool);
}

#[cfg(not(target_os = "linux"))]
fn main() {}
