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

    let mode = std::env::args().nth(1).unwrap_or_default();
    if mode == "heir" {
        // As the first process of a container does.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    }
    // Tests are two folders away from here, as this is from them.
    let hand = std::env::current_exe().unwrap().with_file_name("hand");
    let router = Router::new();
    let pool = edri_worker::Pool::command::<Do>(hand, ["x"]).size(2).name("hand").start(&router).unwrap();
    let both = futures_util::future::join_all([(); 2].map(|()| router.request(job("pid").number(100)))).await;
    let processes: Vec<_> = both.into_iter().map(Result::unwrap).collect();
    let started = router.request(job("children").number(2)).await.unwrap();
    println!("{} {started}", processes.join(" "));
    match mode.as_str() {
        "exit" => std::process::exit(3),
        "abort" => std::process::abort(),
        "panic" => panic!("as told"),
        "return" => {}
        "busy" => drop(router.request(job("hang")).await),
        "heir" => {
            processes.iter().for_each(|process| program::kill(process));
            let are_left =
                || program::children().iter().any(|child| started.split(' ').any(|old| old == child));
            program::until("nothing is left of them, not even as a zombie", || !are_left()).await;
            program::until("nor of others", || {
                program::children().iter().all(|child| program::is_alive(child))
            })
            .await;
        }
        _ => std::future::pending().await,
    }
    drop(pool);
}

#[cfg(not(target_os = "linux"))]
fn main() {}
