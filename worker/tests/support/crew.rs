use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use edri_event::Failure;
use edri_worker::{Worker, WorkerContext};
use tokio::sync::watch;

use super::{HoldEnd, Job};

/// Keeps count of the workers it makes.
#[derive(Clone)]
pub(crate) struct Crew(Arc<Book>);

struct Book {
    made: AtomicUsize,
    set_up: watch::Sender<usize>,
    /// Made and not yet dropped.
    alive: watch::Sender<usize>,
    running: AtomicUsize,
    peak: AtomicUsize,
    setups: Mutex<VecDeque<Setup>>,
}

/// How a worker's setup goes.
pub(crate) enum Setup {
    Fine,
    Fails,
    Panics,
    /// Well, when it is let go.
    Held(HoldEnd),
}

impl Crew {
    /// Workers whose setup goes well.
    pub(crate) fn new() -> Self {
        Self::with_setups([])
    }

    /// One setup after the other goes as told, all later ones well.
    pub(crate) fn with_setups(setups: impl Into<VecDeque<Setup>>) -> Self {
        Self(Arc::new(Book {
            made: AtomicUsize::new(0),
            set_up: watch::Sender::new(0),
            alive: watch::Sender::new(0),
            running: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            setups: Mutex::new(setups.into()),
        }))
    }

    /// The factory of a pool.
    pub(crate) fn hands(&self) -> impl Fn() -> Hand + Send + Sync + 'static {
        let crew = self.clone();
        move || {
            let who = crew.0.made.fetch_add(1, SeqCst) as u64 + 1;
            crew.0.alive.send_modify(|alive| *alive += 1);
            Hand { who, ready: false, jobs: 0, crew: crew.clone() }
        }
    }

    /// How many workers were made.
    pub(crate) fn made(&self) -> usize {
        self.0.made.load(SeqCst)
    }

    /// How many setups were tried.
    pub(crate) fn set_up(&self) -> usize {
        *self.0.set_up.borrow()
    }

    /// How many worked at once, at most.
    pub(crate) fn peak(&self) -> usize {
        self.0.peak.load(SeqCst)
    }

    /// How many clones of this there are, those of factories and workers included.
    pub(crate) fn held_by(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Waits until this many setups were tried.
    pub(crate) async fn until_set_up(&self, setups: usize) {
        let seen = self.0.set_up.subscribe().wait_for(|tried| *tried >= setups).await.map(|_| ());
        seen.expect("the crew keeps its sender");
    }

    /// Waits until all workers that were made are gone.
    pub(crate) async fn until_gone(&self) {
        let seen = self.0.alive.subscribe().wait_for(|alive| *alive == 0).await.map(|_| ());
        seen.expect("the crew keeps its sender");
    }
}

/// A worker of a crew.
pub(crate) struct Hand {
    /// Which of all that were made, from 1.
    pub(crate) who: u64,
    ready: bool,
    /// How many jobs it has begun.
    pub(crate) jobs: u64,
    crew: Crew,
}

impl Worker for Hand {
    type Job = Job;

    async fn setup(&mut self, _cx: &WorkerContext) -> Result<(), Failure> {
        let setup = self.crew.0.setups.lock().unwrap().pop_front().unwrap_or(Setup::Fine);
        self.crew.0.set_up.send_modify(|tried| *tried += 1);
        match setup {
            Setup::Fine => {}
            Setup::Fails => return Err(Failure::new("no-tools", "expected a hammer")),
            Setup::Panics => panic!("hit my thumb"),
            Setup::Held(hold) => hold.pass(self.who).await,
        }
        assert!(!self.ready, "set up twice");
        self.ready = true;
        Ok(())
    }

    async fn run(&mut self, job: Job, cx: &WorkerContext) -> Result<u64, Failure> {
        assert!(self.ready, "a job before setup");
        self.jobs += 1;
        let crew = self.crew.clone();
        let _running = Running::new(&crew.0);
        job.begin(self, cx).await
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.crew.0.alive.send_modify(|alive| *alive -= 1);
    }
}

struct Running<'a>(&'a Book);

impl<'a> Running<'a> {
    fn new(book: &'a Book) -> Self {
        let now = book.running.fetch_add(1, SeqCst) + 1;
        book.peak.fetch_max(now, SeqCst);
        Self(book)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}
