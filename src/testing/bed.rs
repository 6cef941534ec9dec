use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::fmt::Debug;
use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edri_event::{Notification, Request};
use edri_manager::IntoHost;
use edri_router::{DeadLetter, Registration, Router};
use edri_worker::{Pool, Worker};

use super::journal::{Journal, lock};
use super::record::{Patience, Recorder};
use super::script::Script;
use super::subscriber::ScriptedSubscriber;
use crate::{App, Error, RunningApp};

/// A router under test: what runs on it, what comes on it, and who plays a part there.
///
/// It records dead letters from the beginning, and the notifications of one type from
/// [`watch`](Self::watch) on, so that nothing is missed between a cause and its `expect`. Whoever watches
/// subscribes: a watched event is no dead letter.
///
/// Dropping it stops what it has started.
pub struct Testbed {
    router: Router,
    patience: Duration,
    journal: Arc<Journal>,
    recorders: Mutex<HashMap<TypeId, Recording>>,
    running: Mutex<Vec<RunningApp>>,
}

struct Recording {
    /// A [`Recorder`] of that type.
    recorder: Arc<dyn Any + Send + Sync>,
    _registration: Registration,
}

impl Testbed {
    /// A testbed with a router of its own, on the clock of the runtime it is made in. With a paused clock
    /// (by [`testing::run`](super::run), or `#[tokio::test(start_paused = true)]`) waiting takes no time.
    ///
    /// # Panics
    /// Outside of a tokio runtime, as soon as something waits.
    pub fn new() -> Self {
        Self::on(Router::new())
    }

    /// The same on a router that exists already.
    pub fn on(router: Router) -> Self {
        let bed = Self {
            router,
            patience: Duration::from_secs(5),
            journal: Arc::new(Journal::new()),
            recorders: Mutex::default(),
            running: Mutex::default(),
        };
        let letters =
            Recorder::described_by(&bed.journal, |letter: &DeadLetter| format!("dead letter: {letter}"));
        bed.record(&mut lock(&bed.recorders), letters);
        bed
    }

    /// How long every `expect` waits, and a [`stop`](Self::stop): 5 seconds unless told otherwise.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The router, to send from a test.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Starts a manager: itself, or a [`Host`](crate::manager::Host) with settings. It runs until the bed
    /// [stops](Self::stop).
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start<H: IntoHost>(&self, manager: H) -> impl Future<Output = ()> {
        self.run(App::on(self.router.clone()).manager(manager))
    }

    /// Starts a pool of workers, in the same way.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start_pool<W: Worker>(&self, pool: Pool<W>) -> impl Future<Output = ()> {
        self.run(App::on(self.router.clone()).workers(pool))
    }

    #[track_caller]
    fn run(&self, app: App) -> impl Future<Output = ()> {
        let at = Location::caller();
        async move {
            match app.start().await {
                Ok(app) => lock(&self.running).push(app),
                Err(error) => panic!("{at}: {error}"),
            }
        }
    }

    /// Lets so much time pass, and everything happen that is due by then. On a paused clock that is at once.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Stops what the bed has started, the latest first: each handles what waits for it and ends.
    ///
    /// # Panics
    /// If something was left undone after the [patience](Self::patience).
    #[track_caller]
    pub fn stop(&self) -> impl Future<Output = ()> {
        let at = Location::caller();
        async move {
            loop {
                let Some(last) = lock(&self.running).pop() else { return };
                match last.shutdown(self.patience).await.into_result() {
                    Ok(()) => {}
                    Err(Error::Unfinished(report)) => panic!("{at}: {report}; {}", self.journal),
                    Err(error) => panic!("{at}: {error}"),
                }
            }
        }
    }

    /// Records the notifications of one type from here on, unless it does already; at most 1,024 unread ones.
    pub fn watch<E: Notification + Debug>(&self) -> &Self {
        self.recorder::<E>();
        self
    }

    /// Answers requests of one type as it is told; see [`Script`].
    pub fn script<R: Request + Debug>(&self) -> Script<R> {
        Script::new(&self.router, &self.journal, self.patience)
    }

    /// Subscribes to a notification, and does with each what it is told; see [`ScriptedSubscriber`].
    pub fn subscriber<E: Notification + Debug>(&self) -> ScriptedSubscriber<E> {
        ScriptedSubscriber::new(&self.router, &self.journal, self.patience)
    }

    pub(super) fn recorder<E: Notification + Debug>(&self) -> Arc<Recorder<E>> {
        let mut recorders = lock(&self.recorders);
        let known = recorders.get(&TypeId::of::<E>());
        match known.and_then(|known| Arc::clone(&known.recorder).downcast().ok()) {
            Some(recorder) => recorder,
            None => self.record(&mut recorders, Recorder::new(&self.journal)),
        }
    }

    fn record<E: Notification + Debug>(
        &self,
        recorders: &mut HashMap<TypeId, Recording>,
        recorder: Recorder<E>,
    ) -> Arc<Recorder<E>> {
        let recorder = Arc::new(recorder);
        let registration = self.router.attach_subscriber::<E>(Arc::clone(&recorder) as Arc<_>);
        let recording = Recording { recorder: Arc::clone(&recorder) as Arc<_>, _registration: registration };
        recorders.insert(TypeId::of::<E>(), recording);
        recorder
    }

    pub(super) fn waiting_at(&self, at: &'static Location<'static>) -> Patience<'_> {
        Patience { at, longest: self.patience, journal: &self.journal }
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }
}

impl Default for Testbed {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Testbed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Testbed")
            .field("router", &self.router)
            .field("watched", &lock(&self.recorders).len())
            .field("running", &lock(&self.running).len())
            .finish()
    }
}
