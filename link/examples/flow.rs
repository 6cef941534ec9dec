//! How fast events go from one router to another, through memory or a Unix socket.

use std::time::Instant;

use edri_event::{Notification, Request};
use edri_link::{End, Identity, Link, Settings, Transport, memory};
use edri_router::{InboxSettings, Router};
use serde::{Deserialize, Serialize};

#[derive(Notification, Clone, Serialize, Deserialize)]
#[notification(shareable)]
struct Note {
    number: u64,
    text: String,
}

#[derive(Request, Clone, Serialize, Deserialize)]
#[request(response = u64, shareable)]
struct Job {
    number: u64,
    text: String,
}

async fn start<T: Transport>(near: T, far: T) -> (Router, Router, [Link; 2]) {
    let (a, b) = (Router::new(), Router::new());
    let settings = |router: &Router, name| Settings::new(Identity::new(router.id(), name));
    let near = Link::start(&a, near, End::Connecting, settings(&a, "a"));
    let far = Link::start(&b, far, End::Accepting, settings(&b, "b"));
    near.opened().await.expect("it opens");
    far.opened().await.expect("it opens");
    (a, b, [near, far])
}

async fn run<T: Transport>(near: T, far: T, mode: &str, count: u64) {
    let (a, b, _links) = start(near, far).await;
    let text = "x".repeat(56);
    let note = move |number| Note { number, text: text.clone() };
    match mode {
        "each" | "all" => {
            let mut there = b.subscribe_with::<Note>(InboxSettings::with_capacity(4096));
            while !a.has_subscribers::<Note>() {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            let began = Instant::now();
            let each = mode == "each";
            let sending = tokio::spawn(async move {
                if each {
                    for number in 0..count {
                        a.notify(note(number)).await.expect("it is taken");
                    }
                } else {
                    a.notify_all((0..count).map(note)).await.expect("it is taken");
                }
            });
            for _ in 0..count {
                there.recv().await.expect("it comes");
            }
            sending.await.expect("it sends");
            report(mode, count, began);
        }
        _ => {
            let _jobs = b.respond(|job: Job| async move { Ok(job.number + 1) });
            while !a.has_responders::<Job>() {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            let in_flight = if mode == "one" { 1 } else { 256 };
            let began = Instant::now();
            let tasks: Vec<_> = (0..in_flight)
                .map(|_| {
                    let a = a.clone();
                    tokio::spawn(async move {
                        let mut asking = a.requester::<Job>();
                        for number in 0..count / in_flight {
                            let answer = asking.request(Job { number, text: "x".repeat(120) }).await;
                            assert_eq!(answer, Ok(number + 1));
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("it asks");
            }
            report(mode, count, began);
        }
    }
}

fn report(mode: &str, count: u64, began: Instant) {
    let took = began.elapsed();
    eprintln!("{mode}: {count} in {took:?}, {:.0} ns each", took.as_nanos() as f64 / count as f64);
}

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, transport, mode, threads, count] = &arguments[..] else {
        panic!("expected memory|unix, each|all|jobs|one, a number of threads and of events")
    };
    let count: u64 = count.parse().expect("a number");
    let runtime = match threads.as_str() {
        "0" => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        threads => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.parse().expect("a number"))
            .enable_all()
            .build(),
    };
    runtime.expect("a runtime").block_on(async {
        let mode = mode.clone();
        tokio::spawn(async move {
            if transport_is_memory() {
                let (near, far) = memory::pair(memory::Conditions::default());
                run(near, far, &mode, count).await;
            } else {
                let (near, far) = tokio::net::UnixStream::pair().expect("a socket");
                run(near, far, &mode, count).await;
            }
        })
        .await
        .expect("it runs");
    });
    let _ = transport;
}

fn transport_is_memory() -> bool {
    std::env::args().nth(1).as_deref() == Some("memory")
}
