//! A program with workers, for the tests that end it: it says which processes there are, and waits.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is a test's own")]

#[cfg(target_os = "linux")]
#[path = "../support/program.rs"]
mod program;

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() {
    use edri_router::Router;
    use program::{Do, job};

    // Tests are two folders away from here, as this is from them.
    let hand = std::env::current_exe().unwrap().with_file_name("hand");
    let router = Router::new();
    let pool = edri_worker::Pool::command::<Do>(hand, ["x"]).size(2).name("hand").start(&router).unwrap();
    let both = futures_util::future::join_all([(); 2].map(|()| router.request(job("pid").number(100)))).await;
    let processes: Vec<_> = both.into_iter().map(Result::unwrap).collect();
    let started = router.request(job("children").number(2)).await.unwrap();
    println!("{} {started}", processes.join(" "));
    match std::env::args().nth(1).as_deref() {
        Some("exit") => std::process::exit(3),
        Some("abort") => std::process::abort(),
        Some("panic") => panic!("as told"),
        Some("return") => {}
        Some("busy") => drop(router.request(job("hang")).await),
        _ => std::future::pending().await,
    }
    drop(pool);
}

#[cfg(not(target_os = "linux"))]
fn main() {}
