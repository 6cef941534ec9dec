//! What is long goes in memory that both processes have, and nothing of it is left: what is counted is all that this
//! process has, so that nobody else may share any.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "support/program.rs"]
mod program;
#[path = "support/smith.rs"]
mod smith;
#[path = "support/smiths.rs"]
mod smiths;

use std::time::Duration;

use bytes::Bytes;
use edri_router::{RequestError, Router};
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::program::{death, descriptors, until, within};
use crate::smith::{Cast, Founder, Pour, lent, mapped};
use crate::smiths::processes;

/// One test at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn metal(length: usize) -> Bytes {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

async fn pour(router: &Router, metal: &Bytes, what: &str) -> Result<Cast, RequestError> {
    router.request(Pour { metal: metal.clone(), what: what.to_owned() }).await
}

#[tokio::test]
async fn long_bytes_do_not_go_through_the_socket_and_are_not_copied_where_they_arrive() {
    within(async {
        let _alone = ALONE.lock().await;
        let router = Router::new();
        let _pool = processes::<Founder>(1).start(&router).unwrap();
        let short = pour(&router, &metal(60_000), "back").await.unwrap();
        assert!(short.metal == metal(60_000) && short.lent == 0);
        let before = short.read;
        for length in [64 * 1024, 1 << 20, 20 << 20] {
            let metal = metal(length);
            let cast = pour(&router, &metal, "back").await.unwrap();
            assert!(cast.metal == metal);
            // Here is the answer, and there the job.
            assert_eq!((cast.mapped, mapped()), (0, 1));
            assert!((1..=3).contains(&cast.lent) && (1..=3).contains(&lent()), "{} {}", cast.lent, lent());
            assert!(cast.read - before < 100_000, "{} bytes were read", cast.read - before);
            let part = pour(&router, &metal, "part").await.unwrap();
            assert!(part.metal == metal.slice(length / 4..length / 2));
            let other = pour(&router, &metal, "other").await.unwrap();
            assert!(other.metal.iter().zip(&metal).all(|(other, metal)| *other == metal ^ 0xff));
        }
        until("nothing is left here", || mapped() == 0 && lent() == 0).await;
        loop {
            let there = pour(&router, &metal(0), "back").await.unwrap();
            if (there.mapped, there.lent) == (0, 0) {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

/// What was shared once is the same memory wherever it goes.
#[tokio::test]
async fn what_is_shared_already_goes_to_all_as_it_is() {
    within(async {
        let _alone = ALONE.lock().await;
        let router = Router::new();
        let _pool = processes::<Founder>(2).in_flight(4).start(&router).unwrap();
        let shared = edri_worker::share(&metal(5 << 20)).unwrap();
        assert_eq!(mapped(), 1);
        let casts = join_all((0..20).map(|_| pour(&router, &shared, "back"))).await;
        for cast in &casts {
            assert!(cast.as_ref().unwrap().metal == shared);
        }
        let file = |line: &str| line.split_ascii_whitespace().nth(4).unwrap_or_default().to_owned();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let files: std::collections::BTreeSet<_> =
            maps.lines().filter(|line| line.contains("memfd:edri (")).map(file).collect();
        assert_eq!(files.len(), 1, "it was copied: {files:?}");
        drop(casts);
        until("that which is shared is left", || mapped() == 1).await;
        drop(shared);
        assert_eq!(mapped(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_a_process_that_dies_has_shared_is_given_back() {
    within(async {
        let _alone = ALONE.lock().await;
        let router = Router::new();
        let pool =
            processes::<Founder>(1).crash_loop(100, edri_router::Backoff::default()).start(&router).unwrap();
        pour(&router, &metal(1), "back").await.unwrap();
        let open = descriptors();
        for _ in 0..5 {
            for _ in 0..3 {
                // What the process keeps, and what is kept of its answers here.
                let cast = pour(&router, &metal(1 << 20), "keep").await.unwrap();
                assert!(cast.metal == metal(1 << 20));
            }
            assert_eq!(death(pour(&router, &metal(1 << 20), "die").await.map(|_| ())).signal(), Some(6));
        }
        until("nothing is left", || mapped() == 0 && lent() == 0 && descriptors() <= open).await;
        // It outlives the process that has given it.
        let kept = pour(&router, &metal(1 << 20), "other").await.unwrap();
        assert!(death(pour(&router, &metal(100), "die").await.map(|_| ())).signal() == Some(6));
        drop(pool);
        assert!(kept.metal.iter().zip(&metal(1 << 20)).all(|(kept, metal)| *kept == metal ^ 0xff));
    })
    .await;
}

/// Fresh memory costs more than the copy: what a process has given back is used again.
#[tokio::test]
async fn memory_that_was_lent_is_used_again() {
    within(async {
        let _alone = ALONE.lock().await;
        let router = Router::new();
        let _pool = processes::<Founder>(1).start(&router).unwrap();
        for number in 0..100 {
            let cast = pour(&router, &Bytes::from(vec![number; 1 << 20]), "drop").await.unwrap();
            assert!(cast.lent <= 2 && lent() <= 2, "{} {}", cast.lent, lent());
        }
        // Also what is given back by somebody else than the worker, while it has nothing to do.
        for number in 0..20 {
            pour(&router, &Bytes::from(vec![number; 1 << 20]), "lay-by").await.unwrap();
            sleep(Duration::from_millis(40)).await;
        }
        until("all was given back", || lent() <= 2).await;
    })
    .await;
}

/// Who still reads what was lent reads the same, whatever comes after it.
#[tokio::test]
async fn what_is_still_read_does_not_change() {
    within(async {
        let _alone = ALONE.lock().await;
        let router = Router::new();
        let _pool = processes::<Founder>(1).in_flight(4).start(&router).unwrap();
        let fill = |byte: u8| Bytes::from(vec![byte; 300_000]);
        let mut kept = Vec::new();
        for round in 0..10_u8 {
            let (keep, back) = (fill(round), fill(100 + round));
            kept.push(round);
            let all = [(&keep, "keep"), (&back, "back"), (&fill(200), "drop"), (&fill(201), "other")];
            for (cast, (metal, what)) in
                join_all(all.map(|(metal, what)| pour(&router, metal, what))).await.iter().zip(all)
            {
                let cast = cast.as_ref().unwrap();
                let expected = match what {
                    "drop" => Bytes::new(),
                    "other" => fill(201 ^ 0xff),
                    _ => metal.clone(),
                };
                assert!(cast.metal == expected, "{what} in round {round}");
            }
            assert!(pour(&router, &Bytes::new(), "kept").await.unwrap().metal == kept);
        }
        assert!(lent() >= 10, "what is read is not used again");
        pour(&router, &Bytes::new(), "let-go").await.unwrap();
        until("it has been given back", || lent() == 0).await;
    })
    .await;
}
