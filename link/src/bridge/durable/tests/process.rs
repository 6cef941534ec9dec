//! Two programs in one: each has a runtime, a router and a disk of its own, and can be killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use edri_event::Notification;
use edri_journal::testing::{Disk, Loss};
use edri_router::{InboxSettings, Overflow, Reason, Router};
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use crate::bridge::{Durable, DurableSettings, End, Link};
use crate::settings::Settings;
use crate::wire::Identity;

#[derive(Clone, Debug, Notification, Serialize, Deserialize)]
#[notification(shareable)]
pub(super) struct Order {
    pub(super) number: u64,
}

/// What has come to a consumer, whichever of its lives it was in: the numbers, with whether each was redelivered.
pub(super) type Came = Arc<Mutex<Vec<(u64, bool)>>>;

/// What has become a dead letter, and why.
pub(super) type Letters = Arc<Mutex<BTreeMap<u64, Vec<Reason>>>>;

pub(super) struct Process {
    pub(super) runtime: Option<Runtime>,
    pub(super) router: Router,
    pub(super) durable: Durable,
    pub(super) settings: Settings,
    pub(super) disk: Disk,
    pub(super) link: Option<Link>,
    /// How many dead letters were noted in this life.
    noted: Arc<AtomicU64>,
}

/// How a program is started.
pub(super) struct Start<'a> {
    pub(super) folder: &'a Path,
    pub(super) disk: Disk,
    pub(super) inbox: InboxSettings,
    pub(super) durable: fn(DurableSettings) -> DurableSettings,
}

impl<'a> Start<'a> {
    pub(super) fn new(folder: &'a Path, disk: Disk) -> Self {
        let inbox = InboxSettings::with_capacity(256).overflow(Overflow::Wait);
        Self { folder, disk, inbox, durable: |settings| settings }
    }

    pub(super) fn go(self) -> Process {
        self.go_with(|_| ())
    }

    /// With something that is done before the folder is opened.
    pub(super) fn go_with(self, before: impl FnOnce(&Router)) -> Process {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let durable = (self.durable)(DurableSettings::in_folder(self.folder).on(self.disk.clone()));
        let router = Router::with_id(durable.router_id().unwrap());
        router.retain_dead_letters(0);
        before(&router);
        let mut settings = Settings::network(Identity::new(router.id(), "a program"));
        settings.inbox = self.inbox;
        settings.rejoin = None;
        let durable = runtime.block_on(Durable::open(&router, durable, &settings)).unwrap();
        settings.durable = Some(durable.clone());
        Process {
            runtime: Some(runtime),
            router,
            durable,
            settings,
            disk: self.disk,
            link: None,
            noted: Arc::default(),
        }
    }
}

impl Process {
    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let within = async {
            tokio::time::timeout(Duration::from_secs(10), future).await.expect("it takes far too long")
        };
        self.runtime.as_ref().unwrap().block_on(within)
    }

    /// Notes all that comes, with a pause after each.
    pub(super) fn consume(&self, came: &Came, pause: Option<Duration>) {
        let (router, came) = (self.router.clone(), Arc::clone(came));
        let mut orders = router.subscribe::<Order>();
        self.runtime.as_ref().unwrap().spawn(async move {
            while let Some(envelope) = orders.recv_envelope().await {
                came.lock().unwrap().push((envelope.event.number, envelope.meta.is_redelivered()));
                if let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                }
            }
        });
    }

    pub(super) fn note_letters(&self, letters: &Letters) {
        let (router, letters, noted) = (self.router.clone(), Arc::clone(letters), Arc::clone(&self.noted));
        let mut lost = router.dead_letters::<Order>();
        // So that the router knows the type, though nothing of it was sent in this life.
        router.has_subscribers::<Order>();
        self.runtime.as_ref().unwrap().spawn(async move {
            while let Some(lost) = lost.recv().await {
                let reason = lost.letter.reason.clone();
                letters.lock().unwrap().entry(lost.event.number).or_default().push(reason);
                noted.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    pub(super) fn notify(&self, numbers: std::ops::Range<u64>) {
        self.run(async {
            for number in numbers {
                self.router.notify(Order { number }).await.unwrap();
            }
        });
    }

    pub(super) fn synced(&self) {
        self.run(self.durable.synced()).unwrap();
    }

    /// Ends it, with how many dead letters were told in this life and not noted: they died with it.
    pub(super) fn with_letters(self, end: impl FnOnce(Self) -> Disk) -> (Disk, u64) {
        let (router, noted) = (self.router.clone(), Arc::clone(&self.noted));
        let disk = end(self);
        (disk, router.dead_letter_counts().total() - noted.load(Ordering::Relaxed))
    }

    /// As SIGKILL, and the power.
    pub(super) fn kill(mut self, loss: Loss) -> Disk {
        self.durable.freeze();
        let disk = self.disk.crash(loss);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
        disk
    }

    pub(super) fn stop(mut self) -> Disk {
        self.run(self.durable.close()).unwrap();
        if let Some(link) = self.link.take() {
            link.close();
            self.run(link.closed());
        }
        self.runtime.take().unwrap().shutdown_timeout(Duration::from_secs(5));
        self.disk.clone()
    }
}

/// Links them anew.
pub(super) fn link(one: &mut Process, other: &mut Process) {
    for process in [&mut *one, &mut *other] {
        if let Some(link) = process.link.take() {
            link.close();
            process.run(link.closed());
        }
    }
    let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    for (process, stream, end) in [(one, near, End::Connecting), (other, far, End::Accepting)] {
        stream.set_nonblocking(true).unwrap();
        let link = process.run(async {
            let stream = UnixStream::from_std(stream).unwrap();
            Link::start(&process.router, stream, end, process.settings.clone())
        });
        process.link = Some(link);
    }
}

/// Waits until it is so.
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "it takes far too long until {what}");
        // Real threads and a disk of their own are waited for.
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(super) fn numbers(came: &Came) -> Vec<u64> {
    came.lock().unwrap().iter().map(|(number, _)| *number).collect()
}
