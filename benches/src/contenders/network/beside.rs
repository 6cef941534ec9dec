//! Requests beside large events that do not end: what becomes of their latencies, which are told for an idle line, too.
//!
//! Raw TCP has a connection for each; routers have one for both.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Duration, sleep, timeout},
};

use super::{
    LARGE, SET_UP,
    edri::{self, Asks, Way},
    event::Large,
    raw,
};
use crate::{
    contender::Contender,
    drive::{self, AskerInTurn},
    event::{Request, Work},
    measure::Sample,
    runtime::on_two_workers_with_io,
    scenario::Scenario,
};

use ::edri::{event::Priority, prelude::*};
use Beside::{Bulk, Idle};

pub(super) fn contenders() -> Vec<Contender> {
    let of = |name, run: fn(u64) -> Sample| Contender::new(Scenario::LinkAskBesideBulk, name, run);
    vec![
        of("raw-idle", |requests| with_raw(Idle, requests)),
        of("raw", |requests| with_raw(Bulk, requests)).base(),
        of("edri-direct-idle", |requests| with_edri(Way::Direct, Idle, Priority::Normal, requests)),
        of("edri-direct", |requests| with_edri(Way::Direct, Bulk, Priority::Normal, requests)),
        of("edri-direct-high", |requests| with_edri(Way::Direct, Bulk, Priority::High, requests)),
        of("edri-switch-idle", |requests| with_edri(Way::Switch, Idle, Priority::Normal, requests)),
        of("edri-switch", |requests| with_edri(Way::Switch, Bulk, Priority::Normal, requests)),
        of("edri-switch-high", |requests| with_edri(Way::Switch, Bulk, Priority::High, requests)),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Idle,
    Bulk,
}

/// What goes on beside the requests: it is under way before they begin, and until they have ended.
struct Traffic {
    over: Arc<AtomicBool>,
    came: Arc<AtomicU64>,
}

impl Traffic {
    fn new() -> Self {
        Self { over: Arc::default(), came: Arc::default() }
    }

    /// It has got going.
    async fn flows(&self) {
        let flowing = async {
            while self.came.load(Ordering::Relaxed) < 64 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(SET_UP, flowing).await.expect("large events arrive");
        self.came.store(0, Ordering::Relaxed);
    }

    /// It went on all the while.
    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        assert!(self.came.load(Ordering::Relaxed) > 0, "nothing came beside the requests");
    }
}

fn with_raw(beside: Beside, requests: u64) -> Sample {
    on_two_workers_with_io(async move {
        let asks = raw::asks().await;
        let traffic = Traffic::new();
        if beside == Bulk {
            let (mut near, mut far) = raw::pair().await;
            let (over, came) = (Arc::clone(&traffic.over), Arc::clone(&traffic.came));
            tokio::spawn(async move {
                let large = vec![1; LARGE];
                while !over.load(Ordering::Relaxed) && near.write_all(&large).await.is_ok() {}
            });
            tokio::spawn(async move {
                let mut large = vec![0; LARGE];
                while far.read_exact(&mut large).await.is_ok() {
                    came.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        asked(requests, asks, beside, traffic).await
    })
}

fn with_edri(way: Way, beside: Beside, priority: Priority, requests: u64) -> Sample {
    on_two_workers_with_io(async move {
        let joined = edri::joined(way).await;
        let (here, there) = (joined.here.router().clone(), joined.there.router().clone());
        let answer =
            |number: edri::Number| async move { Ok(Work::None.answer(Request { number: number.0 })) };
        let _answers = there.respond(answer);
        let traffic = Traffic::new();
        if beside == Bulk {
            let came = Arc::clone(&traffic.came);
            let mut large = there.subscribe_with::<Large>(InboxSettings::with_capacity(16));
            tokio::spawn(async move {
                while let Some(event) = large.recv().await {
                    assert_eq!(event.bytes.0.len(), LARGE);
                    came.fetch_add(1, Ordering::Relaxed);
                }
            });
            edri::until(|| here.has_subscribers::<Large>()).await;
            let (here, over) = (here.clone(), Arc::clone(&traffic.over));
            tokio::spawn(async move {
                for number in 0.. {
                    if over.load(Ordering::Relaxed) || here.notify(Large::numbered(number)).await.is_err() {
                        return;
                    }
                }
            });
        }
        edri::until(|| here.has_responders::<edri::Number>()).await;
        asked(requests, Asks::of(here, priority), beside, traffic).await
    })
}

async fn asked(requests: u64, asks: impl AskerInTurn, beside: Beside, traffic: Traffic) -> Sample {
    if beside == Idle {
        return drive::ask(requests, asks).await;
    }
    traffic.flows().await;
    let sample = drive::ask(requests, asks).await;
    traffic.end();
    sample
}
