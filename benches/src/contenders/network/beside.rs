//! Requests beside large events that do not end: what becomes of their latencies, which are told for an idle line, too.
//!
//! Both ends, and a switch, are processes. Raw TCP has a connection for each; routers have one for both.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use edri::{
    event::Priority,
    prelude::{App, Connector, Router, RunningApp},
};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Duration, sleep, timeout},
};

use super::{
    LARGE, SET_UP,
    edri::{Asks, Way, until},
    event::{Bytes, Large},
    far::{self, Came, Pour},
    hub::Hub,
    raw,
};
use crate::{
    contender::Contender, drive, measure::Sample, runtime::on_two_workers_with_io, scenario::Scenario,
};

use Beside::{Bulk, Idle, Tunnel};

pub(super) fn contenders() -> Vec<Contender> {
    let of = |name, run: fn(u64) -> Sample| Contender::new(Scenario::LinkAskBesideBulk, name, run);
    vec![
        of("raw-idle", |requests| with_raw(Idle, requests)),
        of("raw", |requests| with_raw(Bulk, requests)).base(),
        of("edri-direct-idle", |requests| with_edri(Way::Direct, Idle, Priority::Normal, requests)),
        of("edri-direct", |requests| with_edri(Way::Direct, Bulk, Priority::Normal, requests)),
        of("edri-direct-high", |requests| with_edri(Way::Direct, Bulk, Priority::High, requests)),
        of("edri-direct-tunnel", |requests| with_edri(Way::Direct, Tunnel, Priority::Normal, requests)),
        of("edri-switch-idle", |requests| with_edri(Way::Switch, Idle, Priority::Normal, requests)),
        of("edri-switch", |requests| with_edri(Way::Switch, Bulk, Priority::Normal, requests)),
        of("edri-switch-high", |requests| with_edri(Way::Switch, Bulk, Priority::High, requests)),
        of("edri-switch-tunnel", |requests| with_edri(Way::Switch, Tunnel, Priority::Normal, requests)),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Idle,
    /// Notifications.
    Bulk,
    /// Items of a tunnel.
    Tunnel,
}

/// As many have come before the requests begin.
const FLOWS: u64 = 64;

fn with_raw(beside: Beside, requests: u64) -> Sample {
    on_two_workers_with_io(async move {
        let far = far::start(far::Way::Raw);
        let connect = |what| async move {
            let mut stream = TcpStream::connect(far.address).await.expect("it connects");
            stream.set_nodelay(true).expect("it does not wait");
            stream.write_u8(what).await.expect("it is written");
            stream
        };
        let asks = raw::Asks::over(connect(far::ASKS).await);
        let over = Arc::new(AtomicBool::new(false));
        if beside != Idle {
            let (mut stream, over) = (connect(far::POURS).await, Arc::clone(&over));
            let large = vec![1; LARGE];
            for _ in 0..FLOWS {
                stream.write_all(&large).await.expect("it is written");
            }
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) && stream.write_all(&large).await.is_ok() {}
            });
        }
        let sample = drive::ask(requests, asks).await;
        over.store(true, Ordering::Relaxed);
        sample
    })
}

/// A router that is joined with one in another process.
struct Here {
    app: RunningApp,
    _far: Hub,
    _switch: Option<Hub>,
}

impl Here {
    async fn joined(way: Way) -> Self {
        let (switch, far, connector) = match way {
            Way::Direct => {
                let far = far::start(far::Way::Direct);
                let connector = Connector::connect([far.address.to_string()]);
                (None, far, connector)
            }
            Way::Switch => {
                let switch = Hub::switch();
                let far = far::start(far::Way::Switch(switch.address));
                let connector = Connector::to_switch([switch.address.to_string()]).name("here");
                (Some(switch), far, connector)
            }
        };
        let app = App::new().connector(connector).start().await.expect("it starts");
        let router = app.router();
        until(|| {
            router.has_responders::<super::edri::Number>()
                && router.has_responders::<Came>()
                && router.has_subscribers::<Large>()
                && router.has_acceptors::<Pour>()
        })
        .await;
        Self { app, _far: far, _switch: switch }
    }
}

fn with_edri(way: Way, beside: Beside, priority: Priority, requests: u64) -> Sample {
    on_two_workers_with_io(async move {
        let here = Here::joined(way).await;
        let router = here.app.router().clone();
        let over = Arc::new(AtomicBool::new(false));
        match beside {
            Idle => {}
            Bulk => _ = tokio::spawn(notify(router.clone(), Arc::clone(&over))),
            Tunnel => _ = tokio::spawn(pour(router.clone(), Arc::clone(&over))),
        }
        let before = if beside == Idle { 0 } else { flows(&router).await };
        let sample = drive::ask(requests, Asks::of(router.clone(), priority)).await;
        if beside != Idle {
            assert!(came(&router).await > before, "nothing came beside the requests");
        }
        over.store(true, Ordering::Relaxed);
        sample
    })
}

async fn notify(router: Router, over: Arc<AtomicBool>) {
    for number in 0.. {
        if over.load(Ordering::Relaxed) || router.notify(Large::numbered(number)).await.is_err() {
            return;
        }
    }
}

async fn pour(router: Router, over: Arc<AtomicBool>) {
    let mut tunnel = router.open(Pour).window(16).await.expect("a tunnel is opened");
    while !over.load(Ordering::Relaxed) && tunnel.send(Bytes(vec![1; LARGE])).await.is_ok() {}
}

/// It has got going: how many have come.
async fn flows(router: &Router) -> u64 {
    let flowing = async {
        loop {
            let came = came(router).await;
            if came >= FLOWS {
                return came;
            }
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SET_UP, flowing).await.expect("large ones arrive")
}

async fn came(router: &Router) -> u64 {
    router.request(Came).priority(Priority::High).await.expect("it says how many came")
}
