//! Pools that come and go leave nothing behind.

#![expect(clippy::unwrap_used, reason = "a test's own")]

mod support;

use edri_router::Router;
use support::{Crew, Job, Kind, within};

#[tokio::test]
async fn a_thousand_pools_of_tasks_leave_no_task() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (before, crew) = (tasks(), Crew::new());
    within(come_and_go(Kind::Tasks, &crew)).await;
    assert_eq!((tasks(), crew.held_by()), (before, 1));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_thousand_pools_of_threads_leave_no_thread() {
    let crew = Crew::new();
    let pool = Kind::Threads.pool(2, crew.hands()).name("leaky").start(&Router::new()).unwrap();
    within(crew.until_set_up(2)).await;
    assert_eq!(threads_called("leaky"), 2);
    drop(pool);
    within(come_and_go(Kind::Threads, &crew)).await;
    // A worker's end can be waited for; its thread takes a moment longer, and tells nobody when it is gone.
    let begin = std::time::Instant::now();
    while threads_called("leaky") > 0 || crew.held_by() > 1 {
        assert!(begin.elapsed().as_secs() < 20, "{} threads are left", threads_called("leaky"));
        std::thread::yield_now();
    }
}

async fn come_and_go(kind: Kind, crew: &Crew) {
    let router = Router::new();
    for number in 0..1_000 {
        let pool = kind.pool(2, crew.hands()).name("leaky").start(&router).unwrap();
        if number % 2 == 0 {
            assert_eq!(router.request(Job::answer(number)).await, Ok(number));
        }
        drop(pool);
    }
    assert!(router.request(Job::answer(0)).await.is_err(), "a pool that was dropped answers");
    crew.until_set_up(2_000).await;
    crew.until_gone().await;
}

#[cfg(target_os = "linux")]
fn threads_called(name: &str) -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    // One that ended meanwhile has no name any more.
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok())
        .filter(|comm| comm.starts_with(name))
        .count()
}
